"""08: the change sets enter the targets, analytics follow, and everything is checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ecomm.analytics import analytics_summary, category_analysis, seasonal_analysis, segment_analysis
from ecomm.attempt import Attempt, side_by_side
from ecomm.batch import Batch, Origin
from ecomm.batches import landing
from ecomm.batches.log import Positions
from ecomm.contract import Shop, Source
from ecomm.errors import InvariantError, SourceChangedError
from ecomm.settings import SOURCE_NAMES
from ecomm.store import Store
from ecomm.tables import errors_name, stage_name, target_name
from ecomm.tasks.change_set import check_histories, rows_of
from ecomm.tasks.data_enrichment import changes_nothing
from ecomm.tasks.found import Changes, ChangeSet, Loaded, changes_of, files_of
from ecomm.tasks.reconcile import reconcile
from ecomm.transforms import enrich, fold


def final_merge_operation(batch: Batch, loaded: Loaded) -> None:
    """08: the change sets enter the targets, analytics follow, and everything is checked.

    After it all that the batch will publish is prepared. Raises InvariantError, SourceChangedError.
    """
    attempt, changes = batch.attempt, changes_of(loaded)
    side_by_side(partial(merge_target, attempt, source, changes[source.name]) for source in batch.sources)
    write_analytics(attempt, changes, batch.batch_id)
    check(batch, loaded)
    reconcile(batch, loaded)
    claimed = [file.claimed for file in batch.files]
    if batch.origin is Origin.LANDING and (changed := landing.changed(claimed)):
        raise SourceChangedError(f"{', '.join(str(f.path) for f in changed)} changed while it was being read")


def merge_target(attempt: Attempt, source: Source, changes: ChangeSet) -> None:
    """Apply a source's change set to its target."""
    rows = rows_of(attempt.work, source, changes)
    if rows is not None:
        attempt.store.apply(target_name(source.name), rows, changes.entering, changes.leaving, changes.closed)


def write_analytics(
    attempt: Attempt, changes: Changes, batch_id: str | None = None, *, everything: bool = False
) -> dict[str, int]:
    """Bring the tables of 08 to what the targets say; how many rows were written of each.

    changes: the change sets that have entered the targets. batch_id: the batch that is published. everything: all is
    computed again, whatever has changed.
    """
    store = attempt.store
    frames: dict[str, DataFrame] = {}
    if everything or not changes_nothing(attempt, changes):
        orders, customers = store.read("enriched_orders"), store.read("customer_analytics")
        frames = of_groups(
            orders,
            customers,
            store.read("product_analytics"),
            attempt.session.shop,
            attempt.today,
            live=bool(attempt.alive),
        )

    work: dict[str, Callable[[], int]] = {
        "analytics_summary": partial(summarise, attempt, changes, batch_id, everything=everything)
    }
    work |= {name: partial(store.overwrite, name, frame) for name, frame in frames.items()}
    return dict(zip(work, side_by_side(work.values()), strict=True))


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


def summarise(attempt: Attempt, changes: Changes, batch_id: str | None, *, everything: bool = False) -> int:
    """analytics_summary: the rows of the batches from whose instant on anything differs, computed again."""
    store, name = attempt.store, "analytics_summary"
    alive, old = attempt.alive, store.read(name)
    there = {r["batch_id"] for r in old.select("batch_id").collect()} if store.state[name].rows else set()
    since = min((c.since for c in changes.values() if c.since), default=None)
    before, was = _as_of_before(alive), _as_of_before(attempt.log.positions)
    again = {
        b
        for b, (as_of, _) in alive.items()
        if b not in there or before[b] != was.get(b) or (since is not None and as_of >= since)
    }
    if batch_id is not None and batch_id in alive:
        again.add(batch_id)
    whole = everything or attempt.counts_otherwise
    if whole:
        again = set(alive)
    new = None if whole else _newest(attempt, again, since)
    if new is None:
        targets = targets_of(store)
        new = summary(alive, again, targets, store.read(stage_name("orders")), attempt.session.shop)
    gone = sorted(again | there - set(alive))  # a few, where those that stay become a thousand
    return store.overwrite(name, new.unionByName(old.filter(~F.col("batch_id").isin(gone))))


