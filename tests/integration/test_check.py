"""A file judged without a warehouse, and settings proposed from one: `ecomm check`, `ecomm init --from`."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.integration.test_cli import ecomm, land, tree
from tests.shop import DATA, DAYS, SOURCES, Shop

AS_OF = "2025-01-15T06:00:00Z"
HEADER = "order_id,customer_id,product_id,order_date,order_amount"
GOOD = f"{HEADER},currency,shipping_address,created_timestamp\nA1,C1,P1,2025-01-14,5,USD,x,2025-01-14 10:00:00\n"


def write(folder: Path, content: str, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_batch_would_say(source: str, sample: Shop, tmp_path: Path) -> None:
    """The same counts as the batch that published the file, wherever it lies and whatever it is called."""
    file = Path(shutil.copy(DATA / f"{source}_{DAYS[0]}.csv", tmp_path / "day.csv"))
    (entry,) = (e for e in sample.warehouse.log if e.entry == "PUBLISH" and str(e.batch_id).endswith(DAYS[0]))
    (was,) = (f for f in entry.files if f.source == source)
    before = tree(tmp_path)
    said = ecomm(
        "check", "--reveal", file, "--source", source, "--as-of", AS_OF, "--limit", "1000", "--json", cwd=tmp_path
    )
    assert (said.code, said.err) == (1 if was.rows_rejected else 0, "")
    assert tree(tmp_path) == before, "nothing is written"
    assert said.json["rows"] == {
        "read": was.rows_read,
        "accepted": was.rows_accepted,
        "rejected": was.rows_rejected,
        "duplicate": was.rows_duplicate,
        "superseded": was.rows_superseded,
    }
    lost = [r for r in sample.rows(f"{source}_errors") if r["batch_id"] == entry.batch_id]
    assert [(r["line"], r["reasons"], r["raw"], r["raw_line"]) for r in said.json["rejected"]] == sorted(
        ((r["source_line"], r["reasons"], r["raw"], r["raw_line"]) for r in lost), key=lambda r: r[0]
    )
    checks = sample.warehouse.table("validation_results").to_pylist()
    loud = {
        (c["check_name"], c["failed_rows"], c["rule_severity"], _without_revenue(c["description"]))
        for c in checks
        if (c["batch_id"], c["table_name"]) == (entry.batch_id, source) and c["failed_rows"]
    }
    rules = {r.split(".")[0] for r in (f["rule"] for f in said.json["findings"])}
    assert {(f["rule"], f["rows"], f["severity"], f["meaning"]) for f in said.json["findings"]} == {
        c for c in loud if c[0] in rules
    }
    assert {name for r in lost for name in r["reasons"]} - {"superseded", "sequence_conflict"} <= rules


def _without_revenue(description: str) -> str:
    """What a check says without how much of its batch's revenue unknown words bring; a file alone has no such sum."""
    return re.sub("; they count as revenue: [^;]*", "", description)


def test_a_good_file(tmp_path: Path) -> None:
    """Nothing to say: exit code 0, a full score."""
    said = ecomm("check", "--reveal", write(tmp_path, GOOD), "--as-of", AS_OF, cwd=tmp_path).ok().out
    assert "as orders, as at 2025-01-15 06:00" in said
    assert "rows: 1 read, 1 accepted, 0 rejected; score 100.00" in said
    assert "not there: line_id, refund_id, payment_method, order_status," in said


def test_what_a_person_sees(tmp_path: Path) -> None:
    """The header, the rows, each rule with its lines, the first rejected records with their places."""
    rows = (
        "A1,C1,P1,2025-01-14,5,x\nA2,C1,P1,31.01.2025,5,x\nA3,C1,P1\nA4,C1,P1,2025-01-14,5,x\nA4,C1,P2,2025-01-14,5,x\n"
    )
    file = write(tmp_path, f"{HEADER.upper()},Gift [b]wrap\n{rows}")
    said = ecomm("check", "--reveal", file, "--as-of", AS_OF, "-n", "2", cwd=tmp_path)
    assert (said.code, said.err) == (1, "")
    assert "unknown, kept: Gift [b]wrap" in said.out
    assert "5 read, 1 accepted, 4 rejected" in said.out
    for rule, lines in (("order_date_readable", "2"), ("line_malformed", "3"), ("order_has_one_product", "4, 5")):
        (line,) = (x for x in said.out.splitlines() if f" {rule} " in x)
        assert "HIGH" in line
        assert f" {lines} " in line
    assert "orders.csv:2  order_date_readable" in said.out
    assert "ORDER_DATE=31.01.2025" in said.out
    assert "orders.csv:3  line_malformed\n    A3,C1,P1\n" in said.out
    assert "orders.csv:4" not in said.out
    assert "2 more: --limit 4" in said.out
    assert "Then set line_id in [sources.orders]" in said.out


