"""The command line, as a person or another program uses it: every command in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ecomm import cli
from ecomm.batches.ledger import Ledger
from ecomm.errors import UsageError
from ecomm.keys import without_empty_end
from ecomm.masks import MASK
from ecomm.tables import CATALOGUE
from ecomm.warehouse import Warehouse
from tests.shop import DATA, DAYS, SOURCES

ECOMM = Path(sys.executable).with_name("ecomm")
BATCHES = [f"batch_{day}" for day in DAYS]


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Said:
        assert (self.code, self.err) == (0, ""), self
        return self

    def masked(self) -> Said:
        """It went well, and said once how to see what is masked."""
        assert (self.code, self.err) == (0, "ecomm: personal values are masked; --reveal shows them.\n"), self
        return self

    def fails(self, code: int, *parts: str | Path) -> Said:
        """One sentence on stderr, with all these parts, and this exit code."""
        assert self.code == code, self
        assert self.err.startswith("ecomm: "), self
        assert self.err.count("\n") == 1, self
        for part in parts:
            assert str(part) in self.err, self
        return self


def ecomm(*args: object, cwd: Path, **env: str) -> Said:
    """Run the command in a folder, with nothing of our own settings in the environment."""
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith(("ECOMM_", "PYTHONIO"))}
    clean |= {"COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"} | env
    done = subprocess.run(
        [ECOMM, *map(str, args)], cwd=cwd, env=clean, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a demo in it, for looking only."""
    folder = tmp_path_factory.mktemp("cli")
    said = ecomm("demo", "--into", "demo", cwd=folder).ok()
    (folder / "said").write_text(said.out)
    return folder / "demo"


@pytest.fixture
def copy(demo: Path, tmp_path: Path) -> Path:
    """A copy of the demo, for working in."""
    return Path(shutil.copytree(demo, tmp_path / "demo"))


def places(folder: Path) -> tuple[str, ...]:
    return "--landing", str(folder / "landing"), "--warehouse", str(folder / "warehouse")


def in_warehouse(folder: Path) -> tuple[str, str]:
    return "--warehouse", str(folder / "warehouse")


def tree(folder: Path) -> dict[str, int]:
    """Every file below a folder and when it was written."""
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))}


def land(folder: Path, source: str, name: str, content: bytes | str) -> Path:
    path = folder / "landing" / f"{source}_data" / "source" / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# -- help ----------------------------------------------------------------------------------------------

COMMANDS = sorted(c.name or getattr(c.callback, "__name__", "") for c in cli.app.registered_commands)


def test_every_command_is_tried_here() -> None:
    tried = (
        "run status show sql history check quality accept reject undo replay rebuild init trigger doctor demo version "
        "export contract asof diff maintain simulate watch alerts dashboard restore"
    )
    assert sorted(tried.split()) == COMMANDS


GROUPS = ("engine install", "quarantine list", "quarantine export", "quarantine redrive")


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPS])
def test_help(command: str, tmp_path: Path) -> None:
    """Each command says in a sentence what it does, what each option means, and gives an example of its use."""
    said = ecomm(*command.split(), "--help", cwd=tmp_path).ok().out
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    assert lines[0].startswith(f"Usage: ecomm {command}")
    assert lines[1].endswith((".", ":"))
    example = next(line for line in lines if line.startswith("Example"))
    assert f"ecomm {command.removesuffix(' list')}" in example


def test_help_of_all(tmp_path: Path) -> None:
    """Without a command: all of them, each with its sentence, and the exit codes."""
    said = ecomm("--help", cwd=tmp_path).ok().out
    assert "Exit codes: 0 ok, 1 failed, 2 wrong use, 3 held, 4 locked" in said
    for command in COMMANDS:
        assert f" {command} " in said


@pytest.mark.parametrize(
    "args", [["nope"], ["show"], ["run", "--nope"], ["history", "orders"], ["show", "x", "-n", "0"]]
)
def test_wrong_use(args: list[str], tmp_path: Path) -> None:
    """A command line that cannot be read: exit code 2, and where help is."""
    said = ecomm(*args, cwd=tmp_path)
    assert said.code == 2
    assert "--help" in said.err or "-h" in said.err


# -- demo ----------------------------------------------------------------------------------------------


def test_demo(demo: Path) -> None:
    """Two days are published; what came out can be looked at with the commands that it names."""
    said = (demo.parent / "said").read_text()
    for batch in BATCHES:
        assert f"{batch} published in " in said
        for task in [*(f"{s}_stage_load" for s in SOURCES), "data_validation", "data_enrichment"]:
            assert f"✓ {batch}  {task}" in said
    assert "1,441 read, 1,346 accepted, 80 rejected, 8 duplicate, 7 superseded" in said
    assert "the shop at each batch (2 rows)" in said
    assert "customer segments (4 rows)" in said
    for command in ("status", "show", "history", "quarantine", "sql"):
        assert f"  ecomm {command} " in said


def test_what_is_made_is_private(demo: Path) -> None:
    """Files of tables, of the archive, of the ledger: nobody but their user opens one."""
    made = [demo, *demo.rglob("*")]
    assert len(made) > 200
    assert [str(path) for path in made if path.stat().st_mode & 0o077] == []


