"""The bytes of real shops' files through whole batches: encodings, lines around the table, and other formats.

The cases are folders of `tests/wild`; the right values were worked out by hand.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from ecomm import redrive, revise
from ecomm.batches import status
from ecomm.batches.reading import streams
from ecomm.engines import Engine
from tests.conftest import keep_running
from tests.integration.test_cli import ecomm
from tests.shop import Shop

WILD = Path(__file__).parents[1] / "wild"
ENCODINGS = WILD / "21-encodings"
AROUND = WILD / "23-lines-before-and-after-the-table"
KINDS = WILD / "28-other-kinds-of-files" / "orders"
AS_OF = "2026-10-01T00:00:00Z"
HEADER = "order_id,customer_id,product_id,order_date,order_amount\n"
ADDRESSES = ["Straße 1, Zürich", "Rua São João", "Plain 3"]

pytestmark = pytest.mark.usefixtures("running")


@pytest.fixture
def running(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs use the engine of the session."""
    keep_running(engine, monkeypatch)


def shop_of(folder: Path, said: str = "") -> Shop:
    """A shop whose settings say this of its orders."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ecomm.toml").write_text(f"[sources.orders]\n{said}", encoding="utf-8")
    return Shop(folder, config=folder / "ecomm.toml")


def orders(shop: Shop) -> dict[str, Decimal]:
    return {row["order_id"]: row["order_amount"] for row in shop.rows("orders_target") if row["is_current"]}


def workbook(rows: list[list[Any]]) -> bytes:
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    sheet, day = book.add_worksheet(), book.add_format({"num_format": "dd.mm.yyyy"})
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if isinstance(value, date):
                sheet.write_datetime(y, x, value, day)
            else:
                sheet.write(y, x, value)
    book.close()
    return made.getvalue()


@pytest.mark.every_engine
@pytest.mark.parametrize(
    ("file", "encoding"),
    [
        ("orders/cp1252.csv", "cp1252"),
        ("orders2/utf16bom.csv", "utf-16"),
        ("orders2/utf16le.csv", "utf-16"),
        ("orders2/utf16le.csv", "utf-16-le"),
    ],
)
def test_encodings(file: str, encoding: str, tmp_path: Path) -> None:
    """All three orders are read, 24.00 in all, with the addresses as they are."""
    shop = shop_of(tmp_path, f'delimiter = ";"\ndecimal_comma = true\nencoding = "{encoding}"\n')
    shop.drop("b1", AS_OF, {"orders": {"o.csv": (ENCODINGS / file).read_bytes()}})
    assert [o.status for o in shop.run()] == ["published"]
    assert sum(orders(shop).values()) == Decimal("24.00")
    rows = sorted(shop.rows("orders_target"), key=lambda row: row["order_id"])
    assert [row["shipping_address"] for row in rows] == ADDRESSES


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("header.csv", 'such as "cp1252"'),
        ("utf16bom.csv", 'set encoding = "utf-16"'),
        ("utf16le.csv", 'set encoding = "utf-16"'),
    ],
)
def test_an_encoding_that_is_not_set(file: str, said: str, tmp_path: Path) -> None:
    """The sentence names the setting, and the landed file."""
    shop = shop_of(tmp_path, 'delimiter = ";"\n')
    shop.drop("b1", AS_OF, {"orders": {file: (ENCODINGS / "orders2" / file).read_bytes()}})
    (outcome,) = shop.run()
    assert outcome.status == "failed"
    assert said in str(outcome.reason)
    assert f"source/{file}:" in str(outcome.reason)


@pytest.mark.parametrize(
    ("file", "said", "below"),
    [
        ("orders/pre.csv", "skip_lines = 3", 0),
        ("orders/pre.csv", 'header_starts_with = "Order_ID"', 0),
        ("orders2/sep.csv", "", 0),
        ("orders2/foot.csv", 'footers = ["total", "* record(s) downloaded"]', 2),
        ("orders2/sheets.csv", 'footers = "Person"', 2),
    ],
)
def test_lines_around_the_table(file: str, said: str, below: int, tmp_path: Path) -> None:
    """A1 alone is read, and what stands below the table is counted."""
    shop = shop_of(tmp_path, f"{said}\n")
    content = (AROUND / file).read_bytes()
    shop.drop("b1", AS_OF, {"orders": {"o.csv": content}})
    (outcome,) = shop.run()
    assert outcome.status == "published"
    assert orders(shop) == {"A1": Decimal("5.00")}
    (entry,) = outcome.files
    assert (entry.rows_read, entry.rows_accepted) == (1, 1)
    (tmp_path / "o.csv").write_bytes(content)
    checked = ecomm("check", "--reveal", tmp_path / "o.csv", "--source", "orders", cwd=tmp_path).ok().out
    assert ("not read: 2 records from the footer on" in checked) == bool(below)


def test_a_footer_that_is_not_set_is_rejected(tmp_path: Path) -> None:
    """Nothing is left out without a setting."""
    shop = shop_of(tmp_path)
    shop.drop("b1", AS_OF, {"orders": {"o.csv": (AROUND / "orders2" / "foot.csv").read_bytes()}})
    (entry,) = shop.run()[0].files
    assert (entry.rows_read, entry.rows_rejected) == (3, 2)


def test_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    """Whatever lies in landing without a trigger is named, and of what nothing reads is said what to do."""
    shop = shop_of(tmp_path)
    folder = shop.settings.source_dir("orders") / "source"
    for file in KINDS.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    (folder / ".hidden").write_bytes(b"")
    found = status.of(shop.settings, datetime.fromisoformat(AS_OF)).unexpected
    names = {file.path.name for file in found}
    assert names == {"ORDERS.CSV", "orders.csv.gz", "orders.json", "orders.xlsx", "report.pdf"}
    said = ecomm("status", cwd=tmp_path).ok().out
    assert "ORDERS.CSV: no trigger lists it" in said
    assert "report.pdf: nothing reads this kind of file: it is a PDF; export the table as CSV" in said


@pytest.mark.every_engine
def test_a_batch_of_several_kinds(tmp_path: Path) -> None:
    """A workbook, a gzip, a name in capitals and packed NDJSON are one batch; a number is an id, too."""
    shop = shop_of(tmp_path)
    cells: list[list[Any]] = [
        HEADER.strip().split(","),
        [17850, 1, "P1", date(2026, 9, 1), 5.5],
        [None],
        ["W2", 2, "P2", date(2026, 9, 2), 7],
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        said = '"order_id": "Z1", "customer_id": 3, "product_id": "P1", "order_date": "2026-09-01"'
        opened.writestr("z.ndjson", f'{{{said}, "order_amount": 1.10}}\n')
    files: Mapping[str, bytes] = {
        "web.xlsx": workbook(cells),
        "ORDERS.CSV": (KINDS / "ORDERS.CSV").read_bytes(),
        "orders.csv.gz": (KINDS / "orders.csv.gz").read_bytes(),
        "z.zip": packed.getvalue(),
    }
    shop.drop("b1", AS_OF, {"orders": files})
    (outcome,) = shop.run()
    assert outcome.status == "published"
    assert orders(shop) == {
        "17850": Decimal("5.50"),
        "W2": Decimal("7.00"),
        "A1": Decimal("5.00"),
        "B1": Decimal("5.00"),
        "Z1": Decimal("1.10"),
    }
    assert sorted(set(shop.archived()) & set(files)) == sorted(files)


def test_what_cannot_be_read_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence each for a bomb, a gzip that is cut short, a locked workbook; the next batch is published."""
    monkeypatch.setattr(streams, "FREE", 1 << 20)
    lines = HEADER.encode() + b"A1,C1,P1,2026-09-01,5.00\n" * 200_000
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le")
    bad = {
        "bomb.csv.gz": (gzip.compress(lines), "unpacks to more than"),
        "cut.csv.gz": (gzip.compress(HEADER.encode() * 9_000)[:-40], "the gzip file is cut short"),
        "locked.xlsx": (locked, "a workbook with a password"),
        "old.xls": (locked[:600], "an old Excel workbook"),
    }
    shop = shop_of(tmp_path)
    for hour, (name, (content, _)) in enumerate(bad.items()):
        shop.drop(name, f"2026-10-01T0{hour}:00:00Z", {"orders": {name: content}})
    shop.drop("good", "2026-10-02T00:00:00Z", {"orders": {"good.csv": HEADER + "G1,C1,P1,2026-09-01,5.00\n"}})
    outcomes = {outcome.batch_id: outcome for outcome in shop.run()}
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        **dict.fromkeys(bad, "failed"),
        "good": "published",
    }
    for name, (_, said) in bad.items():
        assert said in str(outcomes[name].reason)
        assert f"source/{name}: " in str(outcomes[name].reason)
        assert ".part" not in str(outcomes[name].reason)
    assert orders(shop) == {"G1": Decimal("5.00")}
    assert not any(name.endswith(".part") for name in shop.archived())


