"""A file judged without a warehouse: what would become of its rows. Nothing is written but what is removed again."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.attempt import Workspace
from ecomm.batch import OpenedFile
from ecomm.batches import rates
from ecomm.batches.landing import Claimed
from ecomm.batches.reading.facts import facts
from ecomm.batches.reading.tables import open_table
from ecomm.batches.trigger import LandedFile
from ecomm.contract import Reading, Rule, Severity, Source
from ecomm.delivery import written
from ecomm.engines import start as start_engine
from ecomm.errors import FileError, HeaderError, UsageError
from ecomm.headers import match_header
from ecomm.masks import Masks
from ecomm.opening import open_files
from ecomm.session import sources_of
from ecomm.settings import Settings
from ecomm.tables import reserved, stage_fields
from ecomm.tasks import land, stage_load, unknown_words
from ecomm.transforms import quality
from ecomm.transforms import stage as staging

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """A rule that rows of the file break: how many, and the first of their lines."""

    rule: str
    severity: str
    meaning: str
    rows: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Rejected:
    """A record that would not be accepted, as it stands in the file."""

    line: int
    verdict: str
    reasons: tuple[str, ...]
    raw: Mapping[str, str | None] | None
    raw_line: str | None


@dataclass(frozen=True)
class Checked:
    """What would become of a file's rows.

    columns: contract column -> its name in the header, in the contract's order. absent: contract columns that the
    header lacks. unknown: its names that no contract knows. rows: read, accepted, rejected, duplicate, superseded, and
    left_out, if any are: records that are none of the source's.
    unread: how many records below the table are not read. reading: fact -> what the shape says of how it was read.
    """

    file: Path
    source: str
    as_of: datetime
    columns: Mapping[str, str]
    absent: tuple[str, ...]
    unknown: tuple[str, ...]
    rows: Mapping[str, int]
    score: Decimal
    findings: tuple[Finding, ...]
    rejected: tuple[Rejected, ...]
    unread: int = 0
    reading: Mapping[str, str] = field(default_factory=dict)


def check(
    settings: Settings,
    file: Path,
    source: str | None,
    as_of: datetime,
    limit: int,
    told: Progress,
    *,
    reveal: bool = False,
) -> Checked:
    """Judge a file as a batch at this instant would, and show so many of its rejected and superseded records.

    source: None if the file's name or header says it. reveal: personal values are shown. Raises UsageError,
    HeaderError, FileError, StorageError.
    """
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file.")
    sources = sources_of(settings)
    if source is not None and source not in sources:
        raise UsageError(f"there is no source {source}; use {', '.join(sources)}.")
    chosen = sources[source or _guess(sources, file)]
    claimed = [Claimed(LandedFile(chosen.name, file), file, "", file.stat().st_size)]
    lender = chosen.delivery.read_from
    if settings.reads_too(chosen.name, lender, file.name):
        claimed.append(replace(claimed[0], file=LandedFile(lender, file)))
    opened, *_ = open_files(sources, claimed)
    reading = Reading(as_of.astimezone(UTC), settings.counting(rates.read(settings)).shop)
    with tempfile.TemporaryDirectory(prefix="ecomm-check-") as folder:
        # Judged here, whatever computes the batches: rules say the same everywhere, and a cluster may not see the file.
        inside = settings.model_copy(update={"warehouse": Path(folder), "engine": "sail", "remote": None})
        engine = start_engine(inside)
        try:
            said = _judged(Workspace(engine, Path(folder)), chosen, opened, reading, limit, told)
        finally:
            engine.stop()
    masks = Masks(sources, secrets.token_bytes(16), reveal)
    return replace(said, rejected=tuple(_masked(chosen.name, record, masks) for record in said.rejected))


def _masked(source: str, record: Rejected, masks: Masks) -> Rejected:
    raw = None if record.raw is None else masks.record(source, record.raw)
    return replace(record, raw=raw, raw_line=masks.line(record.raw_line))


def _judged(work: Workspace, source: Source, file: OpenedFile, reading: Reading, limit: int, told: Progress) -> Checked:
    told(f"reading {file.name} ({file.claimed.bytes / 1e6:,.1f} MB)")
    (landed,) = land.land(work, source, [file], {})
    told(f"judging {landed.records:,} rows")
    lineage = staging.lineage("", 0, reading.as_of)
    columns = [f.name for f in stage_fields(source)] + list(landed.header.extras)
    judged = stage_load.judge(work, source, [landed], reading, lineage, columns)
    (landed,) = land.of_source([landed], judged.rows)
    tallies = _tallies(judged)
    rules = quality.in_force(source, reading.shop)
    lost = {v: sum(t.rows for t in tallies if t.verdict == v) for v in ("rejected", "duplicate", "superseded")}
    accepted, left_out = landed.records - sum(lost.values()), landed.left_out
    penalties = sum((penalty * number for penalty, number in quality.penalties(rules, tallies)), Decimal(0))
    copy = file.claimed.copy
    return Checked(
        file=copy,
        source=source.name,
        as_of=reading.as_of,
        columns={c: landed.header.names[i] for c, i in landed.header.positions.items()},
        absent=landed.header.absent,
        unknown=tuple(landed.header.names[i] for i in landed.header.extras.values()),
        rows={"read": landed.records, "accepted": accepted, **lost, **({"left_out": left_out} if left_out else {})},
        score=quality.score(penalties, accepted + lost["rejected"]),
        findings=tuple(_findings(source, rules, tallies)),
        rejected=() if judged.exceptions is None else _rejected(judged.exceptions, landed, limit),
        unread=landed.unread,
        reading=facts(copy, landed.header, _shape_name(source, copy.name), below=landed.unread),
    )


def _shape_name(source: Source, name: str) -> str:
    """Which of a source's shapes reads a file of this name; empty for its own."""
    return next((n for n, shape in source.delivery.shapes.items() if shape.reads(name)), "")


