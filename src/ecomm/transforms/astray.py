"""Records that look like none of the table: its header once more, as in exports put behind one another, and totals.

Of a header nothing else is said, so that it is known here. Whether a line of totals is rejected is a rule's to say
(`row_is_no_total`), for a thing may be called Total.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.column_names import folded
from ecomm.contract import HEADER, TOTAL, TOTAL_WORD, Header, Source

TOTALS = (
    *("total", "totals", "grand total", "sub total", "subtotal", "sub-total", "sum", "overall total", "report total"),
    *("summe", "gesamt", "gesamtsumme", "zwischensumme", "endsumme", "insgesamt", "total général", "total general"),
    *("sous-total", "somme", "suma", "suma total", "subtotale", "totale", "totale generale", "totaal", "eindtotaal"),
    *(
        "subtotaal",
        "soma",
        "total geral",
        "totalt",
        "razem",
        "celkem",
        "итого",
        "всего",
        "合計",
        "総計",
        "总计",
        "合计",
        "합계",
    ),
)
"""Words for a total, in small letters; a colon may stand behind."""


def looks(source: Source, header: Header) -> Column:
    """What a landed record looks like: a header, a total, a total's word with cells of its own; NULL if like a record.

    A header has all names of its file's header, as names are compared; quotes around them do not count, nor does a mark
    of the file's encoding. A total has a word for one as its id, and more than half of its other cells are empty.
    """
    places = range(len(header.names))
    key = header.positions.get(source.key[0])
    first = key if key is not None else next(i for i in places if _name(header.names[i]))
    is_header = reduce(lambda a, b: a & b, [_cell(i) == F.lit(_name(header.names[i])) for i in (first, *places)])
    # What is asked of each record is one cell; the others are looked at where that one is a header's, or a total's.
    astray = F.when(_cell(first) == F.lit(_name(header.names[first])), F.when(is_header, F.lit(HEADER)))
    if key is None:
        return astray
    others = [i for i in places if i != key]
    empty = reduce(lambda a, b: a + b, [F.when(_cell(i) == F.lit(""), 1).otherwise(0) for i in others], F.lit(0))
    mostly = F.when(empty * 2 > F.lit(len(others)), F.lit(TOTAL)).otherwise(F.lit(TOTAL_WORD))
    words = [word + end for word in TOTALS for end in ("", ":")]
    return astray.when(F.lower(canonical.trimmed(F.col(f"c{key}"))).isin(words), mostly)


def _cell(place: int) -> Column:
    """A cell as a header's name is compared; an empty text if there is nothing in it."""
    return F.lower(F.trim(F.coalesce(F.col(f"c{place}"), F.lit("")), F.lit(_AROUND)))


def _name(name: str) -> str:
    return folded(name.strip(_AROUND))


_AROUND = canonical.BLANKS + '"'
