"""Writes the README of the sample data: what it is, how many records become what, and every planted row."""

from collections.abc import Iterable

from planted import ACCEPTED, DUPLICATE, SUPERSEDED
from sheets import Record, Sheet

FATES = (ACCEPTED, "rejected", DUPLICATE, SUPERSEDED)

INTRODUCTION = """\
# Sample data

Two days of an invented online shop, to try the pipeline with. Nobody in these files is real: the e-mail
domains are reserved for examples, and no phone number reaches anyone.

Each day is one batch: five CSV files and a trigger that announces them.

- **15 January 2025** is the initial load: all customers, products and stock, and the orders of the last
  60 days.
- **16 January 2025** is a normal day: new orders, orders that went on (pending, shipped, delivered,
  cancelled, returned), orders sent again unchanged, changed and new customers, new prices, one product
  given up.

To load them, copy each CSV file into the landing folder of its source (`orders_data/source/` and so on) and
then the trigger into `trigger_data/source/`. Where they lie here is no landing folder.

`python data/generate.py` writes all of this, this file too, always the same bytes. `--check` only compares.
To change the data, change the program: `planted.py` for odd rows, `shop.py` for names and goods, `sheets.py`
for columns, `generate.py` for the rest.

## What is special about the files

The files are meant to be a little difficult, as files from real shops are.

- `products_2025_01_15.csv` begins with a byte order mark.
- `shipping_2025_01_15.csv` ends its lines with a carriage return and a newline.
- `inventory_2025_01_16.csv` has no newline after its last record.
- `customers_2025_01_16.csv` has its columns in another order, and capitals in their names.
- `orders_2025_01_16.csv` has a column that no contract names: `sales_channel`.
- `inventory_2025_01_16.csv` and `shipping_2025_01_16.csv` come from another program, with other columns. The
  warehouse is called `warehouse_name` there, and `location` is the bin, which only a few rows fill.
- `customers_2025_01_15.csv` and `orders_2025_01_16.csv` have blank lines in their middle, which are no
  records.
- Some records go over several lines, and a few hold bytes that are not UTF-8. An editor may want to mend
  that: do not let it.
"""

COUNTS = """
## What becomes of the records

Each record is accepted, rejected, counted as a duplicate, or superseded by a better statement about the same
key in the same batch. Nothing is lost: read = accepted + rejected + duplicate + superseded. A
`sequence_conflict` (same key, same time, other content) counts as superseded.

"""

PLANTED = """
## Planted rows

All other rows are plain and are accepted. `line` is the number of the record: the first after the header
is 1, blank lines do not count, malformed records do, and a record over several lines counts once. `key` is
the id as it stands in the row, without blanks around it; odd characters are written as in Python.
`must become` names all HIGH rules that the row fails; milder ones are in docs/rules.md.

"""


def text(sheets: list[Sheet], figures: str) -> str:
    """The whole file."""
    return (
        INTRODUCTION
        + COUNTS
        + table(("file", "read", *FATES), map(count_row, sheets))
        + "\n## Twelve figures\n\n"
        + figures
        + PLANTED
        + table(("file", "line", "key", "planted", "must become"), planted_rows(sheets))
    )


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(masked(cell) for cell in line)} |\n" for line in lines)


def masked(cell: str) -> str:
    """A cell that cannot break its table."""
    return cell.replace("|", "\\|")


def count_row(sheet: Sheet) -> list[str]:
    fates = sheet.counts()
    return [sheet.name, str(len(sheet.records)), *(str(fates[fate]) for fate in FATES)]


def planted_rows(sheets: list[Sheet]) -> Iterable[list[str]]:
    for sheet in sheets:
        for line, record in enumerate(sheet.records, 1):
            if record.planted:
                yield [
                    sheet.name,
                    str(line),
                    readable_key(sheet, record),
                    record.planted.what,
                    record.becomes,
                ]


def readable_key(sheet: Sheet, record: Record) -> str:
    """The key's parts that are not empty, in letters that everybody can see."""
    parts = [part for part in sheet.key(record) if part]
    return " / ".join(part.encode("unicode_escape").decode("ascii") for part in parts)
