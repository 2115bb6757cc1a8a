"""A file is written again with other cells in some records: these are what was asked for, all else is as it was."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecomm.batches import csvfile
from ecomm.batches.reading import erase
from ecomm.batches.reading.tables import land, open_table
from ecomm.delivery import Shape
from tests.unit.test_reading import WAYS, parquet, workbook, zipped

Row = dict[str, object]


def read(path: Path, shape: Shape, name: str) -> list[Row]:
    """The records of a file, as they are landed."""
    table = open_table(path, shape, path.with_name(name))
    place = path.with_name("landed.parquet")
    land(table, place)
    return [dict(row) for row in pq.read_table(place).to_pylist()]


def both(
    folder: Path, name: str, content: bytes, records: dict[int, erase.Cells], **shape: object
) -> tuple[list[Row], list[Row], bytes]:
    """The records of a file before and after, and its bytes after."""
    path, into = folder / "file", folder / "again"
    path.write_bytes(content)
    of = Shape(**shape)  # type: ignore[arg-type]
    erase.rewrite(path, into, folder / name, of, records)
    return read(path, of, name), read(into, of, name), into.read_bytes()


@pytest.mark.parametrize("name", WAYS)
def test_every_format(tmp_path: Path, name: str) -> None:
    before, after, _ = both(tmp_path, name, WAYS[name], {2: {1: "", 0: "forgotten-1"}})
    assert [r["source_line"] for r in after] == [r["source_line"] for r in before] == [1, 2]
    assert after[0] == before[0]
    assert (after[1]["c0"], after[1]["c1"], after[1]["raw_line"]) == ("forgotten-1", "", None)
    assert before[1]["c1"] == "y"


CSV = 'a,b,c\r\n"x, ""1""",  keep ,p1\r\n\r\nq2,"two\r\nlines",p2\nlast,,p3'
ENCODED = [("utf-8", b"\xef\xbb\xbf"), ("cp1252", b""), ("utf-16", b"\xff\xfe"), ("utf-16-be", b"")]


@pytest.mark.parametrize(("encoding", "mark"), ENCODED)
@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_all_other_bytes_stay(tmp_path: Path, encoding: str, mark: bytes, packed: str) -> None:
    codec = "utf-16-le" if encoding == "utf-16" else encoding
    content, wanted = (
        mark + text.replace("keep", "größe").encode(codec)
        for text in (CSV, CSV.replace('"two\r\nlines"', "").replace("last", "forgotten-9"))
    )
    data = {"": content, ".gz": gzip.compress(content), ".zip": zipped(("o.csv", content))}[packed]
    *_, made = both(tmp_path, f"o.csv{packed}", data, {2: {1: ""}, 3: {0: "forgotten-9"}}, encoding=encoding)
    if packed == ".zip":
        made = zipfile.ZipFile(io.BytesIO(made)).read("o.csv")
    assert (gzip.decompress(made) if packed == ".gz" else made) == wanted


def test_a_line_that_cannot_be_split_says_nothing_any_more(tmp_path: Path) -> None:
    lines = b'a,b\n1,x\n2,"Ann Smith,ann@example.com\n3,M\xfcller,too,many\n4,y\n'
    before, after, made = both(tmp_path, "o.csv", lines, {2: {}, 3: {}})
    assert made == b'a,b\n1,x\nx,"xxx xxxxx,xxxxxxxxxxxxxxx\nx,xxxxxx,xxx,xxxx\n4,y\n'
    assert [(r["source_line"], r["raw_line"] is None) for r in before] == [
        (r["source_line"], r["raw_line"] is None) for r in after
    ]


def test_below_the_header_and_around_blank_rows(tmp_path: Path) -> None:
    text = b"Export of today\n\nid;who\n1;Ann\n ; \n2;Bob\n\n3;Cem\nTotal;3\n"
    shape = {"delimiter": ";", "header_starts_with": "id", "ignore_blank_rows": True, "footers": ("Total",)}
    _, after, made = both(tmp_path, "o.csv", text, {2: {1: ""}}, **shape)
    assert made == text.replace(b"Bob", b"")
    assert [(r["c0"], r["c1"]) for r in after] == [("1", "Ann"), ("2", ""), ("3", "Cem")]