def _tallies(judged: stage_load.Judged) -> list[quality.Tally]:
    """What was said of the rows. Rows without a key are sampled too: here their lines count."""
    key = F.coalesce(F.col("key"), F.lit(""))
    frames = (judged.plain, judged.apart, judged.exceptions)
    return quality.tallied(quality.tally(*(None if f is None else f.withColumns({"key": key}) for f in frames)))


def _findings(source: Source, rules: Sequence[Rule], tallies: Sequence[quality.Tally]) -> list[Finding]:
    """The rules that are broken, the loudest and most frequent first."""
    found = []
    for rule in rules:
        broken = [t for t in tallies if t.counts and rule.name in t.said]
        if broken:
            lines = sorted(line for t in broken for line, _ in t.sample)[: quality.SAMPLE]
            rows = sum(t.rows for t in broken)
            found.append(
                Finding(rule.name, str(rule.severity), unknown_words.meaning(source, rule), rows, tuple(lines))
            )
    loudness = [str(s) for s in Severity]
    return sorted(found, key=lambda f: (loudness.index(f.severity), -f.rows, f.rule))


def _rejected(exceptions: DataFrame, landed: land.Landed, limit: int) -> tuple[Rejected, ...]:
    """The first records that would not be accepted, in the order of the file."""
    lost = exceptions.filter(F.col("verdict").isin("rejected", "superseded"))
    first = lost.select("source_line", "verdict", "reasons").orderBy("source_line").limit(limit).collect()
    lines = landed.frame.filter(F.col("source_line").isin([r["source_line"] for r in first]))
    standing = {r["source_line"]: r for r in staging.as_it_stands(lines, landed.header, "").collect()}
    return tuple(
        Rejected(
            r["source_line"],
            r["verdict"],
            tuple(r["reasons"]),
            standing[r["source_line"]]["raw"],
            standing[r["source_line"]]["raw_line"],
        )
        for r in first
    )


def _guess(sources: Mapping[str, Source], file: Path) -> str:
    """The source that a file's name names, else the one that knows most of its header's names."""
    named = [name for name in sources if name in file.name.lower()]
    if len(named) == 1:
        return named[0]
    known, read = {}, dict[str, list[str]]()
    for name, source in sources.items():
        try:
            shape = source.delivery.shape_of(file.name)
            if source.delivery.read_from and shape is source.delivery:
                continue  # it comes for the other source
            said = written(shape)
            read[said] = names = read.get(said) or open_table(file, shape).names
            known[name] = len(match_header(source, shape, names, str(file), reserved(name)).positions)
        except (HeaderError, FileError):
            continue
    best = [name for name, number in known.items() if number == max(known.values())]
    if len(best) != 1:
        raise UsageError(f"{file}: neither name nor header say which source it is; add --source {'|'.join(sources)}.")
    return best[0]
