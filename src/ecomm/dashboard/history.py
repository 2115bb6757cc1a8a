"""What is known of one order, customer or product, version by version, and where each came from."""

from __future__ import annotations

from collections.abc import Sequence

from ecomm.contract import Source
from ecomm.dashboard.moment import Answer, Args, Moment, as_text
from ecomm.errors import UsageError
from ecomm.keys import compared
from ecomm.masks import is_open, is_personal
from ecomm.money import MONEY
from ecomm.trace import versions_of

FOUND_IN = {"orders": "order_id", "customers": "customer_id", "products": "product_id"}
# What belongs to a thing, and begins with its key.
BESIDE = {"orders": ("shipping",), "products": ("inventory",), "customers": ()}
_MATCHES = 8
_ORDERS = 25
_VERSIONS = 200


def find(moment: Moment, args: Args) -> Answer:
    """Orders, customers and products by key: what equals the text, then what begins with it. args: q.

    Ids that are personal have to be given whole, or by the names under which they are shown.
    """
    said = compared(args.get("q", "").strip()[:128])
    if not said:
        return {"q": said, "matches": []}
    matches: list[Answer] = []
    for source, column in FOUND_IN.items():
        if column not in moment.sources[source].key:
            continue
        parts = ", ".join(moment.sources[source].key)
        text = _real(moment, source, said)
        # Of an id that is personal nobody finds out by its beginnings.
        begins = f"starts_with(lower({column}), lower($1))" + (
            "" if moment.masks.reveal else f" and not {is_personal(column)}"
        )
        found = moment.rows(
            f"select {column} as key, count(*) as versions, count(distinct ({parts})) as parts, "
            f"bool_or(is_current) as is_current, {column} = $1 as exact "
            f"from {source}_target where {column} = $1 or ({begins}) "
            f"group by {column} order by exact desc, key limit $2",
            [text, _MATCHES],
        )
        matches += [{"source": source, **row, "key": moment.masks.shown(row["key"], column)} for row in found]
    return {"q": said, "matches": sorted(matches, key=lambda m: not m["exact"])}


def history(moment: Moment, args: Args) -> Answer:
    """The versions of a key, oldest first, each with what changed in it and the file and line that opened it.

    args: source (orders, customers or products), key. Shipments come with an order, stock with a product, a customer's
    last orders with a customer. Personal values are masked. Raises UsageError.
    """
    source, key = args.get("source", ""), args.get("key", "")
    if source not in FOUND_IN:
        raise UsageError(f"there is no {source} to look up; use {', '.join(FOUND_IN)}.")
    real = _real(moment, source, key)
    lives = [
        life for name in (source, *BESIDE[source]) for _, life in lives_of(moment, name, [real])
    ]  # fmt: skip
    return {
        "source": source,
        "key": moment.masks.shown(key, FOUND_IN[source]),
        "lives": lives,
        "orders": last_orders(moment, real) if source == "customers" else [],
    }


def _real(moment: Moment, source: str, key: str) -> str:
    """The id that is meant, also by the name under which it is shown."""
    if not moment.masks.is_other_name(key):
        return key
    column, table = FOUND_IN[source], "customer_analytics" if source == "customers" else f"{source}_target"
    ids = moment.rows(f"select distinct {column} as id from {table}")
    return moment.masks.id_of(key, column, [row["id"] for row in ids])


def last_orders(moment: Moment, customer: str) -> list[Answer]:
    """The last 25 orders of a customer, and refunds without an order: one row an order_id.

    lines: how many were sold, 0 for a refund alone. amount: of all of them less what was refunded, in the reporting
    currency. product: of the first line. order_status: all that its lines have.
    """
    orders = moment.rows(
        "select order_id, min(order_date) as order_date, "
        "string_agg(distinct order_status, ', ' order by order_status) as order_status, "
        f"sum(amount)::{MONEY} as amount, first(product_id order by is_first_line desc) as product_id, "
        "first(product_name order by is_first_line desc) as product_name, "
        "count(*) filter (where refund_id = '') as lines from enriched_orders "
        "where customer_id = $1 group by order_id order by 2 desc, 1 limit $2",
        [customer, _ORDERS],
    )
    return [moment.masks.shown(order) for order in orders]


def lives_of(moment: Moment, source: str, key: Sequence[str]) -> list[tuple[dict[str, str], Answer]]:
    """The keys of a source that begin with these parts, all if there are none, each with its versions as shown."""
    shown = moment.masks.shown
    return [
        (parts, {"source": source, "key": shown(parts), "versions": _versions(moment, source, columns, versions)})
        for parts, columns, versions in versions_of(moment.warehouse, source, key)
    ]


def _versions(moment: Moment, source: str, columns: list[str], versions: list[Answer]) -> list[Answer]:
    of = moment.sources[source]
    told: list[Answer] = []
    before: Answer | None = None
    for version in versions:
        told.append(
            {
                "effective_date": version["effective_date"],
                "expiry_date": version["expiry_date"],
                "is_current": version["is_current"],
                "batch_id": version["batch_id"],
                "origin": version["origin"],
                "changes": [] if before is None else _changes(moment, of, columns, before, version),
                "values": _texts(moment.masks.row(source, {c: version[c] for c in columns})),
            }
        )
        before = version
    return told[-_VERSIONS:]


def _changes(moment: Moment, of: Source, columns: list[str], before: Answer, now: Answer) -> list[Answer]:
    """The columns that differ from the version before."""
    changed = [c for c in columns if before[c] != now[c]]
    old, new = (_texts(moment.masks.row(of.name, {c: v[c] for c in changed})) for v in (before, now))
    return [{"column": c, "before": old[c], "after": new[c], "personal": not is_open(of, c)} for c in changed]


def _texts(row: dict[str, object]) -> dict[str, str | None]:
    return {c: as_text(v) for c, v in row.items()}