def test_objects_keep_their_other_values(tmp_path: Path) -> None:
    said = {"id": 1, "price": Decimal("1.50"), "who": {"name": "Ann", "mail": "a@b.c", "tier": None}, "tags": ["x", 2]}
    text = json.dumps([said | {"price": 0}, {"id": 2}], ensure_ascii=False).replace('"price": 0', '"price": 1.50')
    names = ["id", "price", "who.name", "who.mail", "who.tier", "tags"]
    for name, content in (("o.json", text), ("o.ndjson", text[1:-1].replace("}, {", "}\n{") + "\r\n")):
        before, after, made = both(tmp_path, name, content.encode(), {1: {names.index("who.name"): "", 3: ""}})
        assert b"Ann" not in made
        assert b"a@b.c" not in made
        assert {k: v for k, v in after[0].items() if k not in ("c2", "c3")} == {
            k: v for k, v in before[0].items() if k not in ("c2", "c3")
        }
        assert after[1] == before[1]


def test_a_line_of_objects_that_is_none_is_masked(tmp_path: Path) -> None:
    _, after, made = both(tmp_path, "o.ndjson", b'{"a": 1}\n{"a": "Ann"\n{"a": 3}\n', {2: {}})
    assert b"Ann" not in made
    assert [r["raw_line"] is None for r in after] == [True, False, True]


def test_parquet_keeps_types_and_nested_names(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1, 2],
            "who": [{"name": "Ann", "born": date(1980, 1, 1)}, {"name": "Bob", "born": None}],
            "paid": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        }
    )
    before, after, made = both(tmp_path, "o.parquet", parquet(table), {1: {1: "", 2: ""}})
    assert b"Ann" not in made
    assert (after[1], after[0]["c3"], after[0]["c0"]) == (before[1], "1.50", "1")
    assert (after[0]["c1"], after[0]["c2"]) == ("", "")


def test_a_workbook_keeps_its_other_cells_and_no_other_sheet(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Export", None, None],
        ["id", "who", "day"],
        ["007", "Ann", date(2025, 1, 2)],
        [8.5, "Bob", "#N/A"],
    ]
    before, after, made = both(tmp_path, "o.xlsx", workbook(rows, top=1), {1: {1: ""}}, header_starts_with="id")
    assert (after[0]["c0"], after[0]["c1"], after[0]["c2"]) == ("007", "", before[0]["c2"])
    assert after[1] == before[1]
    assert not [name for name in _parts(made) if "Ann" in name]


def _parts(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return [packed.read(name).decode("utf-8", "replace") for name in packed.namelist()]


CELLS = st.text(st.sampled_from("ab \",;\n\r\\'é"), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    changed=st.dictionaries(
        st.integers(1, 8), st.dictionaries(st.integers(0, 2), st.sampled_from(["", "new"]), min_size=1)
    ),
    delimiter=st.sampled_from([",", ";"]),
    chunk=st.sampled_from([40, 1 << 20]),
)
def test_any_cells(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    changed: dict[int, dict[int, str]],
    delimiter: str,
    chunk: int,
) -> None:
    quoted = ['"' + cell.replace('"', '""') + '"' for row in rows for cell in row]
    lines = [delimiter.join(quoted[at : at + 3]) for at in range(0, len(quoted), 3)]
    content = ("a;b;c\n".replace(";", delimiter) + "\n".join(lines) + "\n").encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvfile, "CHUNK", chunk)
        _, after, _ = both(tmp_path_factory.mktemp("any"), "o.csv", content, dict(changed), delimiter=delimiter)
    wanted = [
        [changed.get(number, {}).get(at, cell) for at, cell in enumerate(row)]
        for number, row in enumerate(rows, start=1)
    ]
    assert [[r["c0"], r["c1"], r["c2"]] for r in after] == wanted
