"""08: the change sets enter the targets, analytics follow, everything is checked, and the batch is published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.analytics import analytics_summary, category_analysis, seasonal_analysis, segment_analysis
from ecomm.attempt import Attempt, Origin, journal, side_by_side
from ecomm.batches import archive
from ecomm.contract import Shop, Source
from ecomm.errors import InvariantError, SourceChangedError
from ecomm.session import TaskResult
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import check_histories
from ecomm.tasks.reconcile import reconcile
from ecomm.transforms import enrich, fold


def final_merge_operation(attempt: Attempt, result: TaskResult) -> None:
    """08: the change sets enter the targets, analytics follow, everything is checked, and the batch is published."""
    side_by_side(partial(merge_target, attempt, source) for source in attempt.sources())
    write_analytics(attempt)
    check(attempt)
    reconcile(attempt)
    if attempt.origin is Origin.LANDING and (changed := archive.changed(attempt.claimed)):
        raise SourceChangedError(f"{', '.join(str(f.path) for f in changed)} changed while it was being read")
    publish(attempt, result)


def merge_target(attempt: Attempt, source: Source) -> None:
    """Apply a source's change set to its target."""
    changes = attempt.changes[source.name]
    if changes.rows is not None:
        attempt.session.store.apply(
            target_name(source.name), changes.rows, changes.entering, changes.leaving, changes.closed
        )


def write_analytics(attempt: Attempt, *, everything: bool = False) -> dict[str, int]:
    """Bring the tables of 08 to what the targets say; how many rows were written of each."""
    store, written = attempt.session.store, dict[str, int]()
    frames: dict[str, DataFrame] = {}
    if everything or not attempt.changes_nothing:
        orders, customers = store.read("enriched_orders"), store.read("customer_analytics")
        frames = of_groups(
            orders,
            customers,
            store.read("product_analytics"),
            attempt.session.shop,
            attempt.today,
            live=bool(attempt.live()),
        )

    def write(name: str, frame: DataFrame) -> None:
        written[name] = store.overwrite(name, frame)

    def write_summary() -> None:
        written["analytics_summary"] = summarise(attempt, everything=everything)

    side_by_side([write_summary, *(partial(write, name, frame) for name, frame in frames.items())])
    return written


def of_groups(
    orders: DataFrame, customers: DataFrame, products: DataFrame, shop: Shop, today: date, *, live: bool
) -> dict[str, DataFrame]:
    """What follows from enriched_orders, customer_ and product_analytics: table -> its rows.

    live: any batch is; without one there are no segments either.
    """
    segments = segment_analysis.segment_analysis(customers, shop)
    return {
        "seasonal_analysis": seasonal_analysis.seasonal_analysis(orders, shop, today),
        "segment_analysis": segments if live else segments.limit(0),
        "category_analysis": category_analysis.category_analysis(orders, products, shop),
    }


def summarise(attempt: Attempt, *, everything: bool = False) -> int:
    """analytics_summary: the rows of the batches from whose instant on anything differs, computed anew."""
    store, name = attempt.session.store, "analytics_summary"
    alive, old = attempt.live(), store.read(name)
    there = {r["batch_id"] for r in old.select("batch_id").collect()} if store.state[name].rows else set()
    since = min((c.since for c in attempt.changes.values() if c.since), default=None)
    before, was = _as_of_before(alive), _as_of_before(attempt.published())
    anew = {
        b
        for b, (as_of, _) in alive.items()
        if b not in there or before[b] != was.get(b) or (since is not None and as_of >= since)
    }
    if attempt.candidate is not None and attempt.batch_id in alive:
        anew.add(attempt.batch_id)
    if everything or attempt.counts_otherwise:
        anew = set(alive)
    targets = enrich.Targets(**{n: store.read(target_name(n)) for n in attempt.session.sources})
    new = summary(alive, anew, targets, store.read(stage_name("orders")), attempt.session.shop)
    gone = sorted(anew | there - set(alive))  # a few, where those that stay become a thousand
    return store.overwrite(name, new.unionByName(old.filter(~F.col("batch_id").isin(gone))))


