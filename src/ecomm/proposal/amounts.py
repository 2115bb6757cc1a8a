"""How amounts are written: decimal comma, thousands, currency signs, parentheses, and decimals beyond cents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ecomm.proposal.findings import Finding

_PLAIN = re.compile(r"[+-]?[0-9]+(?:[.][0-9]*)?|[+-]?[.][0-9]+")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([.,' \u00a0\u202f\u2019])[0-9]{3}(?:\1[0-9]{3})*((?:[.,][0-9]*)?)")
_ONE_MARK = re.compile(r"[+-]?([0-9]*)([.,])([0-9]*)")
_DRESSED = re.compile(r"^[\s(+-]*[^\s0-9.,'()+-]{0,5}\s*|\s*[^\s0-9.,'()+-]{0,5}[\s)+-]*$")


def looked_at(texts: Sequence[str], *, money: bool = True) -> Finding:
    """decimal_comma and amounts, as the numbers of a file show them.

    texts: of the columns with numbers, without empty ones. money: some of them are amounts.
    """
    shown: Counter[str] = Counter()  # decimal marks that cannot stand between thousands
    either = grouped = dressed = 0
    for text in texts:
        bare = _DRESSED.sub("", text)
        dressed += bare != text.lstrip("+-") and any(c.isdigit() for c in bare)
        if mark := _ONE_MARK.fullmatch(bare):
            decides = len(mark[3]) != 3 or len(mark[1]) > 3 or mark[1].startswith("0") or not mark[1]
            shown[mark[2]] += decides
            either += not decides and mark[2] == ","
        elif group := _GROUPED.fullmatch(bare):
            grouped += 1
            shown[group[2][:1] or {".": ",", ",": "."}.get(group[1], "")] += (
                bool(group[2]) or group[0].count(group[1]) > 1
            )
    settings: dict[str, object] = {}
    asks = []
    if shown["."] and shown[","]:
        asks.append(
            f"Some numbers have a decimal comma ({shown[',']}), some a decimal point ({shown['.']}); the file must use "
            "one of them."
        )
    elif shown[","]:
        settings["decimal_comma"] = True
    elif either and not shown["."]:
        asks.append(
            "Is the comma in numbers such as 1,234 a decimal one? decimal_comma = true reads 1.234, "
            'amounts = "written" reads 1234.'
        )
        either = 0
    if money and (dressed or grouped or (either and shown["."])):
        settings["amounts"] = "written"
    return Finding(settings, asks=tuple(asks))


def decimals(columns: Mapping[str, Sequence[str]]) -> Finding:
    """decimals = "round" where amounts have more decimals than any currency. columns: contract column -> its texts."""
    for column, texts in columns.items():
        long = sum(
            len(text.rstrip("0").rpartition(".")[2]) > 2 for text in texts if _PLAIN.fullmatch(text) and "." in text
        )
        if long:
            note = (
                f'{column} has more decimals than a currency in some records ({long}); decimals = "round" rounds them '
                'half up and flags them, decimals = "reject" rejects them.'
            )
            return Finding({"decimals": "round"}, notes=(note,))
    return Finding()


def negative(texts: Sequence[str]) -> Finding:
    """A question where amounts are negative: they are refunds, or mistakes."""
    number = sum(text.startswith(("-", "(")) or text.endswith("-") for text in texts)
    if not number:
        return Finding()
    said = f"Some amounts ({number}) are negative. Are they refunds, each a record of its own? Then set refunds = "
    return Finding(asks=(f'{said}"rows"; else they are rejected.',))


def cents(texts: Sequence[str], header: str) -> Finding:
    """cents where the header says so; a question where all amounts are whole numbers of three digits and more."""
    if header.lower().endswith("cents") and all(re.fullmatch("-?[0-9]+", text) for text in texts):
        return Finding({"cents": ["order_amount"]}, notes=(f"{header} states hundredths.",))
    if texts and all(re.fullmatch("[0-9]{3,}", text) for text in texts):
        return Finding(asks=('All amounts are whole numbers. Are they cents? Then set cents = ["order_amount"].',))
    return Finding()


def value(text: str, *, decimal_comma: bool) -> float | None:
    """About what a text is worth, for comparisons alone; None if it is no number."""
    bare = _DRESSED.sub("", text)
    plain = bare.replace(".", "").replace(",", ".") if decimal_comma else bare.replace(",", "")
    plain = re.sub(r"[' \u00a0\u202f\u2019]", "", plain)
    try:
        number = float(plain)
    except ValueError:
        return None
    minus = text.strip().startswith(("-", "(")) or text.strip().endswith("-")
    return -number if minus else number
