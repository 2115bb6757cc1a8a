"""Runs the cases of `scd2/`: many at once, each beside the others under a key of its own.

A case is taken step by step, and every prefix of its steps is a history to be folded, so that what stands after each
step is known. The rows go the way of a file's rows: text, cast, judged, staged; the fold reads what the ledger says.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm import canonical, history, money
from ecomm.batches.entry import Entry, FileEntry
from ecomm.batches.log import Log
from ecomm.batches.trigger import parsed
from ecomm.contract import ContractColumn, Reading, Shop, Source
from ecomm.delivery import Delivery
from ecomm.engines import Engine
from ecomm.headers import match_header
from ecomm.history import History, with_files
from ecomm.money import MONEY
from ecomm.sources.rules import key_rules, readable_rules
from ecomm.transforms import fold as folding
from ecomm.transforms import quality, relations
from ecomm.transforms import stage as staging

CASES = Path(__file__).parent / "scd2"
_COLUMNS = (
    ContractColumn("case", "string", "The case, and so many of its steps.", required=True, key=True),
    ContractColumn("part", "string", "A part of the key.", key=True, default=""),
    ContractColumn("id", "string", "The thing.", required=True, key=True),
    ContractColumn("line_id", "string", "Which line of the thing.", key=True, default=""),
    ContractColumn("refund_id", "string", "Which refund of the line.", key=True, default=""),
    ContractColumn("city", "string", "A text."),
    ContractColumn("tier", "string", "Another text."),
    ContractColumn("amount", MONEY, "A number."),
    ContractColumn("day", "date", "A day."),
    ContractColumn("seen", "timestamp", "An instant.", tracked=False),
    ContractColumn("created_timestamp", "timestamp", "When the row was written.", tracked=False),
)
_EXTRAS = ("deleted", "note")
_READING = Reading(datetime(2026, 1, 1, tzinfo=UTC), Shop())
_RULES = (
    *key_rules("case"),
    *key_rules("part", required=False, blanks=True),
    *key_rules("id"),
    *key_rules("line_id", required=False, blanks=True, longest=255),
    *key_rules("refund_id", required=False),
    *readable_rules(_COLUMNS, high=("amount", "day")),
)
_PLACE = ["source_file", "source_line"]
_VERSION = ("effective_date", "expiry_date", "is_current", "row_hash", "batch_id")


@dataclass(frozen=True)
class Case:
    """A case as its file says it (README.md)."""

    name: str
    says: str
    key: list[str]
    batches: dict[str, dict[str, Any]]
    steps: list[Any]
    versions: list[dict[str, str | None]]
    alternatives: list[list[dict[str, str | None]]] = field(default_factory=list)
    tracked: list[str] = field(default_factory=lambda: ["city", "tier", "amount", "day"])
    untracked: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    deletes: str | None = None

    @property
    def is_plain(self) -> bool:
        """Nothing but arrivals of upserts: what the fast path takes as a whole."""
        odd = self.deletes or any("snapshot" in b or "tracked" in b for b in self.batches.values())
        return not odd and all(isinstance(step, str) for step in self.steps)


def cases() -> list[Case]:
    """All cases, by name."""
    found = []
    for path in sorted(CASES.glob("*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        said["alternatives"] = said.pop("or", [])
        found.append(Case(**said))
        assert found[-1].name == path.stem, path
    return found


@dataclass(frozen=True)
class Written:
    """What one attempt wrote to stage: the rows of a batch's file under a revision."""

    case: str
    revision: int
    batch_id: str
    as_of: datetime
    header: tuple[str, ...]
    rows: list[list[str | None]]
    tracked: tuple[str, ...]


@dataclass(frozen=True)
class Prefix:
    """A case after some of its steps: its ledger, and what its attempts wrote."""

    case: Case
    steps: int
    entries: list[Entry]
    written: list[Written]

    @property
    def name(self) -> str:
        """Under which key its rows stand."""
        return f"{self.case.name}@{self.steps}"


