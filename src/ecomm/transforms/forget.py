"""Rows of people who are forgotten: what tells about them is NULL, and no rule on it finds anything.

A record that is read from a file without these cells, and a row of stage from which the values are taken, become the
same row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Source, text_name
from ecomm.transforms.stage import strings


def without_texts(records: DataFrame, erased: Column, source: Source, extras: Sequence[str]) -> DataFrame:
    """Records as texts (`stage.as_text`), in those that are erased without what tells about a person."""
    names = [*(text_name(c.name) for c in source.columns if c.personal), *extras]
    return records.withColumns({name: F.when(~erased, F.col(name)) for name in names}) if names else records


def spared(verdicts: Mapping[str, Column], erased: Column, source: Source) -> dict[str, Column]:
    """The verdicts of `quality.verdicts`; of an erased record no rule says anything that looks at a personal column."""
    about = strings(source.personal_rules)
    return {name: F.when(erased, F.array_except(found, about)).otherwise(found) for name, found in verdicts.items()}


def stage_rows(rows: DataFrame, source: Source, extras: Sequence[str], ids: Mapping[str, str]) -> DataFrame:
    """People's rows of a stage table as they are once the people are forgotten.

    extras: the table's columns besides the contract. ids: of the customers whose id is personal, the id that they get.
    """
    nothing = {c.name: F.lit(None).cast(c.type) for c in source.columns if c.personal}
    nothing |= {f.name: F.lit(None).cast(f.type) for f in source.derived_fields if f.name in source.personal_derived}
    nothing |= {name: F.lit(None).cast("string") for name in extras}
    nothing["quality_flags"] = F.array_except("quality_flags", strings(source.personal_rules))
    known = {c.name for c in source.columns}
    if ids and "customer_id" in known:
        nothing["customer_id"] = _renamed(F.col("customer_id"), ids)
    parts = [F.concat(F.length(p).cast("string"), F.lit(":"), p) for p in map(F.col, source.key)]
    again = {"row_hash": canonical.row_hash(source.tracked), "key": F.concat(*parts)}
    return rows.withColumns(nothing).withColumns(again)


def _renamed(customer: Column, ids: Mapping[str, str]) -> Column:
    pairs = [F.lit(part) for pair in ids.items() for part in pair]
    return F.coalesce(F.create_map(*pairs)[customer], customer)
