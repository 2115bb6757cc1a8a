"""JSON and NDJSON: each object is a record, each name that one of them has is a column.

Numbers are the text that is written, never a float. What is nested has its names joined by dots (`customer.id`); a list
is its JSON text. The names are those of all objects, in the order in which they first occur.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from ecomm.batches import csvfile
from ecomm.batches.csvfile import Record
from ecomm.batches.dialect import UNDECODABLE
from ecomm.batches.reading import kinds, streams
from ecomm.batches.reading.kinds import Kind
from ecomm.batches.reading.place import Table
from ecomm.delivery import Shape
from ecomm.errors import FileError, HeaderError

MAX_JSON = 256 << 20
"""Bytes of a JSON file, which is held in memory whole, some ten times as large; NDJSON has no such bound."""
MAX_NAMES = 2_000
"""Names of one file's columns: more are the values of a map, not columns."""
MAX_DEPTH = 32
BATCH = 1 << 14
_Object = dict[str, Any]
_Item = _Object | str  # an object, or the text of what is none


class _Number(str):
    """A number, or a word such as NaN, as it is written."""

    __slots__ = ()


class _DoubledError(ValueError):
    """An object has a name twice."""


def table(path: Path, where: Path, shape: Shape, kind: Kind) -> Table:
    """A file of objects as a table. Raises FileError if it is no JSON, HeaderError if no object has a name."""
    lines = kind.format == "ndjson"

    def items() -> Iterator[_Item]:
        with _opened(path, where, shape, kind) as (_, _, text):
            yield from _lines(text) if lines else _of_document(text, str(where))

    names: dict[str, int] = {}
    for item in items():
        if isinstance(item, dict):
            for name in item:
                names.setdefault(name, len(names))
            if len(names) > MAX_NAMES:
                raise FileError(
                    f"{where}: its objects have more than {MAX_NAMES:,} names, which no table of records has."
                )
    if not names:
        raise HeaderError(f"{where}: there is no object with a name in it; it needs at least one record.")
    return Table(list(names), lambda: _pieces(items, list(names)), str, shape.footers)


def _pieces(items: Callable[[], Iterator[_Item]], names: list[str]) -> Iterator[pa.Table]:
    records: list[Record] = []
    for item in items():
        if isinstance(item, dict):
            records.append(Record([item.get(name, "") for name in names], None))
        else:
            records.append(Record(None, _whole(item[: csvfile.MAX_RECORD])))
        if len(records) == BATCH:
            yield csvfile.text_table(records, len(names))
            records = []
    if records:
        yield csvfile.text_table(records, len(names))


