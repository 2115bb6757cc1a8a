"""The same tables in plain PySpark on Spark + Delta, as notebooks do it: stage, errors, histories, enriched orders.

`python -m benchmarks.peers.spark_delta DATA DAY WAREHOUSE`, in an environment of its own. One process does what a
workflow of eight notebooks does on one cluster: the five stage loads side by side, then the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.peers import spark_tables
from benchmarks.peers.contract import SOURCES, Batch, Source, batch_of_arguments

CATALOGUE = "org.apache.spark.sql.delta.catalog.DeltaCatalog"


def session() -> SparkSession:
    """Spark on all cores of this machine, set for its size; the Delta jars lie among Spark's own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    settings = {
        "spark.driver.memory": f"{max(2, min(8, round(memory_gb / 2)))}g",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": CATALOGUE,
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.scheduler.mode": "FAIR",
        "spark.databricks.delta.snapshotPartitions": str(cores),  # its default of 50 is meant for clusters
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName("benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def value(name: str, type_: str) -> Column:
    """A cell's trimmed text as a value; what cannot be read is NULL."""
    text = F.nullif(F.trim(name), F.lit(""))
    cell = text if type_ == "string" else text.try_cast(type_)
    return F.coalesce(cell, F.lit(False)) if type_ == "boolean" else cell


def reasons(source: Source, batch: Batch) -> Column:
    """The rules that a row breaks."""
    broken = [F.when(F.col(c).isNull(), F.lit(f"{c}_missing")) for c in source.required]
    if source.not_negative:
        broken.append(F.when(F.col(source.not_negative) < 0, F.lit(f"{source.not_negative}_negative")))
    if "currency" in source.columns:
        broken.append(F.when(~F.col("currency").rlike("^[A-Z]{3}$"), F.lit("currency_unknown")))
    if source.name == "orders":
        late = F.col("order_date") > F.date_add(F.lit(batch.as_of.date()), 1)
        broken.append(F.when(late | (F.col("order_date") < F.lit("2000-01-01").cast("date")), F.lit("order_date_odd")))
    return F.array_compact(F.array(*broken))


def stage_load(spark: SparkSession, batch: Batch, source: Source) -> None:
    """01-05: read, cast, judge; bad and older rows to the error table, the newest good row of each key to stage."""
    schema = ", ".join(f"{name} string" for name in source.columns)
    raw = spark.read.csv(batch.file(source.name), schema=schema, header=True, escape='"')
    named = F.to_json(F.struct(*source.columns)).alias("raw")
    cells = [value(name, type_).alias(name) for name, type_ in source.columns.items()]
    newest = Window.partitionBy(*source.key).orderBy(F.col("created_timestamp").desc_nulls_last())
    judged = raw.select(*cells, named).withColumn("reasons", reasons(source, batch))
    judged = judged.withColumn("place", F.row_number().over(newest.partitionBy(F.size("reasons") == 0, *source.key)))
    lineage = {"batch_id": F.lit(batch.batch_id), "as_of": F.lit(batch.as_of), "source_file": F.lit(source.name)}
    judged = judged.withColumns(lineage).persist()
    good = (F.size("reasons") == 0) & (F.col("place") == 1)
    why = F.when(F.size("reasons") == 0, F.array(F.lit("superseded"))).otherwise(F.col("reasons"))
    errors = judged.filter(~good).select(*lineage, "raw", why.alias("reasons"))
    errors.write.format("delta").mode("append").save(batch.table(f"{source.name}_errors"))
    staged = judged.filter(good).drop("raw", "reasons", "place")
    staged = staged.withColumns(spark_tables.derived(source.name, batch.as_of.date()))
    tracked = [F.coalesce(F.col(c).cast("string"), F.lit("~")) for c in source.tracked]
    staged = staged.withColumn("row_hash", F.sha2(F.concat_ws("|", *tracked), 256))
    staged.write.format("delta").mode("append").partitionBy("batch_id").save(batch.table(f"{source.name}_stage"))
    judged.unpersist()


def validate(spark: SparkSession, batch: Batch) -> None:
    """06: how many rows broke which rule."""
    found = []
    for source in SOURCES:
        errors = spark.read.format("delta").load(batch.table(f"{source.name}_errors"))
        mine = errors.filter(F.col("batch_id") == batch.batch_id)
        found.append(mine.select("batch_id", F.lit(source.name).alias("source"), F.explode("reasons").alias("rule")))
    counted = reduce(DataFrame.union, found).groupBy("batch_id", "source", "rule").count()
    counted.write.format("delta").mode("append").save(batch.table("validation_results"))


def merge_target(spark: SparkSession, batch: Batch, source: Source) -> None:
    """SCD Type 2: close the current versions that changed by MERGE, and append the new ones."""
    path = batch.table(f"{source.name}_target")
    stage = spark.read.format("delta").load(batch.table(f"{source.name}_stage"))
    rows = stage.filter(F.col("batch_id") == batch.batch_id).select(*source.columns, "row_hash", "batch_id")
    started = {
        "effective_date": F.lit(batch.as_of),
        "expiry_date": F.lit(None).cast("timestamp"),
        "is_current": F.lit(True),
    }
    if not os.path.exists(path):  # noqa: PTH110 - a table's place is a text, as in Spark
        rows.withColumns(started).write.format("delta").save(path)
        return
    current = spark.read.format("delta").load(path).filter("is_current")
    current = current.select(*source.key, F.col("row_hash").alias("old_hash"))
    joined = rows.join(current, list(source.key), "left")
    differing = joined.filter(F.col("old_hash").isNull() | (F.col("old_hash") != F.col("row_hash"))).persist()
    differing.filter(F.col("old_hash").isNotNull()).createOrReplaceTempView(f"{source.name}_changed")
    same_key = " AND ".join(f"t.{c} = s.{c}" for c in source.key)
    spark.sql(
        f"MERGE INTO delta.`{path}` t USING {source.name}_changed s ON {same_key} AND t.is_current "
        f"WHEN MATCHED THEN UPDATE SET expiry_date = timestamp '{batch.as_of.isoformat()}', is_current = false"
    )
    differing.drop("old_hash").withColumns(started).write.format("delta").mode("append").save(path)
    differing.unpersist()


def merge_targets(spark: SparkSession, batch: Batch) -> None:
    """08: the histories."""
    for source in SOURCES:
        merge_target(spark, batch, source)


def enrich(spark: SparkSession, batch: Batch) -> None:
    """07: the current orders beside their customers, products, stock and parcels."""
    enriched_orders(spark, batch).write.format("delta").mode("overwrite").save(batch.table("enriched_orders"))


def enriched_orders(spark: SparkSession, batch: Batch) -> DataFrame:
    """What enriched_orders is to hold after this batch."""
    targets = {s.name: spark.read.format("delta").load(batch.table(f"{s.name}_target")) for s in SOURCES}
    return spark_tables.enriched_orders(targets, batch.as_of.date())


def summarise(spark: SparkSession, batch: Batch) -> None:
    """analytics_summary: the shop after this batch."""
    spark_tables.summary(spark, batch).write.format("delta").mode("append").save(batch.table("analytics_summary"))


def main(batch: Batch) -> None:
    """The workflow, and its log."""
    spark = session()
    log: list[tuple[str, str, datetime, datetime, float]] = []

    def task(name: str, work: Callable[[], None]) -> None:
        started = datetime.now(UTC)
        work()
        ended = datetime.now(UTC)
        log.append((batch.batch_id, name, started, ended, (ended - started).total_seconds()))

    with ThreadPoolExecutor(len(SOURCES)) as pool:
        loads = [
            pool.submit(task, f"{source.name}_stage_load", partial(stage_load, spark, batch, source))
            for source in SOURCES
        ]
    for load in loads:
        load.result()
    for work in (validate, merge_targets, enrich, summarise):
        task(work.__name__, partial(work, spark, batch))
    columns = "batch_id string, task string, started_at timestamp, ended_at timestamp, seconds double"
    rows = spark.createDataFrame(log, columns)
    rows.write.format("delta").mode("append").save(batch.table("processing_log"))
    stop(spark)


def stop(spark: SparkSession) -> None:
    """Stop, and wait for the JVM, so that its time and memory are counted."""
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    main(batch_of_arguments())
