"""Files of the same records in several formats, each landed by a process of its own: `python -m benchmarks.formats`.

`make FOLDER RECORDS` writes them there; `land FILE ENCODING INTO` reads one.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path

from benchmarks.measure import Line, Report, module, ratio, run
from benchmarks.shop import HERE, PYTHON, place

HEADER = "order_id customer_id product_id order_date order_amount currency order_status shipping_address".split()
FORMS = {
    "CSV": ("orders.csv", "utf-8"),
    "CSV, gzip": ("orders.csv.gz", "utf-8"),
    "CSV, cp1252": ("cp1252.csv", "cp1252"),
    "CSV, UTF-16": ("utf16.csv", "utf-16"),
    "NDJSON": ("orders.ndjson", "utf-8"),
    "Parquet": ("orders.parquet", "utf-8"),
    "Excel": ("orders.xlsx", "utf-8"),
}


def formats(cache: Path, repeat: int, records: int) -> Report:
    """Each format, beside plain CSV."""
    report = Report("formats", ratio="by the time of CSV", facts={"records": records, "repeat": repeat})
    with place(cache) as folder:
        run(module(PYTHON, "benchmarks.formats", "make", folder, records), folder / "log", HERE)
        for name, (file, encoding) in FORMS.items():
            command = module(PYTHON, "benchmarks.formats", "land", folder / file, encoding, folder / "landed.parquet")
            line = Line(name, [run(command, folder / "log", HERE) for _ in range(repeat)])
            report.lines.append(line.times(ratio(line.timings, (report.lines or [line])[0].timings)))
    return report


def make(folder: Path, records: int) -> None:
    """The same orders in every format."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xlsxwriter

    some = random.Random(7)
    rows = []
    for n in range(records):
        ids = [f"O{n}", f"C{some.randrange(50_000)}", f"P{some.randrange(5_000)}"]
        amount = f"{some.randrange(100, 90_000) / 100:.2f}"
        rows.append([*ids, "2026-09-01", amount, "EUR", "shipped", f"Straße {n} Zürich"])
    text = "".join(",".join(row) + "\n" for row in [HEADER, *rows])
    (folder / "orders.csv").write_text(text, encoding="utf-8")
    (folder / "orders.csv.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "cp1252.csv").write_text(text, encoding="cp1252")
    (folder / "utf16.csv").write_text(text, encoding="utf-16")
    objects = (json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) for row in rows)
    (folder / "orders.ndjson").write_text("\n".join(objects), encoding="utf-8")
    columns = dict(zip(HEADER, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "orders.parquet")
    book = xlsxwriter.Workbook(str(folder / "orders.xlsx"), {"constant_memory": True})
    sheet = book.add_worksheet()
    for y, row in enumerate([HEADER, *rows]):
        sheet.write_row(y, 0, row)
    book.close()


def land(file: Path, encoding: str, into: Path) -> None:
    """One file, as a batch lands it."""
    from ecomm.batches.reading import tables
    from ecomm.delivery import Shape

    tables.land(tables.open_table(file, Shape(encoding=encoding)), into)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        land(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
