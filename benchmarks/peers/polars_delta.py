"""The same histories (SCD Type 2) of the five sources in Polars + deltalake; nothing but the targets is written.

`python -m benchmarks.peers.polars_delta DATA DAY WAREHOUSE`, in an environment of its own.
"""

from __future__ import annotations

import polars as pl  # type: ignore[import-not-found]  # it has an environment of its own
from deltalake import DeltaTable

from benchmarks.peers.contract import SOURCES, Batch, Source, batch_of_arguments

TYPES = {
    "string": pl.String(),
    "bigint": pl.Int64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "decimal(18,2)": pl.Decimal(18, 2),
    "decimal(18,4)": pl.Decimal(18, 4),
}


def value(name: str, type_: str) -> pl.Expr:
    """A cell's trimmed text as a value; what cannot be read is null."""
    text = pl.col(name).str.strip_chars()
    text = pl.when(text != "").then(text)
    match type_:
        case "boolean":
            return (text.str.to_lowercase() == "true").fill_null(value=False).alias(name)
        case "timestamp":
            return text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us", time_zone="UTC")
        case "date":
            return text.str.to_date("%Y-%m-%d", strict=False)
    return text.cast(TYPES[type_], strict=False)


def read(batch: Batch, source: Source) -> pl.DataFrame:
    """The newest good row of each key."""
    text = pl.scan_csv(batch.file(source.name), schema=dict.fromkeys(source.columns, pl.String()))
    rows = text.select(value(name, type_) for name, type_ in source.columns.items())
    good = pl.all_horizontal(pl.col(c).is_not_null() for c in source.required)
    if source.not_negative:
        good &= pl.col(source.not_negative).fill_null(0) >= 0
    newest = rows.filter(good).sort("created_timestamp", descending=True, nulls_last=True)
    return newest.unique(source.key, keep="first").collect()


def versions(rows: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The rows as current versions from this batch on."""
    as_of = pl.lit(batch.as_of).cast(TYPES["timestamp"])
    return rows.with_columns(
        effective_date=as_of,
        expiry_date=pl.lit(None, TYPES["timestamp"]),
        is_current=pl.lit(value=True),
        batch_id=pl.lit(batch.batch_id),
    )


def keep_history(batch: Batch, source: Source) -> None:
    """Close the current versions that changed, and put the new ones beside them."""
    target = batch.table(f"{source.name}_target")
    rows = read(batch, source)
    if not DeltaTable.is_deltatable(target):
        options = {"partition_by": ["is_current"]}
        versions(rows, batch).write_delta(target, mode="append", delta_write_options=options)
        return
    current = pl.scan_delta(target).filter(pl.col("is_current")).collect()
    hashed = current.select(*source.key, old=pl.struct(source.tracked).hash())
    compared = rows.with_columns(new=pl.struct(source.tracked).hash()).join(hashed, on=source.key, how="left")
    differing = compared.filter(pl.col("old").is_null() | (pl.col("old") != pl.col("new"))).drop("old", "new")
    closed = current.join(differing, on=source.key, how="semi")
    closed = closed.with_columns(
        expiry_date=pl.lit(batch.as_of).cast(TYPES["timestamp"]), is_current=pl.lit(value=False)
    )
    now_current = pl.concat([current.join(differing, on=source.key, how="anti"), versions(differing, batch)])
    closed.write_delta(target, mode="append")
    now_current.write_delta(target, mode="overwrite", delta_write_options={"predicate": "is_current = true"})


if __name__ == "__main__":
    asked = batch_of_arguments()
    for one in SOURCES:
        keep_history(asked, one)
