"""Unique values of people go every way through the program, and are in nothing that it prints, sends, logs or keeps.

By design they are in what a user asks for by name (`sql`, `export`, `quarantine export`, --reveal, -vv), in the tables
of rows (stage, errors, targets, corrections), in the archive, and, where a trigger states them, in the ledger.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog
import typer
import xlsxwriter
from typer.core import TyperGroup

from ecomm import alerts, cli, redrive
from ecomm.dashboard.answers import ANSWERS
from ecomm.dashboard.app import application
from ecomm.dashboard.listings import LISTINGS
from ecomm.dashboard.static import write
from ecomm.engines import Engine
from ecomm.masks import MASK
from tests.conftest import keep_running
from tests.dashboard.test_access import ask
from tests.integration.test_cli import ecomm
from tests.shop import SOURCES, Shop

# Of a person: `zqanarie` is in every name, address and text, the others are a telephone number and a day of birth.
PERSON = re.compile(rb"(?i)[\w.@ +-]*zqanarie[\w.@ +-]*|555 ?1234|1931-07-\d\d|\d\d\.07\.1931")
# Also never shown, but kept: an id that is an e-mail address, a telephone number, or no id at all; a text in a trigger.
KEY = re.compile(rb"(?i)[\w.@ +-]*zkeyed[\w.@ +-]*|\+49307654321|zsender")
AS_OF = "2025-03-{:02}T12:00:00Z"
CUSTOMERS = "customer_id,first_name,last_name,email,phone,date_of_birth,address,city,zip_code,country,note"
ORDERS = "order_id,customer_id,product_id,order_date,order_amount,order_status,shipping_address,Gift message"
SHIPPING = "order_id,tracking_number,carrier,ship_date,destination_address"


def person(key: str, mark: str = "") -> str:
    """A record of customers."""
    return (
        f"{key},Zqanarie1{mark},Zqanarie2{mark},me{mark}@zqanarie.de,+49 30 5551234,1931-07-11,7 Zqanarie St{mark},"
        f"Berlin,ZQANARIE{mark or 1},Germany,zqanarienote{mark}"
    )


def order(key: str, customer: str, amount: str = "5.00", status: str = "completed") -> str:
    """A record of orders."""
    return f"{key},{customer},P1,2025-03-01,{amount},{status},7 Zqanarie St,zqanariegift"


def lines(header: str, *records: str) -> str:
    """A file."""
    return "".join(f"{line}\n" for line in (header, *records))


def workbook(header: str, *records: str) -> bytes:
    """The same as a workbook."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("people")
        for place, record in enumerate((header, *records)):
            sheet.write_row(place, 0, record.split(","))
    return made.getvalue()


def parquet(header: str, *records: str) -> bytes:
    """The same as Parquet."""
    columns = zip(*(record.split(",") for record in records), strict=True)
    made = io.BytesIO()
    pq.write_table(pa.table(dict(zip(header.split(","), map(list, columns), strict=True))), made)
    return made.getvalue()


def objects(header: str, *records: str) -> list[dict[str, str]]:
    """The same as objects."""
    return [dict(zip(header.split(","), record.split(","), strict=True)) for record in records]


