"""JSON, NDJSON and Parquet that are deep, wide, doubled, cut, or not what they say."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from tests.attack.files import Record
from tests.attack.formats_packed import ROWS, Made, file

_DICTS = [dict(zip(ROWS.header, row, strict=True)) for row in ROWS.cells]
_JSON = json.dumps(_DICTS)
_LINES = "".join(f"{json.dumps(one)}\n" for one in _DICTS)
_FIRST = json.dumps(_DICTS[0])
_NO = ()


def _with(value: str) -> str:
    """Lines of which one more has a name with this value."""
    return _LINES + _FIRST.replace("R0E", "R9E")[:-1] + f', "more": {value}}}\n'


def _also(*records: Record) -> tuple[Record, ...]:
    return (*(Record(row[0], (row,)) for row in ROWS.cells), *records)


_NINTH = Record("R9E", anywhere=True)


def _lines(kind: str, content: str | bytes, *records: Record) -> Made:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    found = tuple(Record(row[0], anywhere=True) for row in ROWS.cells)
    return file(f"ndjson {kind}", ".ndjson", data, records=(*found, *records))


def _document(kind: str, content: str | bytes) -> Made:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return file(f"json {kind}", ".json", data, records=tuple(Record(row[0], anywhere=True) for row in ROWS.cells))


def _parquet(table: pa.Table, **options: object) -> bytes:
    made = io.BytesIO()
    pq.write_table(table, made, **options)
    return made.getvalue()


_TABLE = pa.table({name: [row[n] for row in ROWS.cells] for n, name in enumerate(ROWS.header)})
_PARQUET = _parquet(_TABLE)
_DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000


def _wide() -> bytes:
    """Of 6 GB of texts, as kilobytes."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 6_000_000, pa.int32()), pa.array(["x" * 1000]))
    return _parquet(pa.table(dict.fromkeys(ROWS.header, texts)), compression="zstd")


def _prefixed() -> bytes:
    """Of 5 GB of texts, each a little longer than the one before."""
    begin, rows = "x" * 200_000, 25_000
    made = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in ROWS.header])
    options = {"use_dictionary": False, "column_encoding": dict.fromkeys(ROWS.header, "DELTA_BYTE_ARRAY")}
    with pq.ParquetWriter(made, schema, compression="zstd", **options) as writer:
        for start in range(0, rows, 1_000):
            texts = pa.array([f"{begin}{n:06}" for n in range(start, start + 1_000)])
            short = pa.array([""] * 1_000)
            writer.write_table(pa.table([texts, *[short] * (len(ROWS.header) - 1)], schema=schema))
    return made.getvalue()


def _flip(at: int) -> bytes:
    return _PARQUET[:at] + bytes([_PARQUET[at] ^ 0x10]) + _PARQUET[at + 1 :]


