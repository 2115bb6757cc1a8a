"""Which rows of a batch are accepted: one pass over all rules, then duplicates, then the winner of each key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import HEADER, LOOKS, OFF, Reading, Rule, Severity, Shop, Source
from ecomm.transforms import keys, parts
from ecomm.transforms.relations import several
from ecomm.transforms.stage import strings

SUPERSEDED = "superseded"
SEQUENCE_CONFLICT = "sequence_conflict"
LINE_MALFORMED = "line_malformed"
# What is found before a row has columns, and between rows: named like rules, found elsewhere.
MALFORMED = Rule(
    LINE_MALFORMED,
    Severity.HIGH,
    lambda _: F.lit(True),
    "too many or few fields, broken quote, too long, undecodable",
)
REPEATED = Rule(
    "header_repeated",
    Severity.HIGH,
    lambda _: F.lit(True),
    "the file's header once more, as in exports that were put behind one another",
)
CONFLICT = Rule(
    SEQUENCE_CONFLICT,
    Severity.MEDIUM,
    lambda _: F.lit(True),
    "same key and stated time, other content: the later record wins and is flagged, the losers are kept beside",
)
UNPUBLISHED = Rule(
    "superseded_amount_agrees",
    Severity.HIGH,
    lambda _: F.lit(True),
    "a later record of the same order, line and refund counts, and has another amount, currency or product: the money "
    "of this one is in no table. Say what tells lines apart (line_id in [sources.orders]), or correct the record",
)
UNMATCHED_PARTS = (
    Rule(
        parts.HEAD_ALONE,
        Severity.HIGH,
        lambda _: F.lit(True),
        "an order of a file of heads without lines in the batch (`part`)",
    ),
    Rule(
        parts.LINE_ALONE,
        Severity.HIGH,
        lambda _: F.lit(True),
        "a line of an order whose head is not in the batch (`part`)",
    ),
)
PENALTY = {
    Severity.HIGH: Decimal(1),
    Severity.MEDIUM: Decimal("0.3"),
    Severity.LOW: Decimal("0.1"),
    Severity.NONE: Decimal(0),
}
SAMPLE = 5
_CATEGORIES = {
    "completeness": ("_present", "_complete", "_assumed"),
    "format": ("line_malformed", "header_repeated", "_format", "_readable", "_well_formed"),
    "referential": ("_exists",),
    "consistency": ("_agrees", "sequence_conflict", "email_unique", "column_disappeared"),
}


def category(rule_name: str) -> str:
    """What kind of check a name is, by its ending."""
    return next((c for c, endings in _CATEGORIES.items() if rule_name.endswith(endings)), "business_rule")


def score(penalties: Decimal, rows: int) -> Decimal:
    """100 x (1 - penalties / rows judged), two decimals, half up; no rows are perfect."""
    share = penalties / rows if rows else Decimal(0)
    return (100 * (1 - share)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def conflict(shop: Shop) -> Rule | None:
    """The rule on rivals of the same time at the shop's level; None if the shop does without it."""
    return _at_level(CONFLICT, shop)


def unpublished(source: Source, shop: Shop) -> Rule | None:
    """The rule on money that is lost to a rival; None if the source has no money, or the shop does without it."""
    return _at_level(UNPUBLISHED, shop) if source.at_stake else None


def _at_level(rule: Rule, shop: Shop) -> Rule | None:
    level = shop.severity.get(rule.name, rule.severity)
    return None if level == OFF else rule.at(level)


def in_force(source: Source, shop: Shop) -> tuple[Rule, ...]:
    """Everything that may be said of a row of the source, in the order in which it is said."""
    among = (conflict(shop), unpublished(source, shop))
    unmatched = UNMATCHED_PARTS if source.in_parts else ()
    return (MALFORMED, REPEATED, *unmatched, *source.rules_in_force, *(rule for rule in among if rule is not None))


