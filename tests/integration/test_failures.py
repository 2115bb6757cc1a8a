"""What goes wrong: one sentence that says what and what to do, the exit code, and nothing is lost.

What a person sees is looked at through processes of their own; what needs a certain moment, in this one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from ecomm import driver
from ecomm.batches.entry import FORMAT_VERSION, SCHEMA
from ecomm.batches.landing import Landing
from ecomm.batches.ledger import Ledger
from ecomm.batches.locks import TASKS
from ecomm.money import shown
from ecomm.progress import TaskResult
from ecomm.warehouse import Warehouse
from tests.integration.test_cli import Said, ecomm
from tests.shop import Shop

HEADER = "order_id,customer_id,product_id,order_date,order_amount,shipping_address\n"
SECOND = "2025-01-16T06:00:00Z"
OUTSIDE = ("batch_ledger", "processing_log", "validation_results")


def orders(*ids: str, amount: str = "5.00") -> str:
    return HEADER + "".join(f"{i},C1,P1,2025-01-14,{amount},\n" for i in ids)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with one published batch."""
    shop = Shop(tmp_path_factory.mktemp("failures"))
    shop.drop("base", "2025-01-15T06:00:00Z", {"orders": {"base.csv": orders("O1", "O2")}})
    assert run(shop).code == 0
    return shop.root


@pytest.fixture
def copy(base: Path, shop: Shop) -> Shop:
    """A copy of that shop, with a good batch that is pending."""
    shutil.copytree(base, shop.root / "copy")
    made = Shop(shop.root / "copy")
    made.drop("good", SECOND, {"orders": {"good.csv": orders("O3")}})
    return made


def publishes(shop: Shop, *batches: str) -> None:
    """The next run, in this process, publishes these batches and leaves nothing in landing."""
    assert [(o.batch_id, o.status, o.reason) for o in shop.run()] == [(b, "published", None) for b in batches]
    assert shop.landed() == []


def places(shop: Shop) -> tuple[str, ...]:
    return "--landing", str(shop.settings.landing), "--warehouse", str(shop.settings.warehouse)


def run(shop: Shop, *args: object) -> Said:
    return ecomm("run", *args, *places(shop), cwd=shop.root)


def line(said: Said, *parts: object) -> str:
    """The one line, wherever it is shown, that has all these parts."""
    lines = [x for x in (said.out + said.err).splitlines() if all(str(p) in x for p in parts)]
    assert len(lines) == 1, said
    return lines[0]


def tables(shop: Shop) -> dict[str, int]:
    """Every table's newest version, but of the ledger and the journals."""
    return {name: n for name, n in shop.versions().items() if name not in OUTSIDE}


