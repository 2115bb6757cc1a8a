"""What Spark does for us by itself, seen in its plans and in the files it leaves: docs/scale.md relies on it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ecomm.contract import Shop as Reading
from ecomm.engines import Engine, deltafiles
from ecomm.sources import SOURCES
from ecomm.transforms import enrich
from tests.shop import Shop

pytestmark = pytest.mark.spark


def plan(frame: DataFrame) -> str:
    """How Spark means to compute a frame."""
    with redirect_stdout(io.StringIO()) as said:
        frame.explain(mode="formatted")
    return said.getvalue()


def table(engine: Engine, shop: Shop, name: str) -> DataFrame:
    """A table of a warehouse."""
    return engine.spark.read.format("delta").load(engine.uri(shop.root / "warehouse" / name))


def enriched(engine: Engine, shop: Shop) -> DataFrame:
    """The widest frame that there is."""
    targets = enrich.Targets(**{name: table(engine, shop, f"{name}_target") for name in SOURCES})
    return enrich.enriched_orders(targets, Reading(), date(2025, 1, 16))


def test_current_versions_are_read_without_closed_history(engine: Engine, sample: Shop) -> None:
    """By partition: not one file of a closed version is opened."""
    current = table(engine, sample, "orders_target").filter(F.col("is_current"))
    assert "PartitionFilters: [isnotnull(is_current" in plan(current)
    opened = {Path(row[0]).name for row in current.select(F.input_file_name()).distinct().collect()}
    files = deltafiles.data_files(sample.root / "warehouse" / "orders_target")
    assert opened == {Path(path).name for path, _, _, partition in files if partition["is_current"] == "true"}


def test_a_batch_in_order_rewrites_no_closed_version(sample: Shop) -> None:
    """Files of closed versions are added, and none is removed, in the second day's merges."""
    for source in SOURCES:
        log = sample.root / "warehouse" / f"{source}_target" / "_delta_log"
        actions = [json.loads(line) for file in sorted(log.glob("*.json")) for line in file.read_bytes().splitlines()]
        removed = [a["remove"]["path"] for a in actions if "remove" in a]
        assert not [path for path in removed if "is_current=false" in path], source


def test_small_dimensions_are_broadcast_and_large_ones_are_not(engine: Engine, sample: Shop) -> None:
    """By their size as their files tell it; what is larger than the threshold is sorted and merged."""
    said = plan(enriched(engine, sample))
    assert said.count("BroadcastHashJoin") >= 3
    assert "AdaptiveSparkPlan" in said
    engine.spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "1")
    try:
        said = plan(enriched(engine, sample))
    finally:
        engine.spark.conf.unset("spark.sql.autoBroadcastJoinThreshold")
    assert "BroadcastHashJoin" not in said
    assert "SortMergeJoin" in said


def test_parts_follow_the_bytes_of_a_batch_and_are_joined_when_they_are_small(engine: Engine, tmp_path: Path) -> None:
    """A batch of 2 GB shuffles in 64 parts; of a few rows one file is left, not 64."""
    try:
        engine.expect(2 << 30)
        assert engine.spark.conf.get("spark.sql.shuffle.partitions") == "64"
        grouped = engine.spark.range(1_000).groupBy((F.col("id") % 10).alias("rest")).count()
        grouped.write.parquet(engine.uri(tmp_path / "grouped"))
        assert len([*(tmp_path / "grouped").glob("*.parquet")]) == 1
    finally:
        engine.expect(0)
    assert engine.spark.conf.get("spark.sql.shuffle.partitions") == "2"


def test_optimize_joins_small_files_and_loses_no_row(engine: Engine, tmp_path: Path) -> None:
    """Five appends are five files; one file after OPTIMIZE, with the same rows for readers of files too."""
    uri = engine.uri(tmp_path / "appended")
    for nth in range(5):
        engine.spark.range(nth * 10, nth * 10 + 10, numPartitions=1).write.format("delta").mode("append").save(uri)
    before = DeltaTable(tmp_path / "appended")
    engine.spark.sql(f"OPTIMIZE delta.`{uri}`").collect()
    after = DeltaTable(tmp_path / "appended")
    assert (len(before.file_uris()), len(after.file_uris())) == (5, 1)
    assert sorted(after.to_pyarrow_table()["id"].to_pylist()) == [*range(50)]
