"""Which line of an order a record is, and which refund (ORDERS.md, "An order has lines", "A refund can be a row")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC

from . import sources, values
from .settings import Delivery, Settings
from .values import Zones

Texts = dict[str, str | None]


def line_texts(delivery: Delivery, names: Sequence[str], records: Sequence[tuple[Texts, Sequence[str]]]) -> None:
    """Say the line_id of each well-split record of one file, in its order. names: the header. records: what is stated,
    and the cells as they stand."""
    if delivery.line_id == "position":
        numbers = Counter[str]()
        for texts, _ in records:
            order = texts.get("order_id")
            numbers[order or ""] += 1
            texts["line_id"] = None if order is None else str(numbers[order])
    elif delivery.line_id:
        headers = [delivery.line_id] if isinstance(delivery.line_id, str) else delivery.line_id
        lowered = [name.strip(values.TRIM).lower() for name in names]
        places = [lowered.index(header.strip(values.TRIM).lower()) for header in headers]
        for texts, cells in records:
            texts["line_id"] = line_id([values.trimmed(cells[place]) for place in places])


def line_id(parts: Sequence[str | None]) -> str | None:
    """One cell is itself. Of several no two combinations have the same text; if all are empty, so is it."""
    if len(parts) == 1 or not any(parts):
        return parts[0]
    return "|".join((part or "").replace("\\", "\\\\").replace("|", "\\|") for part in parts)


def refund_texts(delivery: Delivery, records: Sequence[Texts], settings: Settings) -> None:
    """`refunds = "rows"`: "a row with a negative amount is a refund ... keyed by refund_id (a header, else the row's
    own instant, else its position)"; "a positive row has refund_id = empty text"."""
    if delivery.refunds != "rows":
        return
    seen = Counter[tuple[str | None, ...]]()
    for texts in records:
        text, currency = (
            sources.canonical(delivery, "money", texts.get("order_amount")),
            sources.currency_of(texts, settings),
        )
        amount = values.as_money(sources.rounded(delivery, "money", text, currency), currency)
        if amount is None or amount >= 0:
            texts["refund_id"] = None
            continue
        of_line = (texts.get("order_id"), texts.get("line_id"), texts.get("order_date"))
        seen[of_line] += 1
        instant = _instant(delivery, texts, settings.zones)
        texts["refund_id"] = texts.get("refund_id") or instant or _place(delivery, texts, seen[of_line])


def _instant(delivery: Delivery, texts: Mapping[str, str | None], zones: Zones) -> str | None:
    created = sources.canonical(delivery, "timestamp", texts.get("created_timestamp"))
    ordered = sources.canonical(delivery, "order_date", texts.get("order_date"))
    instant = values.as_timestamp(created, zones)
    if instant is None and values.as_date(ordered) is None:
        instant = values.as_timestamp(ordered, zones)
    if instant is None:
        return None
    plain = instant.astimezone(UTC).replace(tzinfo=None)
    whole, _, fraction = plain.isoformat().partition(".")
    return f"{whole}.{fraction.rstrip('0')}Z" if fraction else f"{whole}Z"


def _place(delivery: Delivery, texts: Mapping[str, str | None], number: int) -> str | None:
    day = sources.canonical(delivery, "order_date", texts.get("order_date"))
    return None if day is None else f"{day[:10]}#{number}"
