"""Whether a file has several records an order, what tells them apart, and whether an amount is the line's or the
order's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecomm.delivery import POSITION
from ecomm.proposal.amounts import value
from ecomm.proposal.findings import Finding

_ONCE = ("order_id", "customer_id", "order_date", "currency", "payment_method", "shipping_address", "order_status")
"""Columns that an order has once, and that some files state in its first record alone."""
_IN_PLACE = (
    "The records of an order are its lines, numbered as they stand in the file; so an order must always be whole in "
    "one file. If a column names the lines, set line_id to it."
)
_TIMES = ("updated_timestamp", "created_timestamp")


@dataclass(frozen=True)
class Orders:
    """The records of a sample by their order.

    cells: contract column -> its texts, one a record. names: contract column -> its header. groups: the records of
    each order, by their numbers from 0. line_cells: further headers that may tell lines apart -> their texts.
    decimal_comma: of the file.
    """

    cells: Mapping[str, Sequence[str]]
    names: Mapping[str, str]
    groups: Sequence[Sequence[int]]
    line_cells: Mapping[str, Sequence[str]]
    decimal_comma: bool

    @property
    def repeated(self) -> list[Sequence[int]]:
        """The orders that have several records."""
        return [group for group in self.groups if len(group) > 1]

    def values(self, column: str, group: Sequence[int]) -> list[float | None]:
        """What the records of an order say of a column with numbers."""
        return [value(self.cells[column][i], decimal_comma=self.decimal_comma) for i in group]

    def of(self, column: str, group: Sequence[int]) -> list[str]:
        """What the records of an order say of a column."""
        return [self.cells[column][i] for i in group] if column in self.cells else []


def order_ids(cells: Mapping[str, Sequence[str]]) -> list[str]:
    """The order of each record: a record that has a product, but no id and no day, belongs to the order above."""
    ids = list(cells["order_id"])
    for number in range(1, len(ids)):
        bare = not any(cells[c][number] for c in ("order_id", "order_date", "customer_id") if c in cells)
        if bare and "product_id" in cells and cells["product_id"][number]:
            ids[number] = ids[number - 1]
    return ids


def grouped(ids: Sequence[str]) -> list[list[int]]:
    """The records of each order, by their numbers; records without an id belong to none."""
    found: dict[str, list[int]] = {}
    for number, order in enumerate(ids):
        if order:
            found.setdefault(order, []).append(number)
    return list(found.values())


def looked_at(orders: Orders) -> Finding:
    """line_id, fill_down, and where order_amount comes from."""
    blank = _filled_down(orders)
    has_lines = bool(blank) or _several_products(orders) or _numbered(orders)
    settings: dict[str, object] = {}
    ask = note = ""
    amount = _amount(orders, has_lines)
    if has_lines and not (amount.asks and "order_amount" in orders.cells):  # else sums would be doubled
        settings["line_id"] = line_id = _line_id(orders)
        note = _IN_PLACE if line_id == POSITION else f"No order has the same {line_id} twice: it names its lines."
    elif not has_lines and any(not _states_again(orders, group) for group in orders.repeated):
        ask = (
            "Some orders have several records of the same product, and no time tells them apart. Are they lines? Then "
            'set line_id = "position"; else the last record of an order counts.'
        )
    if blank:
        settings["fill_down"] = blank
    asks, notes = [ask] if ask else [], [note] if note else []
    return Finding(settings | dict(amount.settings), amount.columns, (*asks, *amount.asks), (*notes, *amount.notes))


def _several_products(orders: Orders) -> bool:
    """One order has records of different products at the same time, so that they are lines."""
    for group in orders.repeated:
        products = [p for p in orders.of("product_id", group) if p]
        if len(set(products)) > 1:
            return True
    return False


def _numbered(orders: Orders) -> bool:
    """A header names the lines of every order, and no time makes its records statements of one line."""
    again = all(_states_again(orders, group) for group in orders.repeated)
    return not again and _line_id(orders) != POSITION


def _states_again(orders: Orders, group: Sequence[int]) -> bool:
    """The records of an order are statements of different times."""
    times = {tuple(orders.of(c, [i])[0] for c in _TIMES if c in orders.cells) for i in group}
    return len(times) == len(group)


def _line_id(orders: Orders) -> str:
    """A header that no order has twice the same of; else the record's place in its order."""
    for header, cells in orders.line_cells.items():
        if all(cells) and all(len({cells[i] for i in group}) == len(group) for group in orders.groups):
            return header
    return POSITION