def test_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    """A folder that is not of a demo is never emptied."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    ecomm("demo", "--into", "mine", cwd=tmp_path).fails(2, "mine", "--into")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


# -- looking -------------------------------------------------------------------------------------------


def test_show(demo: Path) -> None:
    """The rows of any table; how many more there are, and which columns did not fit."""
    said = ecomm("show", "orders_target", "--limit", "3", *in_warehouse(demo), cwd=demo).masked().out
    table = Warehouse(demo / "warehouse").table("orders_target")
    assert f"({table.num_rows:,} rows)" in said
    assert f"… {table.num_rows - 3:,} more rows: --limit {table.num_rows}" in said
    assert "more columns" in said
    assert "#1042" in said
    rows = ecomm("show", "orders_target", "-n", "3", "--json", "--reveal", *in_warehouse(demo), cwd=demo).ok().json
    assert len(rows) == 3
    assert list(rows[0]) == table.column_names
    assert isinstance(rows[0]["order_amount"], str)
    assert rows[0]["effective_date"].endswith("Z")
    assert rows == sorted(rows, key=lambda r: r["order_id"])
    seen = ecomm("show", "orders_target", "-n", "3", "--json", *in_warehouse(demo), cwd=demo).masked().json
    personal = {"shipping_address", "sales_channel"}  # by the contract; unknown to it
    assert seen == [row | {c: row[c] and MASK for c in personal} for row in rows]


@pytest.mark.parametrize("name", [*CATALOGUE, "batch_ledger"])
def test_tables_can_be_read(name: str, demo: Path) -> None:
    """Every table of the catalogue, the journals and the ledger."""
    warehouse = Warehouse(demo / "warehouse")
    assert name in warehouse.names
    assert (warehouse.table(name).num_rows > 0) == (name != "corrections")  # nobody has corrected anything


def test_show_of_what_is_not_there(demo: Path, tmp_path: Path) -> None:
    """An unknown table names those that there are; an unknown warehouse says how to get one."""
    said = ecomm("show", "nope", "--json", *in_warehouse(demo), cwd=demo).fails(2, "nope")
    assert all(name in said.err for name in CATALOGUE)
    assert said.json == {"error": said.err.removeprefix("ecomm: ").rstrip("\n")}
    ecomm("show", "orders_target", "--warehouse", tmp_path / "w", cwd=tmp_path).fails(2, tmp_path / "w", "ecomm run")


def test_sql(demo: Path) -> None:
    """A question over the published tables, and its answer as a table or as JSON."""
    query = (
        "select batch_id, orders, (select count(*) from orders_target where is_current) as now "
        "from analytics_summary order by 1"
    )
    rows = ecomm("sql", query, "--json", *in_warehouse(demo), cwd=demo).ok().json
    summary = Warehouse(demo / "warehouse").table("analytics_summary").sort_by("batch_id").to_pylist()
    assert [(r["batch_id"], r["orders"]) for r in rows] == [(r["batch_id"], r["orders"]) for r in summary]
    assert rows[0]["now"] == summary[1]["orders"]
    said = ecomm("sql", query, *in_warehouse(demo), cwd=demo).ok().out
    assert BATCHES[0] in said
    assert "(2 rows)" in said


QUERIES = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "copy (select 1) to '{folder}/stolen.csv'",
    "copy orders_target to '{folder}/stolen.parquet'",
    "attach '{folder}/other.db'",
    "install httpfs",
    "load httpfs",
    "update extensions",
    "set enable_external_access = true",
    "export database '{folder}/export'",
    "select * from glob('/etc/*')",
    "select getenv('HOME')",
    "create table mine as select 1",
    "drop view orders_target",
    "insert into orders_target select * from orders_target",
    "select * from no_such_table",
    "selec 1",
    "select 1/0 from",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("query", QUERIES)
def test_sql_reads_published_tables_and_nothing_else(query: str, demo: Path, tmp_path: Path) -> None:
    """No file, no setting, no change, no nonsense: one sentence, and nothing is read or written."""
    query = query.format(folder=tmp_path)
    before = tree(demo)
    with pytest.raises(UsageError) as caught:
        Warehouse(demo / "warehouse").sql(query)
    assert str(caught.value).startswith("the query ")
    assert "\n" not in str(caught.value)
    assert tree(demo) == before
    assert list(tmp_path.iterdir()) == []


def test_sql_that_is_wrong(demo: Path) -> None:
    """The same on the command line: wrong use, one sentence."""
    said = ecomm("sql", QUERIES[0], *in_warehouse(demo), cwd=demo).fails(2, "the query failed", "/etc/passwd")
    assert "root:" not in said.out


def test_sql_values_of_every_kind_as_json(demo: Path) -> None:
    """JSON that every program can read, whatever the question was."""
    query = (
        "select 1::hugeint as h, 1.50::decimal(9,2) as d, date '2025-01-15' as day, time '10:00' as c, "
        "timestamptz '2025-01-15 06:00+00' as t, interval 1 day as i, 'nan'::double as n, 'inf'::double as f, "
        "'ab'::blob as b, uuid() as u, [1, null] as l, {'x': 1} as s, map {'k': 1} as m, null as z, true as y"
    )
    said = ecomm("sql", query, "--json", *in_warehouse(demo), cwd=demo).ok()
    (row,) = json.loads(said.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert row["d"] == "1.50"
    assert (row["day"], row["t"], row["z"], row["y"]) == ("2025-01-15", "2025-01-15T06:00:00Z", None, True)
    assert (row["l"], row["s"], row["m"]) == ([1, None], {"x": 1}, {"k": 1})


def test_sql_columns_with_one_name(demo: Path) -> None:
    """Two columns with the same name are two columns of the answer."""
    said = ecomm("sql", "select 'first' as a, 'second' as a", "--json", *in_warehouse(demo), cwd=demo).ok().out
    assert "first" in said
    assert "second" in said


def keys_with_two_versions(folder: Path, source: str) -> list[str]:
    """A key that has a history: one that both days changed."""
    table = Warehouse(folder / "warehouse").table(f"{source}_target").to_pylist()
    names = {
        "orders": ["order_id"], "customers": ["customer_id"], "products": ["product_id"],
        "inventory": ["product_id", "warehouse_location", "location"], "shipping": ["order_id", "tracking_number"],
    }[source]  # fmt: skip
    closed = sorted(tuple(r[n] for n in names) for r in table if not r["is_current"])
    return list(closed[0])


@pytest.mark.parametrize("source", SOURCES)
def test_history(source: str, demo: Path) -> None:
    """Each version with its time, its origin and what changed, oldest first; for machines the same."""
    key = keys_with_two_versions(demo, source)
    (found,) = ecomm("history", source, *key, "--json", "--reveal", *in_warehouse(demo), cwd=demo).ok().json
    assert without_empty_end([*found["key"].values()]) == without_empty_end(key)
    first, second = found["versions"]
    assert (first["expiry_date"], second["expiry_date"]) == (second["effective_date"], None)
    assert [v["batch_id"] for v in (first, second)] == BATCHES
    assert [v["origin"].rpartition(":")[0] for v in (first, second)] == [f"{source}_{day}.csv" for day in DAYS]
    assert all(set(c) == {"after"} for c in first["changes"].values())
    assert second["changes"]
    for name, change in second["changes"].items():
        assert change["before"] != change["after"]
        assert (change["before"], change["after"]) == (first[name], second[name])
    if source == "customers":
        (seen,) = ecomm("history", source, *key, "--json", *in_warehouse(demo), cwd=demo).masked().json
        assert [set(v["changes"]) for v in seen["versions"]] == [set(v["changes"]) for v in found["versions"]]
        assert {v["email"] for v in seen["versions"]} == {MASK}
    if source != "inventory":
        return
    said = ecomm("history", source, *key, *in_warehouse(demo), cwd=demo).ok().out
    assert f"{source} {' / '.join(k for k in key if k)}  2 versions" in said
    assert "○ 2025-01-15 06:00 → 2025-01-16 06:00" in said
    assert "● 2025-01-16 06:00 → now" in said
    for name in second["changes"]:
        assert f"│   {name}: " in said


def test_history_of_what_is_not_there(demo: Path) -> None:
    """An unknown key says where to look; an unknown source and too many parts are wrong use."""
    ecomm("history", "orders", "NOPE", *in_warehouse(demo), cwd=demo).fails(
        1, "orders", "NOPE", "ecomm quarantine orders"
    )
    ecomm("history", "nope", "x", *in_warehouse(demo), cwd=demo).fails(2, "nope", *SOURCES)
    ecomm("history", "orders", "a", "b", "c", "d", *in_warehouse(demo), cwd=demo).fails(2, "order_id")


def test_history_of_a_part_of_a_key(demo: Path) -> None:
    """What is left out of a key may be anything: a product in all its bins."""
    product = keys_with_two_versions(demo, "inventory")[0]
    found = ecomm("history", "inventory", product, "--json", *in_warehouse(demo), cwd=demo).ok().json
    target = Warehouse(demo / "warehouse").table("inventory_target").to_pylist()
    bins = {(r["warehouse_location"], r["location"]) for r in target if r["product_id"] == product}
    assert {(f["key"]["warehouse_location"], f["key"]["location"]) for f in found} == bins
    assert all(f["key"]["product_id"] == product for f in found)


def test_quarantine(demo: Path) -> None:
    """Every rejected or superseded record with its reasons and its place in the file, and none other."""
    lost = sum(f.rows_rejected + f.rows_superseded for e in Warehouse(demo / "warehouse").log for f in e.files)
    rows = ecomm("quarantine", "-n", "10000", "--json", "--reveal", *in_warehouse(demo), cwd=demo).ok().json
    assert len(rows) == lost
    assert {r["source"] for r in rows} == set(SOURCES)
    for row in rows:
        assert set(row) >= {
            "source",
            "batch_id",
            "source_file",
            "source_line",
            "reasons",
            "severity",
            "raw",
            "raw_line",
        }
        assert (row["raw"] is None) == ("line_malformed" in row["reasons"]) == (row["raw_line"] is not None)
    line = next(r for r in rows if "order_date_readable" in r["reasons"])
    lines = [
        x for x in (DATA / line["source_file"]).read_text(encoding="utf-8-sig", errors="replace").splitlines() if x
    ]
    assert any(line["raw"]["order_date"] in x for x in lines)

    some = ecomm(
        "quarantine", "orders", "--batch", BATCHES[1], "-n", "999", "--json", "--reveal", *in_warehouse(demo), cwd=demo
    )
    assert some.ok().json == [r for r in rows if (r["source"], r["batch_id"]) == ("orders", BATCHES[1])]
    seen = ecomm("quarantine", "customers", "-n", "10000", "--json", *in_warehouse(demo), cwd=demo).masked().json
    assert {row["raw_line"] for row in seen} <= {None, MASK}
    cells = [cell for row in seen for header, cell in (row["raw"] or {}).items() if header.lower() == "email"]
    assert {*cells} <= {"", MASK}
    assert cells
    said = ecomm("quarantine", "orders", "-n", "2", *in_warehouse(demo), cwd=demo).masked().out
    orders = [r for r in rows if r["source"] == "orders"]
    assert f"{orders[0]['source_file']}:{orders[0]['source_line']}" in said
    assert orders[0]["reasons"][0] in said
    assert f"{len(orders) - 2} more: --limit {len(orders)}" in said
    assert "Nothing" in ecomm("quarantine", "--batch", "nope", *in_warehouse(demo), cwd=demo).ok().out
    ecomm("quarantine", "nope", *in_warehouse(demo), cwd=demo).fails(2, "nope", *SOURCES)


def test_version(tmp_path: Path) -> None:
    """The program's version; as JSON those of what it stands on too."""
    from ecomm import __version__

    assert ecomm("version", cwd=tmp_path).ok().out == f"ecomm {__version__}\n"
    said = ecomm("version", "--json", cwd=tmp_path).ok().json
    assert said["ecomm"] == __version__
    assert {"python", "pysail", "pyspark-client", "deltalake", "duckdb", "pyarrow"} < set(said)


