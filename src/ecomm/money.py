"""Money: the type of its columns in all tables, and how an amount is shown."""

from __future__ import annotations

from decimal import Decimal

MONEY = "decimal(18,3)"
"""The type of all amounts: as many decimals as a currency's minor unit has at most, and eight bytes in a file."""
DIGITS = 3
"""The decimals of MONEY."""
CENTS = Decimal("0.01")


def shown(value: Decimal) -> str:
    """A number as people and programs see it: of three decimals the third only if it is not 0.

    Amounts are stored with three, of which most currencies have two.
    """
    short = value.quantize(CENTS) if value.as_tuple().exponent == -DIGITS else value
    return format(short if short == value else value, "f")
