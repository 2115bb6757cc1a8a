"""Every attack, by its name, in the order in which they are run."""

from __future__ import annotations

from tests.attack.alone import by_peers, by_the_reader
from tests.attack.flips import flips
from tests.attack.formats import formats
from tests.attack.harness import Tests, counted
from tests.attack.pages import pages
from tests.attack.plan import Attack
from tests.attack.rivals import rivals
from tests.attack.sql import sql
from tests.attack.through_a_shop import by_a_run
from tests.attack.triggers import triggers
from tests.attack.values import values

_CALLS = "tests/integration/test_system_calls.py"
_KILLS = Tests((_CALLS,), named="killed", marks="long", whole="soak")
_ERRORS = Tests((_CALLS,), named="fail", marks="long", whole="soak")
_SEAMS = Tests(("tests/integration/test_kills.py",))
_WOKEN = Tests(("tests/integration/test_publication.py",), named="that_wakes")
_DISKS = Tests(("tests/integration/test_failures.py",), named="disk or read_only or damaged or changes or replaced")
_TORN = Tests(("tests/integration/test_restore.py",))
_ENGINES = Tests(("tests/integration/test_wrong_engine.py",))
_POLLS = Tests(("tests/integration/test_polling.py",), marks="long", whole="long or soak")
_PORT = Tests(("tests/integration/test_engine_port.py",))
_ACCESS = Tests(("tests/dashboard/test_access.py", "tests/unit/test_health.py"))

ATTACKS = {
    attack.name: attack
    for attack in (
        Attack(
            "corpus", "hostile files by the reader alone, in whole and in small chunks", by_the_reader, by_files=True
        ),
        Attack("peers", "the same files by readers of others", by_peers, by_files=True),
        Attack("run", "the same files through `ecomm run`, record by record", by_a_run, by_files=True),
        Attack("formats", "packed files, workbooks, JSON, Parquet: bombs, entities, macros, damage", formats),
        Attack("triggers", "triggers that lead out, lie, flood, or are none", triggers),
        Attack("values", "amounts, days, flags and whole numbers against the oracle", values),
        Attack("sql", "queries of `ecomm sql` that try to leave the published tables", sql),
        Attack("pages", "requests to a dashboard, and hostile texts in what it shows", pages),
        Attack("access", "tokens, cookies, masks, health: the tests of who sees what", counted(_ACCESS)),
        Attack("port", "another user at the engine's port", counted(_PORT)),
        Attack("flips", "bits of live files of all tables turned: `doctor --deep` sees it", flips),
        Attack("torn", "logs and files cut, empty, gone: seen, and made again by `restore`", counted(_TORN)),
        Attack("engines", "an engine that writes wrong rows: nothing of it is published", counted(_ENGINES)),
        Attack("kills", "runs killed at calls that write, rename, link or delete (strace)", counted(_KILLS)),
        Attack("errors", "the same calls fail: EIO, ENOSPC, EACCES (strace)", counted(_ERRORS)),
        Attack("seams", "runs killed between and within the steps of a batch", counted(_SEAMS)),
        Attack("woken", "runs stopped at a step, locks removed, another run, then woken", counted(_WOKEN)),
        Attack(
            "disks", "disks that are full, read-only or damaged; files that change while they are read", counted(_DISKS)
        ),
        Attack("rivals", "two, four and eight runs at once, with and without locks that hold", rivals),
        Attack("readers", "programs of others read while batches are published, killed, undone", counted(_POLLS)),
    )
}