def verdicts(source: Source, reading: Reading, *, among_rivals: bool) -> dict[str, Column]:
    """What a row breaks, as two arrays of names: `reasons` (the rules that reject it), `quality_flags` (all others).

    among_rivals: the rules that look at the other rows with the same key, or those that look at the row alone. Of a row
    that ends its key only the key is looked at. A malformed record breaks `line_malformed` and nothing else, and a
    header that stands there once more `header_repeated`.
    """
    rules = [r for r in source.rules_in_force if r.among_rivals is among_rivals]
    high = [r for r in rules if r.severity is Severity.HIGH]
    others = [r for r in rules if r.severity is not Severity.HIGH]
    alone = F.when(F.col("malformed"), strings([LINE_MALFORMED]))
    judged = F.col("malformed")
    if among_rivals:
        is_header = F.array_contains("reasons", REPEATED.name)
        alone, judged = alone.when(is_header, strings(())), judged | is_header
    else:
        is_header = F.coalesce(F.col(LOOKS) == F.lit(HEADER), F.lit(False))
        alone, judged = alone.when(is_header, strings([REPEATED.name])), judged | is_header
        if source.in_parts:
            is_unmatched = F.col(parts.UNMATCHED).isNotNull()
            alone, judged = alone.when(is_unmatched, F.array(F.col(parts.UNMATCHED))), judged | is_unmatched
    return {
        "reasons": alone.otherwise(_broken(high, source, reading)),
        "quality_flags": F.when(judged, strings(())).otherwise(_broken(others, source, reading)),
    }


def _broken(rules: Iterable[Rule], source: Source, reading: Reading) -> Column:
    names = []
    for rule in rules:
        holds = rule.holds(reading)
        if source.delivery.delete_column is not None and rule.name not in source.identity:
            holds = F.col("ends") | holds
        names.append(F.when(~F.coalesce(holds, F.lit(True)), F.lit(rule.name)))
    return F.filter(F.array(*names).cast("array<string>"), lambda name: name.isNotNull())


def shared_keys(rows: DataFrame) -> DataFrame:
    """The keys that more than one row has."""
    return several(rows.filter(F.col("key").isNotNull()).select("key"), ["key"])


def apart(rows: DataFrame, source: Source) -> DataFrame:
    """Stage's rows that stand apart, with what stage does not store: `reasons`, `malformed` and `ends`.

    rows: their `quality_flags` are all that is said of them, and are those that reject nothing afterwards.
    """
    flags = strings(r.name for r in source.rules_in_force if r.severity is not Severity.HIGH)
    said = F.col("quality_flags")
    return rows.withColumns(
        {
            "reasons": F.array_except(said, flags),
            "quality_flags": F.array_intersect(said, flags),
            "malformed": F.array_contains(said, LINE_MALFORMED),
            "ends": F.col("op") == F.lit("D"),
        }
    )


def rivals(rows: DataFrame, shared: DataFrame, source: Source, reading: Reading) -> DataFrame:
    """The rows that share their key with another; what the rules that look at rivals find is added."""
    sharing = rows.join(shared, "key", "left_semi")
    if not any(r.among_rivals for r in source.rules):
        return sharing
    found = verdicts(source, reading, among_rivals=True)
    return sharing.withColumns({name: F.concat(name, names) for name, names in found.items()})


def judge(
    rows: DataFrame, sharing: DataFrame | None, source: Source, reading: Reading, files: Sequence[str] = ()
) -> DataFrame:
    """The rows that are not simply accepted with their own flags: grain = one such record.

    rows: a batch's rows of a source that stand `apart`. sharing: their `rivals`, None if there are none. files: the
    names of the batch's files, in the trigger's order. Gives source_file, source_line, key, verdict (rejected,
    duplicate, superseded, or flagged: accepted, with flags that come from its rivals), reasons (all that is said of the
    row), severity.
    Order: reject; then rows equal in all columns; then the winner of a key, which is the one with the greatest time
    (`Source.times`, missing lowest), at equal stated times one that ends the key, then the one in the later file, then
    the later record. What loses with other money than the winner's is rejected.
    """
    if sharing is None:
        return _rejected(rows)
    alone = rows.join(sharing.select("source_file", "source_line"), ["source_file", "source_line"], "left_anti")
    accepted = sharing.filter(F.size("reasons") == 0)
    return _rejected(alone).unionByName(_rejected(sharing)).unionByName(_losers(accepted, source, reading, files))


def _rejected(rows: DataFrame) -> DataFrame:
    said = rows.filter(F.size("reasons") > 0).withColumn("reasons", F.concat("reasons", "quality_flags"))
    old = F.array_contains("reasons", SUPERSEDED)  # a head of an order that has a later one
    verdict = F.when(old, F.lit("superseded")).otherwise(F.lit("rejected"))
    return _verdict(said, verdict, F.when(old, F.lit(str(Severity.NONE))).otherwise(F.lit(str(Severity.HIGH))))


def _verdict(frame: DataFrame, verdict: Column, severity: Column) -> DataFrame:
    return frame.select(
        "source_file", "source_line", "key", "reasons", verdict.alias("verdict"), severity.alias("severity")
    )