def test_settings_are_used(tmp_path: Path) -> None:
    """The shop's levels, rates, names and time zones judge the file."""
    said = '[severity]\ncustomer_id_present = "LOW"\n[sources.orders.columns]\norder_amount = "Total"\n'
    write(tmp_path, said, "ecomm.toml")
    file = write(tmp_path, GOOD.replace("order_amount", "Total").replace("C1", ""))
    told = ecomm("check", "--reveal", file, "--as-of", AS_OF, "--json", cwd=tmp_path).ok().json
    assert told["columns"]["order_amount"] == "Total"
    assert [(f["rule"], f["severity"], f["rows"], f["lines"]) for f in told["findings"]] == [
        ("customer_id_present", "LOW", 1, [1])
    ]
    assert told["score"] == "90.00"


@pytest.mark.parametrize("rows", ["", "\n \n"])
def test_no_rows(rows: str, tmp_path: Path) -> None:
    """A header alone is a good file."""
    told = ecomm("check", "--reveal", write(tmp_path, HEADER + rows), "--json", cwd=tmp_path).ok().json
    assert (told["rows"]["read"], told["score"], told["findings"], told["rejected"]) == (0, "100.00", [], [])


def test_which_source(tmp_path: Path) -> None:
    """By the name, else by the header; if neither says it, one sentence asks for it."""
    for source in SOURCES:
        content = (DATA / f"{source}_{DAYS[0]}.csv").read_text(encoding="utf-8-sig", errors="replace").splitlines()[0]
        assert (
            ecomm("check", "--reveal", write(tmp_path, content, "x.csv"), "--json", cwd=tmp_path).ok().json["source"]
            == source
        )
    file = write(tmp_path, "order_id,status\nA1,x\n", "My_Shipping.csv")
    assert ecomm("check", "--reveal", file, "--json", cwd=tmp_path).json["source"] == "shipping"
    file = write(tmp_path, "first,second\n1,2\n", "x.csv")
    ecomm("check", "--reveal", file, cwd=tmp_path).fails(2, "x.csv", "--source", *SOURCES)


def test_what_cannot_be_judged(tmp_path: Path) -> None:
    """No file, no such source, no instant: wrong use. A column that is missing: the file fails, with its name."""
    file = write(tmp_path, HEADER.removesuffix(",order_amount"))
    ecomm("check", "--reveal", tmp_path / "no.csv", cwd=tmp_path).fails(2, "no.csv", "no such file")
    ecomm("check", "--reveal", tmp_path, "--source", "orders", cwd=tmp_path).fails(2, tmp_path)
    ecomm("check", "--reveal", file, "--source", "trigger", cwd=tmp_path).fails(2, "trigger", *SOURCES)
    ecomm("check", "--reveal", file, "--as-of", "yesterday", cwd=tmp_path).fails(2, "--as-of", "yesterday")
    said = ecomm("check", "--reveal", file, "--json", cwd=tmp_path).fails(1, "orders.csv", "order_amount")
    assert said.json == {"error": said.err.removeprefix("ecomm: ").rstrip("\n")}


# -- init --from -------------------------------------------------------------------------------------------

