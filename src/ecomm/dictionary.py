"""The tables as a page, made from their columns' comments: `python -m ecomm.dictionary` prints docs/tables.md."""

from __future__ import annotations

from ecomm.batches import entry
from ecomm.sources import SOURCES
from ecomm.tables import CATALOGUE, Table

_INTRODUCTION = """\
# Tables

Written by `make docs` from the comments that are stored with the tables. `ecomm show TABLE`, `ecomm sql QUERY` and
`ecomm export TABLE --out FILE` read them as they are published.

- Money is decimal(18,3), shares (0-1) and ratios are decimal(18,4). Instants (timestamp) are UTC. NULL = not known;
  x / 0 is NULL. Rounding is half up, once, when a column is published.
- A figure in the reporting currency is rounded to the decimals of that currency, at least two: three in KWD, two in USD
  and JPY. An amount is shown with two decimals, and with a third one if it is not 0; the Delta and Parquet files
  themselves have `12.500`.
- **Today**, or the as-of day, is the day of an instant in `shop_timezone`: in a stage table of the row's `as_of`, in
  `analytics_summary` of the batch's, in all other tables of the last batch's. No clock is read.
- **An order is counted once**, however many lines it has: `orders` and every other count or rate of orders looks at
  different values of `order_id`. An order is revenue if any of its lines is, cancelled if all are, returned if any line
  was returned or refunded. In a group (a product, a category, a month) it counts once with its lines of that group.
- **A refund** that is a row of its own (`refund_id`) is no order. `revenue` = `gross_revenue` - `refunds`; `aov` =
  `gross_revenue` / `revenue_orders`; everything else that is made of revenue or margin is net of refunds.
- *key*: part of what names a row of the source. *personal*: tells about a person. *not tracked*: a change opens no
  version. Columns that no contract names follow those listed here, in stage and target, as text.
- Below, the **key** of a table is what no two of its rows share.
"""


def page() -> str:
    """docs/tables.md."""
    tables = [*CATALOGUE.values(), _ledger()]
    names = " · ".join(f"[{t.name}](#{t.name})" for t in tables)
    return "\n".join([_INTRODUCTION, names, "", *map(_section, tables)])


def _section(table: Table) -> str:
    facts = [table.comment]
    if table.key:
        facts.append(f"Key: {', '.join(f'`{c}`' for c in table.key)}.")
    if table.partition_by:
        facts.append(f"Partitioned by {', '.join(f'`{c}`' for c in table.partition_by)}.")
    if table.journal:
        facts.append("Appended outside the batch's transaction: a failed batch leaves its trace.")
    marks = _marks(table.name)
    rows = [("column", "type", "what it is"), ("---", "---", "---")]
    rows += [(f"`{f.name}`", f"`{f.type}`", " ".join([f.comment, *marks.get(f.name, ())])) for f in table.fields]
    lines = "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)
    return f"## {table.name}\n{' '.join(facts)}\n\n{lines}"


def _marks(table: str) -> dict[str, list[str]]:
    """What a contract says of its columns, for the tables that hold them."""
    source, _, kind = table.rpartition("_")
    if source not in SOURCES or kind == "errors":
        return {}
    return {
        c.name: [
            f"*{mark}*"
            for mark, holds in (("key", c.key), ("personal", c.personal), ("not tracked", not c.tracked))
            if holds
        ]
        for c in SOURCES[source].stored
    }


def _ledger() -> Table:
    return Table(entry.NAME, entry.COMMENT, entry.FIELDS, key=("seq",))


if __name__ == "__main__":
    print(page(), end="")