def _newest(attempt: Attempt, again: Collection[str], since: datetime | None) -> DataFrame | None:
    """The row of the last batch, if it alone is asked for and follows from the other tables of 07; else None.

    since: the least instant from which what the batch has changed tells.
    """
    store, alive, before = attempt.store, attempt.alive, _as_of_before(attempt.alive)
    last = next(reversed(before), None)
    if last is None or set(again) != {last}:
        return None
    as_of, revision = alive[last]
    if (since is not None and since < as_of) or before[last] == as_of:
        return None
    orders, people = store.read("enriched_orders"), store.read("customer_analytics")
    batches = _batches(orders.sparkSession, alive, [last])
    stated = store.read(stage_name("orders")).filter(F.col("revision") == revision).select("batch_id", *enrich.KEY)
    return analytics_summary.newest(batches, orders, people, targets_of(store), stated, attempt.session.shop)


def targets_of(store: Store) -> enrich.Targets:
    """The targets as they will be."""
    return enrich.Targets(**{name: store.read(target_name(name)) for name in SOURCE_NAMES})


def _batches(spark: SparkSession, alive: Positions, of: Iterable[str]) -> DataFrame:
    """Some live batches: batch_id, as_of, previous_as_of (of the one before)."""
    before = _as_of_before(alive)
    return spark.createDataFrame(
        [(b, alive[b][0], before[b]) for b in of], "batch_id string, as_of timestamp, previous_as_of timestamp"
    )


def summary(
    alive: Positions,
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
    batches = _batches(stage.sparkSession, alive, sorted(of))
    stated = stage.filter(F.col("revision").isin([alive[b][1] for b in sorted(of)])).select("batch_id", *enrich.KEY)
    return analytics_summary.analytics_summary(batches, replace(targets, **standing), stated, shop)


def _as_of_before(alive: Positions) -> dict[str, datetime | None]:
    """For each live batch the as-of of the one before it, in the order of (as-of, id bytewise)."""
    order = sorted(alive, key=lambda b: (alive[b][0], b.encode()))
    return dict(zip(order, [None, *(alive[b][0] for b in order)], strict=False))


def check(batch: Batch, loaded: Loaded) -> None:
    """Rows are conserved in every file, and the histories of the touched keys hold together. Raises InvariantError.

    read = accepted + rejected + duplicate + superseded, counted in the tables as they were written; and each current
    line of an order is in enriched_orders once: the joins to the versions of its time lose none, and double none.
    """
    store = batch.store
    tables = [name(s.name) for s in batch.sources for name in (stage_name, errors_name)]
    # The error rows of a batch that was held were published when it was.
    earlier = [t for t in tables if batch.held is not None and t.endswith("_errors")]
    mine = F.col("revision") == batch.revision
    frames = {t: store.read(t).filter(mine) if t in earlier else store.fresh(t, batch.revision) for t in tables}
    written = [frames[t].select(F.lit(t).alias("table"), "source_file") for t in tables]
    orders = store.read(target_name("orders")).filter(F.col("is_current"))
    written.append(orders.select(F.lit("orders").alias("table"), F.lit("").alias("source_file")))
    rows = reduce(lambda a, b: a.unionByName(b), written).groupBy("table", "source_file").count().collect()
    counted = {(r["table"], r["source_file"]): r["count"] for r in rows}
    for file in files_of(loaded):
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
    for source in batch.sources:
        changes = rows_of(batch.work, source, loaded[source.name].changes)
        if changes is not None:
            check_histories(source, fold.reached(store.read(target_name(source.name)), changes, source.key))