def _whole(text: str) -> str:
    r"""A text in which half of a character, which JSON can say, is shown as `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _lines(file: BinaryIO | streams.Decoding) -> Iterator[_Item]:
    """Each line that is not blank."""
    for line in _cut(file):
        if not line.strip():
            continue
        try:
            if len(line) > csvfile.MAX_RECORD:
                raise ValueError
            said = _parsed(line.decode("utf-8"))
            yield _flat(said) if isinstance(said, dict) else written(said)
        except (ValueError, RecursionError):
            yield line[: csvfile.MAX_RECORD].decode("utf-8", UNDECODABLE).strip()


def _cut(file: BinaryIO | streams.Decoding) -> Iterator[bytes]:
    """The lines of a stream; of one that is longer than a record may be, as much as shows it."""
    rest = b""
    while block := file.read(1 << 20):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > 2 * csvfile.MAX_RECORD:
            yield rest
            rest = b""
            while (block := file.read(1 << 20)) and b"\n" not in block:
                pass
            rest = block.partition(b"\n")[2]
    if rest:
        yield rest


def _of_document(file: BinaryIO | streams.Decoding, where: str) -> Iterator[_Item]:
    """The elements of the array that a document is, or that its object holds. Raises FileError."""
    data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise FileError(
            f"{where}: the JSON has more than {MAX_JSON >> 20} MiB, which must fit into memory; deliver it as NDJSON, "
            "one object a line."
        )
    try:
        said = _parsed(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        lines = error.msg == "Extra data" and error.lineno > 1
        do = 'set format = "ndjson" if each line is an object' if lines else "export it again"
        raise FileError(
            f"{where}: this is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}); {do}."
        ) from error
    except UnicodeDecodeError as error:
        raise FileError(f"{where}: the JSON is not UTF-8; set encoding to what it is in.") from error
    except RecursionError as error:
        raise FileError(f"{where}: the JSON is nested too deeply to be a table; export it as CSV.") from error
    except _DoubledError as error:
        raise FileError(f"{where}: an object of the JSON has a name twice; export it again.") from error
    for element in _array(said, where):
        try:
            yield _flat(element) if isinstance(element, dict) else written(element)
        except ValueError:
            yield written(element)


def _array(said: Any, where: str) -> list[Any]:
    """The array of objects. Raises FileError if there is none, or more than one."""
    if isinstance(said, list):
        return said
    held = {n: v for n, v in said.items() if _is_table(v)} if isinstance(said, dict) else {}
    if len(held) != 1:
        which = f"{len(held)} arrays of objects ({', '.join(held)})" if held else "no array of objects"
        raise FileError(f"{where}: the JSON holds {which}; it must be one array of objects, or an object with one.")
    found: list[Any] = next(iter(held.values()))
    return found


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def document(data: bytes, where: str) -> tuple[Any, list[Any]]:
    """A document, and its records, which are part of it. Raises FileError."""
    said = _parsed(data.decode("utf-8-sig"))
    return said, _array(said, where)


def parsed_or_none(line: bytes) -> Any:
    """A line of NDJSON; None if it is no JSON."""
    try:
        return _parsed(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def content(path: Path, where: Path, shape: Shape, kind: Kind) -> tuple[str, bytes, bytes]:
    """A file's codec, its mark, and the rest of it as UTF-8."""
    with _opened(path, where, shape, kind) as (codec, mark, text):
        return codec, mark, b"".join(iter(lambda: text.read(1 << 20), b""))


@contextmanager
def _opened(
    path: Path, where: Path, shape: Shape, kind: Kind
) -> Iterator[tuple[str, bytes, BinaryIO | streams.Decoding]]:
    """A file's codec, its mark, and the stream of the rest as UTF-8."""
    with kinds.content(path, where, kind) as file:
        head = file.read(8192)
    codec, length = streams.resolved(shape.encoding, head, str(where))
    with kinds.content(path, where, kind) as file:
        mark = file.read(length)
        yield codec, mark, file if codec == "utf-8" else streams.Decoding(file, codec)


def _parsed(text: str) -> Any:
    return json.loads(
        text, parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_without_doubles
    )


def _without_doubles(pairs: list[tuple[str, Any]]) -> _Object:
    said = dict(pairs)
    if len(said) != len(pairs):
        raise _DoubledError
    return said


def _flat(said: _Object) -> dict[str, str]:
    """An object as cells by name.

    Raises ValueError if two have one name, if it is nested too deeply, or if a text has half of a character.
    """
    found: dict[str, str] = {}
    _flatten(said, "", found, 0)
    "".join((*found, *found.values())).encode()
    return found


def _flatten(said: _Object, before: str, found: dict[str, str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError
    for name, value in said.items():
        if isinstance(value, dict):
            _flatten(value, f"{before}{name}.", found, depth + 1)
            continue
        if before + name in found:
            raise ValueError
        found[before + name] = _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else written(value)


def written(value: Any, depth: int = 0) -> str:
    """A value as JSON text, numbers as they were written. Raises ValueError if it is nested too deeply."""
    if depth > MAX_DEPTH:
        return '"..."'
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(written(one, depth + 1) for one in value)}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(n, ensure_ascii=False)}: {written(v, depth + 1)}" for n, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value, ensure_ascii=False)
