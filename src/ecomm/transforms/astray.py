"""Records that look like none of the table: its header once more, as in exports put behind one another, and totals.

Of a header nothing else is said, so that it is known here. Whether a line of totals is rejected is a rule's to say
(`row_is_no_total`), for a thing may be called Total.
"""

from __future__ import annotations

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import HEADER, TOTAL, TOTAL_WORD, Header, Source

TOTALS = (
    "total; totals; grand total; sub total; subtotal; sub-total; sum; overall total; report total; summe; gesamt; "
    "gesamtsumme; zwischensumme; endsumme; insgesamt; total général; total general; sous-total; somme; suma; "
    "suma total; subtotale; totale; totale generale; totaal; eindtotaal; subtotaal; soma; total geral; totalt; razem; "
    "celkem; итого; всего; 合計; 総計; 总计; 合计; 합계"
).split("; ")
"""Words for a total, in small letters; a colon may stand behind."""


def looks(source: Source, header: Header) -> Column:
    """What a landed record looks like: a header, a total, a total's word with cells of its own; NULL if like a record.

    A header has all names of its file's header, in any case; blanks, quotes and marks of an encoding do not count. A
    total has a word for one as its id, and more than half of its other cells are empty.
    """
    places = range(len(header.names))
    key = header.positions.get(source.key[0])
    first = key if key is not None else next(i for i in places if _name(header.names[i]))
    names = F.lit(_BETWEEN.join(map(_name, header.names)))
    # What is asked of each record is one cell; the others are looked at where that one is a header's, or a total's.
    cells = [F.col(f"c{i}") for i in places]
    is_header = _plain(F.concat_ws(_BETWEEN, *cells)) == names
    is_likely = F.lower(F.trim(cells[first], F.lit(_AROUND))) == F.lit(header.names[first].strip(_AROUND).lower())
    astray = F.when(is_likely, F.when(is_header, F.lit(HEADER)))
    if key is None:
        return astray
    others = F.array(*(cells[i] for i in places if i != key)).cast("array<string>")
    empty = F.size(F.filter(others, lambda cell: F.trim(cell, F.lit(canonical.BLANKS)) == F.lit("")))
    mostly = F.when(empty * 2 > F.lit(len(header.names) - 1), F.lit(TOTAL)).otherwise(F.lit(TOTAL_WORD))
    words = [word + end for word in TOTALS for end in ("", ":")]
    return astray.when(F.lower(canonical.trimmed(cells[key])).isin(words), mostly)


_BETWEEN, _AROUND = "|", canonical.BLANKS + '"'


def _plain(cell: Column) -> Column:
    return F.regexp_replace(F.lower(cell), f'[{canonical.ALL_BLANKS}"]+', "")


def _name(name: str) -> str:
    return re.sub(f'[{re.escape(canonical.BLANKS)}"]+', "", name.lower())
