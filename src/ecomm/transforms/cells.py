"""From a file's cells to the contract's texts, as the file's shape says.

One small step behind the other: a step's columns are read by the next, so that no expression stands in the plan twice.
What a step adds for the next ones begins with `_`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import FINDINGS, HEADER, LOOKS, TOTAL, ContractColumn, Header, Reading, Source, text, text_name
from ecomm.delivery import Shape
from ecomm.transforms import amounts, days
from ecomm.transforms.shares import with_share

NOBODY = ""
"""The text of a cell that says: nobody. (No other cell has an empty text: an empty cell has none.)"""
_REST = 1 << 20


def as_exported(cell: Column) -> Column:
    """A text without the apostrophe that `ecomm export` puts before what a spreadsheet would take for a formula."""
    return F.when(cell.rlike(r"\A'+[-=+@\t\r]"), F.substring(cell, 2, _REST)).otherwise(cell)


def texts(landed: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """The landed records with the text of each contract column (`<name>__text`), their cells trimmed and cleaned."""
    rows = landed.withColumns({f"c{i}": _clean(F.col(f"c{i}"), header.shape) for i in range(len(header.names))})
    rows = _placed(rows, source, header)
    steps: Iterable[Callable[[DataFrame, Source, Header, Reading], DataFrame]] = (
        _words_mapped,
        _group_filled,
        _filled_down,
        _numbers_read,
        _multiplied,
        _as_whole_units,
        _with_currency,
        _to_minor_unit,
        _shared,
        _days_read,
    )
    return reduce(lambda frame, step: step(frame, source, header, reading), steps, rows)


def _clean(raw: Column, shape: Shape) -> Column:
    """A cell's trimmed text without text markers; NULL if it is empty, or a text that means so."""
    cell = canonical.trimmed(raw)
    if shape.text_markers:
        quoted = F.regexp_replace(cell, r"""\A=[(]?"([^"]*)"[)]?\z""", "$1")
        # An apostrophe may belong to the word: 's-Hertogenbosch, 't Hart.
        marked = quoted.rlike(r"\A'") & ~quoted.rlike(r"\A'[a-z][ -]")
        cell = canonical.trimmed(F.when(marked, F.substring(quoted, 2, _REST)).otherwise(quoted))
    else:
        cell = as_exported(cell)
    if shape.null_values:
        empty = [_plain(value) for value in shape.null_values]
        cell = F.when(~F.lower(cell).isin(*empty), cell)
    return cell


def _placed(rows: DataFrame, source: Source, header: Header) -> DataFrame:
    """Add the text of every contract column that is one cell, a constant, joined, or the first of several."""

    def of(name: str) -> Column:
        if name in header.positions:
            return F.col(f"c{header.positions[name]}")
        way = header.computed.get(name)
        if way is None:
            return F.lit(None).cast("string")
        if way.constant is not None:
            return F.lit(way.constant)
        cells = [F.col(f"c{header.cells[h]}") for h in (*way.joined, *way.first) if h in header.cells]
        if way.joined:
            together = F.concat_ws(way.separator, *cells)
            return F.when(together != F.lit(""), together)
        return F.coalesce(*cells) if way.first else F.lit(None).cast("string")

    return rows.withColumns({text_name(c.name): of(c.name) for c in source.columns})


