"""Databricks: the notebook's own session, and managed tables in a schema of Unity Catalog. All that knows it is here.

The catalog holds the tables, so they are created, altered and kept by SQL, and named by three parts; the files of a
batch lie in a volume. What a workspace does otherwise than open-source Delta is listed in docs/deploy-databricks.md.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pyarrow as pa

from ecomm.contract import Field
from ecomm.engines import spark_csv
from ecomm.engines.sessions import first_line, peak_memory_mb
from ecomm.errors import LockedError, StorageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

    from ecomm.settings import Settings

LEASES = "task_leases"
_LEASE = "INTERVAL 10 MINUTES"
_RENEWED = 120.0  # seconds
_PROPERTIES = {
    # Readers of a published version, and `restore`, need its files and its log; nothing else deletes them earlier.
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 30 days",
    # What open readers of the files do not know, stays off.
    "delta.enableDeletionVectors": "false",
}


def quoted(name: str) -> str:
    """A name in SQL."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A text in SQL, as Spark reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def create_sql(
    name: str, fields: Sequence[Field], comment: str, partition_by: Sequence[str], statistics: Sequence[str]
) -> str:
    """The statement that creates a table, if it is not there: five notebooks may come to it at once."""
    columns = ", ".join(f"{quoted(f.name)} {f.type} COMMENT {text(f.comment)}" for f in fields)
    properties = _PROPERTIES | {"delta.dataSkippingStatsColumns": ",".join(statistics)}
    said = ", ".join(f"{text(key)} = {text(value)}" for key, value in properties.items())
    parts = f" PARTITIONED BY ({', '.join(map(quoted, partition_by))})" if partition_by else ""
    layout = f"USING DELTA{parts} COMMENT {text(comment)} TBLPROPERTIES ({said})"
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}) {layout}"


def add_columns_sql(name: str, fields: Sequence[Field]) -> str:
    """The statement that adds columns."""
    columns = ", ".join(f"{quoted(f.name)} {f.type} COMMENT {text(f.comment)}" for f in fields)
    return f"ALTER TABLE {name} ADD COLUMNS ({columns})"


def optimize_sql(name: str, by: Sequence[str]) -> str:
    """The statement that makes few files of many. by: columns by whose values rows lie together."""
    return f"OPTIMIZE {name}" + (f" ZORDER BY ({', '.join(map(quoted, by))})" if by else "")


def lease_sql(leases: str, names: Sequence[str], holder: str) -> str:
    """The statement that takes those of these leases that nobody holds."""
    wanted, until = ", ".join(map(text, names)), f"current_timestamp() + {_LEASE}"
    return (
        f"MERGE INTO {leases} t USING (SELECT explode(array({wanted})) AS name) s "
        f"ON t.name = s.name AND t.name IN ({wanted}) "
        f"WHEN MATCHED AND t.until < current_timestamp() THEN UPDATE SET holder = {text(holder)}, until = {until} "
        f"WHEN NOT MATCHED THEN INSERT (name, holder, until) VALUES (s.name, {text(holder)}, {until})"
    )


def next_sql(name: str, view: str) -> str:
    """The statement that appends an entry of the ledger, unless one with its number is there."""
    return f"MERGE INTO {name} t USING {view} s ON t.seq = s.seq WHEN NOT MATCHED THEN INSERT *"


