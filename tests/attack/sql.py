"""Queries that try to leave the published tables: to read a file, write one, load code, or change what is set."""

from __future__ import annotations

from pathlib import Path

from ecomm.errors import EcommError
from ecomm.warehouse import Warehouse
from tests.attack.plan import Plan, Tally, each, listed
from tests.attack.shops import Folder

SECRET = "SECRET-OF-ANOTHER-FILE"
HEADER = b"order_id,customer_id,product_id,order_date,order_amount\n"
_LARGE = (
    "SELECT * FROM orders_target WHERE order_id = '" + "x" * 1_000_000 + "'",
    "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
)


def breakouts() -> list[str]:
    """All queries."""
    return [*(f"SELECT * FROM {one}" for one in listed("sql_sources")), *listed("sql_statements"), *_LARGE]


def sql(plan: Plan) -> Tally:
    """Each is refused with a sentence, or says nothing but of the published tables; no file is written or read."""
    shop = _shop(plan)
    place = plan.folder / "beside"
    place.mkdir()
    secret = place / "secret.csv"
    secret.write_text(f"a\n{SECRET}\n")
    parquet = next((shop.root / "warehouse" / "orders_stage").rglob("*.parquet"))
    before = _tree(plan.folder)
    clean = Warehouse(shop.root / "warehouse").sql("SELECT * FROM orders_target").to_pylist()

    def survives(query: str) -> str | None:
        said = _filled(query, secret, parquet, place)
        shown = query[:90]
        try:
            found = str(Warehouse(shop.root / "warehouse").sql(said).to_pylist())
        except EcommError as error:
            found = str(error)
        except Exception as error:  # a finding, and the next query is tried all the same
            return f"{shown}: {type(error).__name__}"
        if SECRET in found or str(Path.home()) == found.strip("[{'}]").partition(": '")[2]:
            return f"{shown}: it shows what is no table"
        return f"{shown}: files have changed" if _tree(plan.folder) != before else None

    tally = each(plan, breakouts(), survives)
    if Warehouse(shop.root / "warehouse").sql("SELECT * FROM orders_target").to_pylist() != clean:
        return Tally(tally.tried, (*tally.lost, "a table is another afterwards"))
    return tally


def _filled(query: str, secret: Path, parquet: Path, place: Path) -> str:
    names = {"{f}": str(secret), "{p}": str(parquet), "{d}": str(place), "{o}": str(place / "out")}
    for name, said in names.items():
        query = query.replace(name, said)
    return query


def _shop(plan: Plan) -> Folder:
    shop = Folder(plan.folder / "shop")
    shop.drop("b1", "2025-02-01T00:00:00Z", [("orders", "o.csv", HEADER + b"O1,C1,P1,2025-01-01,5.00\n")])
    shop.ecomm("run")
    return shop


def _tree(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}