@pytest.mark.long
def test_a_batch_is_read_again_as_it_was_read(tmp_path: Path) -> None:
    """After another delimiter was set: replay reads as then if it is asked to, and not by the current settings."""
    shop = shop_of(tmp_path, 'delimiter = ";"\ndecimal_comma = true\nencoding = "cp1252"\n')
    content = (ENCODINGS / "orders" / "cp1252.csv").read_bytes()
    shop.drop("b1", AS_OF, {"orders": {"o.csv": content}})
    assert shop.run()[0].status == "published"
    (file,) = shop.warehouse.entry.files
    assert file.shape == '{"encoding":"cp1252","delimiter":";","decimal_comma":true}'
    changed = shop_of(tmp_path, 'delimiter = "|"\n')
    assert [o.status for o in revise.replay(changed.settings, "b1", as_then=True)] == ["published"]
    assert sum(orders(shop).values()) == Decimal("24.00")
    assert shop.warehouse.entry.files[0].shape == file.shape
    (outcome,) = revise.replay(changed.settings, "b1", as_then=False)
    assert outcome.status == "failed"


def test_rejects_go_out_and_come_back_in_the_shape_of_then(tmp_path: Path) -> None:
    """Records of a batch can be mended after the delimiter has changed; a file's raw bytes show what is no text."""
    shop = shop_of(tmp_path, 'delimiter = ";"\nencoding = "cp1252"\n')
    text = HEADER.replace(",", ";") + "A1;C1;P1;2026-09-01;5.00\nA2;C2;P2;Köln;7.00\n"
    shop.drop("b1", AS_OF, {"orders": {"o.csv": text.encode("cp1252") + b"A3;\x81;P3;2026-09-01;1.00\n"}})
    assert shop.run()[0].status == "published"
    assert [row["raw_line"] for row in shop.rows("orders_errors") if row["raw_line"]] == ["A3;\\x81;P3;2026-09-01;1.00"]
    changed = shop_of(tmp_path)
    out = tmp_path / "rejected.csv"
    assert redrive.export(changed.settings, "orders", out) == 2
    out.write_text(out.read_text(encoding="utf-8-sig").replace("Köln", "2026-09-02"), encoding="utf-8-sig")
    done = redrive.redrive(changed.settings, out, "the day was asked for")
    assert [o.status for o in done.outcomes] == ["published"]
    assert orders(shop) == {"A1": Decimal("5.00"), "A2": Decimal("7.00")}