def contents(shop: Shop) -> set[str]:
    """What lies anywhere in landing, as hashes: nothing that was sent may be missing from it."""
    files = [p for p in shop.settings.landing.rglob("*") if p.is_file() and not p.name.endswith(".part")]
    files = [p for p in files if ".ledger" not in p.parts]
    return {hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def published(shop: Shop) -> list[str]:
    """The live batches."""
    return [e.batch_id or "" for e in shop.warehouse.log if e.entry == "PUBLISH"]


class Watch:
    """What must be the same afterwards."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.tables, self.contents, self.landed = tables(shop), contents(shop), shop.landed()
        self.entries = len(Ledger(shop.settings.warehouse).log)
        self.rows = {name: shop.rows(name) for name in ("orders_target", "enriched_orders")}

    def nothing_changed(self) -> None:
        """Readers see what they saw, and every file that was sent lies where it lay."""
        assert {name: self.shop.rows(name) for name in self.rows} == self.rows
        assert self.shop.landed() == self.landed
        assert contents(self.shop) == self.contents
        assert not list(self.shop.settings.landing.rglob("*.part"))

    def nothing_was_written(self) -> None:
        """Nor was any table, or the ledger, written."""
        self.nothing_changed()
        assert tables(self.shop) == self.tables
        assert len(Ledger(self.shop.settings.warehouse).log) == self.entries


# -- folders and triggers --------------------------------------------------------------------------------


def test_wrong_folder(tmp_path: Path) -> None:
    """No landing folder, or one that is none of ours: exit code 2, what to do, and no folder is made."""
    said = ecomm("run", "--landing", "nowhere", cwd=tmp_path)
    said.fails(2, "nowhere", "--landing", "ecomm init")
    (tmp_path / "photos").mkdir()
    ecomm("run", "--landing", "photos", cwd=tmp_path).fails(2, "photos", "ecomm init")
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]


def test_warehouse_that_is_a_file(copy: Shop) -> None:
    """The warehouse's place is taken by a file: it stays."""
    place = copy.root / "taken"
    place.write_text("dear")
    said = ecomm("run", "--landing", copy.settings.landing, "--warehouse", place, cwd=copy.root)
    said.fails(1, place)
    assert place.read_text() == "dear"


def test_no_trigger(tmp_path: Path) -> None:
    """Nothing to do is no failure, and makes no warehouse."""
    shop = Shop(tmp_path)
    said = run(shop)
    assert (said.code, said.out, said.err) == (0, "Nothing is pending.\n", "")
    assert not (tmp_path / "warehouse").exists()


def test_bad_json(copy: Shop) -> None:
    """The file is named, with line and column; the batches beside it are published; it stays in landing."""
    bad = copy.trigger('{"trigger_id": "x",\n "expected_files": [}', "bad.json")
    said = run(copy)
    assert said.code == 1
    sentence = line(said, "bad.json")
    assert all(part in sentence for part in (str(bad), "line 2", "correct the file"))
    assert published(copy) == ["base", "good"]
    assert copy.landed() == ["bad.json"]


def test_missing_column(copy: Shop) -> None:
    """File and column are named before anything is written; the corrected file is published by the next run."""
    watch = Watch(copy)
    path = copy.settings.source_dir("orders") / "source" / "bad.csv"
    copy.drop(
        "bad",
        "2025-01-15T12:00:00Z",
        {"orders": {"bad.csv": "order_id,customer_id,order_date,order_amount\n1,2,3,4\n"}},
    )
    said = run(copy, "--batch", "bad")
    assert said.code == 1
    assert str(path) in line(said, "bad failed", "product_id")
    assert tables(copy) == watch.tables
    assert path.exists()
    assert [e.entry for e in copy.warehouse.log[-2:]] == ["OPEN", "RECOVER"]
    assert "product_id" in line(ecomm("status", *places(copy), cwd=copy.root), "bad: failed")
    path.write_text(orders("O9"))
    publishes(copy, "bad", "good")


def test_unusable_files(copy: Shop) -> None:
    """A file without a header that can be read: its batch fails with its name, the others go on."""
    bad: dict[str, tuple[bytes | str, str]] = {
        "nothing": ("", "empty"),
        "blanks": (b"\xef\xbb\xbf\n \n", "empty"),
        "utf16": (orders("O9").encode("utf-16"), "UTF-8"),
        "quote": ('order_id,"customer_id\n1,2\n', "quote"),
        "twice": ("order_id,ORDER_ID\n", "order_id"),
    }
    for name, (content, _) in bad.items():
        copy.drop(name, "2025-01-15T12:00:00Z", {"orders": {f"{name}.csv": content}})
    watch = Watch(copy)
    said = run(copy)
    assert said.code == 1
    for name, (_, fault) in bad.items():
        assert fault in line(said, f"{name} failed", f"{name}.csv")
    assert published(copy) == ["base", "good"]
    assert {f"{name}.csv" for name in bad} < set(copy.landed())
    assert watch.contents <= contents(copy)


def test_missing_file(copy: Shop) -> None:
    """The batch waits, one line names the file, the exit code is 0; the others go on; it follows when it is whole."""
    copy.drop(
        "late", "2025-01-15T12:00:00Z", {"orders": {"here.csv": orders("O9")}}, expected_files=["here.csv", "gone.csv"]
    )
    said = run(copy)
    assert (said.code, said.err) == (0, "")
    assert "waiting: waits for gone.csv" in line(said, "late")
    assert published(copy) == ["base", "good"]
    watch = Watch(copy)
    (waiting,) = copy.run()
    assert (waiting.status, waiting.exit_code) == ("waiting", 0)
    watch.nothing_was_written()
    (copy.settings.source_dir("customers") / "source" / "gone.csv").write_text("customer_id\nC1\n")
    publishes(copy, "late")


def test_path_escapes(copy: Shop) -> None:
    """A trigger that leads out of landing is refused; what lies there is neither read, moved nor written."""
    secret = copy.root / "secret.csv"
    secret.write_text(orders("STOLEN"))
    copy.trigger(json.dumps(said_of("e1", ["../../../secret.csv"])), "e1.json")
    copy.trigger(json.dumps(said_of("e2", [str(secret)])), "e2.json")
    (copy.settings.source_dir("orders") / "source" / "link.csv").symlink_to(secret)
    copy.trigger(json.dumps(said_of("e3", ["link.csv"])), "e3.json")
    copy.drop("../../../../escaped", SECOND, {"customers": {"fine.csv": "customer_id\nC1\n"}})
    said = run(copy)
    assert said.code == 1
    line(said, "e1.json", "name 1 of expected_files", "bare file names")
    line(said, "e2.json", "name 1 of expected_files", "bare file names")
    line(said, "e3", "link.csv", "not a regular file")
    assert published(copy) == ["base", "../../../../escaped", "good"]
    assert secret.read_text() == orders("STOLEN")
    assert not list(copy.root.rglob("escaped*"))
    assert not [r for r in copy.rows("orders_stage") if r["order_id"] == "STOLEN"]


def said_of(batch_id: str, files: list[str]) -> dict[str, object]:
    return {"trigger_id": batch_id, "trigger_timestamp": SECOND, "expected_files": files}


def test_hostile_triggers_stop_no_other_batch(copy: Shop) -> None:
    """Whatever a trigger says: it fails or waits by itself."""
    copy.trigger(json.dumps(said_of("long", ["x" * 300 + ".csv"])), "long.json")
    copy.trigger(json.dumps(said_of("\ud800", ["a.csv"])), "text.json")
    copy.trigger(json.dumps(said_of("file", ["\ud800.csv"])), "file.json")
    copy.trigger('{"n": ' + "1" * 5000 + "}", "digits.json")
    copy.trigger("[" * 100_000, "deep.json")
    said = run(copy)
    assert said.code == 1
    assert published(copy) == ["base", "good"]
    assert ecomm("status", *places(copy), cwd=copy.root).code == 0


def test_resend_with_other_content(copy: Shop) -> None:
    """An id that was published comes with another byte: refused, the file is named and stays, the table as it was."""
    watch = Watch(copy)
    copy.drop("base", "2025-01-15T06:00:00Z", {"orders": {"base.csv": orders("O1", "O2", amount="6.00")}})
    said = run(copy)
    assert said.code == 1
    sentence = line(said, "base failed", "base.csv")
    assert "trigger_id of its own" in sentence
    assert published(copy) == ["base", "good"]
    assert "base.csv" in copy.landed()
    amounts = {r["order_id"]: shown(r["order_amount"]) for r in copy.rows("orders_target")}
    assert amounts == {"O1": "5.00", "O2": "5.00", "O3": "5.00"}
    assert watch.contents <= contents(copy)
    assert [o.status for o in copy.run()] == ["failed"]
    assert published(copy) == ["base", "good"]


@pytest.mark.long
def test_a_new_shop_whose_first_batch_fails(shop: Shop, tmp_path: Path) -> None:
    """Every command works on what is there then, and the corrected batch is published."""
    shop.drop("first", SECOND, {"orders": {"bad.csv": "order_id\n1\n"}})
    assert run(shop).code == 1
    assert {name: shop.warehouse.table(name).num_rows for name in shop.warehouse.names if name not in OUTSIDE} == (
        dict.fromkeys(tables(shop), 0)
    )
    assert shop.warehouse.sql("select count(*) as n from orders_errors").to_pylist() == [{"n": 0}]
    said = ecomm("quarantine", "--warehouse", shop.settings.warehouse, cwd=tmp_path)
    assert (said.code, said.out, said.err) == (0, "Nothing was rejected.\n", "")
    line(ecomm("status", *places(shop), cwd=tmp_path), "first: failed", "bad.csv")
    shop.drop("first", SECOND, {"orders": {"bad.csv": orders("O1")}})
    publishes(shop, "first")


# -- locks -----------------------------------------------------------------------------------------------

HOLD = """
import sys
from filelock import FileLock
locks = [FileLock(path) for path in sys.argv[1:]]
for lock in locks:
    lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.long
@pytest.mark.parametrize("tasks", [TASKS, TASKS[3:4]], ids=["all", "one"])
def test_locked(tasks: tuple[str, ...], copy: Shop) -> None:
    """Another process works on the warehouse: exit code 4 at once; looking is possible, and afterwards all goes on."""
    watch = Watch(copy)
    held = [str(copy.settings.warehouse / "locks" / task) for task in tasks]
    with subprocess.Popen([sys.executable, "-c", HOLD, *held], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        run(copy).fails(4, copy.settings.warehouse, "another ecomm", "wait")
        if len(tasks) == 1:
            return
        ecomm("rebuild", "--warehouse", copy.settings.warehouse, cwd=copy.root).fails(4, copy.settings.warehouse)
        assert "A run is under way." in ecomm("status", *places(copy), cwd=copy.root).ok().out
        assert len(copy.rows("orders_target")) == 2
        told = ecomm("doctor", "--json", *places(copy), cwd=copy.root)
        assert told.code == 1
        assert [f["check"] for f in told.json["findings"] if f["fix"]] == ["lock"]
        watch.nothing_was_written()
        other.stdin.close()
    publishes(copy, "good")


# -- disks -----------------------------------------------------------------------------------------------


class Disk:
    """A small disk of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()

    def mount(self, options: str) -> bool:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.place)], capture_output=True, check=False
        )
        return done.returncode == 0

    def again(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.place)], check=True)

    def fill(self) -> Path:
        """Leave no byte free."""
        path = self.place / "filler"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(handle, bytes(4096))
        except OSError:
            return path
        finally:
            os.close(handle)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 3 MiB; only root can have one."""
    made = Disk(tmp_path / "disk")
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not made.mount("size=3m"):
        pytest.skip("mounting a small disk takes root's rights on Linux")
    yield made
    subprocess.run(["umount", "-l", str(made.place)], check=True)


def large(rows: int) -> str:
    """Orders that no compression makes small."""
    chance = random.Random(7)
    return HEADER + "".join(f"B{n},C1,P1,2025-01-14,5.00,{chance.randbytes(100).hex()}\n" for n in range(rows))


@pytest.mark.long
def test_full_disk_under_the_warehouse(base: Path, disk: Disk, shop: Shop) -> None:
    """The batch fails with a sentence and leaves no heap behind, so that a smaller one still has room.

    What was published is read as before; with more room the next run publishes the rest.
    """
    shop = moved(base, disk, warehouse=True)
    shop.drop("big", SECOND, {"orders": {"big.csv": large(15_000)}})
    watch = Watch(shop)
    said = run(shop)
    assert said.code == 1
    sentence = line(said, "big failed", "full")
    assert "free some space" in sentence
    assert str(shop.settings.warehouse) in sentence
    assert not [x for x in said.err.splitlines() if x.startswith("{")], "a log is for --verbose"
    watch.nothing_changed()
    shop.drop("small", "2025-01-17", {"orders": {"small.csv": orders("O3")}})
    assert [o.status for o in shop.run()] == ["failed", "published"]
    disk.again("size=100m")
    publishes(shop, "big")
    assert len(shop.rows("orders_target")) == 15_003


def test_full_disk_before_the_first_byte(base: Path, disk: Disk, shop: Shop) -> None:
    """Not even the ledger can be written: it is the disk that is blamed, not another program."""
    shop = moved(base, disk, warehouse=True)
    shop.drop("good", SECOND, {"orders": {"good.csv": orders("O3")}})
    watch = Watch(shop)
    filler = disk.fill()
    said = run(shop)
    assert said.code == 1
    line(said, shop.settings.warehouse, "space")
    assert "another program" not in said.out + said.err
    watch.nothing_was_written()
    filler.unlink()
    publishes(shop, "good")


def test_full_disk_under_landing(base: Path, disk: Disk, shop: Shop) -> None:
    """Nothing can be written beside the files: the folder is named, and they stay."""
    shop = moved(base, disk, landing=True)
    shop.drop("good", SECOND, {"orders": {"good.csv": large(4_000)}})
    watch = Watch(shop)
    disk.fill()
    said = run(shop)
    assert said.code == 1
    line(said, "good failed", shop.settings.landing, "space")
    watch.nothing_changed()
    disk.again("size=100m")
    publishes(shop, "good")


def test_read_only_disk(base: Path, disk: Disk, shop: Shop) -> None:
    """Nobody can write there, root neither: the folder is named; looking is possible."""
    shop = moved(base, disk, warehouse=True)
    shop.drop("good", SECOND, {"orders": {"good.csv": orders("O3")}})
    watch = Watch(shop)
    disk.again("ro")
    said = run(shop)
    assert said.code == 1
    line(said, shop.settings.warehouse, "permissions")
    watch.nothing_was_written()
    assert ecomm("show", "orders_target", "--warehouse", shop.settings.warehouse, cwd=shop.root).code == 0
    assert ecomm("status", *places(shop), cwd=shop.root).code == 0
    told = ecomm("doctor", "--json", *places(shop), cwd=shop.root)
    assert told.code == 1
    assert any(str(shop.settings.warehouse) in f["found"] for f in told.json["findings"] if f["fix"])
    disk.again("rw")
    publishes(shop, "good")


def test_read_only_folder(copy: Shop) -> None:
    """The same for a user without the right to write."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere: the read-only disk is tried instead")
    watch = Watch(copy)
    folders = [p for p in copy.settings.warehouse.rglob("*") if p.is_dir()] + [copy.settings.warehouse]
    for folder in folders:
        folder.chmod(0o555)
    try:
        said = run(copy)
        assert said.code == 1
        line(said, copy.settings.warehouse, "permissions")
        watch.nothing_was_written()
        assert ecomm("status", *places(copy), cwd=copy.root).code == 0
    finally:
        for folder in folders:
            folder.chmod(0o755)
    publishes(copy, "good")