# -- a new user ------------------------------------------------------------------------------------------


def test_a_new_user(tmp_path: Path) -> None:
    """From an empty folder to published tables: init, copy, trigger, look, run; each says what comes next."""
    said = ecomm("init", cwd=tmp_path).ok().out
    assert "ecomm.toml" in said
    assert "ecomm trigger" in said
    assert all((tmp_path / "landing" / f"{s}_data" / "source").is_dir() for s in (*SOURCES, "trigger"))
    assert "Nothing is published and nothing is pending." in ecomm("status", cwd=tmp_path).ok().out
    assert "Nothing is pending." in ecomm("run", cwd=tmp_path).ok().out
    assert not (tmp_path / "warehouse").exists()

    files = [f"{s}_{DAYS[0]}.csv" for s in ("orders", "customers")]
    for source, name in zip(("orders", "customers"), files, strict=True):
        land(tmp_path, source, name, (DATA / name).read_bytes())
    assert f"unexpected: landing/orders_data/source/{files[0]}" in ecomm("status", cwd=tmp_path).ok().out
    made = ecomm("trigger", *files, "--id", "first day", "--as-of", "2025-01-15T06:00:00Z", "--json", cwd=tmp_path).ok()
    trigger = tmp_path / made.json["trigger"]
    assert json.loads(trigger.read_text())["expected_files"] == files

    before = tree(tmp_path)
    assert "first day would publish" in ecomm("run", "--dry-run", cwd=tmp_path).ok().out
    assert tree(tmp_path) == before, "a dry run writes nothing"

    said = ecomm("run", cwd=tmp_path).ok().out
    assert "first day published in " in said
    assert "✓ first day  orders_stage_load" in said
    assert "first day published as of 2025-01-15 06:00" in ecomm("status", cwd=tmp_path).ok().out
    assert sorted(p.name for p in tmp_path.glob("landing/*/source/*")) == []
    assert sorted(p.name for p in tmp_path.glob("landing/*/archive/first%20day/*")) == sorted([*files, trigger.name])
    rows = ecomm("sql", "select count(*) as n from orders_target", "--json", cwd=tmp_path).ok().json
    assert rows[0]["n"] > 400