REJECTED = (
    person("", "Nokey"),
    person("Zkeyed Person"),  # a text that is no id
    person("C7", "Ragged") + ",zqanarieone more",
    'C8,"Zqanariebroken,quote',
    person("C9", "First"),
    person("C9", "Second"),
    "C10,Zqanarieshort",
)
"""Records that are rejected, or lose to another one."""
BROKEN: dict[str, str | bytes] = {
    "headerless.csv": lines(person("C1", "Head"), person("C2")),
    "quotedheader.csv": f'"{person("C1", "Quoted")}\n',
    "oldmac.csv": lines(CUSTOMERS, person("C1", "Mac")).replace("\n", "\r"),
    "glued.csv": CUSTOMERS + person("C1", "Glued") + "\n" + person("C2") + "\n",
    "doubled.csv": lines(CUSTOMERS + ",email", person("C1", "Twice") + ",zqanarie@zqanariehost.example"),
    "utf16.csv": lines(CUSTOMERS, person("C1", "Wide")).encode("utf-16"),
    "headerless.xlsx": workbook(person("C1", "Sheet"), person("C2")),
    "cut.xlsx": workbook(CUSTOMERS, person("C1", "Cut"))[:-200],
    "headerless.parquet": parquet(person("C1", "Parquet"), person("C2")),
    "cut.parquet": parquet(CUSTOMERS, person("C1", "Cut"))[:-20],
    "unended.ndjson": '{"customer_id": "C1", "email": "me@zqanarie.de", "first_name": Zqanariebare}\n',
    "twice.json": '[{"zqanariename": 1, "zqanariename": 2, "customer_id": "C1"}]',
    "names.json": json.dumps([{"me@zqanarie.de": "Zqanarie1", "Zqanarie2": "x"}]),
    "text.json": '"Zqanarie1 Zqanarie2"',
    "list.ndjson": '["me@zqanarie.de"]\n',
}
"""Files that are refused."""
WRONG_TRIGGERS: dict[str, str] = {
    "id": '{"trigger_id": ["me@zqanarie.de"], "expected_files": ["a.csv"]}',
    "day": '{"trigger_id": "t1", "batch_date": "Zqanarie1 Zqanarie2", "expected_files": ["a.csv"]}',
    "time": '{"trigger_id": "t2", "trigger_timestamp": "me@zqanarie.de", "expected_files": ["a.csv"]}',
    "ready": '{"trigger_id": "t3", "data_files_ready": "Zqanarie1", "expected_files": ["a.csv"]}',
    "source": '{"trigger_id": "t4", "batch_date": "2025-03-01", "expected_files": {"me@zqanarie.de": ["a"]}}',
    "folder": '{"trigger_id": "t5", "batch_date": "2025-03-01", "expected_files": ["7 Zqanarie St/Zqanarietown"]}',
    "total": '{"trigger_id": "t6", "batch_date": "2025-03-01", "expected_files": [{"name": "a", "Zqanarie1": 1}]}',
    "list": '{"trigger_id": "t7", "batch_date": "2025-03-01", "expected_files": [["Zqanarie1"], {"zqanarie": 1}]}',
    "twice": '{"trigger_id": "t8", "Zqanarie1": 1, "Zqanarie1": 2}',
    "open": '{"trigger_id": "t9", "Zqanarie1": "Zqanarie2',
    "text": '"Zqanarie1 Zqanarie2"',
}
RATES: tuple[str, ...] = ("Zqanarie1,Zqanarie2\n1,2\n", "currency,valid_from,rate\nZqanarie1,2025-01-01,1\n")
RATES += ("currency,valid_from,rate\nEUR,Zqanarieday,1\n", "currency,valid_from,rate\nEUR,2025-01-01,zqanarierate\n")


@dataclass
class Said:
    """What a command has printed. name: as it was called."""

    name: str
    code: object
    text: bytes


