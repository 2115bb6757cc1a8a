"""Keys that end because a complete snapshot does not mention them.

A complete snapshot ends every key that it does not mention, neither by a statement nor by a rejected row. With a
scope, some columns of the key, it speaks only of those of their values that it mentions: its parts. Such an ending is
no row of any table. It follows from the live log, and the fold is told of it as of a delete.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Rule, Severity, Source
from ecomm.transforms import keys

# A batch's place in the log. Python orders texts by code point, which is the order of their bytes in UTF-8.
Position = tuple[datetime, str]
_FEW = 200
"""So many parts are literals of a filter; more are joined: of whole orders each is a part."""
COMPLETE = Rule(
    "snapshot_complete",
    Severity.LOW,
    lambda _: F.lit(True),
    "a snapshot without a record, or with one whose key is not readable, ends nothing",
)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a source: its batch, its scope, and the parts that it speaks of (without a scope there is one)."""

    as_of: datetime
    batch_id: str
    revision: int
    scope: tuple[str, ...] = ()
    parts: frozenset[str] = frozenset(("",))


def unreadable(source: Source) -> Column:
    """A rejected record (`key`, `reasons`) does not say which key it meant: its key is missing, or ill-formed."""
    ill_formed = F.array(*(F.lit(f"{name}_well_formed") for name in source.key))
    return F.col("key").isNull() | F.arrays_overlap("reasons", ill_formed)


def with_part(rows: DataFrame, source: Source, scope: Collection[str]) -> DataFrame:
    """Add `part`, the part that a `key` belongs to: its pieces for the columns of a scope, each with its length."""
    places = [i for i, name in enumerate(source.key) if name in scope]
    apart = keys.taken_apart(rows, max(places, default=-1) + 1)
    part = F.concat(F.lit(""), *[F.col(f"_piece_{place}") for place in places])
    return apart.select(*rows.columns, part.alias("part"))


def parts(mentions: DataFrame, source: Source, scope: Collection[str]) -> DataFrame:
    """The parts that batches mention: grain = one part of a batch (`batch_id`, `part`)."""
    return with_part(mentions.select("batch_id", "key"), source, scope).select("batch_id", "part").distinct()


def following(
    batches: Collection[Position],
    snapshots: Sequence[Snapshot],
    mentioning: Mapping[str, Collection[Position]] | None = None,
) -> list[tuple[str, str, datetime, str]]:
    """For each batch and part the first snapshot behind it that speaks of the part; none, no row.

    mentioning: part -> the batches that mention it, where not all batches are asked for: each order may be a part.
    (batch_id, part, as_of and batch_id of the snapshot.)
    """
    speaking: dict[str, list[Position]] = {}
    for snapshot in snapshots:
        for spoken in snapshot.parts:
            speaking.setdefault(spoken, []).append((snapshot.as_of, snapshot.batch_id))
    rows = []
    for spoken, positions in sorted(speaking.items()):
        positions.sort()
        asked = batches if mentioning is None else mentioning.get(spoken, ())
        behind = ((batch, bisect_right(positions, batch)) for batch in asked)
        rows += [(batch[1], spoken, *positions[i]) for batch, i in behind if i < len(positions)]
    return rows


def endings(
    mentions: DataFrame, batches: Collection[Position], snapshots: Sequence[Snapshot], source: Source
) -> DataFrame:
    """Where keys end by a snapshot's silence: grain = one key and snapshot (`key`, `as_of`, `batch_id`).

    mentions: `key`, `as_of`, `batch_id` of all of a key's statements, and of its rejected rows in snapshots; a rejected
    row elsewhere changes nothing. batches: all that mention anything.

    A key's life reaches at most to the first snapshot behind any of its mentions. If that snapshot mentions the key,
    the life goes on; else it ends there: so these are the first snapshots behind a mention that do not mention the key.
    """
    sided = [mentions.select("key", "as_of", "batch_id", F.lit(1).alias("mentioned"))]
    for scope in sorted({s.scope for s in snapshots}):
        mentioning = _mentioning(mentions, batches, source, scope) if scope else None
        rows = following(batches, [s for s in snapshots if s.scope == scope], mentioning)
        behind = mentions.sparkSession.createDataFrame(
            rows, "batch_id string, part string, ends_at timestamp, ended_by string"
        )
        beside = with_part(mentions.select("key", "batch_id"), source, scope)
        beside = beside.join(F.broadcast(behind), ["batch_id", "part"])
        ended = ("key", F.col("ends_at").alias("as_of"), F.col("ended_by").alias("batch_id"))
        sided.append(beside.select(*ended, F.lit(0).alias("mentioned")))
    placed = reduce(lambda a, b: a.unionByName(b), sided).groupBy("key", "batch_id")
    said = placed.agg(F.max("as_of").alias("as_of"), F.sum("mentioned").alias("mentioned"))
    return said.filter(F.col("mentioned") == 0).select("key", "as_of", "batch_id")


def _mentioning(
    mentions: DataFrame, batches: Iterable[Position], source: Source, scope: Collection[str]
) -> dict[str, list[Position]]:
    """Part -> the batches that mention it."""
    positions = {batch_id: (as_of, batch_id) for as_of, batch_id in batches}
    found: dict[str, list[Position]] = {}
    for row in parts(mentions, source, scope).collect():
        found.setdefault(row["part"], []).append(positions[row["batch_id"]])
    return found


def as_deletes(ended: DataFrame, statements: DataFrame) -> DataFrame:
    """Endings in the form of stage rows: deletes that say nothing else."""
    said = {"key": F.col("key"), "as_of": F.col("as_of"), "batch_id": F.col("batch_id"), "op": F.lit("D")}
    nothing = F.lit(None)
    return ended.select(*[said.get(f.name, nothing.cast(f.dataType)).alias(f.name) for f in statements.schema.fields])


def within_reach(versions: DataFrame, snapshot: Snapshot, source: Source) -> DataFrame:
    """The keys whose version a snapshot may end or cut: those that hold or end at its instant, in its parts.

    Gives `key` and the key's columns.
    """
    at = F.lit(snapshot.as_of).cast("timestamp")
    held = (F.col("effective_date") <= at) & (F.col("expiry_date").isNull() | (F.col("expiry_date") >= at))
    return _spoken_of(versions.filter(held), snapshot, source).select("key", *source.key)


def unmentioned(versions: DataFrame, mentions: Iterable[DataFrame], snapshot: Snapshot, source: Source) -> DataFrame:
    """The versions whose keys a snapshot speaks of, but does not mention. mentions: its rows, with `key`."""
    rows = _spoken_of(versions, snapshot, source)
    return reduce(lambda left, mentioned: left.join(mentioned.select("key"), "key", "left_anti"), mentions, rows)


def _spoken_of(versions: DataFrame, snapshot: Snapshot, source: Source) -> DataFrame:
    """The versions in the parts that a snapshot speaks of, with their `key`."""

    def texts(names: Iterable[str]) -> Column:
        return canonical.length_prefixed([(name, "string") for name in names])

    if snapshot.scope:
        of_scope = texts(name for name in source.key if name in snapshot.scope)  # = part(key), from less
        if len(snapshot.parts) <= _FEW:
            versions = versions.filter(of_scope.isin(sorted(snapshot.parts)))
        else:
            rows = [(one,) for one in sorted(snapshot.parts)]
            spoken = versions.sparkSession.createDataFrame(rows, "_part string")
            versions = versions.join(F.broadcast(spoken), of_scope == F.col("_part"), "left_semi")
    return versions.withColumn("key", texts(source.key))