@dataclass(frozen=True)
class Managed:
    """Managed tables: both what they are and their rows. A table is named by the last part of its path."""

    spark: SparkSession
    catalog: str
    schema: str

    def named(self, path: Path) -> str:
        """A table as SQL names it: by three parts."""
        return ".".join(map(quoted, (self.catalog, self.schema, path.name)))

    # --- rows ---

    def read(self, path: Path) -> DataFrame:
        """A table at its newest version."""
        return self.spark.read.table(self.named(path))

    def write(self, path: Path, rows: DataFrame, mode: str, where: str | None = None) -> None:
        """Append rows, or put them in the place of all, or of those for which `where` holds, in one commit.

        By the second writer interface: the first one's `saveAsTable` would replace the table and lose its comments.
        """
        from pyspark.sql import functions as F

        writer = rows.writeTo(self.named(path))
        if mode == "append":
            writer.append()
        else:
            writer.overwrite(F.expr(where or "true"))

    # --- what is known of a table ---

    def exists(self, path: Path) -> bool:
        """There is such a table."""
        return self.spark.catalog.tableExists(self.named(path))

    def statistics(self, path: Path) -> list[str]:
        """The columns whose least and greatest values are kept, as it was created."""
        said = self._ask(f"SHOW TBLPROPERTIES {self.named(path)} ('delta.dataSkippingStatsColumns')")
        return str(said["value"]).split(",")

    def version(self, path: Path) -> int:
        """Its newest version."""
        return int(self._ask(f"DESCRIBE HISTORY {self.named(path)} LIMIT 1")["version"])

    def extent(self, path: Path, at: int | None = None) -> tuple[int, int]:
        """How many rows a version has, and how many bytes the newest one."""
        where = "" if at is None else f" VERSION AS OF {at}"
        rows = self._ask(f"SELECT count(*) AS n FROM {self.named(path)}{where}")["n"]
        return int(rows), int(self._ask(f"DESCRIBE DETAIL {self.named(path)}")["sizeInBytes"])

    def written(self, path: Path, version: int) -> int:
        """How many bytes of files a version added, as its operation says."""
        history = self.spark.sql(f"DESCRIBE HISTORY {self.named(path)}").select("version", "operationMetrics")
        found = history.filter(history.version == version).collect()
        said = (found[0]["operationMetrics"] or {}) if found else {}
        return sum(int(said.get(key, 0)) for key in ("numOutputBytes", "numTargetBytesAdded", "numAddedBytes"))

    def count_files(self, path: Path) -> int:
        """Of how many files it is now."""
        return int(self._ask(f"DESCRIBE DETAIL {self.named(path)}")["numFiles"])

    def missing(self, _: Path, at: int | None = None) -> list[str]:
        """None that could be seen from here: the catalog keeps the files."""
        return []

    def fields(self, path: Path) -> list[Field]:
        """Its columns, as they were created or added."""
        found = self.read(path).schema.fields
        return [Field(f.name, f.dataType.simpleString(), str(f.metadata.get("comment", ""))) for f in found]

    def columns(self, path: Path) -> list[str]:
        """The names of its columns."""
        return self.read(path).columns

    def holds(self, path: Path, column: str, value: object) -> bool:
        """Some row has this value."""
        from pyspark.sql import functions as F

        return bool(self.read(path).filter(F.col(column) == F.lit(value)).limit(1).collect())

    def table(self, path: Path, at: int | None = None, since: tuple[str, int] | None = None) -> tuple[int, pa.Table]:
        """A small table as it is at a version: its number, and its rows. Raises StorageError.

        since: only the rows with at least this number in this column.
        """
        from pyspark.errors import PySparkException

        try:
            version = self.version(path) if at is None else at
            where = f" WHERE {quoted(since[0])} >= {since[1]}" if since else ""
            rows = self.spark.sql(f"SELECT * FROM {self.named(path)} VERSION AS OF {version}{where}").toArrow()
        except PySparkException as error:
            raise StorageError(f"{self.named(path)}: cannot be read ({first_line(error)}).") from error
        # A notebook's session has a time zone of its own, in which the instants would be told.
        columns = [f.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(f.type) else f for f in rows.schema]
        return version, rows.cast(pa.schema(columns))

    # --- who works on the warehouse ---

    @contextmanager
    def hold(self, warehouse: Path, names: Sequence[str]) -> Iterator[None]:
        """Hold these locks: leases in a table, renewed as long as this process lives. Raises LockedError."""
        leases, holder = self._leases(warehouse), uuid.uuid4().hex
        mine = f"holder = {text(holder)}"
        try:
            self._exclusively(lease_sql(leases, names, holder))
            if self._ask(f"SELECT count(*) AS n FROM {leases} WHERE {mine}")["n"] < len(names):
                raise LockedError(
                    f"{self.catalog}.{self.schema}: another run is working on these tables; wait for it to end."
                )
            ended = Event()
            renewing = Thread(target=self._renew, args=(leases, mine, ended), daemon=True)
            renewing.start()
            try:
                yield
            finally:
                ended.set()
                renewing.join()
        finally:
            self._exclusively(f"DELETE FROM {leases} WHERE {mine}", insist=True)

    def held(self, warehouse: Path, names: Sequence[str]) -> list[str]:
        """Those of these locks that some process holds."""
        if not self.exists(warehouse / LEASES):
            return []
        there = f"SELECT name FROM {self._leases(warehouse)} WHERE until > current_timestamp()"
        taken = {row["name"] for row in self.spark.sql(there).collect()}
        return [name for name in names if name in taken]

    def _leases(self, warehouse: Path) -> str:
        path = warehouse / LEASES
        fields = [Field("name", "string", "The task."), Field("holder", "string", "Who holds it.")]
        if not self.exists(path):
            until = Field("until", "timestamp", "Until when, if it is not renewed.")
            self.create(
                path, [*fields, until], "Who works on these tables: one row a task at work.", ("name",), ("until",)
            )
        return self.named(path)

    def _exclusively(self, statement: str, *, insist: bool = False) -> None:
        """Change the leases; of several who do it at once some are refused, and wait. insist: until it is done."""
        from pyspark.errors import PySparkException

        while True:
            try:
                self.spark.sql(statement).collect()
                return
            except PySparkException as error:
                if "CONCURRENT" not in str(error).upper():
                    raise
                if not insist:
                    raise LockedError(f"{self.catalog}.{self.schema}: another run takes its turn.") from error
            time.sleep(random.uniform(0.1, 1.0))

    def _renew(self, leases: str, mine: str, ended: Event) -> None:
        while not ended.wait(_RENEWED):
            self._exclusively(f"UPDATE {leases} SET until = current_timestamp() + {_LEASE} WHERE {mine}", insist=True)

    # --- what is done to a table ---

    def create(
        self,
        path: Path,
        fields: Sequence[Field],
        comment: str,
        partition_by: Sequence[str] = (),
        statistics: Sequence[str] = (),
    ) -> None:
        """Create it, empty, with a comment on it and on each column."""
        self.spark.sql(create_sql(self.named(path), fields, comment, partition_by, statistics))

    def append_rows(self, path: Path, data: pa.Table) -> None:
        """Append a few rows from memory."""
        self.write(path, self._framed(path, data), "append")

    def append_next(self, path: Path, data: pa.Table, at: int) -> int:
        """Append the next entry of a ledger; the version that it makes. at: the version that was read.

        Raises LockedError if another entry has its number: of two that are written at once one is kept, and each looks
        afterwards whether it is its own.
        """
        from pyspark.errors import PySparkException

        lost = LockedError(f"{self.named(path)}: another program wrote an entry meanwhile; run the command again.")
        view = f"entry_{data['run_id'][0].as_py()}_{data['seq'][0].as_py()}".replace("-", "_").replace(".", "_")
        self._framed(path, data).createOrReplaceTempView(view)
        try:
            self.spark.sql(next_sql(self.named(path), view)).collect()
        except PySparkException as error:
            if "CONCURRENT" in str(error).upper():
                raise lost from error
            raise StorageError(f"{self.named(path)}: cannot be written ({first_line(error)}).") from error
        finally:
            self.spark.catalog.dropTempView(view)
        version, rows = self.table(path)
        ours = [row for row in rows.to_pylist() if row["seq"] == data["seq"][0].as_py()]
        if [(row["run_id"], row["at"]) for row in ours] != [(data["run_id"][0].as_py(), data["at"][0].as_py())]:
            raise lost
        return version

    def add_columns(self, path: Path, fields: Sequence[Field]) -> None:
        """Add columns: one new version."""
        self.spark.sql(add_columns_sql(self.named(path), fields))

    def restore(self, path: Path, to: int) -> None:
        """Take it back to an earlier version: one new version with the old rows."""
        self.spark.sql(f"RESTORE TABLE {self.named(path)} TO VERSION AS OF {to}").collect()

    def compact(self, path: Path, by: Sequence[str] = ()) -> None:
        """Make few files of many. by: columns by whose values rows that are alike lie together."""
        self.spark.sql(optimize_sql(self.named(path), by)).collect()

    def vacuum(self, path: Path, older_than: timedelta, keep: Collection[int]) -> int:
        """Delete the files that no version of the last thirty days needs; how many there were.

        older_than, keep: the table's own property stands for them, as it does where the catalog does this by itself.
        """
        before = self.version(path)
        self.spark.sql(f"VACUUM {self.named(path)}").collect()
        said = self.spark.sql(f"DESCRIBE HISTORY {self.named(path)} LIMIT 2").collect()
        metrics = [r["operationMetrics"] or {} for r in said if r["version"] > before]
        return sum(int(m.get("numDeletedFiles", 0)) for m in metrics)

    def shorten_log(self, path: Path, keep: Collection[int]) -> None:
        """Nothing: the catalog's tables do this by themselves."""

    def _ask(self, query: str) -> Row:
        return self.spark.sql(query).collect()[0]

    def _framed(self, path: Path, data: pa.Table) -> DataFrame:
        """Rows from memory, with the table's types."""
        rows = self.spark.createDataFrame(data)
        there = self.read(path).schema
        return rows.select(*[rows[f.name].cast(f.dataType).alias(f.name) for f in there.fields])


