"""The records of forgotten customers in a batch's files, and the cells that are taken out of them.

Of a customer's own record, of an order of theirs and of its shipments every cell goes that no contract knows as one
that tells nothing about a person. Ids stay, unless they are personal themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import Column
from pyspark.sql import functions as F

from ecomm.attempt import Workspace
from ecomm.batch import OpenedFile
from ecomm.batches.landing import Claimed
from ecomm.batches.people import People
from ecomm.batches.reading import erase
from ecomm.batches.reading.tables import land
from ecomm.batches.trigger import sha256
from ecomm.contract import Header, Reading, Source, text
from ecomm.delivery import Computed
from ecomm.engines import deltafiles
from ecomm.store import Store
from ecomm.tables import stage_name
from ecomm.transforms import stage as staging

SOURCES = ("customers", "orders", "shipping")
"""The sources whose records tell about a customer."""
Records = Mapping[int, erase.Cells]
"""People's records in a file: number of the record -> what is written in its cells."""
_NAMES = {"customer": "customer_id", "order": "order_id"}


@dataclass(frozen=True)
class Named:
    """Whom the records of a file name. A file that is read for several sources is one file here.

    files: the file as each source reads it. sources: these sources. views: source -> source_line, customer and order of
    the records that it can read, NULL where a record does not say it. landed: the file as texts.
    """

    files: tuple[OpenedFile, ...]
    sources: Mapping[str, Source]
    views: Mapping[str, pa.Table]
    landed: Path

    @cached_property
    def hidden(self) -> list[int]:
        """The cells that are taken out of people's records."""
        known = {place for file in self.files for place in _open_cells(file.header, self.sources[file.source])}
        return [at for at in range(len(self.files[0].header.names)) if at not in known]

    @cached_property
    def customer(self) -> list[int]:
        """The cells that say who the customer is."""
        return next((places for file in self.files if (places := _places(file.header, "customer_id"))), [])


def named(
    work: Workspace, sources: Mapping[str, Source], files: Sequence[OpenedFile], reading: Reading
) -> Iterator[Named]:
    """Read whom the records of a batch's files name. Raises FileError, StorageError."""
    alike: dict[tuple[str, str], list[OpenedFile]] = {}
    for file in files:
        alike.setdefault((file.name, file.claimed.sha256), []).append(file)
    for (_, digest), same in alike.items():
        if any(file.source in SOURCES for file in same):
            place = work.folder / f"named_{digest[:16]}.parquet"
            land(same[0].table, place, sorted({at for f in same for at in f.header.ids(sources[f.source])}))
            views = {f.source: _view(work, sources[f.source], f, place, reading) for f in same if f.source in SOURCES}
            yield Named(tuple(same), sources, views, place)


def _view(work: Workspace, source: Source, file: OpenedFile, landed: Path, reading: Reading) -> pa.Table:
    frame = work.engine.spark.read.parquet(work.engine.uri(landed))
    rows = staging.as_text(frame, source, file.header, file.name, file.claimed.sha256, reading)
    known = {c.name for c in source.columns}
    who = [
        (text(column) if column in known else F.lit(None).cast("string")).alias(name) for name, column in _NAMES.items()
    ]
    return rows.filter(~F.col("malformed")).select("source_line", *who).toArrow()


def records_in(
    work: Workspace, sources: Mapping[str, Source], files: Sequence[OpenedFile], reading: Reading, people: People
) -> list[tuple[Named, Records]]:
    """People's records in the files of a batch; their orders in these files are known too.

    Raises FileError, StorageError.
    """
    found = [*named(work, sources, files, reading)]
    people = people.with_orders(order for one in found for order in orders_of(one, people))
    return [(one, records_of(one, people)) for one in found]


def their_orders(store: Store, people: People) -> list[str]:
    """The orders that people have by the rows in stage, of any revision."""
    theirs = store.read(stage_name("orders")).filter(F.col("customer_id").isin(sorted(people.stored)))
    return [row["order_id"] for row in theirs.select("order_id").distinct().collect()]


def orders_of(one: Named, people: People) -> set[str]:
    """The orders that people have by the records of a file."""
    if "orders" not in one.views:
        return set()
    rows = one.views["orders"]
    theirs = rows.filter(_by_customer(rows, people))["order"]
    return {*theirs.drop_null().to_pylist()}