def test_init_elsewhere(tmp_path: Path) -> None:
    """A settings file and a landing folder of any name; the settings name it, so that later commands find it."""
    said = ecomm("init", "--config", "conf/shop.toml", "--landing", 'my "in" \\ é', cwd=tmp_path).ok()
    assert "conf/shop.toml" in said.out
    assert (tmp_path / 'my "in" \\ é' / "orders_data" / "source").is_dir()
    status = ecomm("status", "--config", "conf/shop.toml", "--json", cwd=tmp_path).ok().json
    assert status["triggers"] == []
    settings = (tmp_path / "conf" / "shop.toml").read_text()
    assert ecomm("init", "--config", "conf/shop.toml", cwd=tmp_path).ok().out.startswith("conf/shop.toml is there")
    assert (tmp_path / "conf" / "shop.toml").read_text() == settings


def test_trigger(tmp_path: Path) -> None:
    """What cannot become a batch is refused, and no trigger is left behind."""
    ecomm("trigger", "a.csv", cwd=tmp_path).fails(2, "ecomm init")
    ecomm("init", cwd=tmp_path).ok()
    land(tmp_path, "orders", "a.csv", "order_id\n1\n")
    folder = tmp_path / "landing" / "trigger_data" / "source"
    ecomm("trigger", "landing/orders_data/source/a.csv", cwd=tmp_path).fails(2, "a.csv", "bare name")
    ecomm("trigger", "b.csv", cwd=tmp_path).fails(2, "b.csv", "landing")
    ecomm("trigger", "a.csv", "--as-of", "yesterday", cwd=tmp_path).fails(
        2, "trigger_timestamp", "2025-01-31T06:00:00Z"
    )
    assert list(folder.iterdir()) == []
    said = ecomm("trigger", "a.csv", "a.csv", "--id", "a/b", cwd=tmp_path).ok()
    assert "ecomm run" in said.out
    (made,) = folder.iterdir()
    assert json.loads(made.read_text())["expected_files"] == ["a.csv"]
    ecomm("trigger", "a.csv", "--id", "a/b", cwd=tmp_path).fails(2, made.name, "--id")
    assert list(folder.iterdir()) == [made]


