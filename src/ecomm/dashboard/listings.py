"""Customers and products as tables that can be sorted, filtered, paged, and taken along as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from ecomm.analytics import customer_analytics, product_analytics
from ecomm.dashboard.moment import Answer, Args, Moment
from ecomm.errors import UsageError
from ecomm.export import as_csv
from ecomm.masks import is_personal
from ecomm.money import MONEY

PAGE = 25


@dataclass(frozen=True)
class Listing:
    """A table to look through. filters: columns with few values. searched: columns in which a text is looked for."""

    table: str
    key: str
    columns: tuple[str, ...]
    filters: tuple[str, ...]
    searched: tuple[str, ...]
    sort: str
    money: str


LISTINGS = {
    "customers": Listing(
        "customer_analytics",
        "customer_id",
        tuple(f.name for f in customer_analytics.FIELDS),
        ("customer_segment", "rfm_group", "customer_tier", "lifecycle_stage", "age_group"),
        ("customer_id",),
        "-total_spent",
        "total_spent",
    ),
    "products": Listing(
        "product_analytics",
        "product_id",
        tuple(f.name for f in product_analytics.FIELDS),
        ("performance_category", "category", "lifecycle_stage", "brand"),
        ("product_id", "product_name"),
        "-revenue",
        "revenue",
    ),
}


def customers(moment: Moment, args: Args) -> Answer:
    """A page of customer_analytics: one row a customer. args: as `listed`."""
    return listed(moment, LISTINGS["customers"], args)


def products(moment: Moment, args: Args) -> Answer:
    """A page of product_analytics: one row a product. args: as `listed`."""
    return listed(moment, LISTINGS["products"], args)


def listed(moment: Moment, listing: Listing, args: Args) -> Answer:
    """A page of 25 rows, how many rows there are and what they sum up to, and the values that can be filtered by.

    args: sort (a column, `-` before it for descending), page (from 1), search, and a value for each filter. Rows
    without a value come last. Raises UsageError if a column is none of the table's.
    """
    where, values = _where(moment, listing, args)
    total = moment.rows(
        f"select count(*) as rows, coalesce(sum({listing.money}), 0)::{MONEY} as money, "
        f"coalesce(sum(refunds), 0)::{MONEY} as refunds from {listing.table} where {where}",
        values,
    )[0]
    pages = max(1, -(-total["rows"] // PAGE))
    said = args.get("page", "1")
    page = min(max(int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 1, 1), pages)
    by = _order(listing, args.get("sort", listing.sort))
    rows = moment.rows(
        f"select * from {listing.table} where {where} order by {by} limit {PAGE} offset {(page - 1) * PAGE}", values
    )
    return {
        "sort": args.get("sort", listing.sort),
        "page": page,
        "pages": pages,
        "total": total["rows"],
        "sums": {"money": total["money"], "refunds": total["refunds"]},
        "filters": {name: _facet(moment, listing, name, args) for name in listing.filters},
        "rows": [moment.masks.shown(row) for row in rows],
    }


def csv_of(moment: Moment, listing: Listing, args: Args) -> Iterator[bytes]:
    """All rows of a listing as they are filtered and sorted, as CSV. Raises UsageError."""
    where, values = _where(moment, listing, args)
    by = _order(listing, args.get("sort", listing.sort))
    found = moment.table(f"select * from {listing.table} where {where} order by {by}", values)
    keys = pa.array([moment.masks.shown(key, listing.key) for key in found[listing.key].to_pylist()], pa.string())
    return as_csv(found.set_column(found.column_names.index(listing.key), listing.key, keys))


def _order(listing: Listing, said: str) -> str:
    column = said.removeprefix("-")
    if column not in listing.columns:
        raise UsageError(f"there is no column to sort by that is called so; use one of {', '.join(listing.columns)}.")
    return f'"{column}" {"desc" if said.startswith("-") else "asc"} nulls last, "{listing.key}"'


def _where(moment: Moment, listing: Listing, args: Args, but: str = "") -> tuple[str, list[object]]:
    """The condition, of which only the program's own column names are text, and its values."""
    said: list[str] = ["true"]
    values: list[object] = []
    for name in listing.filters:
        if name != but and args.get(name):
            values.append(args[name])
            said.append(f'"{name}" = ${len(values)}')
    if text := args.get("search", "").strip()[:128]:
        values.append(text)
        looked = [_looked(moment, listing, c, len(values)) for c in listing.searched]
        said.append(f"({' or '.join(looked)})")
    return " and ".join(said), values


def _looked(moment: Moment, listing: Listing, column: str, place: int) -> str:
    """A column contains the text; an id that is personal equals it, so that nobody finds one out piece by piece."""
    contains = f'contains(lower("{column}"), lower(${place}))'
    if column != listing.key or moment.masks.reveal:
        return contains
    return f'(({contains} and not {is_personal(column)}) or "{column}" = ${place})'


def _facet(moment: Moment, listing: Listing, name: str, args: Args) -> list[Answer]:
    """The values of a filter with how many rows each would leave, beside the other filters; at most 50."""
    where, values = _where(moment, listing, args, but=name)
    return moment.rows(
        f'select "{name}" as value, count(*) as rows from {listing.table} where {where} and "{name}" is not null '
        "group by 1 order by 2 desc, 1 limit 50",
        values,
    )
