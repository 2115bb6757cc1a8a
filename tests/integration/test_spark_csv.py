"""Large CSV files by Spark: the records, the numbers and the raw lines of the landing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ecomm.batches import survey
from ecomm.batches.dialect import dialect
from ecomm.batches.reading.tables import land, open_table
from ecomm.delivery import Shape
from ecomm.engines import Engine, spark_csv
from ecomm.tasks import land as landing_task
from tests.conftest import keep_running
from tests.csvfiles import TRUSTED
from tests.integration.test_histories import agree, oracle, publish, tables
from tests.oracle import Batch
from tests.shop import Shop
from tests.unit.test_csvfile import CORPUS

pytestmark = pytest.mark.spark
PARTS = 5
FILES = TRUSTED | {f"corpus, {name}": (b"a,b\n", body, ",") for name, (body, _) in CORPUS.items()}


@pytest.fixture
def parts(engine: Engine) -> Iterator[None]:
    """A file is read in parts, wherever its bytes are, each by a task of its own."""
    said = {"spark.sql.files.openCostInBytes": "1", "spark.sql.files.minPartitionNum": str(PARTS)}
    for name, value in said.items():
        engine.spark.conf.set(name, value)
    yield
    for name in said:
        engine.spark.conf.unset(name)


def both(
    engine: Engine, content: bytes, delimiter: str, folder: Path
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]] | None]:
    """A file's records by the landing, and by Spark; None if the survey does not trust Spark with it."""
    path, landed = folder / "x.csv", folder / "x.parquet"
    path.write_bytes(content)
    table = open_table(path, Shape(delimiter=delimiter))
    assert table.plain is not None
    width, offset = len(table.names), table.plain[0]
    land(table, landed)
    ours = [tuple(row.values()) for row in pq.read_table(landed).to_pylist()]
    seen = survey.survey(path, width, offset, dialect(delimiter))
    if seen is None:
        return ours, None
    read = spark_csv.read(
        engine.spark,
        engine.uri(path),
        engine.uri(folder / "read"),
        width,
        delimiter,
        multiline=seen.multiline,
        most_fields=seen.longest + 1,
    )
    assert read is not None
    frame, records = read
    assert records == seen.records
    return ours, sorted(tuple(row) for row in frame.collect())


@pytest.mark.parametrize("name", FILES)
def test_spark_gives_what_the_landing_gives(name: str, engine: Engine, parts: None, tmp_path: Path) -> None:
    """Every file that it may read, cut into parts wherever its bytes are; the corpus of bad files is among them."""
    header, body, delimiter = FILES[name]
    ours, theirs = both(engine, header + body, delimiter, tmp_path)
    if name in TRUSTED:
        assert theirs is not None
    assert theirs in (None, ours)


def test_a_file_is_read_in_parts(engine: Engine, parts: None, tmp_path: Path) -> None:
    """The numbers run through many parts."""
    header, body, delimiter = FILES["many records"]
    both(engine, header + body, delimiter, tmp_path)
    begins = engine.spark.read.parquet(engine.uri(tmp_path / "read")).select("begins").distinct().count()
    assert begins == PARTS


class Clustered:
    """The session's engine as one that has machines for large files."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.read = engine, list[str]()

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def csv(self, path: Path, into: Path, width: int, delimiter: str, **said: int) -> object:
        """By Spark, and noted."""
        self.read.append(path.name.removesuffix(".part"))
        uri, place = self._engine.uri(path), self._engine.uri(into)
        return spark_csv.read(self._engine.spark, uri, place, width, delimiter, **said)  # type: ignore[arg-type]


def test_a_batch_of_large_files(engine: Engine, parts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, reasons, raw lines and their numbers are the oracle's; a file that Spark may not read is landed."""
    orders = b"order_id,customer_id,product_id,order_date,order_amount,currency,order_status\n"
    bad = orders + b"O1,C1,P1,2025-01-01,10.00,USD,pending\nO2,C1\n\nO1,C1,P1,2025-01-01,12.00,USD,pending,,\n"
    bad += b"O3,C1,P1,2025-01-40,10.00,USD,pending\n,C1,P1,2025-01-01,1,USD,pending\nO4,,P1,2025-01-01,-1.00,,\n" * 3
    odd = orders + b'O5,C1,P1,2025-01-01,10.00,USD,"pending\nO6,C1,P1,2025-01-01,10.00,USD,pending\n'
    batch = Batch("b1", datetime(2025, 1, 1, tzinfo=UTC), {"orders": {"bad.csv": bad, "odd.csv": odd}})
    clustered = Clustered(engine)
    monkeypatch.setattr(landing_task, "LARGE", 1)
    keep_running(clustered, monkeypatch)  # type: ignore[arg-type]
    shop = Shop(tmp_path)
    publish(shop, [batch])
    assert clustered.read == ["bad.csv"]
    agree(0, [batch], tables(shop), oracle([batch]))
    assert len(shop.rows("orders_errors")) > 6


def test_at_least_sixty_bad_files() -> None:
    """A bad file has a malformed record."""
    bad = [name for name, (_, said) in CORPUS.items() if any(isinstance(one, str) for one in said)]
    assert len(bad) + len(TRUSTED) >= 60