# -- doors out ------------------------------------------------------------------------------------------


@pytest.mark.long
def test_export(demo: Path, tmp_path: Path) -> None:
    """A published table as a file, or on stdout; what it says to a person and to a program."""
    said = ecomm("export", "orders_target", "--out", "orders.csv", *in_warehouse(demo), cwd=tmp_path).ok()
    rows = Warehouse(demo / "warehouse").table("orders_target").num_rows
    size = (tmp_path / "orders.csv").stat().st_size
    assert said.out == f"Wrote {rows:,} rows of orders_target to orders.csv ({size:,} bytes).\n"
    again = ecomm("export", "orders_target", "--out", "-", *in_warehouse(demo), cwd=tmp_path).ok()
    assert again.out == (tmp_path / "orders.csv").read_text(encoding="utf-8")
    ecomm("export", "orders_target", "--out", "orders.csv", *in_warehouse(demo), cwd=tmp_path).fails(2, "--force")
    told = ecomm(
        "export", "orders_target", "-o", "x", "--format", "parquet", "--json", *in_warehouse(demo), cwd=tmp_path
    ).ok()
    assert set(told.json) == {"table", "format", "path", "rows", "bytes", "entry"}
    assert (told.json["format"], told.json["path"], told.json["rows"]) == ("parquet", "x", rows)
    ecomm("export", "orders", "-o", "y.csv", *in_warehouse(demo), cwd=tmp_path).fails(2, "orders_target")
    ecomm("export", "orders_target", "-o", "-", "--json", *in_warehouse(demo), cwd=tmp_path).fails(2, "--json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["orders.csv", "x"]


def test_contract(tmp_path: Path) -> None:
    """A source's contract as YAML, on stdout or in a file, as the settings have it."""
    said = ecomm("contract", "orders", cwd=tmp_path).ok().out
    assert said.startswith("version: ")
    assert "\napiVersion: v3." in said
    (tmp_path / "ecomm.toml").write_text('[sources.orders.columns]\norder_amount = "Total"\n')
    told = ecomm("contract", "orders", "--out", "orders.odcs.yaml", cwd=tmp_path).ok().out
    assert told == "Wrote the contract of orders to orders.odcs.yaml.\n"
    assert "physicalName: Total\n" in (tmp_path / "orders.odcs.yaml").read_text(encoding="utf-8")
    ecomm("contract", "invoices", cwd=tmp_path).fails(2, "invoices", "shipping")
    ecomm("contract", "orders", "--out", "no/x.yaml", cwd=tmp_path).fails(1, "no/x.yaml")


# -- running ---------------------------------------------------------------------------------------------

ORDERS = "order_id,customer_id,product_id,order_date,order_amount\n"


def orders(*ids: str) -> str:
    return ORDERS + "".join(f"{i},C1,P1,2025-01-14,5.00\n" for i in ids)


def waits(folder: Path, batch_id: str, *files: str, at: str = "2025-01-17T06:00:00Z", **said: object) -> Path:
    """A trigger in a demo's landing."""
    path = folder / "landing" / "trigger_data" / "source" / f"{batch_id.replace('/', '-')}.json"
    path.write_text(json.dumps({"trigger_id": batch_id, "trigger_timestamp": at, "expected_files": list(files)} | said))
    return path


def test_run(copy: Path) -> None:
    """All complete pending batches by their time, or one of them; the documented keys for machines."""
    for batch, day in (("second", 18), ("first", 17), ("third", 19)):
        land(copy, "orders", f"{batch}.csv", orders(batch, "bad id"))
        waits(copy, batch, f"{batch}.csv", at=f"2025-01-{day}")
    before = tree(copy)
    said = ecomm("run", "--dry-run", "--json", *places(copy), cwd=copy).ok().json
    assert [(b["batch_id"], b["status"]) for b in said["batches"]] == [
        (b, "would publish") for b in ("first", "second", "third")
    ]
    ecomm("run", "--batch", "nope", *places(copy), cwd=copy).fails(2, "nope", "trigger_data")
    assert tree(copy) == before

    (one,) = ecomm("run", "--batch", "third", "--json", *places(copy), cwd=copy).ok().json["batches"]
    documented = "batch_id status reason seconds revision files tasks left_in_landing notes"
    assert set(one) == set(documented.split())
    assert (one["batch_id"], one["status"], one["reason"], one["left_in_landing"]) == ("third", "published", None, [])
    (file,) = one["files"]
    counts = ("rows_read", "rows_accepted", "rows_rejected", "rows_duplicate", "rows_superseded")
    assert tuple(file[c] for c in counts) == (2, 1, 1, 0, 0)
    assert (file["source"], file["name"], file["outcome"]) == ("orders", "third.csv", "OK")
    assert {t["task"] for t in one["tasks"]} >= {"orders_stage_load", "data_validation", "final_merge_operation"}
    assert all(t["status"] == "OK" and t["seconds"] >= 0 for t in one["tasks"])

    said = ecomm("run", *places(copy), cwd=copy).ok()
    assert said.out.index("first published") < said.out.index("second published")
    assert "third" not in said.out
    assert ecomm("run", "--json", *places(copy), cwd=copy).ok().json == {"batches": []}
    listed = ecomm("status", "--json", *places(copy), cwd=copy).ok().json["published"]
    assert {b["batch_id"] for b in listed} == {*BATCHES, "first", "second", "third"}


@pytest.mark.long
def test_held_accepted_rejected(copy: Path) -> None:
    """A poor batch is held with exit code 3; `quality` says why, and a person decides, with a reason."""
    (copy / "ecomm.toml").write_text("min_score = 99\n")
    for batch in ("poor", "worse"):
        land(copy, "orders", f"{batch}.csv", orders(batch, "bad id"))
        waits(copy, batch, f"{batch}.csv")
    said = ecomm("run", *places(copy), cwd=copy)
    assert (said.code, said.err) == (3, "")
    assert "poor held" in said.out
    assert "min_score 99" in said.out
    assert "order_id_well_formed" in ecomm("quality", "poor", *in_warehouse(copy), cwd=copy).ok().out
    told = ecomm("quality", "poor", "--json", *in_warehouse(copy), cwd=copy).ok().out
    assert "order_id_well_formed" in told
    json.loads(told)
    again = ecomm("run", "--batch", "poor", *places(copy), cwd=copy)
    assert (again.code, "poor is held" in again.err) == (2, True)
    assert ecomm("accept", "poor", *places(copy), cwd=copy).code == 2
    assert "poor published" in ecomm("accept", "poor", "--why", "known", *places(copy), cwd=copy).ok().out
    ecomm("reject", "worse", "--why", "sent by mistake", *places(copy), cwd=copy).ok()
    entries = {e.batch_id: e for e in Warehouse(copy / "warehouse").log if e.entry in ("PUBLISH", "REJECT")}
    assert {b: entries[b].entry for b in ("poor", "worse")} == {"poor": "PUBLISH", "worse": "REJECT"}
    assert (entries["worse"].reason or "").startswith("sent by mistake")
    assert ecomm("status", *places(copy), cwd=copy).ok().out.count("held") == 0


def test_status(copy: Path) -> None:
    """Where everything stands: published, pending, waiting and for what, failed and why, unexpected files."""
    land(copy, "orders", "ready.csv", orders("X1"))
    waits(copy, "ready", "ready.csv")
    waits(copy, "missing", "no_such.csv")
    waits(copy, "not ready", "not_ready.csv", data_files_ready=False)
    waits(copy, "far ahead", "ready2.csv", at="2190-01-01")
    land(copy, "orders", "ready2.csv", orders("X2"))
    (copy / "landing" / "trigger_data" / "source" / "broken.json").write_text("{")
    land(copy, "customers", "nobody.csv", "customer_id\n1\n")
    land(copy, "products", "broken.csv", "product_id,name\n1,x\n")
    waits(copy, "no price", "broken.csv")
    assert ecomm("run", "--batch", "no price", *places(copy), cwd=copy).code == 1

    said = ecomm("status", *places(copy), cwd=copy).ok().out
    for batch in BATCHES:
        assert f"{batch} published" in said
    assert "ready: pending" in said
    assert "missing: waiting: waits for no_such.csv" in said
    assert "not ready: waiting" in said
    assert "far ahead: waiting" in said
    assert "2190-01-01" in said
    assert "broken.json: failed" in said
    assert "no price: failed" in said
    assert "price" in said.partition("no price: failed")[2].splitlines()[0]
    assert "unexpected" in said
    assert "nobody.csv" in said

    told = ecomm("status", "--json", *places(copy), cwd=copy).ok().json
    kinds = {"published", "held", "undone", "triggers", "unexpected_files", "unread_files", "running", "trouble"}
    assert set(told) == kinds
    assert {t["batch_id"]: t["state"] for t in told["triggers"]} == {
        "ready": "pending", "missing": "waiting", "not ready": "waiting", "far ahead": "waiting",
        "broken.json": "failed", "no price": "failed",
    }  # fmt: skip
    assert [Path(p).name for p in told["unexpected_files"]] == ["nobody.csv"]
    assert told["running"] is False
    for entry in told["published"]:
        assert set(entry) == {"batch_id", "as_of", "published_at", "revision", "score", "files"}
        assert len(entry["files"]) == 5


def test_names_are_shown_as_they_are(copy: Path) -> None:
    """Brackets in names are no markup: each name can be read as it is, and none breaks a screen."""
    land(copy, "orders", "[red]nobody[x].csv", orders("X1"))
    waits(copy, "id[/i][bold]", "a[1].csv")
    said = ecomm("status", *places(copy), cwd=copy).ok().out
    assert "id[/i][bold]: waiting: waits for a[1].csv" in said
    assert "[red]nobody[x].csv" in said
    land(copy, "orders", "a[1].csv", ORDERS + "[b]bad[/b] id,C1,P1,2025-01-14,5\n")
    said = ecomm("run", *places(copy), cwd=copy).ok().out
    assert "id[/i][bold] published" in said
    said = ecomm("quarantine", "orders", "--batch", "id[/i][bold]", *in_warehouse(copy), cwd=copy).ok().out
    assert "a[1].csv:1" in said
    assert "id[/i][bold]" in said
    assert "[b]bad[/b] id" in said
    folder = copy.rename(copy.with_name("shop [1] *é"))
    said = ecomm("doctor", *places(folder), cwd=folder).out
    assert "shop [1] *é" in said


def test_a_terminal_that_knows_few_letters(copy: Path) -> None:
    """What cannot be shown is shown otherwise; it is no reason for a batch to fail."""
    land(copy, "orders", "day.csv", orders("X1"))
    waits(copy, "日", "day.csv")
    said = ecomm("run", *places(copy), cwd=copy, PYTHONIOENCODING="ascii")
    assert (said.code, said.err) == (0, "")
    assert ecomm("status", *places(copy), cwd=copy, PYTHONIOENCODING="ascii").code == 0
    published = Warehouse(copy / "warehouse").log[-1]
    assert (published.entry, published.batch_id) == ("PUBLISH", "日")


def test_a_reader_that_goes_away(copy: Path) -> None:
    """`ecomm run | head -1`: the batch is published all the same."""
    land(copy, "orders", "day.csv", orders("X1"))
    waits(copy, "piped", "day.csv")
    line = f"{ECOMM} run --landing {copy}/landing --warehouse {copy}/warehouse | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    published = Warehouse(copy / "warehouse").log[-1]
    assert (published.entry, published.batch_id) == ("PUBLISH", "piped")


def test_verbose(copy: Path) -> None:
    """Each step is one line of JSON on stderr, without anything that tells about a person."""
    land(copy, "customers", "people.csv", "customer_id,first_name,email\nC9,Quirinius,q@example.org\n")
    land(copy, "orders", "day.csv", orders("X1"))
    waits(copy, "told", "people.csv", "day.csv")
    said = ecomm("--verbose", "run", *places(copy), cwd=copy)
    assert said.code == 0
    lines = [json.loads(line) for line in said.err.splitlines()]
    tasks = [line for line in lines if line["event"] == "task"]
    assert {t["task"] for t in tasks} >= {"orders_stage_load", "customers_stage_load", "final_merge_operation"}
    (batch,) = [line for line in lines if line["event"] == "batch"]
    assert batch["status"] == "published"
    assert {(line["batch_id"], line["run_id"]) for line in [*tasks, batch]} == {("told", batch["run_id"])}
    assert "Quirinius" not in said.err + said.out
    assert "q@example.org" not in said.err + said.out


# -- is all well? ------------------------------------------------------------------------------------------


def findings(said: Said) -> dict[str, str]:
    """check -> what to do about it."""
    return {f["check"]: f["fix"] for f in said.json["findings"]}


def test_doctor(demo: Path, tmp_path: Path) -> None:
    """All is well: each question has a tick, and the exit code is 0."""
    said = ecomm("doctor", *places(demo), cwd=demo)
    assert (said.code, said.err) == (0, "")
    marks = {line[0] for line in said.out.splitlines() if line}
    assert marks == {"✓"}
    for check in ("versions", "environment", "permissions", "disk", "lock", "warehouse", "engine", "tables"):
        assert f"✓ {check}: " in said.out
    told = ecomm("doctor", "--json", *places(demo), cwd=demo).ok()
    assert told.json["healthy"] is True
    assert all(set(f) == {"check", "found", "fix"} for f in told.json["findings"])


def test_doctor_before_the_first_run(tmp_path: Path) -> None:
    """A new shop is well; one without folders is not, and the doctor says what to do."""
    said = ecomm("doctor", cwd=tmp_path)
    assert said.code == 1
    assert "ecomm init" in said.out
    ecomm("init", cwd=tmp_path).ok()
    assert "✓ warehouse: " in ecomm("doctor", cwd=tmp_path).ok().out


def test_doctor_finds_what_is_wrong(copy: Path) -> None:
    """A table that is not what the ledger says, a folder that is gone: what to do about each, exit code 1."""
    shutil.rmtree(copy / "landing" / "shipping_data" / "source")
    ledger = Ledger(copy / "warehouse")
    version, rows = ledger.log.last.tables["customers_target"]
    ledger.append(
        replace(
            ledger.log.last,
            entry="MAINTAIN",
            tables={**ledger.log.last.tables, "customers_target": (version, rows + 1)},
        )
    )
    said = ecomm("doctor", "--json", *places(copy), cwd=copy)
    assert said.code == 1
    assert said.json["healthy"] is False
    wrong = {check: fix for check, fix in findings(said).items() if fix}
    assert set(wrong) == {"landing", "customers_target"}
    assert "ecomm init" in wrong["landing"]
    assert "ecomm restore" in wrong["customers_target"]


def test_restore(copy: Path) -> None:
    """A table that is gone is made again, and named; where nothing is damaged, this is said."""
    before = ecomm("show", "enriched_orders", "--json", *places(copy)[2:], cwd=copy).ok().json
    shutil.rmtree(copy / "warehouse" / "enriched_orders")
    said = ecomm("restore", *places(copy), cwd=copy).ok().out
    assert said == "enriched_orders: it is gone; made again, 732 rows.\n"
    assert ecomm("show", "enriched_orders", "--json", *places(copy)[2:], cwd=copy).ok().json == before
    assert "Nothing is damaged" in ecomm("restore", *places(copy), cwd=copy).ok().out
    told = ecomm("restore", "analytics_summary", "--json", *places(copy), cwd=copy).ok().json
    assert told == {"tables": [{"table": "analytics_summary", "fault": "it was asked for", "rows": 2}]}
    ecomm("restore", "orders", *places(copy), cwd=copy).fails(2, "there is no table orders")


def test_doctor_finds_a_lost_file(copy: Path) -> None:
    """A table file that is gone is found, and named; the doctor itself does not fall over it."""
    target = copy / "warehouse" / "orders_target"
    lost = max(target.glob("*/*.parquet"), key=lambda p: p.stat().st_size)
    lost.unlink()
    said = ecomm("doctor", "--json", *places(copy), cwd=copy)
    assert said.code == 1
    assert said.json["healthy"] is False
    wrong = [f for f in said.json["findings"] if f["fix"]]
    assert any("orders_target" in f["check"] + f["found"] for f in wrong)
    ecomm("show", "orders_target", *in_warehouse(copy), cwd=copy).fails(1, "orders_target")


def test_rebuild(copy: Path) -> None:
    """The fold of the log is what is there: no row of any table has to change."""
    changed = ecomm("rebuild", "--json", *in_warehouse(copy), cwd=copy).ok().json["changed_rows"]
    of_batches = ("_stage", "_errors", "corrections", "processing_log", "validation_results")
    assert set(changed) == {name for name in CATALOGUE if not name.endswith(of_batches)}
    assert set(changed.values()) == {0}
    ecomm("rebuild", "--warehouse", copy / "nowhere", cwd=copy).fails(2, copy / "nowhere")


# -- a shop at play --------------------------------------------------------------------------------------


@pytest.mark.long
def test_simulate_watch_alerts(tmp_path: Path) -> None:
    """Three days come, and are published by themselves."""
    ecomm("init", cwd=tmp_path).ok()
    how = ("--start", "2025-03-01", "--seed", "2", "--orders", "3")
    said = ecomm("simulate", "--days", "3", *how, cwd=tmp_path).ok().out
    assert [line.split(":")[0] for line in said.splitlines()] == ["2025-03-01", "2025-03-02", "2025-03-03"]
    assert "shop_2025_03_01.json" in said
    ecomm("simulate", "--start", "2025-03-02", cwd=tmp_path).fails(2, "played into with 2025-03-01")
    ecomm("simulate", "--start", "soon", cwd=tmp_path).fails(2, "--start: 'soon' is no day")
    batches = [json.loads(line) for line in ecomm("watch", "--once", "--json", cwd=tmp_path).ok().out.splitlines()]
    assert [(b["batch_id"], b["status"]) for b in batches] == [(f"shop_2025_03_0{n}", "published") for n in (1, 2, 3)]
    looked = ecomm("alerts", "--check", "--json", cwd=tmp_path).ok().json  # three batches tell nothing yet
    assert (looked["firing"], looked["events"]) == ([], [])
    listed = ecomm("alerts", cwd=tmp_path).ok().out
    assert listed.startswith("Nothing is wrong.")
    assert all(rule["meaning"] in listed for rule in looked["rules"])
    bad = ecomm("watch", "--once", "--landing", "nowhere", cwd=tmp_path)
    bad.fails(2, "there is no such landing folder")