def prefixes(case: Case, source: Source, revisions: Iterator[int]) -> Iterator[Prefix]:
    """A case after each of its steps."""
    for steps in range(1, len(case.steps) + 1):
        name, entries, written = f"{case.name}@{steps}", list[Entry](), list[Written]()
        for step in case.steps[:steps]:
            verb, batch = ("arrive", step) if isinstance(step, str) else next(iter(step.items()))
            if verb == "undo":
                entries.append(Entry("UNDO", batch_id=f"{name}/{batch}"))
                continue
            said, revision = case.batches[step["by"] if verb == "replace" else batch], next(revisions)
            file = _file(case, said, name, f"{name}/{batch}", revision)
            written.append(file)
            own = source.signature if list(file.tracked) == case.tracked else "another"
            entries.append(
                Entry(
                    "RECOVER" if verb == "crash" else "PUBLISH",
                    batch_id=file.batch_id,
                    as_of=file.as_of,
                    revision=revision,
                    files=(_entry(said, len(file.rows)),),
                    contract_hash=f"{source.name}:{own}",
                )
            )
        yield Prefix(case, steps, entries, written)


def _file(case: Case, said: Mapping[str, Any], name: str, batch_id: str, revision: int) -> Written:
    when = {"batch_date" if len(said["at"]) == len("2025-01-01") else "trigger_timestamp": said["at"]}
    trigger = parsed(Path("x"), json.dumps({"trigger_id": batch_id, "expected_files": ["x.csv"], **when}), ["things"])
    tracked = tuple(said.get("tracked", case.tracked))
    return Written(name, revision, batch_id, trigger.as_of, tuple(said["header"]), said["rows"], tracked)


def _entry(said: Mapping[str, Any], rows: int) -> FileEntry:
    snapshot, absence = said.get("snapshot"), "keep"
    if snapshot:  # of one case, and in it of the parts, or the orders, that it mentions
        absence = " ".join(["close", "case", *(snapshot if isinstance(snapshot, list) else [])])
    return FileEntry("things", "x.csv", "0", 0, rows_read=rows, rows_rejected=rows, absence=absence)


def source_of(tracked: Sequence[str]) -> Source:
    """The contract of the cases that track these columns."""
    columns = tuple(replace(c, tracked=c.tracked and c.name in tracked) for c in _COLUMNS)
    delivery = Delivery(delete_column="deleted")
    return Source("things", columns, _RULES, delivery=delivery)


def staged(engine: Engine, source: Source, files: Sequence[Written]) -> tuple[DataFrame, DataFrame]:
    """The stage and error rows of what attempts wrote: each file judged by itself."""
    by_header = defaultdict[tuple[str, ...], list[tuple[Written, list[str | None]]]](list)
    for file in files:
        by_header[file.header] += [(file, row) for row in file.rows]
    texts, places = [], []
    for name, (header, rows) in enumerate(sorted(by_header.items())):
        cells = ", ".join(f"c{i} string" for i in range(len(header) + 1))
        landed = [(line, None, file.case, *row) for line, (file, row) in enumerate(rows, 1)]
        frame = engine.spark.createDataFrame(landed, f"source_line bigint, raw_line string, {cells}")
        met = match_header(source, source.delivery, ["case", *header], "x.csv", frozenset())
        texts.append(staging.as_text(frame, source, met, str(name), "0", _READING))
        places += [(str(name), i, f.revision, f.batch_id, f.as_of) for i, (f, _) in enumerate(rows, 1)]
    lineage = "source_file string, source_line bigint, revision bigint, batch_id string, as_of timestamp"
    where = engine.spark.createDataFrame(places, lineage)
    text = staging.together(texts, _EXTRAS).join(where, _PLACE)
    apart = text.withColumn("case__text", F.concat("case__text", F.lit("#"), F.col("revision").cast("string")))
    own = quality.verdicts(source, _READING, among_rivals=False)
    judged = staging.typed(staging.with_key(apart, source), source, _READING, own).drop("revision", "batch_id", "as_of")
    rivals = quality.rivals(judged, quality.shared_keys(judged), source, _READING)
    exceptions = quality.judge(judged, rivals, source, _READING)
    typed = staging.typed(staging.with_key(text, source), source, _READING, own)
    together = quality.apart(staging.stage(typed, F.lit(True), source, _READING, {}), source)
    stage = staging.accepted(together, exceptions, _READING)
    hashed = F.col("row_hash")
    for tracked in {f.tracked for f in files}:
        of_old = [f.revision for f in files if f.tracked == tracked]
        other = canonical.row_hash([(c.name, c.type) for c in _COLUMNS if c.name in tracked])
        hashed = F.when(F.col("revision").isin(of_old), other).otherwise(hashed)
    rejected = exceptions.filter(F.col("verdict") == "rejected").select(*_PLACE, "severity", "reasons")
    # Made of the columns: of a key of five parts, taken apart again, the plan would be large.
    parts = F.when(F.col("key").isNotNull(), F.array(*source.key)).alias("key_parts")
    errors = typed.select(*_PLACE, "key", parts, "revision", "batch_id", "as_of").join(rejected, _PLACE)
    return stage.withColumn("row_hash", hashed), errors