class Databricks:
    """The session of the notebook, which counts in UTC until the engine is stopped, and a schema's managed tables."""

    name = "databricks"

    def __init__(self, lake: Managed) -> None:
        self.lake = lake
        self.rows = lake
        self.spark = lake.spark
        self._zone = self.spark.conf.get("spark.sql.session.timeZone")
        self.spark.conf.set("spark.sql.session.timeZone", "UTC")

    def uri(self, path: Path) -> str:
        """The path itself: a volume's files are read by theirs."""
        return str(path.absolute())

    def csv(
        self, path: Path, into: Path, width: int, delimiter: str, *, multiline: bool, most_fields: int
    ) -> tuple[DataFrame, int] | None:
        """A CSV file's records, read by the cluster; None if it does not see the file."""
        uri, place = self.uri(path), self.uri(into)
        return spark_csv.read(self.spark, uri, place, width, delimiter, multiline=multiline, most_fields=most_fields)

    def expect(self, size: int) -> None:
        """Nothing: the platform divides its work by itself."""

    def peak_memory_mb(self) -> int:
        """Of this process: the platform's own pages tell about the rest."""
        return peak_memory_mb()

    def stop(self) -> None:
        """Leave the notebook its session as it was."""
        self.spark.conf.set("spark.sql.session.timeZone", self._zone or "UTC")


def lake_of(settings: Settings) -> Managed:
    """The schema that the settings name, by the notebook's session."""
    from pyspark.sql import SparkSession

    return Managed(SparkSession.builder.getOrCreate(), settings.catalog, settings.schema_name)


def start(settings: Settings) -> Databricks:
    """The engine that the settings name."""
    return Databricks(lake_of(settings))