def moved(base: Path, disk: Disk, *, warehouse: bool = False, landing: bool = False) -> Shop:
    """A copy of the shop, a part of it on the small disk, by a link."""
    root = disk.place.parent / "shop"
    shutil.copytree(base, root)
    for name, there in (("warehouse", warehouse), ("landing", landing)):
        if there:
            shutil.move(root / name, disk.place / name)
            (root / name).symlink_to(disk.place / name)
    return Shop(root)


# -- the ledger ------------------------------------------------------------------------------------------


def everywhere(shop: Shop, *parts: str) -> None:
    """Every command that opens the warehouse says the one sentence, with exit code 1."""
    where = ("--warehouse", shop.settings.warehouse)
    for command in (["run", *places(shop)], ["status", *places(shop)], ["show", "orders_target", *where]):
        ecomm(*command, cwd=shop.root).fails(1, shop.settings.warehouse, *parts)


def test_newer_format(copy: Shop) -> None:
    """A warehouse that a newer program wrote is read and written by none that does not know it."""
    entry = {"seq": 99, "entry": "SPLIT", "format_version": FORMAT_VERSION + 1}
    before, landed = tables(copy), copy.landed()
    write_deltalake(
        DeltaTable(copy.settings.warehouse / "batch_ledger"),
        pa.Table.from_pylist([entry], schema=SCHEMA),
        mode="append",
    )
    everywhere(copy, str(FORMAT_VERSION + 1), "newer")
    ecomm("rebuild", "--warehouse", copy.settings.warehouse, cwd=copy.root).fails(1, "newer")
    assert (tables(copy), copy.landed()) == (before, landed)