def _group_filled(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """A record without an order_id gets that of the record before, unless that one cannot be read.

    A header or a total between records of an order is passed over.
    """
    if source.group not in header.shape.fill_down:
        return rows
    whole_file = Window.partitionBy(F.lit(0)).orderBy("source_line")
    so_far = whole_file.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    own = F.coalesce(F.col(LOOKS).isin(HEADER, TOTAL), F.lit(False))
    stated = F.when(F.col("raw_line").isNotNull(), F.lit("")).when(~own, text(source.group))
    last = F.last(stated, ignorenulls=True).over(so_far)
    filled = rows.withColumn("_group", last)
    group = F.when(F.col("raw_line").isNull() & (F.col("_group") != F.lit("")), F.col("_group"))
    return filled.withColumn(text_name(source.group), F.when(own, text(source.group)).otherwise(group))


def _stated(source: Source, header: Header) -> list[ContractColumn]:
    """The contract columns that the file has, or that are computed from it."""
    return [c for c in source.columns if c.name in header.positions or c.name in header.computed]


def _numbers_of(source: Source, header: Header) -> dict[str, tuple[str, bool]]:
    """What is read as a number: the name of its text -> where it is, and whether a currency may stand there."""
    numeric = ("decimal", "bigint")
    read = {
        text_name(c.name): (text_name(c.name), c.name in source.money)
        for c in _stated(source, header)
        if c.type.startswith(numeric)
    }
    for way in header.computed.values():
        for name in (*way.product, *way.by):
            read[_number(header, name)] = (f"c{header.cells[name]}", True)
        if way.share_of:
            read[_total(header, way.share_of)] = (f"_total_{header.cells[way.share_of]}", True)
    return read


def _number(header: Header, name: str) -> str:
    """The name of the number that a cell is read as."""
    return f"_number_{header.cells[name]}"


def _total(header: Header, name: str) -> str:
    """The name of the number that an order's total is read as."""
    return f"_number_of_total_{header.cells[name]}"


def _numbers_read(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """Numbers as the contract writes them; `_currencies_<n>`: which currencies a written amount says."""
    shape, read = header.shape, _numbers_of(source, header)
    if shape.amounts != "written":
        point = canonical.decimal_point if shape.decimal_comma else _as_it_is
        return rows.withColumns({name: point(F.col(at)) for name, (at, _) in read.items()}) if read else rows
    comma = shape.decimal_comma
    parts = {
        f"_parts_{name}": amounts.split(F.col(at), decimal_comma=comma, money=money)
        for name, (at, money) in read.items()
    }
    said = {f"_currencies_{name}": amounts.stated_currencies(F.col(f"_parts_{name}")) for name in read}
    numbers = {
        name: amounts.number(F.col(at), F.col(f"_parts_{name}"), F.col(f"_currencies_{name}"), decimal_comma=comma)
        for name, (at, _) in read.items()
    }
    return rows.withColumns(parts).withColumns(said).withColumns(numbers)


def _as_it_is(column: Column) -> Column:
    return column


def _multiplied(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """Products of two numbers."""
    ways = {name: way.product for name, way in header.computed.items() if way.product}
    return _with(
        rows,
        {text_name(n): amounts.times([F.col(_number(header, h)) for h in product]) for n, product in ways.items()},
    )


def _as_whole_units(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """Hundredths become whole units: of a shared amount its total, of another one itself."""
    names = [_amount(header, name) for name in header.shape.cents]
    return _with(rows, {name: amounts.hundredth(F.col(name)) for name in names})


def _amount(header: Header, name: str) -> str:
    """Where the amount of a contract column is until it is shared: its own text, or the total's number."""
    way = header.computed.get(name)
    return _total(header, way.share_of) if way is not None and way.share_of else text_name(name)


def _with_currency(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """The row's currency: the cell's, else what the amounts say. `_currency`: that, or the reporting currency."""
    if not source.money:
        return rows.withColumn("_currency", F.lit(reading.shop.reporting_currency))
    stated = F.upper(text("currency"))
    said = [F.col(c) for c in rows.columns if c.startswith("_currencies_")]
    if said:
        rows = rows.withColumn(text_name("currency"), amounts.code_of(stated, reading.shop.reporting_currency))
        rows = rows.withColumn("_stated", text("currency"))
        certain = [F.when(F.length(s) == F.lit(3), s) for s in said]
        likely = [amounts.meant(s, F.lit(None).cast("string"), reading.shop.reporting_currency) for s in said]
        rows = rows.withColumn(text_name("currency"), F.coalesce(F.col("_stated"), *certain, *likely))
        stated = F.upper(text("currency"))
    return rows.withColumn("_currency", F.coalesce(stated, F.lit(reading.shop.reporting_currency)))


def _to_minor_unit(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """Amounts rounded, if the shape says so; and what the reading of the cells has found."""
    if not header.shape.notes:
        return rows
    found: list[Column] = []
    if header.shape.decimals == "round":
        money = sorted({_amount(header, name) for name in source.money if name not in header.absent})
        rows = rows.withColumns({f"_exact_{name}": F.col(name) for name in money})
        rows = rows.withColumns({name: amounts.rounded(F.col(name), F.col("_currency")) for name in money})
        changed = [amounts.exact(F.col(name)) != amounts.exact(F.col(f"_exact_{name}")) for name in money]
        found.append(F.when(_any(changed), F.lit("amount_rounded")))
    if said := [F.col(c) for c in rows.columns if c.startswith("_currencies_")]:
        others = [~s.isin("", amounts.UNKNOWN) & ~F.contains(s, F.col("_currency")) for s in said]
        found.append(F.when(_any(others), F.lit("currency_agrees")))
    names = F.filter(F.array(*found).cast("array<string>"), lambda name: name.isNotNull())
    return rows.withColumn(FINDINGS, names)


def _any(conditions: Iterable[Column]) -> Column:
    return reduce(lambda a, b: a | b, [F.coalesce(c, F.lit(False)) for c in conditions], F.lit(False))


def _shared(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """Parts of an order's total."""
    for name, way in header.computed.items():
        if way.share_of:
            by = [_number(header, h) for h in way.by]
            rows = rows.drop(text_name(name))
            total, order = _total(header, way.share_of), text_name(source.group)
            rows = with_share(rows, text_name(name), total, by, order, F.col("_currency"))
    return rows


def _days_read(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """Days and instants in ISO form."""
    shape = header.shape
    if not shape.date_formats:
        return rows
    names = [text_name(c.name) for c in _stated(source, header) if c.type in ("date", "timestamp")]
    ways = [(f"{i}_{name}", name, written) for name in names for i, written in enumerate(shape.date_formats)]
    rows = _with(rows, {f"_day_{way}": days.split(F.col(n), f, shape.date_language) for way, n, f in ways})
    parts = {way: days.pieces(F.col(f"_day_{way}"), written) for way, _, written in ways}
    rows = _with(rows, {f"_part_{i}_{way}": part for way, of in parts.items() for i, part in enumerate(of)})
    pieces = {way: [F.col(f"_part_{i}_{way}") for i in range(len(of))] for way, of in parts.items()}
    read = {way: days.reading(pieces[way], f, shape.date_language, reading.as_of) for way, _, f in ways}
    rows = _with(rows, {f"_iso_{way}": iso for way, iso in read.items()})
    if len(shape.date_formats) > 1:
        rows = _with(rows, {f"_iso_{way}": days.real(F.col(f"_iso_{way}")) for way in read})
    chosen = {n: [F.col(f"_iso_{way}") for way, of, _ in ways if of == n] for n in names}
    return _with(rows, {name: days.as_iso(F.col(name), readings) for name, readings in chosen.items()})


def _words_mapped(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """The shop's words as the contract's; words of customer_id that mean nobody."""
    columns: Mapping[str, ContractColumn] = {c.name: c for c in source.columns}
    mapped = {text_name(n): _mapped(columns[n], words) for n, words in header.shape.values.items()}
    if header.shape.nobody:
        customer = mapped.get(text_name("customer_id"), text("customer_id"))
        words = [_plain(word) for word in header.shape.nobody]
        mapped[text_name("customer_id")] = F.when(F.lower(customer).isin(*words), F.lit(NOBODY)).otherwise(customer)
    return _with(rows, mapped)


def _mapped(column: ContractColumn, words: Mapping[str, str]) -> Column:
    """A cell with the words of the contract in place of the shop's: as words are compared, or in any case."""
    cell = text(column.name)
    table = {
        _as_word(said) if column.word else said.strip(canonical.BLANKS).lower(): meant for said, meant in words.items()
    }
    pairs = [F.lit(part) for pair in table.items() for part in pair]
    said = canonical.word(cell) if column.word else F.lower(cell)
    return F.coalesce(F.element_at(F.create_map(*pairs), said), cell)


def _plain(said: str) -> str:
    """A text as it is compared in any case."""
    return said.strip(canonical.BLANKS).lower()


def _as_word(said: str) -> str:
    """What `canonical.word` makes of a text."""
    return re.sub(f"[{re.escape(canonical.BLANKS)}-]+", "_", _plain(said))


def _filled_down(rows: DataFrame, source: Source, header: Header, reading: Reading) -> DataFrame:
    """What only the first record of an order states, on its other records; so the total that is shared among them."""
    names = {text_name(n): text_name(n) for n in header.shape.fill_down if n != source.group}
    totals = [header.cells[way.share_of] for way in header.computed.values() if way.share_of]
    names |= {f"_total_{i}": f"c{i}" for i in totals}
    if not names:
        return rows
    group = text_name(source.group)
    so_far = Window.partitionBy(group).orderBy("source_line")
    so_far = so_far.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    last = {f"_last_{name}": F.last(at, ignorenulls=True).over(so_far) for name, at in names.items()}
    known = F.col(group).isNotNull()
    return rows.withColumns(last).withColumns(
        {name: F.when(known, F.col(f"_last_{name}")).otherwise(F.col(at)) for name, at in names.items()}
    )


def _with(rows: DataFrame, columns: Mapping[str, Column]) -> DataFrame:
    return rows.withColumns(dict(columns)) if columns else rows