def _losers(sharing: DataFrame, source: Source, reading: Reading, files: Sequence[str]) -> DataFrame:
    """Of accepted rows that share their key: all but the winners, and the winners that are flagged for their rivals."""
    among, lost = conflict(reading.shop), unpublished(source, reading.shop)
    placed = _placed(sharing, source, files)
    won = F.col("place") == 1
    is_copy = F.col("copy") > 1
    at_once = F.lit(False)
    if among is not None:
        stated = F.col("_time").isNotNull() & (F.col("_time") == F.col("_winning_time"))
        whole = Window.partitionBy("key")
        placed = placed.withColumn("at_the_top", F.sum(F.when(stated & ~is_copy, 1).otherwise(0)).over(whole))
        at_once = stated
    contested = (F.col("at_the_top") > 1) if among is not None else F.lit(False)
    conflicting = strings([SEQUENCE_CONFLICT])
    unlike = _unlike(source) & F.lit(lost is not None)
    reasons = (
        F.when(won & contested, F.concat("quality_flags", conflicting))
        .when(won, F.col("quality_flags"))
        .when(unlike, strings([UNPUBLISHED.name]))
        .when(at_once & ~is_copy, conflicting)
        .when(~is_copy, strings([SUPERSEDED]))
        .otherwise(F.col("reasons"))
    )
    flagged_by_rivals = any(r.among_rivals and r.severity is not Severity.HIGH for r in source.rules)
    told = placed.filter(~won | contested | F.lit(flagged_by_rivals)).withColumn("reasons", reasons)
    severity_of_lost = Severity.NONE if lost is None else lost.severity
    is_high = F.lit(severity_of_lost is Severity.HIGH)
    verdict = (
        F.when(won, F.lit("flagged"))
        .when(unlike & is_high, F.lit("rejected"))
        .when(is_copy & ~unlike, F.lit("duplicate"))
        .otherwise(F.lit("superseded"))
    )
    severity = (
        F.when(~won & unlike, F.lit(str(severity_of_lost)))
        .when(at_once & ~is_copy, F.lit(str((among or CONFLICT).severity)))
        .otherwise(F.lit(str(Severity.NONE)))
    )
    return _verdict(told, verdict, severity)


def _placed(sharing: DataFrame, source: Source, files: Sequence[str]) -> DataFrame:
    """Rows that share their key, in their order: `place` (1 is the winner), `copy` (1 is the first of equal rows).

    Equal rows have the place of the last of them: what is stated once more is stated later. _time: which of two
    statements is later, where it is stated. The winner's time and money stand beside (`_winning_<name>`).
    """
    known = {c.name for c in source.stored} | {f.name for f in source.derived_fields} | _JUDGED
    extras = [c for c in sharing.columns if c not in known]
    compared = sharing.withColumns(
        {
            "all_hash": canonical.row_hash([(c.name, c.type) for c in source.stored]),
            "header": F.concat_ws(",", "absent_columns", F.lit("|").cast("string"), "extra_columns"),
            "_time": F.coalesce(*source.times),
            "_file": _number(files),
        }
    )
    equal = Window.partitionBy("key", "all_hash", "header", *[c.name for c in source.computed], *extras)
    first = equal.orderBy(F.col("source_file").asc(), F.col("source_line").asc())
    last = equal.orderBy(F.col("_file").desc(), F.col("source_file").desc(), F.col("source_line").desc())
    among_equal = last.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    ordered = compared.withColumns(
        {
            "copy": F.row_number().over(first),
            "_last_file": F.first("_file").over(among_equal),
            "_last_source_file": F.first("source_file").over(among_equal),
            "_last_source_line": F.first("source_line").over(among_equal),
        }
    )
    by_time = Window.partitionBy("key").orderBy(
        F.col("_time").desc_nulls_last(),
        (F.col("ends") & F.col("_time").isNotNull()).desc(),
        F.col("_last_file").desc(),
        F.col("_last_source_file").desc(),
        F.col("_last_source_line").desc(),
        F.col("copy").asc(),
    )
    whole = by_time.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    beside = {f"_winning_{name}": F.first(name).over(whole) for name in ("ends", *source.at_stake)}
    beside["_winning_time"] = F.first("_time").over(whole)
    return ordered.withColumns({"place": F.row_number().over(by_time), **beside})


def _number(files: Sequence[str]) -> Column:
    """A file's place in the trigger's order."""
    if len(files) <= 1:
        return F.lit(0)
    pairs = [F.lit(part) for number, name in enumerate(files) for part in (name, number)]
    return F.create_map(*pairs)[F.col("source_file")]