def empty_log(log: Path) -> None:
    for path in log.iterdir():
        path.unlink()


def garbage(log: Path) -> None:
    (log / "00000000000000000001.json").write_bytes(b"\0garbage")


def lost_commit(log: Path) -> None:
    (log / "00000000000000000001.json").unlink()


def lost_data(log: Path) -> None:
    next(log.parent.glob("*.parquet")).unlink()


@pytest.mark.parametrize("damage", [empty_log, garbage, lost_commit, lost_data], ids=lambda f: f.__name__)
def test_damaged_ledger(damage: Callable[[Path], None], copy: Shop) -> None:
    """Which entry is the last cannot be told: the folder is named, and no table is touched, let alone made anew."""
    before, landed = tables(copy), copy.landed()
    damage(copy.settings.warehouse / "batch_ledger" / "_delta_log")
    run(copy).fails(1, copy.settings.warehouse, "ledger")
    for command in (["status", *places(copy)], ["show", "orders_target", "--warehouse", copy.settings.warehouse]):
        said = ecomm(*command, cwd=copy.root)
        said.fails(said.code or 1, copy.settings.warehouse)
    assert (tables(copy), copy.landed()) == (before, landed)


def test_a_ledger_that_is_gone_is_not_made_anew(copy: Shop) -> None:
    """Tables with rows but no ledger: starting anew would forget all that was published."""
    before, landed = tables(copy), copy.landed()
    shutil.rmtree(copy.settings.warehouse / "batch_ledger")
    run(copy).fails(1, copy.settings.warehouse, "ledger")
    assert (tables(copy), copy.landed()) == (before, landed)