def _filled_down(orders: Orders) -> list[str]:
    """The columns that are stated in an order's first record and empty in all others, in every order that has any."""
    found = []
    for column in _ONCE:
        stated = [orders.of(column, group) for group in orders.repeated if column in orders.cells]
        firsts = [cells for cells in stated if cells and cells[0]]
        if firsts and all(not any(cells[1:]) for cells in firsts):
            found.append(column)
    return found


def _amount(orders: Orders, has_lines: bool) -> Finding:
    """Where order_amount comes from: a line's amount, a quantity and a price, or a part of the order's total."""
    both = [c for c in ("quantity", "unit_price") if c in orders.names]
    by = [orders.names[c] for c in both]
    if "order_amount" not in orders.cells:
        if len(by) == 2:
            note = f"No column is an amount; it is {by[0]} x {by[1]}."
            return Finding(columns={"order_amount": {"product": by}}, notes=(note,))
        if both == ["unit_price"]:
            ask = f"Is {by[0]} what a record costs in all? There is no quantity, so it is taken for order_amount."
            return Finding(columns={"order_amount": by[0]}, asks=(ask,))
        return Finding()
    name = orders.names["order_amount"]
    if not has_lines or not _is_the_orders(orders):
        return Finding()
    if len(by) == 2 and _adds_up(orders):
        note = (
            f"{name} is the whole order's, on each of its lines; a line's amount is {by[0]} x {by[1]}, and they add up."
        )
        return Finding(columns={"order_amount": {"product": by}, "order_total": name}, notes=(note,))
    if len(by) == 2:
        note = (
            f"{name} is the whole order's; a line's amount is its part of it, by {by[0]} x {by[1]} (shipping, tax or "
            "discounts make the difference)."
        )
        return Finding(columns={"order_amount": {"share_of": name, "by": by}, "order_total": name}, notes=(note,))
    return Finding(asks=(_line_or_order(orders, name),), columns={})


def _is_the_orders(orders: Orders) -> bool:
    """The amount is the same in all records of each order, or only in the first; and it is not each line's own."""
    own = 0
    for group in orders.repeated:
        said = orders.values("order_amount", group)
        stated = [v for v in said if v is not None]
        if len(set(stated)) > 1 or said[0] is None:
            return False
        own += len(stated) == len(group) and _products(orders, group) == said
    return bool(orders.repeated) and own < len(orders.repeated)


def _products(orders: Orders, group: Sequence[int]) -> list[float | None]:
    if "quantity" not in orders.cells or "unit_price" not in orders.cells:
        return []
    pairs = zip(orders.values("quantity", group), orders.values("unit_price", group), strict=True)
    return [None if q is None or p is None else round(q * p, 2) for q, p in pairs]


def _adds_up(orders: Orders) -> bool:
    """The lines' quantity x price make the order's amount, in every order."""
    for group in orders.groups:
        parts, total = _products(orders, group), orders.values("order_amount", group)[0]
        if total is None or None in parts or abs(sum(p or 0 for p in parts) - total) > 0.005:
            return False
    return True


def _line_or_order(orders: Orders, name: str) -> str:
    lines = sum(v or 0 for group in orders.groups for v in orders.values("order_amount", group))
    once = sum(orders.values("order_amount", group)[0] or 0 for group in orders.groups)
    return (
        f"{name} is the same in all records of each order. Is it each line's own amount ({lines:.2f} in all), or the "
        f"whole order's ({once:.2f} in all)? If it is the order's, set columns.order_amount = {{ share_of = "
        f'"{name}", by = ["a quantity", "a price"] }}; nothing is set until you say it.'
    )