SHAPES = {
    "semicolons": (
        "orders",
        (
            "Order No;Customer No.;SKU;Order Date;Grand Total;Currency;Gift\n"
            "A1;C1;P1;13/01/2025;12,50;EUR;no\nA2;C1;P2;02/01/2025;7;;no\nA3;C2;P1;14/01/2025 09:30;1.000,00;EUR;yes\n"
        ),
        {"accepted": 3, "rejected": 0},
        {"delimiter": ";", "decimal_comma": True, "amounts": "written", "date_format": "dd/MM/yyyy"},
    ),
    "tabs, several lines": (
        "orders",
        (
            'order_id\tcustomer_id\tItem ID\tordered_at\tTotal\n"A1"\tC1\tP1\t1/13/2025\t12.50\n'
            "A1\tC1\tP2\t1/2/2025 23:59\t7\nA2\tC1\tP2\t1/1/2025\t7.5\n"
        ),
        {"accepted": 3, "rejected": 0},
        {"delimiter": "\t", "date_format": "M/d/yyyy", "line_id": "position"},
    ),
    "customers": (
        "customers",
        (
            "Client ID|Forename|Surname|Customer E-mail|Birthday|Country|Shoe size\n"
            "C1|Ada|Byron|ada@example.org|10.12.1915|UK|37\nC2||Müller||29.2.2000|DE|\n|x|y|||DE|\n"
        ),
        {"accepted": 2, "rejected": 1},
        {"delimiter": "|", "date_format": "d.M.yyyy"},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_settings_from_a_file(shape: str, tmp_path: Path) -> None:
    """With what is proposed the file's good rows are accepted: by `check`, and by a batch."""
    source, content, rows, wanted = SHAPES[shape]
    (tmp_path / "in").mkdir()
    file = write(tmp_path / "in", content, "export.csv")
    said = ecomm("init", "--from", file, "--source", source, cwd=tmp_path).ok().out
    proposed = tomllib.loads((tmp_path / "ecomm.toml").read_text(encoding="utf-8"))["sources"][source]
    assert {k: v for k, v in proposed.items() if k != "columns"} == wanted
    assert f"[sources.{source}]" in said
    told = ecomm("check", "--reveal", file, "--source", source, "--as-of", AS_OF, "--json", cwd=tmp_path)
    assert (told.code, told.json["rows"]) == (
        1 if rows["rejected"] else 0,
        {"read": 3, **rows, "duplicate": 0, "superseded": 0},
    )
    assert {n for n, own in told.json["columns"].items() if own != n} >= set(proposed["columns"])
    land(tmp_path, source, "export.csv", content)
    ecomm("trigger", "export.csv", "--id", "one", "--as-of", AS_OF, cwd=tmp_path).ok()
    (batch,) = ecomm("run", "--json", cwd=tmp_path).ok().json["batches"]
    assert (batch["files"][0]["rows_accepted"], batch["files"][0]["rows_rejected"]) == (
        rows["accepted"],
        rows["rejected"],
    )


def test_settings_that_are_there_stay(tmp_path: Path) -> None:
    """What is proposed is shown, and the settings file is as it was; questions are told as comments."""
    write(tmp_path, 'landing = "in"\n', "ecomm.toml")
    file = write(tmp_path, "order_id,customer_id,product_id,order_date,Brutto\nA1,C1,P1,03/04/2025,5\n")
    said = ecomm("init", "--from", file, "--source", "orders", cwd=tmp_path).ok().out
    assert (tmp_path / "ecomm.toml").read_text() == 'landing = "in"\n'
    assert "ecomm.toml is there already and stays as it is." in said
    assert "# To be decided: Which column is order_amount" in said
    assert "# To be decided: Is the day or the month first" in said
    assert "No record can be read with these settings yet" in said
    assert "Brutto" in said


@pytest.mark.long
def test_init_from_what_cannot_be_read(tmp_path: Path) -> None:
    """One sentence, and no settings file is made."""
    file = write(tmp_path, "")
    ecomm("init", "--from", file, "--source", "orders", cwd=tmp_path).fails(1, "orders.csv", "empty")
    ecomm("init", "--from", tmp_path / "no.csv", "--source", "orders", cwd=tmp_path).fails(2, "no.csv")
    ecomm("init", "--source", "orders", cwd=tmp_path).fails(2, "--from")
    other = write(tmp_path, "first,second\n1,2\n", "x.csv")
    ecomm("init", "--from", other, cwd=tmp_path).fails(2, "x.csv", "--source", *SOURCES)
    other.unlink()
    ecomm("init", "--from", file, "--source", "nope", cwd=tmp_path).fails(2, "nope", *SOURCES)
    assert [p.name for p in tmp_path.iterdir()] == ["orders.csv"]


# -- init judges what it proposes ------------------------------------------------------------------------------

WILD = Path(__file__).parents[1] / "wild"
FIT = "Nothing else is to be set"


def proposal(folder: Path, content: bytes | str, *options: str) -> tuple[dict[str, object], str]:
    """What `init --from` writes for orders in a file of this content, and what it says."""
    file = folder / "x.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    said = ecomm("init", "--from", file, "--as-of", "2026-10-01", *options, cwd=folder).ok().out
    return tomllib.loads((folder / "ecomm.toml").read_text(encoding="utf-8")).get("sources", {}), said


@pytest.mark.parametrize(
    ("day", "amount", "setting"),
    [
        ("2026-09-03 10:14:00 -0400", "5.00", {"date_format": "yyyy-MM-dd"}),
        ("2026-09-03 10:14", "5.00", {"date_format": "yyyy-MM-dd"}),
        ("2026-09-03", "$5.00", {"amounts": "written"}),
        ("2026-09-03", "957.5775", {"decimals": "round"}),
        ('"Sep 3, 2026"', "5.00", {"date_format": "MMM d, yyyy"}),
    ],
)
def test_init_never_says_that_defaults_fit_what_they_reject(
    day: str, amount: str, setting: dict[str, object], tmp_path: Path
) -> None:
    """The setting is proposed with which the record is read, and init says how many are."""
    found, said = proposal(tmp_path, f"{HEADER}\nA1,C1,P1,{day},{amount}\n", "--source", "orders")
    assert found["orders"] == setting
    assert FIT not in said
    assert "1 of 1 records are accepted" in said


@pytest.mark.parametrize(
    ("day", "amount", "asked"), [("2026-09-03", "(5.00)", "refunds"), ("3/4/2026", "5", "loses 0")]
)
def test_init_asks_where_two_readings_are_possible(day: str, amount: str, asked: str, tmp_path: Path) -> None:
    _, said = proposal(tmp_path, f"{HEADER}\nA1,C1,P1,{day},{amount}\n", "--source", "orders")
    assert "To be decided" in said
    assert asked in said
    assert "0 of 1 records are accepted" in said
    assert FIT not in said


def test_init_of_a_good_file(tmp_path: Path) -> None:
    _, said = proposal(tmp_path, f"{HEADER}\nA1,C1,P1,2026-09-03,5\n", "--source", "orders")
    assert FIT in said


def test_init_reads_the_names_in_the_settings(tmp_path: Path) -> None:
    columns = {
        "order_id": "Beleg",
        "customer_id": "Wer",
        "product_id": "Was",
        "order_date": "Wann",
        "order_amount": "Wieviel",
    }
    rows = "1;C1;P1;24.12.2025;12,50\n1;C1;P2;24.12.2025;2,50\n"
    lines = "".join(f'{name} = "{own}"\n' for name, own in columns.items())
    (tmp_path / "ecomm.toml").write_text(f"[sources.orders.columns]\n{lines}")
    _, said = proposal(tmp_path, f"{';'.join(columns.values())}\n{rows}", "--source", "orders")
    for setting in ('delimiter = ";"', "decimal_comma = true", 'date_format = "dd.MM.yyyy"', 'line_id = "position"'):
        assert setting in said
    assert "To be decided" not in said
    assert "2 of 2 records are accepted" in said


def test_init_knows_an_export(tmp_path: Path) -> None:
    """A preset's export, by its header, though half of the platform's columns are not there."""
    content = (WILD / "16-shopify-orders-export" / "orders" / "x.csv").read_bytes()
    found, said = proposal(tmp_path, content)
    assert "This is an export of the preset shopify (source orders)" in said
    assert "4 of 4 records are accepted" in said
    assert set(found) == {"orders", "customers", "products", "inventory", "shipping"}


def test_init_does_not_double_revenue(tmp_path: Path) -> None:
    content = (WILD / "05-init-proposes-doubled-revenue" / "orders" / "o.csv").read_bytes()
    found, _ = proposal(tmp_path, content, "--source", "orders")
    orders = found["orders"]
    assert orders["line_id"] == "position"  # type: ignore[index]
    assert orders["columns"]["order_amount"] == {"product": ["Qty", "Item Price"]}  # type: ignore[index]


def test_check_says_how_a_file_was_read(tmp_path: Path) -> None:
    settings = '[sources.orders]\ndelimiter = ";"\nfooters = "Total"\namounts = "written"\ndate_format = "d.M.yyyy"\n'
    write(tmp_path, settings, "ecomm.toml")
    rows = "A1;C1;P1;1.9.2026;$5\nTotal;;;;5\n"
    file = write(tmp_path, f"{HEADER.replace(',', ';')}\n{rows}")
    told = ecomm("check", "--reveal", file, "--as-of", "2026-10-01", "--json", cwd=tmp_path).ok().json
    assert told["reading"] == {
        "format": "csv",
        "encoding": "utf-8",
        "delimiter": ";",
        "header": "5 columns",
        "footers": "1 records below the table are not read",
        "days": "ISO or d.M.yyyy",
        "amounts": "decimal point, signs, thousands and parentheses",
    }
    assert (
        "read as: format csv; encoding utf-8"
        in ecomm("check", "--reveal", file, "--as-of", "2026-10-01", cwd=tmp_path).out
    )
