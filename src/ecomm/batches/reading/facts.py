"""What a shape says about how a file is read, as a person can check it: names and counts, no value of a record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ecomm.batches import endings
from ecomm.batches.reading import kinds
from ecomm.contract import Header
from ecomm.delivery import Computed


def facts(file: Path, header: Header, shape_name: str, *, below: int) -> dict[str, str]:
    """Fact -> what it is, those that are not the default's alone, besides format and encoding.

    shape_name: which of the source's shapes it is, empty for its own. below: records below the table.
    """
    shape = header.shape
    kind = kinds.kind_of(file, file, shape)
    said = {"format": kind.format + (f", {kind.packed}" if kind.packed else "")}
    if kind.format in ("csv", "tsv"):
        said["encoding"] = shape.encoding
        said["delimiter"] = {"\t": "tab"}.get(shape.delimiter, shape.delimiter) if kind.format == "csv" else "tab"
    said["shape"] = shape_name
    said["header"] = _header(header)
    said["footers"] = f"{below} records below the table are not read" if below else ""
    said["last line"] = "has no end: is the file whole?" if endings.may_go_on(file, shape, 0) else ""
    said["days"] = " or ".join(["ISO", *shape.date_formats]) + (
        f" ({shape.date_language})" if shape.date_language != "en" else ""
    )
    said["amounts"] = _amounts(header)
    said["lines"] = ", ".join(shape.line_headers) or str(shape.line_id or "")
    said["filled down"] = ", ".join(shape.fill_down)
    said["only"] = ", ".join(f"{name} = {' or '.join(words)}" for name, words in shape.only.items())
    said["computed"] = "; ".join(f"{name} = {_way(way)}" for name, way in header.computed.items())
    return {name: value for name, value in said.items() if value}


def _header(header: Header) -> str:
    shape = header.shape
    place = ""
    if shape.header_starts_with:
        place = f", the line that begins with {shape.header_starts_with}"
    elif shape.skip_lines:
        place = f", below {shape.skip_lines} lines"
    return f"{len(header.names)} columns{place}"


def _amounts(header: Header) -> str:
    shape = header.shape
    comma = "decimal comma" if shape.decimal_comma else "decimal point"
    said = [comma, {"plain": "", "written": "signs, thousands and parentheses"}[shape.amounts]]
    said += [f"cents in {', '.join(shape.cents)}"] if shape.cents else []
    said += ["rounded half up"] if shape.decimals == "round" else []
    return ", ".join(part for part in said if part)


def _way(way: Computed) -> str:
    """How a column is computed, by the names of headers."""
    ways: Mapping[str, str] = {
        "product": " x ".join(way.product),
        "constant": "a constant" if way.constant is not None else "",
        "joined": " + ".join(way.joined),
        "first": f"the first of {', '.join(way.first)}" if way.first else "",
        "share": f"the line's part of {way.share_of} by {' x '.join(way.by)}" if way.share_of else "",
    }
    return next(said for said in ways.values() if said)