def folded(engine: Engine, source: Source, all_prefixes: Sequence[Prefix], folder: Path) -> tuple[DataFrame, DataFrame]:
    """(stage, versions) of all prefixes at once. folder: where what is read several times is kept."""

    def keep(name: str, frame: DataFrame) -> DataFrame:
        frame.write.parquet(engine.uri(folder / name))
        return engine.spark.read.parquet(engine.uri(folder / name))

    written = staged(engine, source, [file for prefix in all_prefixes for file in prefix.written])
    stage, errors = (keep(name, frame) for name, frame in zip(("stage", "errors"), written, strict=True))
    alive = [entry for prefix in all_prefixes for entry in Log(tuple(prefix.entries)).live.values()]
    said = History(
        source,
        with_files(alive, source.name),
        stage,
        errors,
        F.col("revision").isin([entry.revision for entry in alive]),
        _EXTRAS,
        keep=keep,
    )
    return stage, keep("versions", history.versions(said).select(*_target(source)))


def advanced(source: Source, stage: DataFrame, before: DataFrame, pairs: Mapping[str, tuple[str, int]]) -> DataFrame:
    """Versions told from the ones before by the fast path. pairs: prefix -> the one before, the revision that came."""
    was = F.create_map(*[F.lit(word) for name, (old, _) in pairs.items() for word in (old, name)])
    target = before.filter(F.col("case").isin([old for old, _ in pairs.values()])).withColumn(
        "case", was[F.col("case")]
    )
    mine = stage.filter(F.col("revision").isin([revision for _, revision in pairs.values()]))
    current = target.filter("is_current")
    changes = folding.advance(mine, current, source, _target(source))
    return relations.with_changes(target, changes, [*source.key, "effective_date"], _target(source))


def _target(source: Source) -> list[str]:
    return [*(c.name for c in source.stored), *_EXTRAS, *_VERSION]


def by_case(rows: DataFrame) -> dict[str, list[dict[str, str | None]]]:
    """The versions of each prefix, each value as a case writes it, in the order of key and time."""
    instants = [f.name for f in rows.schema.fields if f.dataType.simpleString() == "timestamp"]
    epoch, found = datetime(1970, 1, 1, tzinfo=UTC), defaultdict[str, list[dict[str, str | None]]](list)
    for row in rows.withColumns({name: F.unix_micros(name) for name in instants}).collect():
        said: dict[str, Any] = row.asDict()
        said |= {n: said[n] if said[n] is None else epoch + timedelta(microseconds=said[n]) for n in instants}
        version = {"from": said["effective_date"], "to": said["expiry_date"], "by": said["batch_id"].split("/", 1)[1]}
        columns = {name: value for name, value in said.items() if name not in ("case", *_VERSION)}
        found[said["case"]].append({name: text(value) for name, value in (columns | version).items()})
    return {name: sorted(rows, key=place) for name, rows in found.items()}


def text(value: object) -> str | None:
    """A value as a case writes it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return money.shown(value)
    return None if value is None else str(value)


def place(version: Mapping[str, str | None]) -> tuple[tuple[str, ...], datetime]:
    """Where a version stands among the others of its case: its key, and when it begins."""
    key = tuple(version.get(name) or "" for name in ("part", "id", "line_id", "refund_id"))
    return key, datetime.fromisoformat(str(version["from"]))


def shown(rows: Iterable[Mapping[str, str | None]], like: Sequence[Mapping[str, str | None]]) -> list[dict[str, Any]]:
    """The versions with the columns that a case shows."""
    names = list(like[0]) if like else ["id", "from", "to", "by"]
    return [{name: row[name] for name in names} for row in rows]


def revisions() -> Iterator[int]:
    """Numbers for attempts."""
    return count(1)
