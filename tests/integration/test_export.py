"""A table leaves as a file: every value is spelled as documented, no cell is a formula, no half file stays."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ecomm import export
from ecomm.errors import StorageError, UsageError
from ecomm.tables import CATALOGUE, Table
from ecomm.warehouse import Warehouse
from tests.shop import Row, Shop


def spelled(value: Any) -> str:
    """A value as CSV has it, in plain Python."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    if isinstance(value, Decimal) and value.as_tuple().exponent == -3:  # money; no amount of the sample has mills
        return f"{value:.2f}"
    return str(value)


def as_json(value: Any) -> Any:
    """A nested value as its JSON is read back."""
    if isinstance(value, list) and value and all(isinstance(v, tuple) for v in value):
        return {k: as_json(v) for k, v in value}
    if isinstance(value, list):
        return [as_json(v) for v in value]
    return {k: as_json(v) for k, v in value.items()} if isinstance(value, dict) else value


def same(cell: str, value: Any) -> bool:
    if isinstance(value, (list, dict)):
        # An empty map is {} and an empty array [].
        return (json.loads(cell) or []) == (as_json(value) or [])
    return cell == spelled(value)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def in_order(rows: list[Row], by: tuple[str, ...]) -> list[Row]:
    return sorted(rows, key=lambda r: tuple(r[c].encode() if isinstance(r[c], str) else r[c] for c in by))


TABLES = {
    **{
        f"{s}_target": CATALOGUE[f"{s}_target"].key
        for s in ("orders", "customers", "products", "inventory", "shipping")
    },
    "orders_stage": ("batch_id", "source_file", "source_line"),
    "customers_errors": ("batch_id", "source_file", "source_line"),
    "enriched_orders": ("order_id",),
    "analytics_summary": ("batch_id",),
    "validation_results": ("batch_id", "table_name", "check_name"),
    "batch_ledger": ("seq",),
}


@pytest.mark.parametrize(("name", "by"), TABLES.items())
def test_a_table_as_csv_and_parquet(sample: Shop, tmp_path: Path, name: str, by: tuple[str, ...]) -> None:
    rows = in_order(sample.warehouse.table(name).to_pylist(), by)
    done = export.export(sample.warehouse, CATALOGUE, name, tmp_path / "t.csv")
    written = read(done.path)
    assert len(written) == done.rows == len(rows) > 0
    assert list(written[0]) == list(rows[0])
    for cells, row in zip(written, rows, strict=True):
        assert [c for c, v in row.items() if not same(cells[c], v)] == []
    assert done.bytes == done.path.stat().st_size
    assert done.entry == sample.warehouse.entry.seq

    export.export(sample.warehouse, CATALOGUE, name, tmp_path / "t.parquet")
    parquet = pq.read_table(tmp_path / "t.parquet")
    assert parquet.to_pylist() == rows
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "t.parquet"]


def test_stage_and_errors_show_live_revisions_only(shop: Shop, tmp_path: Path) -> None:
    """What is exported is what is published: not the rows of an attempt that was taken back."""
    shop.drop("b1", "2025-01-15", {"customers": {"a.csv": "customer_id,city\nC1,Rome\n"}})
    shop.run()
    published = shop.warehouse
    shop.drop("b2", "2025-01-16", {"customers": {"b.csv": "customer_id,city\nC2,Oslo\n"}})
    shop.run()
    export.export(published, CATALOGUE, "customers_stage", tmp_path / "then.csv")
    assert [r["customer_id"] for r in read(tmp_path / "then.csv")] == ["C1"]
    export.export(shop.warehouse, CATALOGUE, "customers_stage", tmp_path / "now.csv")
    assert [r["customer_id"] for r in read(tmp_path / "now.csv")] == ["C1", "C2"]


# -- cells -------------------------------------------------------------------------------------------------