def _unlike(source: Source) -> Column:
    """A row states other money than the winner of its key; one that ends the key states none."""
    differs = [~F.col(name).eqNullSafe(F.col(f"_winning_{name}")) for name in source.at_stake]
    if not differs:
        return F.lit(False)
    return ~F.col("ends") & ~F.col("_winning_ends") & F.exists(F.array(*differs), lambda x: x)


_JUDGED = frozenset(
    (
        "source_file",
        "file_sha256",
        "source_line",
        "malformed",
        "ends",
        "absent_columns",
        "extra_columns",
        "key",
        "reasons",
        "quality_flags",
        "batch_id",
        "revision",
        "as_of",
        "row_hash",
        "op",
    )
)


def errors(exceptions: DataFrame, standing: DataFrame, lineage: dict[str, Column], width: int) -> DataFrame:
    """The rejected and superseded records as `<source>_errors` stores them. standing: the records as they stand.

    width: how many parts the key has.
    """
    lost = exceptions.filter(F.col("verdict").isin("rejected", "superseded"))
    lost = keys.with_parts(lost, width).withColumns({"key": keys.written(F.col("key_parts"))})
    return lost.join(standing, ["source_file", "source_line"]).withColumns(lineage)


def tally(plain: DataFrame | None, apart: DataFrame | None, exceptions: DataFrame | None) -> DataFrame | None:
    """What was said of a source's rows: one row a file, verdict and set of names. Rows without any are left out.

    plain: the rows that are accepted with their own flags. apart: the others. exceptions: judge's result. Each is None
    if it is empty; the result is, if all are. Gives source_file, verdict (also `accepted`: with its own flags), said
    (the names, with blanks between), rows, sample (the first five by line: the line in twelve digits, then the key). It
    also counts what became of each file: in small batches a second plan would cost as much again.
    """
    where = ["source_file", "source_line"]
    if apart is not None and exceptions is not None:
        apart = apart.join(exceptions.select(*where), where, "left_anti")
    accepted = [frame.filter(F.size("quality_flags") > 0) for frame in (plain, apart) if frame is not None]
    own = (F.lit("accepted").alias("verdict"), F.col("quality_flags").alias("reasons"))
    frames = [frame.select(*where, "key", *own) for frame in accepted]
    if exceptions is not None:
        frames.append(exceptions.select(*where, "key", "verdict", "reasons"))
    if not frames:
        return None
    told = reduce(DataFrame.unionByName, frames)
    first = F.concat(F.lpad(F.col("source_line").cast("string"), 12, "0"), F.col("key"))
    sample = F.slice(F.sort_array(F.collect_list("first")), 1, SAMPLE)
    return (
        told.select("source_file", "verdict", F.array_join("reasons", " ").alias("said"), first.alias("first"))
        .groupBy("source_file", "verdict", "said")
        .agg(F.count(F.lit(1)).alias("rows"), sample.alias("sample"))
    )


@dataclass(frozen=True)
class Tally:
    """So many rows of a file of which the same is said. sample: line and key of the first five that have a key."""

    file: str
    verdict: str
    said: frozenset[str]
    rows: int
    sample: tuple[tuple[int, str], ...] = ()

    @property
    def counts(self) -> bool:
        """Duplicates and superseded rows count in no figure of quality."""
        return self.verdict in ("rejected", "flagged", "accepted")


def tallied(told: DataFrame | None) -> list[Tally]:
    """A `tally`, collected."""
    rows = [] if told is None else told.collect()
    return [
        Tally(
            r["source_file"],
            r["verdict"],
            frozenset(r["said"].split()),
            r["rows"],
            tuple((int(place[:12]), place[12:]) for place in r["sample"]),
        )
        for r in rows
    ]


def failed(rule: Rule, tallies: Iterable[Tally]) -> tuple[int, list[str]]:
    """How many rows break a rule, and the keys of the first five of them, by file and line."""
    broken = [t for t in tallies if t.counts and rule.name in t.said]
    first = sorted((t.file, line, key) for t in broken for line, key in t.sample)
    return sum(t.rows for t in broken), [key for *_, key in first[:SAMPLE]]


def penalties(rules: Iterable[Rule], tallies: Iterable[Tally]) -> list[tuple[Decimal, int]]:
    """The penalty of a row for the worst level that it failed, and how many rows have it: one pair a tally."""
    levels = {rule.name: PENALTY[rule.severity] for rule in rules}
    nothing = PENALTY[Severity.NONE]
    return [(max((levels[name] for name in t.said), default=nothing), t.rows) for t in tallies if t.counts]
