"""What was written adds up, looked at in the files by another reader (DuckDB) than the engine that wrote them.

Stage is compared with the landed text (`as_delivered`). Then rows are compared as a sum of a hash of each, which no
order changes, and money by its sum: from the change set to the target, from there to enriched_orders, and on to every
table that follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ecomm.batch import Batch
from ecomm.contract import Source
from ecomm.errors import InvariantError
from ecomm.store import Store
from ecomm.store.duckdb_catalog import View, quoted, select, text
from ecomm.tables import stage_name, target_name
from ecomm.tasks import as_delivered
from ecomm.tasks.found import ChangeSet, Loaded
from ecomm.transforms.relations import ENTER, LEAVE

if TYPE_CHECKING:
    import duckdb

_OF_ORDERS = (
    *("order_id", "line_id", "refund_id", "customer_id", "product_id"),
    *("order_date", "order_status", "order_amount"),
)
_LOOKED_AT = (
    *("orders_target", "enriched_orders", "customer_analytics", "product_analytics"),
    *("analytics_summary", "seasonal_analysis", "segment_analysis", "category_analysis"),
)
_MOST = 10**14
"""Sums of money from which on a column of decimal(18,3) may not hold them, and is NULL."""


def reconcile(batch: Batch, loaded: Loaded) -> None:
    """Raises InvariantError if what a batch has prepared does not add up. Tables in a catalog are not looked at."""
    import duckdb

    if (views := batch.store.views(_LOOKED_AT)) is None:
        return
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for source in batch.delivered():
            name, files = stage_name(source.name), loaded[source.name].files
            _equal(name, "records", False, as_delivered.has_other_records(connection, batch, source, files))
            _equal(name, "values", False, as_delivered.has_other_values(connection, batch, source))
        for source in batch.sources:
            _target(connection, batch, source, loaded[source.name].changes)
        _derived(connection, batch, views)


def check_same_rows(store: Store, name: str) -> None:
    """Raises InvariantError if the files that will enter a table have other rows than those that leave it."""
    import duckdb

    columns = store.columns(name)
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        before, after = (
            _printed(connection, select(store.path(name), view), columns)
            for view in (store.removed(name), store.added(name))
        )
    _equal(name, "rows", before, after)


def _target(connection: duckdb.DuckDBPyConnection, batch: Batch, source: Source, changes: ChangeSet) -> None:
    """The files that enter a target hold the rows of those that leave it, less what leaves, with what enters."""
    store, name = batch.store, target_name(source.name)
    columns = store.columns(name)
    written = [] if changes.is_empty else batch.work.parquet(f"{source.name}_changes")
    changed = f"read_parquet([{', '.join(map(text, written))}], hive_partitioning = false)" if written else ""
    enters, leaves = (
        _printed(connection, f"SELECT * FROM {changed} WHERE change = '{word}'" if changed else "", columns)
        for word in (ENTER, LEAVE)
    )
    before, after = (
        _printed(connection, select(store.path(name), view), columns)
        for view in (store.removed(name), store.added(name))
    )
    expected = tuple(was - gone + new for was, gone, new in zip(before, leaves, enters, strict=True))
    _equal(name, "versions", expected, after)


def _derived(connection: duckdb.DuckDBPyConnection, batch: Batch, views: Mapping[str, View]) -> None:
    """Every order is in enriched_orders as it is in the target; every table that follows has the same revenue."""
    store, home = batch.store, batch.session.shop.reporting_currency
    for name, view in views.items():
        connection.execute(f"CREATE VIEW {quoted(name)} AS {select(store.path(name), view)}")
    current = _printed(connection, "FROM orders_target WHERE is_current", _OF_ORDERS)
    _equal("enriched_orders", "orders", current, _printed(connection, "FROM enriched_orders", _OF_ORDERS))
    own = f"coalesce(currency, '{home}') = '{home}' AND amount IS DISTINCT FROM order_amount"
    _equal("enriched_orders", "amounts", 0, _number(connection, f"SELECT count(*) FROM enriched_orders WHERE {own}"))
    if _number(connection, "SELECT sum(abs(amount)) FROM enriched_orders") >= _MOST:
        return
    revenue = "SELECT sum(amount) FROM enriched_orders WHERE is_revenue"
    whole, of_customers, of_products = (
        _number(connection, revenue + of) for of in ("", " AND customer_id IS NOT NULL", " AND product_id IS NOT NULL")
    )
    sums = {
        "customer_analytics": ("total_spent", of_customers),
        "segment_analysis": ("revenue", of_customers),
        "product_analytics": ("revenue", of_products),
        "category_analysis": ("revenue", whole),
        "seasonal_analysis": ("revenue", whole),
    }
    for name, (column, expected) in sums.items():
        _equal(name, "revenue", expected, _number(connection, f"SELECT sum({column}) FROM {name}"))
    newest = "SELECT revenue FROM analytics_summary ORDER BY as_of DESC, encode(batch_id) DESC LIMIT 1"
    if batch.attempt.alive:
        _equal("analytics_summary", "revenue", whole, _number(connection, newest))


def _printed(connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[str]) -> tuple[int, int]:
    """How many rows a query gives, and the sum of a hash of each over these columns; no query gives none."""
    if not rows:
        return 0, 0
    listed = ", ".join(map(quoted, columns))
    said = f"SELECT count(*), coalesce(sum(hash(ROW({listed}))::HUGEINT), 0) FROM ({rows})"
    found = connection.execute(said).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> Decimal:
    """The one number that a query gives; 0 if it gives none."""
    found = connection.execute(query).fetchone()
    return Decimal(0) if found is None or found[0] is None else Decimal(found[0])


def _equal(table: str, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise InvariantError(
            f"{table}: the {what} that were written are not those that were computed; nothing was published. If it "
            "happens again, keep the warehouse as it is and report it."
        )