def test_a_warehouse_that_was_not_finished(shop: Shop) -> None:
    """A first run that was broken off while it made the ledger: the next one goes on by itself."""
    shop.drop("first", SECOND, {"orders": {"a.csv": orders("O1")}})
    Ledger(shop.settings.warehouse).create()
    said = ecomm("show", "orders_target", "--warehouse", shop.settings.warehouse, cwd=shop.root)
    said.fails(2, "ecomm run", shop.settings.warehouse)
    publishes(shop, "first")


def test_a_ledger_of_which_only_the_folder_was_made(shop: Shop) -> None:
    """The same, a moment earlier."""
    shop.drop("first", SECOND, {"orders": {"a.csv": orders("O1")}})
    (shop.settings.warehouse / "batch_ledger" / "_delta_log").mkdir(parents=True)
    publishes(shop, "first")


# -- files that change, at a certain moment -----------------------------------------------------------------


def at(task: str, do: Callable[[], Any], times: int = 1) -> Callable[[str, str, TaskResult | None], None]:
    """Listens to a run, and does something when a task begins."""
    left = [times]

    def listen(_batch: str, name: str, result: TaskResult | None) -> None:
        if name == task and result is None and left[0]:
            left[0] -= 1
            do()

    return listen


@pytest.fixture
def alone(shop: Shop) -> Shop:
    """A shop with one pending batch."""
    shop.drop("b", SECOND, {"orders": {"o.csv": orders("O1")}})
    return shop


