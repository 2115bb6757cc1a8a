r"""Amounts as a shop writes them become the contract's texts: `($1,240.00)` becomes `-1240.00`, in US dollars.

In two steps, so that no expression stands in the plan more than once: `split` finds the parts of a text, `number` and
`stated_currencies` put them together from there. A text that is no amount stays as it is, for the rules to name.
"""

from __future__ import annotations

import re
from functools import cache

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.currencies import codes, signs, with_digits

_BLANKS, _MINUSES, _APOSTROPHES = "\u00a0\u2007\u2009\u202f\u3000\t", "\u2212\u2010\u2011\u2013\uff0d", "\u2019\u02bc"
_ODD = _BLANKS + _MINUSES + _APOSTROPHES
_PLAIN = " " * len(_BLANKS) + "-" * len(_MINUSES) + "'" * len(_APOSTROPHES)
_SIGN = r"([^-+0-9 .,'()~]{1,5})[.]?"
_SEPARATOR = "~"
UNKNOWN = "?"
"""Stands for the currencies of a sign that nobody knows."""


def _figures(mark: str, other: str) -> str:
    """Digits with a decimal mark, and between thousands one kind of separator; India's groups of two with commas."""
    decimals = rf"([{mark}][0-9]+)?"
    grouped = "|".join(rf"[0-9]{{1,3}}([{s}][0-9]{{3}})+" for s in (other, " ", "'"))
    lakhs = r"|[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}" if other == "," else ""
    return rf"([0-9]+|{grouped}{lakhs}){decimals}"


@cache
def _form(decimal_comma: bool, money: bool) -> tuple[str, str]:
    """The pattern of an amount, and its parts: signs, parentheses, currency before, digits, currency behind.

    money: a currency may stand before or behind.
    """
    figures = _figures(",", ".") if decimal_comma else _figures(".", ",")
    currency = f"({_SIGN})?" if money else "(~)?(~)?"
    before = rf"([+-]?) *([(]?) *([+-]?) *{currency} *([+-]?) *([(]?) *"
    pattern = rf"\A{before}({figures}) *([)]?) *{currency} *([+-]?)([)]?)\z"
    digits = re.compile(before).groups + 1
    closing = digits + re.compile(figures).groups + 1
    groups = ((1, 3, 6, closing + 3), (2, 7, closing, closing + 4), (5,), (digits,), (closing + 2,))
    return pattern, _SEPARATOR.join("".join(f"${group}" for group in part) for part in groups)


def split(text: Column, *, decimal_comma: bool, money: bool) -> Column:
    """The parts of a text that is an amount, with a separator between them; NULL of one that is not."""
    pattern, parts = _form(decimal_comma, money)
    plain = F.upper(F.translate(text, _ODD, _PLAIN))
    return F.when(plain.rlike(pattern), F.regexp_replace(plain, pattern, parts))


def number(text: Column, parts: Column, currencies: Column, *, decimal_comma: bool) -> Column:
    """The amount as the contract writes it, or a text that is none. currencies: `stated_currencies` of it."""
    sign, parentheses, digits = (canonical.piece(parts, _SEPARATOR, i) for i in (0, 1, 3))
    written = F.translate(digits, ",. '", ".") if decimal_comma else F.translate(digits, ", '", "")
    minus = F.when(sign == F.lit("-"), F.lit("-")).when(parentheses == F.lit("()"), F.lit("-")).otherwise(F.lit(""))
    once = (F.length(sign) <= F.lit(1)) & (
        (parentheses == F.lit("")) | ((parentheses == F.lit("()")) & (sign == F.lit("")))
    )
    unread = canonical.decimal_point(text) if decimal_comma else text  # 12.50 is no amount there
    return F.when(once & (currencies != F.lit(UNKNOWN)), F.concat(minus, written)).otherwise(unread)


def stated_currencies(parts: Column) -> Column:
    """The currencies that an amount's sign or code may mean, with `/` between them; empty text if it has none.

    A sign and a code (`$5.00 USD`) mean what both may mean. `?` if nobody knows the sign, or they contradict.
    """
    before, behind = (_currencies_of(canonical.piece(parts, _SEPARATOR, i)) for i in (2, 4))
    return (
        F.when(behind == F.lit(""), before)
        .when(before == F.lit(""), behind)
        .when(F.contains(before, behind), behind)
        .when(F.contains(behind, before), before)
        .otherwise(F.lit(UNKNOWN))
    )


def _currencies_of(sign: Column) -> Column:
    table = [F.lit(text) for mark, said in signs().items() for text in (mark, "/".join(said))]
    is_code = sign.rlike(r"\A[A-Z]{3}\z") & F.contains(F.lit(" ".join(codes())), sign)
    known = F.coalesce(F.element_at(F.create_map(*table), sign), F.lit(UNKNOWN))
    return F.when(sign == F.lit(""), F.lit("")).when(is_code, sign).otherwise(known)


def meant(currencies: Column, stated: Column, reporting: str) -> Column:
    """The one currency that a sign means in a row; NULL if there is no sign.

    stated: the row's own currency, NULL if it has none. Of several the stated one, else the reporting currency, else
    the most usual.
    """
    return (
        F.when(currencies.isin("", UNKNOWN), F.lit(None).cast("string"))
        .when(F.contains(currencies, stated), stated)
        .when(F.contains(currencies, F.lit(reporting)), F.lit(reporting))
        .otherwise(F.substring(currencies, 1, 3))
    )


def code_of(text: Column, reporting: str) -> Column:
    """The code of a currency cell that has a sign in it; another text as it is."""
    said = _currencies_of(F.regexp_replace(text, r"[.]\z", ""))
    return F.coalesce(meant(said, F.lit(None).cast("string"), reporting), text)


_DECIMAL = r"\A[+-]?[0-9]{1,18}([.][0-9]{1,18})?0*\z"


def exact(text: Column) -> Column:
    """A number text as decimal(38,18); NULL if it is none."""
    return canonical.when_matches(text, _DECIMAL).try_cast("decimal(38,18)")


def hundredth(text: Column) -> Column:
    """An amount in hundredths, such as cents, as the contract writes it; another text as it is."""
    cents = canonical.when_matches(text, r"\A[+-]?[0-9]{1,18}([.][0-9]{1,6}0*)?\z").try_cast("decimal(24,6)")
    return F.coalesce((cents * F.lit("0.01").cast("decimal(3,2)")).cast("string"), text)


def rounded(text: Column, currency: Column) -> Column:
    """A number text rounded half up to the minor unit of its currency; another text as it is."""
    value = exact(text)
    whole = F.when(currency.isin(*with_digits(0)), F.round(value, 0).cast("string"))
    fine = whole.when(currency.isin(*with_digits(3)), F.round(value, 3).cast("string"))
    return F.coalesce(fine.otherwise(F.round(value, 2).cast("string")), text)


def times(factors: list[Column]) -> Column:
    """The exact product of two number texts; NULL if one is missing, and what stands there if one is no number."""
    one, other = (
        canonical.when_matches(f, r"\A[+-]?[0-9]{1,12}([.][0-9]{1,6}0*)?\z").try_cast("decimal(18,6)") for f in factors
    )
    unread = F.concat(factors[0], F.lit(" x "), factors[1])
    return F.coalesce((one * other).cast("string"), unread)
