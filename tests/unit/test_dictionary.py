"""The data dictionary: every column that the design names exists, and says what it is; docs/tables.md is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecomm import dictionary
from ecomm.batches import entry
from ecomm.money import MONEY
from ecomm.sources import SOURCES
from ecomm.tables import CATALOGUE

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"

# What the design says of each table, word by word.
CONTRACTS = {
    "orders": "order_id customer_id product_id order_date order_amount currency payment_method shipping_address "
    "order_status created_timestamp ordered_at line_id refund_id quantity unit_price discount tax order_total "
    "updated_timestamp",
    "customers": "customer_id first_name last_name email phone date_of_birth registration_date address city state "
    "zip_code country customer_tier last_login created_timestamp",
    "products": "product_id product_name category subcategory brand price currency stock_quantity weight_kg "
    "dimensions_cm color material description launch_date discontinued created_timestamp",
    "inventory": "product_id warehouse_location location stock_quantity stock_status last_updated created_timestamp "
    "inventory_id warehouse_id reserved_quantity available_quantity reorder_level last_restocked",
    "shipping": "order_id tracking_number shipping_method shipping_cost currency package_weight dimensions_cm "
    "estimated_delivery actual_delivery created_timestamp shipping_id carrier origin_warehouse destination_address "
    "shipping_status insurance_value",
}
PERSONAL = {
    "orders": "shipping_address",
    "customers": "first_name last_name email phone date_of_birth address zip_code",
    "products": "",
    "inventory": "",
    "shipping": "destination_address",
}
LINEAGE = "batch_id revision as_of source_file file_sha256 source_line row_hash"
DERIVED = {
    "orders": "",
    "customers": "age age_group days_since_registration lifecycle_stage is_premium customer_group",
    "products": "price_segment days_since_launch lifecycle_stage length_cm width_cm height_cm volume_cm3 "
    "stock_indicator is_sellable stock_value",
    "inventory": "stock_indicator",
    "shipping": "delivery_days delay_days delivery_status volume_cm3 cost_per_kg",
}
TABLES = {
    **{f"{s}_stage": f"{CONTRACTS[s]} {DERIVED[s]} {LINEAGE} op key absent_columns quality_flags" for s in CONTRACTS},
    **{
        f"{s}_errors": "batch_id as_of source_file source_line raw raw_line reasons severity key revision"
        for s in CONTRACTS
    },
    **{f"{s}_target": f"{CONTRACTS[s]} effective_date expiry_date is_current row_hash batch_id" for s in CONTRACTS},
    "enriched_orders": "order_id line_id refund_id quantity is_first_line customer_id product_id order_date "
    "ordered_at order_status payment_method order_amount currency rate amount is_revenue margin_rate "
    "margin_estimate is_first_order customer_tier customer_age_group customer_lifecycle_stage customer_city "
    "customer_state customer_country is_premium product_name product_category product_subcategory product_price "
    "price_segment is_discontinued stock_quantity shipments shipping_method shipping_cost_reporting "
    "delivery_status delivery_days order_month weekday is_weekend hour time_of_day is_business_hours season "
    "season_year customer_effective_date product_effective_date",
    "customer_analytics": "customer_id orders revenue_orders total_spent gross_revenue refunds aov order_days "
    "first_order_date last_order_date days_since_first_order days_since_last_order avg_days_between_orders "
    "cancelled_orders return_rate favourite_category margin_estimate customer_tier age_group lifecycle_stage "
    "customer_segment r_score f_score m_score rfm_group clv_historic expected_orders_12m clv_estimate clv_model",
    "product_analytics": "product_id product_name category brand price_reporting orders revenue_orders revenue "
    "gross_revenue refunds margin_estimate customers aov last_order_date return_rate stock_quantity "
    "orders_per_day days_of_stock lifecycle_stage performance_category performance_score",
    "analytics_summary": "batch_id as_of orders revenue_orders revenue gross_revenue refunds aov margin_estimate "
    "margin_rate customers buyers repeat_rate new_buyers products products_sold cancelled_orders return_rate "
    "shipping_cost on_time_rate clv_estimate unconverted_orders batch_orders batch_revenue",
    "seasonal_analysis": "order_month season season_year orders revenue gross_revenue refunds aov buyers "
    "new_buyers top_category change_previous change_year seasonal_index is_complete",
    "segment_analysis": "customer_segment customers orders revenue_orders revenue gross_revenue refunds "
    "revenue_share aov margin_estimate clv_estimate avg_clv orders_per_customer avg_days_since_last_order",
    "category_analysis": "category products orders revenue_orders revenue gross_revenue refunds revenue_share aov "
    "margin_estimate buyers return_rate",
    "validation_results": "batch_id revision table_name check_name category rule_severity severity rows_checked "
    "failed_rows failed_share description sample_keys score",
    "corrections": "batch_id source file_sha256 source_line original fixed by reason at revision",
    "processing_log": "batch_id revision task started_at ended_at seconds rows_read rows_accepted rows_rejected "
    "rows_duplicate rows_superseded files bytes_read bytes_written peak_memory_mb status error",
    "batch_ledger": "seq entry at batch_id run_id as_of batch_date client_name revision files tables score reason "
    "engine program_version format_version contract_hash settings_hash trigger",
}
TABLES["inventory_target"] += " previous_quantity quantity_change movement"


def comments(table: str) -> dict[str, str]:
    """column -> its comment, as it is stored with the table."""
    if table == entry.NAME:
        return {f.name: f.comment for f in entry.FIELDS}
    return {f.name: f.comment for f in CATALOGUE[table].fields}


def types(table: str) -> dict[str, str]:
    return {f.name: f.type for f in CATALOGUE[table].fields}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_exists_and_says_what_it_is(table: str) -> None:
    said = comments(table)
    assert [c for c in TABLES[table].split() if c not in said] == []
    assert [c for c, comment in said.items() if not re.fullmatch(r"\S.{7,}\.", comment)] == []


def test_no_table_is_forgotten() -> None:
    assert {*CATALOGUE, entry.NAME} == set(TABLES)
    for name, table in CATALOGUE.items():
        assert "one row a" in table.comment.lower(), name
        assert len({f.name for f in table.fields}) == len(table.fields), name


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_is_the_designs(name: str) -> None:
    source = SOURCES[name]
    assert sorted(c.name for c in source.stored) == sorted(CONTRACTS[name].split())
    assert {c.name for c in source.columns if c.personal} == set(PERSONAL[name].split())


def test_types_are_those_of_the_conventions() -> None:
    """Ids and words are texts, money 3 decimals, shares 4, rates 8; counts bigint, flags boolean."""
    for table in CATALOGUE:
        for column, kind in types(table).items():
            where = (table, column)
            if column.endswith("_id") or column in ("currency", "batch_id", "season", "customer_segment"):
                assert kind == "string", where
            if column in (
                "revenue",
                "gross_revenue",
                "refunds",
                "amount",
                "aov",
                "total_spent",
                "margin_estimate",
                "clv_estimate",
                "order_amount",
            ):
                assert kind == MONEY, where
            if column in ("return_rate", "repeat_rate", "revenue_share", "seasonal_index", "failed_share"):
                assert kind == "decimal(18,4)", where
            if column in ("orders", "revenue_orders", "buyers", "revision", "source_line") or column.startswith(
                "rows_"
            ):
                assert kind == "bigint", where
            if column.startswith("is_") or column == "discontinued":
                assert kind == "boolean", where
            if column in ("as_of", "effective_date", "expiry_date", "ordered_at", "created_timestamp"):
                assert kind == "timestamp", where
    assert types("enriched_orders")["rate"] == "decimal(18,8)"


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == dictionary.page(), "run `make docs`"


def test_the_page_shows_every_column() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    assert set(sections) == set(TABLES)
    for table, text in sections.items():
        rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| `")]
        assert [r[0].strip("`") for r in rows] == list(comments(table))
        for name, _, meaning in rows:
            assert meaning.replace("\\|", "|").startswith(comments(table)[name.strip("`")])
    assert "| `email` | `string` | E-mail address. *personal* |" in sections["customers_target"]
    assert "`array<struct<source:string," in sections["batch_ledger"]