def landed_file(shop: Shop, name: str = "o.csv") -> Path:
    return shop.settings.source_dir("orders") / "source" / name


@pytest.mark.parametrize("task", ["orders_stage_load", "final_merge_operation"])
def test_a_file_that_changes_while_it_is_read(task: str, alone: Shop) -> None:
    """The attempt is taken back and starts anew with the file as it is now; only that is ever seen."""
    new = orders("O1", "O2", amount="7.00")
    (said,) = alone.run(listener=at(task, lambda: landed_file(alone).write_text(new)))
    assert (said.status, said.exit_code) == ("published", 0)
    assert [e.entry for e in alone.warehouse.log] == ["GENESIS", "OPEN", "RECOVER", "OPEN", "PUBLISH"]
    assert "changed" in str(alone.warehouse.log[2].reason)
    assert "o.csv" in str(alone.warehouse.log[2].reason)
    assert [(r["order_id"], shown(r["order_amount"])) for r in alone.rows("orders_target")] == [
        ("O1", "7.00"),
        ("O2", "7.00"),
    ]
    assert len(alone.rows("orders_stage")) == 2
    assert alone.landed() == []
    (kept,) = alone.settings.source_dir("orders").glob("archive/b/*")
    assert kept.read_text() == new


@pytest.mark.long
def test_a_file_that_does_not_stop_changing(alone: Shop) -> None:
    """After three tries the batch fails, with the file's name; the next run, when it is quiet, publishes it."""
    count = iter(range(100))
    change = at("orders_stage_load", lambda: landed_file(alone).write_text(orders(f"O{next(count)}")), times=99)
    (said,) = alone.run(listener=change)
    assert (said.status, said.exit_code) == ("failed", 1)
    assert "o.csv" in str(said.reason)
    assert published(alone) == []
    assert alone.rows("orders_target") == []
    assert len(alone.landed()) == 2
    assert not list(alone.settings.landing.rglob("*.part"))
    (said,) = alone.run()
    assert said.status == "published"
    assert [r["order_id"] for r in alone.rows("orders_target")] == ["O2"]


