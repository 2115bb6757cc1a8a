"""Rules that read the same in several sources, and the measures of a parcel."""

from __future__ import annotations

from babel import Locale
from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import KEY_LENGTH, Reading, Rule, Severity, rule, text


def key_rules(column: str, *, required: bool = True, blanks: bool = False) -> tuple[Rule, ...]:
    """A key part is there (if the header must have it), short, and without blanks or control characters."""

    def well_formed(_: Reading) -> Column:
        value = text(column)
        clean = ~canonical.has_control(value)
        if not blanks:
            clean = clean & ~canonical.has_inner_blank(value)
        return (F.length(value) <= F.lit(KEY_LENGTH)) & clean

    inside = "control character" if blanks else "blank or control character"
    shape = Rule(
        f"{column}_well_formed",
        Severity.HIGH,
        well_formed,
        f"more than {KEY_LENGTH} characters, {inside} inside",
    )
    return (present(column), shape) if required else (shape,)


def present(column: str) -> Rule:
    """The cell is not empty. Looks at the text: unreadable is not missing."""
    return Rule(f"{column}_present", Severity.HIGH, lambda _: text(column).isNotNull(), "empty")


def readable(column: str) -> Rule:
    """The cell is empty or casts to the column's type."""
    return Rule(
        f"{column}_readable",
        Severity.HIGH,
        lambda _: text(column).isNull() | F.col(column).isNotNull(),
        "text that does not cast",
    )


def not_negative(column: str, why: str) -> Rule:
    """The value is not below zero."""
    return Rule(f"{column}_not_negative", Severity.HIGH, lambda _: F.col(column) >= F.lit(0), f"< 0: {why}")


@rule(Severity.HIGH)
def currency_known(_: Reading) -> Column:
    """given, but no ISO 4217 code"""
    code = F.upper(text("currency"))
    # One text to look into: three hundred literals took a third of the time in which a file's rows are planned.
    codes = F.lit(",".join(sorted(Locale("en").currencies)))
    return code.rlike(r"\A[A-Z]{3}\z") & (F.instr(codes, code) > 0)


_NUMBER = r"([0-9]{1,6}(\.[0-9]{1,12})?)"
_BLANKS = f"[\\x00-\\x1f\\x85{canonical.INNER_BLANKS}]*"
_BY = f"{_BLANKS}[x\u00d7*]{_BLANKS}"
_DIMENSIONS = rf"\A{_NUMBER}{_BY}{_NUMBER}{_BY}{_NUMBER}{_BLANKS}(cm)?\z"


def dimensions(column: str) -> tuple[Column, Column, Column, Column]:
    """Length, width, height (cm) and volume (cm3, their product) of a text such as `30 x 20 x 5.5 cm`; else NULL."""
    form = canonical.when_matches(F.lower(F.col(column)), _DIMENSIONS)
    texts = [F.regexp_extract(form, _DIMENSIONS, group) for group in (1, 3, 5)]
    sides = [canonical.half_up(side.try_cast("decimal(18,12)"), 11, 4) for side in texts]
    volume = canonical.half_up(sides[0] * sides[1] * sides[2], 18, 4)
    length, width, height = (side.cast("decimal(18,4)") for side in sides)
    return length, width, height, volume
