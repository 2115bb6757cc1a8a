"""Cells that engines read in different ways if they are asked to read them: docs/parity.md, E1, E3, E5, E8 and E9."""

from __future__ import annotations

import random
from collections.abc import Mapping

_CELLS: Mapping[str, tuple[str, ...]] = {
    # Rounded, guessed, wrapped, too large for the type, or digits of another script.
    "money": (
        *("12.500", "1.005", "0.995", "12.999", "1e3", "1E-2", ".5", "5.", "+7.1", "-0", "-0.00", "0x10", "NaN"),
        *("Infinity", "-inf", "1_000", "1,000.00", "00012.50", "999999999999999.99", "9999999999999999.99"),
        *("\u0661\u0662", "\u00a05\u3000", "1\u200b2", "5 USD", "12.50d", "12.5f", "12L"),
    ),
    "count": (
        *("1.0", "1.", "1.5", "1e2", "+3", "-0", "007", "999999999999999999", "9223372036854775808", "NaN"),
        *("\u0663", "\u20073", "0b1", "3L"),
    ),
    # A day of a year, today, a day that is none, what a library's clock cannot hold, its bounds and what lies behind.
    "day": (
        *("2025", "2025-1-1", "2025-01", "10:30:00", "20250101", "2025-02-29", "2024-02-29", "2025-01-01T00:00:00Z"),
        *("2025-01-01 00:00:00.000000000", "2025-01-01T00:00:00+00:00", "2025-01-01T24:00:00", "1700-01-01"),
        *("1699-12-31", "2200-12-31", "2201-01-01", "1677-09-21", "0001-01-01", "9999-12-31"),
        *("now", "epoch", "01/02/03"),
    ),
    "instant": (
        *("2025", "10:30:00", "2025-01-01", "2025-01-01T00:00:00.1", "2025-01-01T12:00:00.123456Z"),
        *("2025-01-01T12:00:00.123456789Z", "2025-01-01T24:00:00Z", "2025-01-01T23:59:60Z", "2025-01-01 12:00:00 UTC"),
        *("2025-01-01T12:00:00+13:59", "2025-01-01T12:00:00+14:00", "2025-01-01T12:00:00+0530", "1735689600", "now"),
        *("1700-01-01T00:00:00Z", "1699-12-31T23:59:59Z", "2200-12-31T23:59:59.999999Z", "2262-04-12T00:00:00Z"),
    ),
    "word": ("on", "tru", "T", "Y", "1.0", "NULL", "\u0130", "\u1e9e", "\uff39", "vip\n", "in\u00a0transit", "-"),
    "text": (
        *("o''x", "it's", '"', 'a "b" c', "\\", "\\n", "$1", "{}", "%", "NULL", "~", "1:a", "3:abc", "=1+1", "-"),
        *("\u0130zmir", "Stra\u1e9ee", "e\u0301", "\u00e9", "\U0001f600"),
        *("\uff61", "a\u200bb", "\u2028x", "x\ny", "\u00a0"),
    ),
    "address": (
        *("a@b", "a@b.c", "a..b@x.org", ".a@x.org", "a@x.org.", "a@-x.org", "a@x-.org", "A+B@X.ORG", "a@x.org\n"),
        *("\u00e4@x.org", "a@\u00e4.org", "a@x.o\u0301rg", "a b@x.org", "a@x.org,b@x.org"),
    ),
}
_KIND: Mapping[str, str] = {
    column: kind
    for kind, columns in {
        "money": "order_amount price shipping_cost insurance_value weight_kg package_weight",
        "count": "stock_quantity reserved_quantity available_quantity reorder_level",
        "day": "order_date date_of_birth registration_date launch_date last_restocked estimated_delivery "
        "actual_delivery",
        "instant": "created_timestamp last_login last_updated",
        "word": "payment_method order_status customer_tier stock_status shipping_method shipping_status discontinued "
        "country currency",
        "text": "shipping_address first_name last_name phone address city state zip_code product_name category "
        "subcategory brand dimensions_cm color material description carrier destination_address origin_warehouse",
        "address": "email",
    }.items()
    for column in columns.split()
}


def laid(rng: random.Random, row: Mapping[str, str], share: float = 0.15) -> dict[str, str]:
    """The row, with a trap in one of its cells now and then; never in one of its key."""
    if rng.random() >= share:
        return dict(row)
    column = rng.choice(sorted(_KIND.keys() & row.keys()))
    return {**row, column: rng.choice(_CELLS[_KIND[column]])}