def test_a_file_that_is_replaced_after_it_was_published(alone: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came after the last look is left in landing and named: it is another file, which nobody has read."""
    publish = driver._publish
    old, new = orders("O1"), orders("NEW")

    def and_then(*args: Any) -> None:
        publish(*args)
        landed_file(alone).write_text(new)

    monkeypatch.setattr(driver, "_publish", and_then)
    (said,) = alone.run()
    assert (said.status, said.left) == ("published", ("o.csv",))
    assert alone.landed() == ["o.csv"]
    assert landed_file(alone).read_text() == new
    (kept,) = alone.settings.source_dir("orders").glob("archive/b/*")
    assert kept.read_text() == old


def test_a_trigger_that_is_replaced_while_its_batch_runs(alone: Shop) -> None:
    """A shop that always writes the same `trigger.json`: the next batch's trigger is never put away unread."""
    (path,) = (alone.settings.source_dir("trigger") / "source").iterdir()
    old = path.read_text()
    landed_file(alone, "next.csv").write_text(orders("O2"))
    new = json.dumps(said_of("next", ["next.csv"]))
    assert [o.status for o in alone.run(listener=at("data_validation", lambda: path.write_text(new)))] == ["published"]
    assert path.read_text() == new
    assert [(o.batch_id, o.status) for o in alone.run()] == [("next", "published")]
    assert {r["order_id"] for r in alone.rows("orders_target")} == {"O1", "O2"}
    archived = [p.read_text() for p in alone.settings.source_dir("trigger").glob("archive/*/*")]
    assert sorted(map(json.loads, archived), key=str) == sorted(map(json.loads, [old, new]), key=str)


def test_a_file_that_is_replaced_before_it_was_archived(alone: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends between publishing and archiving, and the next file of that name arrives: nobody is to blame."""

    def broken(*_: Any) -> None:
        raise OSError("the folder is away")

    with monkeypatch.context() as patch:
        patch.setattr(Landing, "settle", broken)
        (said,) = alone.run()
    assert (said.status, said.exit_code) == ("published", 0)
    landed_file(alone).write_text(orders("NEW"))
    assert alone.run() == []
    assert alone.landed() == ["o.csv"]
    assert landed_file(alone).read_text() == orders("NEW")
    (kept,) = alone.settings.source_dir("orders").glob("archive/b/*")
    assert kept.read_text() == orders("O1")
    assert len(list(alone.settings.source_dir("trigger").glob("archive/b/*"))) == 1


def test_a_file_that_goes_while_its_batch_runs(alone: Shop) -> None:
    """Its bytes were copied first: the batch is published, and the archive has them."""
    (said,) = alone.run(listener=at("data_validation", lambda: landed_file(alone).unlink()))
    assert said.status == "published"
    (kept,) = alone.settings.source_dir("orders").glob("archive/b/*")
    assert kept.read_text() == orders("O1")


# -- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["o.csv.12345678", "*[x]?.csv", " o .csv", "-o.csv", "日本.csv", ".o.csv"])
def test_files_of_any_name_are_archived_for_good(name: str, shop: Shop) -> None:
    """The bytes of a published file stay in the archive, whatever it is called and whatever later runs do."""
    shop.drop("b", SECOND, {"orders": {name: orders("O1"), "o.csv": orders("O2")}})
    assert [o.status for o in shop.run()] == ["published"]
    shop.drop("c", "2025-01-17", {"orders": {"c.csv": orders("O3")}})
    assert [o.status for o in shop.run()] == ["published"]
    assert shop.run() == []
    archive = shop.settings.source_dir("orders") / "archive" / "b"
    kept = {p.name: p.read_text() for p in archive.iterdir()}
    assert sorted(kept.values()) == [orders("O1"), orders("O2")]
    assert kept["o.csv"] == orders("O2")
    assert all(n.startswith((name, "o.csv")) for n in kept)
    assert shop.landed() == []


def test_a_file_that_is_named_like_a_copy(shop: Shop) -> None:
    """The archive's own copies end in .part while a batch runs: a trigger that lists such a file is refused."""
    shop.drop("b", SECOND, {"orders": {"o.csv.part": orders("O1"), "o.csv": orders("O2")}})
    (said,) = shop.run()
    assert (said.status, said.exit_code) == ("failed", 1)
    assert "name 1 of expected_files ends in .part" in str(said.reason)
    assert "rename" in str(said.reason)
    assert len(shop.landed()) == 3


def test_a_shop_in_a_folder_of_any_name(shop: Shop) -> None:
    """Blanks, stars, other scripts on the way to landing and warehouse."""
    name = "my shop *é'日#?"
    odd = Shop(shop.root / name)
    odd.drop("b", SECOND, {"orders": {"o.csv": orders("O1")}})
    odd.drop("c", "2025-01-17", {"orders": {"p.csv": orders("O1", amount="6.00")}})
    assert [(o.status, o.reason) for o in odd.run()] == [("published", None)] * 2
    assert [shown(r["order_amount"]) for r in odd.rows("orders_target") if r["is_current"]] == ["6.00"]
    assert [p.name for p in shop.root.iterdir() if p.name != "landing"] == [name]


@pytest.mark.parametrize("name", ["shop [1]", "my%20shop", "a\\b"])
def test_a_warehouse_where_no_delta_table_can_lie(name: str, tmp_path: Path) -> None:
    """deltalake takes these for an address and would write elsewhere: refused before anything is made."""
    odd = Shop(tmp_path / name)
    odd.drop("b", SECOND, {"orders": {"o.csv": orders("O1")}})
    for command in ("run", "status", "show"):
        where = places(odd) if command != "show" else ("orders_target", *places(odd)[2:])
        ecomm(command, *where, cwd=tmp_path).fails(2, name, "--warehouse")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert not odd.settings.warehouse.exists()


# -- files with nothing in them ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [
        {"customers": {"c.csv": "customer_id\nC1\n"}},
        {"orders": {"o.csv": HEADER}},
        {"orders": {"o.csv": orders("bad id")}},
        {"orders": {"o.csv": HEADER + "broken\n"}},
        {"inventory": {"i.csv": "product_id,stock_quantity\n"}, "shipping": {"s.csv": "order_id\n\n"}},
    ],
    ids=["no orders", "header only", "all rejected", "all malformed", "two empty ones"],
)
def test_a_batch_of_which_nothing_enters_the_orders(files: dict[str, dict[str, bytes | str]], shop: Shop) -> None:
    """It is published like any other, also as the first one, and the next one finds everything in order."""
    shop.drop("b", SECOND, files)
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    shop.drop("c", "2025-01-17", {"orders": {"p.csv": orders("O1")}})
    assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
    assert [r["order_id"] for r in shop.rows("enriched_orders")] == ["O1"]
    assert [r["orders"] for r in shop.rows("analytics_summary")] == [0, 1]
    assert isinstance(shop.warehouse, Warehouse)
