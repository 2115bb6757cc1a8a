"""What an engine has written is looked at before it can become a table's."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecomm.errors import InvariantError
from ecomm.store.datafiles import described

TYPES = {"id": pa.string(), "price": pa.decimal128(18, 3), "flags": pa.list_(pa.string())}
ROW = {"id": ["a"], "price": [None], "flags": [["x"]]}


def written(folder: Path, schema: dict[str, pa.DataType]) -> None:
    columns = {name: pa.array(ROW.get(name, [None]), of) for name, of in schema.items()}
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "a.parquet")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"price": pa.decimal128(18, 2)}, r"price decimal128\(18, 2\) \(not decimal128\(18, 3\)\)"),
        ({"price": pa.float64()}, r"price double \(not"),
        ({"more": pa.int64()}, r"more int64 \(not None\)"),
        ({"id": None}, r"id None \(not string\)"),
    ],
    ids=["another scale", "another type", "a column too many", "a column too few"],
)
def test_files_with_other_columns_are_refused(tmp_path: Path, change: dict[str, pa.DataType | None], said: str) -> None:
    written(tmp_path / "1-0", {name: of for name, of in {**TYPES, **change}.items() if of is not None})
    with pytest.raises(InvariantError, match=said):
        described(tmp_path, tmp_path / "1-0", {}, TYPES, ())


def test_how_long_texts_are_and_what_elements_are_called_is_no_difference(tmp_path: Path) -> None:
    longer = {"id": pa.large_string(), "flags": pa.large_list(pa.field("item", pa.large_string()))}
    written(tmp_path / "1-0", {**TYPES, **longer})
    [file] = described(tmp_path, tmp_path / "1-0", {}, TYPES, ("id",))
    assert (file.path, file.rows) == ("1-0/a.parquet", 1)