AT = datetime(2025, 1, 31, 23, 59, 59, 250000, UTC)
ODD: dict[str, tuple[pa.DataType, list[Any]]] = {
    "n": (pa.int64(), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    "said": (pa.string(), ["=1+1", "+49 30", "-5", "@home", "\tx", "\rx", 'a "b", c\nd', "", None]),
    "money": (pa.decimal128(18, 2), [Decimal("-5.00"), Decimal("0.10"), *[Decimal(12)] * 6, None]),
    "cents": (pa.decimal128(18, 3), [Decimal("-5.00"), Decimal("0.10"), *[Decimal(120)] * 6, None]),
    "fils": (pa.decimal128(18, 3), [Decimal("-5.00"), Decimal("0.105"), *[Decimal(120)] * 6, None]),
    "at": (pa.timestamp("us", "UTC"), [AT, *[datetime(2025, 1, 1, tzinfo=UTC)] * 7, None]),
    "day": (pa.date32(), [date(2024, 2, 29), *[date(1700, 1, 1)] * 7, None]),
    "flag": (pa.bool_(), [True, *[False] * 7, None]),
    "flags": (pa.list_(pa.string()), [["=x", 'q"'], *[[]] * 7, None]),
    "raw": (pa.map_(pa.string(), pa.string()), [[("k", "=é"), ("e", None)], *[[]] * 7, None]),
}


def held(folder: Path, table: pa.Table) -> Warehouse:
    """A warehouse that shows one table."""
    folder.mkdir()
    pq.write_table(table, folder / "t.parquet")
    shown = SimpleNamespace(
        path=folder, dataset=lambda _: ds.dataset(folder / "t.parquet"), entry=SimpleNamespace(seq=7)
    )
    return cast(Warehouse, shown)


def keyed(*key: str) -> Mapping[str, Table]:
    return {"t": Table("t", "", (), key=key)}


def test_odd_cells(tmp_path: Path) -> None:
    """Texts that a spreadsheet takes for formulas get an apostrophe, numbers do not; NULL is empty, '' is quoted."""
    table = pa.table({name: pa.array(values, kind) for name, (kind, values) in ODD.items()})
    export.export(held(tmp_path / "w", table), keyed("n"), "t", tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_bytes().decode().split("\n")
    assert lines[0] == "n,said,money,cents,fils,at,day,flag,flags,raw"
    assert lines[1] == (
        '1,"\'=1+1",-5.00,-5.00,-5.000,"2025-01-31T23:59:59.250000Z",2024-02-29,true,'
        '"[""=x"",""q\\""""]","{""k"":""=é"",""e"":null}"'
    )
    assert lines[2].startswith('2,"\'+49 30",0.10,0.10,0.105,"2025-01-01T00:00:00Z",1700-01-01,false,"[]","{}"')
    assert lines[-3].startswith('8,"",')
    assert lines[-2] == "9" + "," * 9
    written = read(tmp_path / "t.csv")
    assert [r["said"] for r in written] == [spelled(v) for v in ODD["said"][1]]


def test_an_empty_table_has_a_header(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([], pa.int64()), "said": pa.array([], pa.string())})
    warehouse = held(tmp_path / "w", table)
    assert export.export(warehouse, keyed("n"), "t", tmp_path / "t.csv").rows == 0
    assert (tmp_path / "t.csv").read_text() == "n,said\n"
    export.export(warehouse, keyed("n"), "t", tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").column_names == ["n", "said"]


@pytest.mark.long
def test_a_table_larger_than_the_memory_for_sorting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sort goes to disk beside the file, the rows come in order, and nothing of it stays."""
    monkeypatch.setattr(export, "_SORT_MEMORY", "128MB")
    numbers = [(i * 7919) % 600_011 for i in range(600_000)]
    table = pa.table({"n": numbers, "said": [f"{n:064}" for n in numbers], "again": [f"{n:0128}" for n in numbers]})
    warehouse, seen, spilt = held(tmp_path / "w", table), list[tuple[int, int]](), set[str]()

    def listen(done: int, total: int) -> None:
        seen.append((done, total))
        spilt.update(p.name for p in tmp_path.glob(".ecomm-export-*/sort/*"))

    export.export(warehouse, keyed("n"), "t", tmp_path / "t.csv", listener=listen)
    assert [int(r["n"]) for r in read(tmp_path / "t.csv")] == sorted(numbers)
    assert len(seen) > 3
    assert seen[-1] == (600_000, 600_000)
    assert spilt
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "w"]


# -- what goes wrong ---------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Warehouse:
    return held(tmp_path / "w", pa.table({"n": [2, 1]}))


def test_an_export_that_breaks_off_leaves_what_was_there(small: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    out.write_text("before")

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.export(small, keyed("n"), "t", out, force=True, listener=stop)
    assert out.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "w"]
    export.export(small, keyed("n"), "t", out, force=True)
    assert out.read_text() == "n\n1\n2\n"


def test_a_file_that_cannot_be_written(small: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "there.csv").touch()
    for out, form, said in (
        (tmp_path / "there.csv", None, "--force"),
        (tmp_path, "csv", "not a file"),
        (Path("/dev/null"), "csv", "not a file"),
        (tmp_path / "no" / "t.csv", None, "no such folder"),
        (tmp_path / "t.txt", None, "--format"),
        (tmp_path / "t.csv", "xlsx", "xlsx"),
        (tmp_path / "w" / "t.csv", None, "inside the warehouse"),
    ):
        with pytest.raises(UsageError, match=said) as error:
            export.export(small, keyed("n"), "t", out, form)
        assert error.value.exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there.csv", "w"]
    assert (tmp_path / "there.csv").read_bytes() == b""


def test_a_full_disk(small: Warehouse) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(StorageError, match="disk is full"):
        export.pour(small, keyed("n"), "t", "csv", full)


def test_a_table_whose_file_is_lost(tmp_path: Path) -> None:
    warehouse = held(tmp_path / "w", pa.table({"n": [2, 1]}))
    data = warehouse.dataset("t")
    cast(Any, warehouse).dataset = lambda _: data
    (tmp_path / "w" / "t.parquet").unlink()
    with pytest.raises(StorageError, match="t was not exported"):
        export.export(warehouse, keyed("n"), "t", tmp_path / "t.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_an_unknown_table(sample: Shop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="orders_target"):
        export.export(sample.warehouse, CATALOGUE, "orders", tmp_path / "t.csv")


def test_stdout(small: Warehouse) -> None:
    sink = io.BytesIO()
    export.pour(small, keyed("n"), "t", "csv", sink)
    assert sink.getvalue() == b"n\n1\n2\n"
