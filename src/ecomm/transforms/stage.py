"""From a file's text to typed rows, and from accepted rows to stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import FINDINGS, LOOKS, OTHER_IDS, ContractColumn, Header, Reading, Source, text, text_name
from ecomm.delivery import POSITION
from ecomm.transforms import astray, cells, lines, parts

_STRINGS = "array<string>"


def lineage(batch_id: str, revision: int, as_of: datetime) -> dict[str, Column]:
    """The columns that say which batch and attempt wrote a row."""
    return {
        "batch_id": F.lit(batch_id),
        "revision": F.lit(revision).cast("bigint"),
        "as_of": F.lit(as_of).cast("timestamp"),
    }


def strings(values: Iterable[str]) -> Column:
    """A literal array of strings, also when it is empty."""
    return F.array(*[F.lit(v) for v in values]).cast(_STRINGS)


def as_text(landed: DataFrame, source: Source, header: Header, file: str, sha256: str, reading: Reading) -> DataFrame:
    """One landed file by the contract's names: grain = one record, malformed ones too.

    landed: source_line, raw_line (set for a malformed record), and the cells c0, c1, ... in the file's order.
    Gives source_file, file_sha256, source_line, malformed, the text of each contract column as the contract writes it
    (`<name>__text`, trimmed, NULL if the header lacks it), the extra columns, absent_columns and extra_columns (what
    the header lacks and has besides the contract), ends (the shop's delete_column says that the key ends), LOOKS,
    OTHER_IDS. Records that the shape's `only` does not choose are left out.
    """
    landed = landed.withColumns({LOOKS: astray.looks(source, header)})
    if header.shape.plain_texts:
        columns, rows = _cells(source, header), landed
        extras = {name: cells.as_exported(canonical.trimmed(F.col(f"c{i}"))) for name, i in header.extras.items()}
    else:
        rows = cells.texts(landed, source, header, reading)
        columns = {text_name(c.name): text(c.name) for c in source.columns}
        extras = {name: F.col(f"c{i}") for name, i in header.extras.items()}
    if source.notes:
        columns[FINDINGS] = F.col(FINDINGS) if FINDINGS in rows.columns else strings(())
    if header.line_cells:
        columns[text_name("line_id")] = lines.combined([canonical.trimmed(F.col(f"c{i}")) for i in header.line_cells])
    rows = rows.select(
        *([_chosen(header).alias("kept")] if header.only else []),
        F.lit(file).alias("source_file"),
        F.lit(sha256).alias("file_sha256"),
        "source_line",
        F.col("raw_line").isNotNull().alias("malformed"),
        _ends(source, header).alias("ends"),
        *[column.alias(name) for name, column in (columns | extras).items()],
        strings(header.absent).alias("absent_columns"),
        strings(sorted(header.extras)).alias("extra_columns"),
        LOOKS,
        _any_id_is_other(landed).alias(OTHER_IDS),
    )
    if header.shape.line_id == POSITION:
        rows = lines.numbered(rows)
    return rows.filter("kept").drop("kept") if header.only else rows


def _any_id_is_other(landed: DataFrame) -> Column:
    """An id of the record was delivered otherwise than it is compared."""
    others = [F.col(name).isNotNull() for name in _delivered(landed)]
    return reduce(lambda a, b: a | b, others, F.lit(False))


def _chosen(header: Header) -> Column:
    """The cells that `only` names have one of its words, in any case; a malformed record is kept, to be rejected."""
    chosen = F.lit(True)
    for place, words in header.only.items():
        cell = F.lower(canonical.trimmed(F.col(f"c{place}")))
        chosen &= cell.isNotNull() if "*" in words else cell.isin([word.lower() for word in words])
    return F.coalesce(chosen, F.lit(False)) | F.col("raw_line").isNotNull()


def with_keys(rows: DataFrame, source: Source) -> DataFrame:
    """The text rows that state something of the source: those that have its ids, and malformed ones.

    For files that come for another source.
    """
    ids = [text(c.name).isNotNull() for c in source.columns if c.key and c.default is None]
    return rows.filter(F.col("malformed") | reduce(lambda a, b: a & b, ids))


def _cells(source: Source, header: Header) -> dict[str, Column]:
    """The text of each contract column where a cell has it as it is."""

    def of(column: ContractColumn) -> Column:
        if column.name not in header.positions:
            return F.lit(None).cast("string")
        cell = canonical.trimmed(F.col(f"c{header.positions[column.name]}"))
        return cells.as_exported(cell) if column.type == "string" else cell

    return {text_name(column.name): of(column) for column in source.columns}


def _ends(source: Source, header: Header) -> Column:
    if header.deletes is None:
        return F.lit(False)
    said = canonical.word(canonical.trimmed(F.col(f"c{header.deletes}")))
    values = [canonical.word(canonical.trimmed(F.lit(v))) for v in source.delivery.delete_values]
    return F.coalesce(said.isin(*values), F.lit(False))


def corrected(landed: DataFrame, fixed: Mapping[int, Sequence[str | None]]) -> DataFrame:
    """One landed file with other cells for some records. fixed: record number -> its cells, in the file's order."""
    if not fixed:
        return landed
    rows = [(number, list(cells)) for number, cells in fixed.items()]
    said = landed.sparkSession.createDataFrame(rows, "_line bigint, _cells array<string>")
    beside = landed.join(F.broadcast(said), F.col("source_line") == F.col("_line"), "left")
    is_fixed = F.col("_line").isNotNull()
    read = {c: F.get("_cells", F.lit(int(c[1:]))) for c in landed.columns if c.startswith("c")}
    read = {c: F.when(is_fixed, cell).otherwise(F.col(c)) for c, cell in read.items()}
    whole = {c: F.when(~is_fixed, F.col(c)) for c in landed.columns if c == "raw_line" or c in _delivered(landed)}
    return beside.withColumns(read | whole).select(*landed.columns)


def _delivered(landed: DataFrame) -> list[str]:
    """The columns that have ids as they were delivered, where they are compared otherwise: d<n> of c<n>."""
    return [name for name in landed.columns if name[0] == "d" and name[1:].isdigit()]


def as_it_stands(landed: DataFrame, header: Header, file: str) -> DataFrame:
    """One landed file's records as they stand: source_file, source_line, raw (header name -> cell), raw_line."""
    others = {f"c{name[1:]}": name for name in _delivered(landed)}
    cells = [f"c{i}" for i in range(len(header.names))]
    stated = [F.coalesce(F.col(others[c]), F.col(c)) if c in others else F.col(c) for c in cells]
    pairs = [part for name, cell in zip(header.names, stated, strict=True) for part in (F.lit(name), cell)]
    return landed.select(
        F.lit(file).alias("source_file"),
        "source_line",
        F.when(F.col("raw_line").isNull(), F.create_map(*pairs)).alias("raw"),
        "raw_line",
    )


def together(frames: Sequence[DataFrame], extras: Sequence[str]) -> DataFrame:
    """The files of one source as one set; an extra column that a file lacks is NULL there."""
    return reduce(lambda a, b: a.unionByName(b), [with_extras(frame, extras) for frame in frames])


def with_extras(frame: DataFrame, extras: Sequence[str]) -> DataFrame:
    """The frame with every extra column; those that it lacks are NULL."""
    nulls = [F.lit(None).cast("string").alias(e) for e in extras if e not in frame.columns]
    return frame.select("*", *nulls)


def _value(column: ContractColumn, source: Source, reading: Reading) -> Column:
    cell = text(column.name)
    if column.name == "currency":
        return F.coalesce(F.upper(cell), F.lit(reading.shop.reporting_currency))
    if column.name == "customer_id" and not column.key:
        return F.when(cell != F.lit(cells.NOBODY), cell)
    zone, thousandths = reading.shop.source_timezone, source.has_thousandths(reading.shop)
    value = canonical.word(cell) if column.word else canonical.typed(cell, column.type, zone, thousandths)
    if column.default is None:
        return value
    return F.when(cell.isNull(), F.lit(column.default).cast(column.type)).otherwise(value)


def with_key(rows: DataFrame, source: Source) -> DataFrame:
    """Add `key`: the length-prefixed key parts; NULL where an id that must be there is missing."""
    defaults = {c.name: c.default for c in source.columns}
    parts = {}
    for name in source.key:
        default = defaults[name]
        parts[name] = text(name) if default is None else F.coalesce(text(name), F.lit(default))
    pieces = [F.concat(F.length(p).cast("string"), F.lit(":"), p) for p in parts.values()]
    return rows.withColumn("key", F.concat(*pieces))


def typed(rows: DataFrame, source: Source, reading: Reading, verdicts: dict[str, Column]) -> DataFrame:
    """The text rows as typed ones: the value of each contract column, and what is computed from it, with `verdicts`."""
    values = {c.name: _value(c, source, reading) for c in source.columns} | source.parsed(reading)
    texts = [text_name(c.name) for c in source.columns] + [FINDINGS, LOOKS, OTHER_IDS, parts.UNMATCHED]
    return rows.withColumns(values).withColumns(verdicts).drop(*texts)


def stage(
    rows: DataFrame, shared: Column, source: Source, reading: Reading, lineage: Mapping[str, Column]
) -> DataFrame:
    """Typed rows with everything that stage stores, and `apart`: the row alone does not say what becomes of it.

    rows: typed, with the verdicts `reasons` and `quality_flags`. shared: another row of the batch has the key. lineage:
    batch_id, revision, as_of. The `quality_flags` are all that is said of a row: where nothing rejects it they are what
    stage stores. A rule at the level NONE informs (validation_results), and is no flag, so its rows stand apart too.
    """
    apart = (F.size("reasons") > 0) | shared
    if reading.shop.quiet:
        apart |= F.arrays_overlap("quality_flags", strings(reading.shop.quiet))
    return rows.withColumns(
        {
            **source.derived(reading),
            **lineage,
            "row_hash": canonical.row_hash(source.tracked),
            "op": F.when(F.col("ends"), F.lit("D")).otherwise(F.lit("U")),
            "quality_flags": F.concat("reasons", "quality_flags"),
            "apart": apart,
        }
    )


def accepted(apart: DataFrame, exceptions: DataFrame | None, reading: Reading) -> DataFrame:
    """Those of the rows that stand apart that are accepted, with the flags that stage stores.

    exceptions: quality.judge's result, None if it is empty.
    """
    flags = F.col("quality_flags")
    if exceptions is not None:
        where = ["source_file", "source_line"]
        verdicts = exceptions.select(*where, "verdict", F.col("reasons").alias("told"))
        apart = apart.join(verdicts, where, "left")
        apart = apart.filter(F.col("verdict").isNull() | (F.col("verdict") == "flagged"))
        flags = F.when(F.col("verdict") == "flagged", F.col("told")).otherwise(flags)
    if reading.shop.quiet:
        flags = F.filter(flags, lambda name: ~name.isin(*reading.shop.quiet))
    return apart.withColumns({"quality_flags": flags})
