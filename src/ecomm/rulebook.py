"""The rules as a page, made from the rules themselves: `python -m ecomm.rulebook` prints docs/rules.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal

from ecomm.contract import Bounds, Rule, Vocabularies
from ecomm.sources import SOURCES
from ecomm.transforms import checks, quality

_INTRODUCTION = """\
# Rules

Written by `make docs` from the rules in `src/ecomm/sources`. A rule looks at one row of a file (and, where it says so,
at the other rows of its key in the batch), so its verdict never depends on what else has arrived.

- **HIGH** quarantines the row: it goes to `<source>_errors`, whose `reasons` list all that it fails. **MEDIUM**
  (probably wrong) and **LOW** (odd) keep the row; their names are in `quality_flags` of its stage row. **NONE** only
  informs.
- An empty cell fails only rules that say empty or missing. A column that the header lacks fails none (but
  `currency_assumed`). A text that cannot be read fails `<column>_readable`, and its value is NULL: it is never rounded
  or guessed.
- "Future" is after the end of the as-of date + 1 day; for instants + 2 days.
- `[severity]` in `ecomm.toml` gives a rule another level, in all sources that have it: `customer_id_present = "LOW"`,
  or `"OFF"`. The rules on the shape of keys, and on keys that must be there, stay HIGH, as do `line_malformed`
  and `header_repeated`.
- `validation_results` has a row for each rule, source and batch, and the row `batch_score`: 100 x (1 - sum of
  penalties / rows). A row's penalty is that of the worst level it fails: HIGH 1, MEDIUM 0.3, LOW 0.1. Duplicates and
  superseded rows do not count.
"""

_ACROSS = """\
## Across tables
Task 06 looks at a batch's accepted rows beside all tables as they will be once it is published. These checks only find:
a level says how loud the finding is, no row is rejected or flagged, and the score does not count them, for what has not
arrived yet must not speak against a batch. A check whose other source (`needs`) no published batch brought yet is
skipped (`rows_checked` 0). `[severity]` changes their levels too.

"""


_COLUMNS = """\
## Columns that disappear
`column_disappeared` (category consistency) has one row a source and batch. It finds a header that lacks a column:

- HIGH if the settings name it (`columns`, `fill_down`, `delete_column`): none of its header names is there, nor the
  contract's own. A list with an empty name, `["Status", ""]`, says that files may lack it.
- MEDIUM if the source's last batch had it. That is the live batch before this one by as-of and id that has records of
  the source in files of the same shape; `files` in the ledger keeps the columns of each. Of several files it had what
  all had, or what any had if none of this batch's has it. What arrives later does not change what was found.

The description names the column, the new column that probably took its place (the same name but for case and signs,
else the only new one), and the setting that says so. `rows_checked` are the records of all its files, `failed_rows`
those of the files that lack a column. No row is rejected or flagged, and the score does not count it: the rows are as
good as they can be without the column. `[severity] column_disappeared` sets its level.

## Unknown words
The description of a broken `<column>_known` rule names the settings that mend it: `[vocabularies]`, the map
`[sources.<source>.values.<column>]`, and for `order_status` `[shop] non_revenue_statuses`. For orders it also says how
much of the batch's revenue (accepted rows, reporting currency) counts with such a word, for `order_status` word by
word, five at most.

"""


def page() -> str:
    """docs/rules.md."""
    parts = [_INTRODUCTION, "## All sources\n" + _table([quality.MALFORMED, quality.REPEATED, quality.CONFLICT])]
    parts += [
        f"## {source.name}\n" + _table([*source.rules, *([quality.UNPUBLISHED] if source.at_stake else [])])
        for source in SOURCES.values()
    ]
    parts.append(_COLUMNS)
    parts.append(_ACROSS + _rows(("check", "rows of", "fails when", "level", "category", "needs"), _checks()))
    bounds = [(name, _plain(value)) for name, value in asdict(Bounds()).items()]
    parts.append(
        "## Bounds: `[bounds]`\nIn the unit of the column; money in the row's own currency, `premium_order` in the "
        "reporting currency.\n\n" + _rows(("setting", "default"), bounds)
    )
    words = [(name, " ".join(value) or "(any)") for name, value in asdict(Vocabularies()).items()]
    parts.append(
        "## Vocabularies: `[vocabularies]`\nCompared in lower case, with blanks and `-` as `_`. A list in the settings "
        "replaces the default.\n\n" + _rows(("setting", "default"), words)
    )
    return "\n".join(parts)


def _checks() -> Iterable[tuple[str, ...]]:
    for c in checks.CHECKS:
        yield c.name, c.source, c.rule.meaning, str(c.rule.severity), c.category, c.parent or ""


def _table(rules: Iterable[Rule]) -> str:
    return _rows(("rule", "fails when", "level"), [(r.name, r.meaning, str(r.severity)) for r in rules])


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _plain(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | Decimal) else str(value)


if __name__ == "__main__":
    print(page(), end="")