def _by_customer(rows: pa.Table, people: People) -> pa.ChunkedArray:
    theirs = [c for c in pc.unique(rows["customer"]).drop_null().to_pylist() if people.stored_as(c)]
    return pc.is_in(rows["customer"], value_set=pa.array(theirs, pa.string()))


def records_of(one: Named, people: People, also: Iterable[int] = ()) -> Records:
    """People's records in a file, with the cells that are written in place of theirs.

    also: the numbers of records that are known to be theirs, for a correction made them so.
    """
    orders = pa.array(sorted(people.orders), pa.string())
    customers: dict[int, str | None] = {}
    readable: set[int] = set()
    for source, rows in one.views.items():
        theirs = _by_customer(rows, people)
        if source != "customers":
            theirs = pc.or_(theirs, pc.is_in(rows["order"], value_set=orders))
        found = rows.filter(theirs)
        for number, customer in zip(found["source_line"].to_pylist(), found["customer"].to_pylist(), strict=True):
            customers[number] = customer or customers.get(number)
        says = pc.is_valid(rows["order" if source == "shipping" else "customer"])
        readable |= {*rows.filter(says)["source_line"].to_pylist()}
    others = {*also, *_doubtful(one, readable | {*customers}, people)} - {*customers}
    return {number: _cells(one, people, customers.get(number)) for number in sorted({*customers, *others})}


def _doubtful(one: Named, readable: set[int], people: People) -> Iterator[int]:
    """The numbers of records that do not say whose they are, and hold what is known of these people."""
    landed = pq.read_table(one.landed)
    known = pa.array(sorted(readable), pa.int64())
    others = landed.filter(pc.invert(pc.is_in(landed["source_line"], value_set=known)))
    for name in others.column_names[1:]:
        theirs = [cell for cell in pc.unique(others[name]).to_pylist() if cell and people.is_in(cell)]
        is_theirs = pc.is_in(others[name], value_set=pa.array(theirs, pa.string()))
        yield from others.filter(is_theirs)["source_line"].to_pylist()


def _cells(one: Named, people: People, customer: str | None) -> erase.Cells:
    cells = dict.fromkeys(one.hidden, "")
    stored = people.stored_as(customer) if customer else None
    if stored not in (None, customer):
        first, *others = one.customer
        cells |= {first: str(stored), **dict.fromkeys(others, "")}
    return cells


def _open_cells(header: Header, source: Source) -> set[int]:
    """The cells of which a source knows that they tell nothing about a person."""
    known = {place for c in source.stored if not c.personal for place in _places(header, c.name)}
    return known | {*header.line_cells, *header.only} | ({header.deletes} if header.deletes is not None else set())


def _places(header: Header, column: str) -> list[int]:
    """The cells from which a column is read."""
    if column in header.positions:
        return [header.positions[column]]
    way = header.computed.get(column, Computed())
    return [header.cells[name] for name in way.headers if name in header.cells]


def rewritten(claimed: Claimed, file: OpenedFile, records: Records, into: Path) -> Claimed:
    """Write the copy of a file without these cells; the file as it is claimed then. Raises StorageError."""
    erase.rewrite(claimed.copy, into, claimed.file.path, file.header.shape, records)
    deltafiles.fsync(into)
    erased = tuple(sorted({*claimed.erased, *records}))
    return replace(claimed, copy=into, archived=sha256(into), erased=erased)


def in_place(file: OpenedFile, records: Records) -> Claimed:
    """A claimed file without these cells, its copy in the place of the one that was read. Raises StorageError."""
    claimed = file.claimed
    into = claimed.copy.with_name(claimed.copy.name + ".part")
    found = rewritten(claimed, file, records, into)
    into.replace(claimed.copy)
    deltafiles.fsync(claimed.copy.parent)
    return replace(found, copy=claimed.copy)


def is_erased(files: Iterable[Claimed]) -> Column | None:
    """A row is a record from which cells were taken; None if no file has one."""
    parts = [
        (F.col("file_sha256") == one.sha256) & F.col("source_line").isin(list(one.erased))
        for one in files
        if one.erased
    ]
    return reduce(lambda a, b: a | b, parts) if parts else None
