"""A file's header is matched with a source's contract: by name, in any case and order.

What a message says of a header is what may be known of it: where most of its names are unknown it may be a record.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence, Set

from ecomm import canonical
from ecomm.column_names import column_name, folded, is_doubtful, is_glued, line_end_in, nth
from ecomm.contract import Header, Source
from ecomm.delivery import Computed, Shape
from ecomm.errors import HeaderError

_MAX_EXTRA = 200
# What frames on their way through the program call their own columns. Others begin with `_`, which no extra one does.
INTERNAL = frozenset(
    "all_hash at_the_top change closes copy count ends header kept life malformed next_as_of opened_by opens place "
    "raw raw_line reasons severity side step told verdict".split()
)


def match_header(source: Source, shape: Shape, names: Sequence[str], file: str, reserved: frozenset[str]) -> Header:
    """Match a header by name, in any case and order.

    shape: of the file. reserved: column names of the tables that an extra column must not take.
    Raises HeaderError when a required column is missing, a contract column or the delete_column occurs twice, or the
    header contains records.
    """
    if end := line_end_in(names):
        raise HeaderError(
            f"{file}: there is a line end of another kind in the header ({end}), so that records would be taken for "
            "names; save the file with the line ends of Unix or Windows."
        )
    plain = [folded(n) for n in names]
    theirs = {folded(name) for column in shape.columns for name in shape.headers_of(column)}
    positions: dict[str, int] = {}
    computed, cells = _computed(shape, plain, file)
    for column in source.columns:
        own_names = [folded(name) for name in shape.headers_of(column.name)]
        for candidate in (*own_names, column.name, *column.aliases):
            if column.name in computed or (candidate in theirs and candidate not in own_names):
                continue
            found = _place(plain, candidate, file)
            if found is not None:
                positions[column.name] = found
                break
    if shape.line_id:
        positions.pop("line_id", None)  # a column of that name is an extra one
    line_cells = _line_cells(shape, plain, positions, file)
    if len(line_cells) == 1:
        positions["line_id"] = line_cells[0]
    demanded = source.demanded(shape) if not shape.part else source.key[:1]
    missing = [name for name in demanded if name not in positions and name not in computed]
    if missing:
        own = {name: _wanted(shape, name, plain) for name in missing}
        said = ", ".join(f"{own[name]} (for {name})" if own[name] else name for name in missing)
        split = next((d for d in ";\t|," if len(names) == 1 and d in names[0]), None)
        known = {*positions.values(), *cells.values()}
        raise HeaderError(
            f"{file}: the header lacks {said}, which {source.name} must have; {_shown(names, known)}"
            + (_renamed(shape, source, missing, names, known) or _advised(source, split, positions, missing)),
            names,
        )
    # All of a joined text's cells are in it; of another computed column the cells are kept as well.
    joined = {cells[name] for way in computed.values() for name in way.joined if name in cells}
    held = {*positions.values(), *joined}
    unknown = [i for i in range(len(names)) if i not in held and i not in line_cells]
    _check_unknown(source, shape, names, unknown, file)
    extras = _extras(names, unknown, reserved)
    if len(extras) > _MAX_EXTRA:
        raise HeaderError(
            f"{file}: {len(extras)} unknown columns; at most {_MAX_EXTRA} are kept. Is this the right file?"
        )
    stated = {
        *positions,
        *computed,
        *(["line_id"] if shape.line_id else []),
        *(["currency"] if shape.amounts == "written" and source.money else []),
    }
    absent = tuple(c.name for c in source.columns if c.name not in stated)
    flag = source.delivery.delete_column
    deletes = None if flag is None else _place(plain, folded(flag), file)
    only = {_only_place(plain, name, source, file): words for name, words in shape.only.items()}
    together = line_cells if len(line_cells) > 1 else ()
    return Header(distinct(names), positions, extras, absent, deletes, together, shape, only, computed, cells)


def _only_place(header: Sequence[str], name: str, source: Source, file: str) -> int:
    """Where a header is by whose cells records are chosen. Raises HeaderError if it is missing."""
    place = _place(header, folded(name), file)
    if place is None:
        raise HeaderError(
            f"{file}: the header lacks {name}, by which `only` in [sources.{source.name}] chooses records; "
            "is this the right file?"
        )
    return place


def _line_cells(shape: Shape, plain: Sequence[str], positions: Mapping[str, int], file: str) -> tuple[int, ...]:
    """Where the cells are that tell the lines of an order apart, by the names of headers, or of contract columns.

    Raises HeaderError if the header lacks one.
    """
    found = []
    for name in shape.line_headers:
        place = _place(plain, folded(name), file)
        if place is None:
            place = positions.get(name)
        if place is None:
            raise HeaderError(
                f"{file}: the header lacks {name}, which line_id in [sources.orders] names; without it the lines of an "
                "order cannot be told apart."
            )
        found.append(place)
    return tuple(found)


def match_parts(source: Source, headers: Mapping[str, Header]) -> None:
    """Check that the files of a batch that are heads or lines of orders have together what the source must have.

    headers: file -> its header, of one source. Raises HeaderError.
    """
    of_part = {part: {f: h for f, h in headers.items() if h.shape.part == part} for part in ("heads", "lines")}
    heads, lines = of_part["heads"], of_part["lines"]
    if not heads and not lines:
        return
    if not heads or not lines:
        file, lacking = next(iter(heads or lines)), "lines" if heads else "heads"
        raise HeaderError(
            f"{file}: its shape says part = {'lines' if lines else 'heads'!r}, and no file of the batch has the "
            f"{lacking} of these orders; list both files in one trigger."
        )
    lacks = [set.union(*[set(h.absent) for h in files.values()]) for files in (heads, lines)]
    shape = next(iter(lines.values())).shape
    without = {name for h in heads.values() for name in h.shape.without}
    if missing := [n for n in source.demanded(shape) if n in lacks[0] & lacks[1] and n not in without]:
        raise HeaderError(
            f"{' and '.join((next(iter(heads)), next(iter(lines))))}: neither header has {', '.join(missing)}, which "
            f"{source.name} must have; name the header in [sources.{source.name}.shapes], or the column in without."
        )


def _computed(shape: Shape, header: Sequence[str], file: str) -> tuple[dict[str, Computed], dict[str, int]]:
    """The contract columns that can be computed from a file, and where the cells are of which they are made."""
    computed: dict[str, Computed] = {}
    cells: dict[str, int] = {}
    for name in shape.columns:
        way = shape.computed_of(name)
        if way is None:
            continue
        found = {h: at for h in way.headers if (at := _place(header, folded(h), file)) is not None}
        if way.can_do_with(found):
            computed[name] = way
            cells |= found
    return computed, cells


def _renamed(shape: Shape, source: Source, missing: Sequence[str], names: Sequence[str], known: Set[int]) -> str:
    """How to say that a column for which the settings have a name is called otherwise in this file; "" if none has."""
    column = next((c for c in missing if c in shape.columns and shape.computed_of(c) is None), None)
    if column is None or not _is_plausible(names, known):
        return ""
    unknown = [n.strip(canonical.BLANKS) for i, n in enumerate(names) if i not in known]
    both = json.dumps(
        [*shape.headers_of(column), unknown[0] if len(unknown) == 1 else "its new name"], ensure_ascii=False
    )
    return f"; has the column another name now? Set {column} = {both} in [sources.{source.name}.columns]."


def _advised(source: Source, split: str | None, found: Mapping[str, int], missing: Sequence[str]) -> str:
    """What may be wrong with a header that lacks columns, as the end of its sentence."""
    place = f"[sources.{source.name}]"
    if split:
        return f"; is the delimiter {split!r}? Say so in {place}."
    if not found:
        return f"; is the header further down, or has it other names? Set skip_lines or columns in {place}."
    lacking = [name for name in ("customer_id", "product_id", "price") if name in missing]
    without = (
        f"; if the shop has none, set without = [{', '.join(map(json.dumps, lacking))}] in {place}" if lacking else ""
    )
    if source.name == "orders" and source.group in found and lacking:
        return (
            f'{without}; if orders and their lines are in two files, part = "heads" and part = "lines" in its shapes.'
        )
    return f"{without}."


def _wanted(shape: Shape, column: str, header: Sequence[str]) -> str:
    """The names that the settings have for a column and that a header lacks."""
    way = shape.computed_of(column)
    if way is None:
        return " or ".join(shape.headers_of(column))
    lacking = [name for name in way.headers if folded(name) not in header]
    return (" and " if way.needs_all else " or ").join(dict.fromkeys(lacking))


def _place(header: Sequence[str], name: str, file: str) -> int | None:
    """Where a name is in a header; None if it is not."""
    found = [i for i, n in enumerate(header) if n == name]
    if len(found) > 1:
        raise HeaderError(f"{file}: the column {name} stands {len(found)} times in the header; leave one.")
    return found[0] if found else None


def _extras(names: Sequence[str], unknown: Sequence[int], reserved: Set[str]) -> dict[str, int]:
    """The columns that keep what no contract names: their names, and where they are."""
    extras: dict[str, int] = {}
    taken = reserved | INTERNAL
    for at in unknown:
        name = column_name(names[at], taken)
        extras[next(n for n in (nth(name, number) for number in itertools.count(1)) if n not in extras)] = at
    return extras


def _check_unknown(source: Source, shape: Shape, names: Sequence[str], unknown: Sequence[int], file: str) -> None:
    """Raise HeaderError if names that no contract knows are rather a record."""
    doubtful = [at for at in unknown if is_doubtful(names[at])]
    vocabulary = {folded(n) for c in source.columns for n in (c.name, *c.aliases, *shape.headers_of(c.name))}
    if not doubtful and is_glued(names, unknown, vocabulary):
        doubtful = [len(names) // 2]
    if doubtful:
        raise HeaderError(
            f"{file}: column {doubtful[0] + 1} of the header looks like a value, not like a name; is the header "
            f"missing, or the line end behind it? If it is a name, list it in [sources.{source.name}.columns].",
            names,
        )


def _is_plausible(names: Sequence[str], known: Set[int]) -> bool:
    """It is a header, and no record: most of its names are known."""
    return 2 * len(known) > len(names)


def _shown(names: Sequence[str], known: Set[int]) -> str:
    """What a header has, for a message; what may be a record is counted, and not shown."""
    doubtful = any(is_doubtful(name) for at, name in enumerate(names) if at not in known)
    if _is_plausible(names, known) and not doubtful:
        return f"it has: {', '.join(name.strip(canonical.BLANKS) for name in names)[:300]}"
    if len(names) == 1:
        return "it is one column"
    return f"of its {len(names)} columns {len(known)} have a known name"


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names as keys of a map: the second, third ... of equal ones have their number behind them."""
    seen: list[str] = []
    for name in names:
        numbered = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        seen.append(next(n for n in numbered if n not in seen and (n == name or n not in names)))
    return tuple(seen)
