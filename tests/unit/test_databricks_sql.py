"""Every statement that the databricks engine sends, as it is sent."""

from __future__ import annotations

from ecomm.contract import Field
from ecomm.engines import databricks

NAME = "`external-catalog`.`default`.`orders_target`"
FIELDS = [
    Field("order_id", "string", "The order's number."),
    Field("amount", "decimal(18,2)", r"A \ in it."),
    Field("files", "array<struct<name:string,rows:bigint>>", "Its files."),
]


def test_names_and_texts_cannot_leave_their_quotes() -> None:
    assert databricks.quoted("a`b") == "`a``b`"
    assert databricks.text(r"it's a \ b") == r"'it\'s a \\ b'"


def test_create() -> None:
    assert databricks.create_sql(NAME, FIELDS, "Orders, 'all'.", ("is_current",), ("order_id", "amount")) == (
        f"CREATE TABLE IF NOT EXISTS {NAME} ("
        r"`order_id` string COMMENT 'The order\'s number.', "
        r"`amount` decimal(18,2) COMMENT 'A \\ in it.', "
        "`files` array<struct<name:string,rows:bigint>> COMMENT 'Its files.') "
        r"USING DELTA PARTITIONED BY (`is_current`) COMMENT 'Orders, \'all\'.' TBLPROPERTIES ("
        "'delta.logRetentionDuration' = 'interval 3650 days', "
        "'delta.deletedFileRetentionDuration' = 'interval 30 days', "
        "'delta.enableDeletionVectors' = 'false', "
        "'delta.dataSkippingStatsColumns' = 'order_id,amount')"
    )


def test_add_columns() -> None:
    assert databricks.add_columns_sql(NAME, FIELDS[1:2]) == (
        rf"ALTER TABLE {NAME} ADD COLUMNS (`amount` decimal(18,2) COMMENT 'A \\ in it.')"
    )


def test_upkeep() -> None:
    assert databricks.optimize_sql(NAME, ()) == f"OPTIMIZE {NAME}"
    assert databricks.optimize_sql(NAME, ("key",)) == f"OPTIMIZE {NAME} ZORDER BY (`key`)"


def test_an_entry_of_the_ledger() -> None:
    assert databricks.next_sql("ledger", "entry_7") == (
        "MERGE INTO ledger t USING entry_7 s ON t.seq = s.seq WHEN NOT MATCHED THEN INSERT *"
    )


def test_leases() -> None:
    until = "current_timestamp() + INTERVAL 10 MINUTES"
    assert databricks.lease_sql("leases", ["a", "b"], "h") == (
        "MERGE INTO leases t USING (SELECT explode(array('a', 'b')) AS name) s "
        "ON t.name = s.name AND t.name IN ('a', 'b') "
        f"WHEN MATCHED AND t.until < current_timestamp() THEN UPDATE SET holder = 'h', until = {until} "
        f"WHEN NOT MATCHED THEN INSERT (name, holder, until) VALUES (s.name, 'h', {until})"
    )