OBJECTS: tuple[Made, ...] = (
    file("ndjson", ".ndjson", _LINES.encode(), fine=True),
    file("json", ".json", _JSON.encode(), fine=True),
    file("json within an object", ".json", json.dumps({"orders": _DICTS}).encode(), fine=True),
    file("ndjson with a mark", ".ndjson", b"\xef\xbb\xbf" + _LINES.encode(), fine=True),
    _lines("nested deep", _with(_DEEP), _NINTH),
    _lines("of deep arrays", _with("[" * 100_000 + "]" * 100_000), _NINTH),
    _lines("of 100,000 digits", _with("1" * 100_000), _NINTH),
    _lines("of a huge number", _with("1e400"), _NINTH),
    _lines("of a huge exponent", _with("1e999999999"), _NINTH),
    *(_lines(f"of {word}", _with(word), _NINTH) for word in ("NaN", "Infinity", "-Infinity", "True", "undefined")),
    _lines("of a lone surrogate", _with('"\\ud800"'), _NINTH),
    _lines("of NUL", _with('"\\u0000"'), _NINTH),
    _lines("of a control character", _with('"\x01"'), _NINTH),
    _lines("of raw surrogates", _with('"\ud800"'), _NINTH),
    _lines("of no utf-8", _with('"').encode() + b'\xff"}\n'),
    _lines("of one name twice", _LINES + '{"order_id": "R9E", "order_id": "R8E"}\n', Record("R9E"), Record("R8E")),
    _lines("of names that meet", _with('1, "a.b": 1, "a": {"b": 2}'), _NINTH),
    _lines("of 3,000 names", _with("1, " + ", ".join(f'"n{n}": {n}' for n in range(3_000))), _NINTH),
    _lines("of a line that is cut", _LINES + '{"order_id": "R9E"', Record("R9E")),
    _lines("of a line that is a list", _LINES + '["R9E"]\n', Record("R9E")),
    _lines("of a line that is a number", _LINES + "12345\n", Record("12345")),
    _lines("of a long line", _with('"' + "x" * (3 << 20) + '"'), _NINTH),
    _lines("with carriage returns", _LINES.replace("\n", "\r")),
    _lines("with separators", _LINES.replace("\n", "\u2028")),
    _lines("in utf-16", _LINES.encode("utf-16")),
    _lines("that is an array", _JSON),
    _lines("with a comment", "// made by hand\n" + _LINES),
    file("ndjson of nothing", ".ndjson", b"", records=_NO),
    _document("nested deep", f"[{_DEEP}]"),
    _document("of deep arrays", "[" * 200_000 + "]" * 200_000),
    _document("of two arrays", json.dumps({"a": _DICTS, "b": _DICTS})),
    _document("of one name twice", '[{"order_id": "1", "order_id": "2"}]'),
    _document("of one odd name twice", '[{"\\ud800": "1", "\\ud800": "2"}]'),
    _document("of an odd name", _JSON[:-1] + ', {"\\udfff": "1"}]'),
    _document("of an odd text", _JSON[:-1] + ', {"order_id": "\\udfff"}]'),
    _document("that is cut", _JSON[:-20]),
    _document("with text behind", _JSON + "x"),
    _document("of a number", "1" * 1_000_000),
    _document("of a string", json.dumps("x" * 1000)),
    _document("of null", "null"),
    _document("of lists", json.dumps([["a", "b"]])),
    _document("of no utf-8", b'[{"order_id": "\xff"}]'),
    file("json of nothing", ".json", b"", records=_NO),
    file("parquet", ".parquet", _PARQUET, fine=True),
    file("parquet of a dictionary", ".parquet", _parquet(_TABLE, use_dictionary=True, compression="zstd"), fine=True),
    file("parquet of no rows", ".parquet", _parquet(_TABLE.slice(0, 0)), fine=True, records=_NO),
    file(
        "parquet of bytes",
        ".parquet",
        _parquet(pa.table({**{n: _TABLE[n] for n in _TABLE.column_names}, "raw": [b"\xff"] * 3})),
        records=_also(),
    ),
    file(
        "parquet of one name twice",
        ".parquet",
        _parquet(pa.Table.from_arrays([*_TABLE.columns, _TABLE.columns[0]], names=[*_TABLE.column_names, "order_id"])),
    ),
    file("parquet bomb", ".parquet", _wide, records=_NO),
    file("parquet of shared beginnings", ".parquet", _prefixed, records=_NO),
    *(
        file(f"parquet cut at {at}", ".parquet", _PARQUET[:at])
        for at in (3, 4, 8, len(_PARQUET) // 2, len(_PARQUET) - 1)
    ),
    *(
        file(f"parquet flipped at {at}", ".parquet", _flip(at))
        for at in (5, len(_PARQUET) - 200, len(_PARQUET) - 50, len(_PARQUET) - 6)
    ),
    file("parquet that says it is locked", ".parquet", _PARQUET[:-4] + b"PARE"),
    file("parquet whose footer is endless", ".parquet", _PARQUET[:-8] + b"\xff\xff\xff\x7fPAR1"),
    file("parquet that is text", ".parquet", b"order_id\n1\n"),
)