class Town:
    """A shop to which all of it came, and what was printed meanwhile."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.said = shop, list[Said]()

    def command(self, *args: str) -> Said:
        """Run a command as a shell does, with all that it logs."""
        options = ["--landing", str(self.shop.settings.landing), "--warehouse", str(self.shop.settings.warehouse)]
        takes = _options(args)
        out = io.StringIO()
        whole = ["ecomm", "--verbose", *args, *(o for o in options if {o, options[options.index(o) - 1]} & takes)]
        code: object = 0
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
            patch.setattr(sys, "argv", whole)
            patch.setattr(os, "_exit", _exit)
            patch.setattr(os, "umask", lambda _: 0)
            patch.chdir(self.shop.root)
            patch.setenv("COLUMNS", "1000")
            try:
                cli.main()
            except SystemExit as done:
                code = done.code
        self.said.append(Said(" ".join(args), code, out.getvalue().encode()))
        return self.said[-1]


def _exit(code: int) -> None:
    raise SystemExit(code)


def _command(args: tuple[str, ...]) -> Any:
    found: Any = typer.main.get_command(cli.app)
    for name in args:
        if not isinstance(found, TyperGroup):
            break
        found = found.commands.get(name) or found.commands.get("list") or found
    return found


def _options(args: tuple[str, ...]) -> set[str]:
    return {name for parameter in _command(args).params for name in parameter.opts}


def commands(command: Any = None, names: str = "") -> Iterator[str]:
    """Every command by its whole name."""
    command = command or typer.main.get_command(cli.app)
    if not isinstance(command, TyperGroup):
        yield names
        return
    for name, one in command.commands.items():
        yield from commands(one, f"{names} {name}".strip())


def leaks(what: str, text: bytes, *also: re.Pattern[bytes]) -> list[str]:
    """Where values of people are in a text, with what is before them."""
    found = [hit for pattern in (PERSON, *also) for hit in pattern.finditer(text)]
    return [f"{what}: {text[max(0, hit.start() - 60) : hit.end()]!r}" for hit in found[:3]]


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Town]:
    root = tmp_path_factory.mktemp("town")
    got = root / "got"
    program = root / "hear.py"
    program.write_text(f"import sys; open({str(got)!r}, 'a').write(sys.stdin.read() + chr(10))")
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        telling = {"command": f"{sys.executable} {program}", "webhook": "http://127.0.0.1:9/"}
        settings = {"min_score": 60, "quiet_seconds": 0, "alerts": telling}
        toml = [f"{k} = {v}" for k, v in settings.items() if k != "alerts"]
        toml += ["[alerts]", *(f"{k} = {json.dumps(v)}" for k, v in telling.items())]
        (root / "ecomm.toml").write_text("\n".join(toml))
        shop = Shop(root, **settings)
        town = Town(shop)
        come(town)
        yield town
        structlog.reset_defaults()


def come(town: Town) -> None:
    """All kinds of files, triggers, corrections and rates, and what a watcher and runs make of them."""
    shop = town.shop
    keys = ("zkeyed.anna@zkeyed.example", "+49307654321")
    buyers = (keys[1], keys[0], "Zkeyed Person")
    shop.drop(
        "one",
        AS_OF.format(1),
        {
            "customers": {"people.csv": lines(CUSTOMERS, person("C1"), person("C2"), *map(person, keys), *REJECTED)},
            "orders": {"sold.csv": lines(ORDERS, *map(order, ("O1", "O2", "O3"), buyers))},
            "shipping": {
                "sent.csv": lines(SHIPPING, "O1,T1,DHL,2025-03-01,7 Zqanarie St", "O9,T2,DHL,2025-03-01,Zqanarietown")
            },
        },
        sent_by="zsender",
    )
    town.command("run")
    files: dict[str, str | bytes] = {
        "book.xlsx": workbook(CUSTOMERS, person("C1", "Newer"), person(keys[0], "Newer")),
        "table.parquet": parquet(CUSTOMERS, person("C11", "Table"), person("", "Table")),
        "lines.ndjson": "".join(json.dumps(o) + "\n" for o in objects(CUSTOMERS, person("C12"), person("", "Lines"))),
        "array.json": json.dumps(objects(CUSTOMERS, person("C13"), person("", "Array"))),
        "latin.csv": lines(CUSTOMERS, person("C14", "é")).encode("latin-1") + b'C15,"Zqanarieopen\n',
    }
    for day, (name, content) in enumerate(files.items(), 2):
        shop.drop(f"day{day}", AS_OF.format(day), {"customers": {name: content}})
    bad = [
        order("", "C1"),
        order("O 7", "C1"),
        order("O8", "C1", "zqanarieamount"),
        order("O8", "zkeyed.anna@zkeyed.example", "x"),
    ]
    shop.drop("poor", AS_OF.format(8), {"orders": {"poor.csv": lines(ORDERS, *bad)}})
    shop.drop("poor too", AS_OF.format(8), {"orders": {"poor2.csv": lines(ORDERS, *bad)}})
    for day, (name, content) in enumerate(BROKEN.items(), 9):
        shop.drop(f"broken {name}", AS_OF.format(day), {"customers": {name: content}})
    for name, text in WRONG_TRIGGERS.items():
        shop.trigger(text, f"wrong_{name}.json")
    (shop.settings.source_dir("customers") / "source" / "loose.csv").write_text(lines(CUSTOMERS, person("C1")))
    town.command("watch", "--once")
    town.command("run", "--json")
    for content in RATES:
        (shop.settings.landing / "rates.csv").write_text(content)
        for args in (["run"], ["status"], ["doctor"], ["check", str(shop.root / "hear.py"), "--source", "orders"]):
            town.command(*args)
    (shop.settings.landing / "rates.csv").unlink()
    mend(town)


def mend(town: Town) -> None:
    """Corrections that help, others that do not, and files that are none."""
    out = town.shop.root / "rejected.csv"
    redrive.export(town.shop.settings, "customers", out, "one")
    text = out.read_text(encoding="utf-8-sig")
    out.write_text(text.replace(",,Zqanarie1", ",C20,Zqanarie1").replace("Zkeyed Person", "Zkeyed Other Person"))
    town.command("quarantine", "redrive", str(out), "--why", "the shop said so")
    doubled = text + text.splitlines()[-1]
    for wrong in (f"zqanarie,{text}", f"{text}Zqanarie1,Zqanarie2\n", doubled, f"\xff{text}"):
        out.write_text(wrong, encoding="latin-1", errors="replace")
        town.command("quarantine", "redrive", str(out), "--why", "again")
    better = text.replace(",,Zqanarie1", ",C20,Zqanarie1").replace("Zkeyed Person", "Zkeyed Other Person")
    out.write_text(better)
    town.command("quarantine", "redrive", str(out), "--why", "again")


LOOKED: dict[str, list[list[str]]] = {
    "status": [["status"]],
    "doctor": [["doctor"], ["doctor", "--deep"]],
    "alerts": [["alerts"], ["alerts", "--check"]],
    "version": [["version"]],
    "contract": [["contract", source] for source in SOURCES],
    "accept": [["accept", "poor", "--why", "they are right"]],
    "reject": [["reject", "poor too", "--why", "they are wrong"]],
    "undo": [["undo", "day2", "--why", "twice"]],
    "replay": [["replay", "--from", "day2"]],
    "rebuild": [["rebuild"]],
    "restore": [["restore"], ["restore", "customers_target"]],
    "maintain": [["maintain"]],
    "trigger": [["trigger", "loose.csv", "--id", "loose"]],
    "run": [["run", "--dry-run"], ["run"]],
    "watch": [["watch", "--once"]],
    "history": [
        ["history", "orders", "O1"],
        ["history", "customers", "C1"],
        ["history", "customers", "zkeyed.anna@zkeyed.example"],
        ["history", "customers", "zkeyed.nobody@zkeyed.example"],
        ["history", "shipping", "O1"],
    ],
    "quarantine list": [["quarantine", "-n", "1000"]],
    "forget customer": [["forget", "customer", "C2", "--why", "asked to"], ["forget", "--list"]],
    "asof": [["asof", source, "--date", "2025-04-01"] for source in ("customers", "orders")],
}
"""Commands that show or do something; what they say is searched. Those with the name of a table or file follow."""
BY_DESIGN = {"sql", "export", "quarantine export", "init", "demo", "simulate", "engine install", "dashboard"}
"""Asked for data by name; proposes settings from a file; is about invented data; is tested as a server."""
DONE_ONCE = {
    "accept",
    "reject",
    "undo",
    "replay",
    "rebuild",
    "restore",
    "maintain",
    "trigger",
    "run",
    "watch",
    "forget",
}
IN_BOTH = {"status", "alerts", "history", "quarantine", "doctor"}
"""Others are asked for JSON alone: what they show is masked before it is written in one way or the other."""
WITH_NAMES = {"show", "diff", "check", "quality", "quarantine redrive"}


def looked(town: Town) -> Iterator[list[str]]:
    yield from (args for group in LOOKED.values() for args in group)
    tables = [t for t in town.shop.warehouse.names if not t.startswith(("products", "inventory"))]
    yield from (["show", table, "-n", "1000"] for table in tables)
    yield from (["diff", table, "--from", "0", "-n", "1000"] for table in tables)
    batches = dict.fromkeys(str(e.batch_id) for e in town.shop.warehouse.log.kept)
    yield from (["quality", batch] for batch in batches)
    folder = town.shop.root / "by hand"
    folder.mkdir(exist_ok=True)
    for name, content in (BROKEN | {"people.csv": lines(CUSTOMERS, person("C1"), *REJECTED)}).items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        yield ["check", str(folder / name), "--source", "customers"]


def test_every_command_is_searched() -> None:
    """A new command has to be put in one of the three lists."""
    assert {*commands()} == {*LOOKED} | WITH_NAMES | BY_DESIGN


def test_nothing_of_a_person_is_printed_logged_or_sent(town: Town) -> None:
    for args in looked(town):
        in_json = "--json" in _options(tuple(args)) and args[0] not in DONE_ONCE
        if not in_json or args[0] in IN_BOTH:
            town.command(*args)
        if in_json:
            town.command(*args, "--json")
    said = ecomm("--verbose", "watch", "--once", cwd=town.shop.root)  # with its engine
    town.said.append(Said("a process of its own", said.code, f"{said.out}{said.err}".encode()))
    found = [leak for one in town.said for leak in leaks(one.name, one.text, KEY)]
    assert not found, "\n".join(found)
    assert len({said.name.split()[0] for said in town.said}) > 20
    ended = [said.name for said in town.said if said.code not in (0, 1, 2, 3)]
    assert not ended
    assert leaks("control", town.command("show", "customers_target", "--reveal").text), "it is there"
    outcomes = b"".join(said.text for said in town.said)
    for kind in (b"published", b"held", b"failed", b"accepted", b"rejected", b"this led to", b"exception", b"masked"):
        assert kind in outcomes.lower(), kind


def test_nothing_of_a_person_is_kept_beside_the_rows(town: Town) -> None:
    """Ledger, journals, alerts, what the program that is told of them got, attempts, catalogue."""
    warehouse, landing = town.shop.settings.warehouse, town.shop.settings.landing
    alerts.look(town.shop.settings, max(e.at for e in town.shop.warehouse.log if e.at))
    rows = {f"{source}_{kind}" for source, kind in product(SOURCES, ("stage", "errors", "target"))} | {"corrections"}
    places = [path for path in warehouse.iterdir() if path.name not in {*rows, "held", "damaged"}]
    places += [path for path in landing.iterdir() if not path.name.endswith("_data")]
    places += [town.shop.root / "got"]
    assert {"batch_ledger", "validation_results", "processing_log", "alerts.json", "attempts"} <= {
        p.name for p in places
    }
    assert any(path.name.startswith(".ledger") for path in places)
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file()]
    files = [file for file in files if not file.name.endswith(".corrections.json")]  # the copies of that table
    assert not [leak for file in files for leak in leaks(str(file), file.read_bytes())]
    assert not [*(warehouse / "attempts").rglob("*")]
    told = json.loads((warehouse / "alerts.json").read_text())
    assert told["firing"]
    assert told["unsent"]["webhook"], "nobody listens there"
    for name in ("validation_results", "processing_log", "batch_ledger"):
        kept = json.dumps(town.shop.warehouse.table(name).to_pylist(), default=str).encode()
        assert not leaks(name, kept), "compressed in files"


def test_nothing_of_a_person_is_on_the_dashboard(town: Town, tmp_path: Path) -> None:
    """In all answers to all that can be asked, and in a copy."""
    app = application(town.shop.settings, local=True)
    for question in questions(town):
        answer = ask(app, f"/api/{question}")
        assert answer.status == 200, (question, answer.body)
        assert not leaks(question, answer.body, KEY)
    listed = json.loads(ask(app, "/api/customers?sort=customer_id").body)["rows"]
    named = [row["customer_id"] for row in listed if row["customer_id"].startswith(MASK)]
    assert len(named) == 3, "an address, a number, a name"
    for name in map(quote, named):
        assert json.loads(ask(app, f"/api/history?source=customers&key={name}").body)["orders"], "it can be followed"
    write(town.shop.settings, tmp_path)
    assert not leaks("copy", (tmp_path / "assets" / "data.js").read_bytes(), KEY)


def questions(town: Town) -> Iterator[str]:
    """Every answer of the server, with all arguments that the page can give."""
    assert {*ANSWERS} == {
        "overview", "quality", "rows", "operations", "ledger", "find", "history", "customers", "products"
    }  # fmt: skip
    yield from (*(name for name in ANSWERS if name not in ("rows", "history")), *(f"{n}.csv" for n in LISTINGS))
    log = town.shop.warehouse.log
    yield from ("landing", "find?q=C", "find?q=z", "find?q=zke", "find?q=%2B49")
    yield from (f"{name}?search={text}" for text in ("zke", "%2B49", "%20") for name in ("customers", "customers.csv"))
    yield from (f"operations?run={entry.seq}" for entry in log if entry.entry == "OPEN")
    yield from (f"ledger?page={page}" for page in range(1, len(log) // 25 + 1))
    results = town.shop.rows("validation_results")
    yield from (f"quality?batch={batch}".replace(" ", "+") for batch in {e.batch_id for e in log.kept})
    for row in results:
        if row["failed_rows"] and row["table_name"] in SOURCES:
            yield f"rows?batch={row['batch_id']}&source={row['table_name']}&check={row['check_name']}".replace(" ", "+")
    for source in ("orders", "customers"):
        column = f"{source.removesuffix('s')}_id"
        for key in {row[column] for row in town.shop.rows(f"{source}_target") if "zkeyed" not in row[column]}:
            yield f"history?source={source}&key={key.replace('+', '%2B')}"