def summary(
    alive: Mapping[str, tuple[datetime, int]],
    of: Collection[str],
    targets: enrich.Targets,
    stage: DataFrame,
    shop: Shop,
) -> DataFrame:
    """analytics_summary's rows of some live batches.

    alive: the live log (batch -> as-of and revision). stage: the orders'.
    """
    before = _as_of_before(alive)
    least = min((before[b] or alive[b][0] for b in of), default=None)
    ended = F.col("expiry_date") <= F.lit(least)  # by every instant that is asked for
    standing = {
        n: getattr(targets, n).filter(~F.coalesce(ended, F.lit(False))) for n in ("orders", "customers", "shipping")
    }
    batches = stage.sparkSession.createDataFrame(
        [(b, alive[b][0], before[b]) for b in sorted(of)],
        "batch_id string, as_of timestamp, previous_as_of timestamp",
    )
    stated = stage.filter(F.col("revision").isin([alive[b][1] for b in sorted(of)])).select("batch_id", *enrich.KEY)
    return analytics_summary.analytics_summary(batches, replace(targets, **standing), stated, shop)


def _as_of_before(alive: Mapping[str, tuple[datetime, int]]) -> dict[str, datetime | None]:
    """For each live batch the as-of of the one before it, in the order of (as-of, id bytewise)."""
    order = sorted(alive, key=lambda b: (alive[b][0], b.encode()))
    return dict(zip(order, [None, *(alive[b][0] for b in order)], strict=False))


def check(attempt: Attempt) -> None:
    """Rows are conserved in every file, and the histories of the touched keys hold together. Raises InvariantError.

    read = accepted + rejected + duplicate + superseded, counted in the tables as they were written; and each current
    line of an order is in enriched_orders once: the joins to the versions of its time lose none, and double none.
    """
    store = attempt.session.store
    tables = [name(s.name) for s in attempt.sources() for name in (stage_name, errors_name)]
    # The error rows of a batch that was held were published when it was.
    earlier = [t for t in tables if attempt.held is not None and t.endswith("_errors")]
    mine = F.col("revision") == attempt.revision
    rows_of = {t: store.read(t).filter(mine) if t in earlier else store.fresh(t, attempt.revision) for t in tables}
    written = [rows_of[t].select(F.lit(t).alias("table"), "source_file") for t in tables]
    orders = store.read(target_name("orders")).filter(F.col("is_current"))
    written.append(orders.select(F.lit("orders").alias("table"), F.lit("").alias("source_file")))
    rows = reduce(lambda a, b: a.unionByName(b), written).groupBy("table", "source_file").count().collect()
    counted = {(r["table"], r["source_file"]): r["count"] for r in rows}
    for file in attempt.files:
        accepted, lost = (counted.get((t(file.source), file.name), 0) for t in (stage_name, errors_name))
        there = accepted + lost + file.rows_duplicate
        if there != file.rows_read or accepted != file.rows_accepted:
            raise InvariantError(
                f"{file.name}: {file.rows_read} records were read, but {accepted} accepted + {lost} rejected or "
                f"superseded + {file.rows_duplicate} duplicate is {there}; nothing was published."
            )
    enriched, current = store.state["enriched_orders"].rows, counted.get(("orders", ""), 0)
    if enriched != current:
        raise InvariantError(
            f"enriched_orders would have {enriched} rows for {current} current orders; nothing was published."
        )
    for source in attempt.sources():
        changes = attempt.changes[source.name].rows
        if changes is not None:
            check_histories(source, fold.reached(store.read(target_name(source.name)), changes, source.key))


def publish(attempt: Attempt, result: TaskResult) -> None:
    """Make the batch visible by one entry."""
    session = attempt.session
    result.end(session.engine)
    journal(attempt)
    if attempt.origin is Origin.NOWHERE:
        assert attempt.replaces is not None
        session.entry_of("UNDO", attempt.trigger, revision=attempt.replaces.revision, reason=attempt.why)
        return
    said = {"revision": attempt.revision, "files": tuple(attempt.files), "score": attempt.score}
    kind = "REDRIVE" if attempt.redrives else "PUBLISH"
    session.entry_of(kind, attempt.trigger, reason=attempt.why, **said)
