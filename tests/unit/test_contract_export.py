"""The contracts in the Open Data Contract Standard: valid by its own schema, and all that a source promises."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from ecomm import odcs
from ecomm.delivery import Delivery
from ecomm.errors import EcommError
from ecomm.sources import SOURCES, of_shop

LOGICAL = {
    "string": "string", "bigint": "integer", "decimal(18,3)": "number", "decimal(18,4)": "number",
    "date": "date", "timestamp": "timestamp", "boolean": "boolean",
}  # fmt: skip


def written(source: str, **shop: Any) -> dict[str, Any]:
    """A contract as it stands in the file."""
    text = odcs.contract(of_shop(shop.get("sources", {}), shop.get("severity", {}))[source]).to_yaml()
    OpenDataContractStandard.from_string(text)
    said: dict[str, Any] = yaml.safe_load(text)
    return said


@pytest.mark.parametrize("name", SOURCES)
def test_a_contract_is_valid_and_whole(name: str) -> None:
    said, source = written(name), SOURCES[name]
    schema = json.loads(OpenDataContractStandard.json_schema())  # type: ignore[no-untyped-call]
    Draft201909Validator.check_schema(schema)
    assert list(Draft201909Validator(schema).iter_errors(said)) == []
    assert said["apiVersion"].startswith("v3.")
    assert said["description"]["purpose"].endswith(".")
    assert not {"team", "slaProperties", "price", "support", "roles", "servers"} & said.keys()

    (table,) = said["schema"]
    columns = {p["name"]: p for p in table["properties"]}
    assert list(columns) == [c.name for c in source.columns]
    for column in source.columns:
        told = columns[column.name]
        assert told["description"] == column.comment
        assert (told["physicalType"], told["logicalType"]) == (column.type, LOGICAL[column.type])
        assert told.get("primaryKey", False) is column.key
        assert (told.get("classification") == "restricted") is column.personal
        assert told.get("tags") == (["personal"] if column.personal else None)
        assert [s["synonym"] for s in told.get("synonyms", [])] == list(column.aliases)
        own = {p["property"]: p["value"] for p in told.get("customProperties", [])}
        assert own.get("requiredInHeader", False) is column.required
        assert own.get("opensVersion", True) is column.tracked
        assert own.get("storedWhenEmpty") == column.default
    placed = {p["primaryKeyPosition"]: n for n, p in columns.items() if "primaryKeyPosition" in p}
    assert [placed[i + 1] for i in range(len(placed))] == list(source.key)
    assert [n for n, p in columns.items() if p.get("unique")] == (list(source.key) if len(source.key) == 1 else [])
    rules = [(q["name"], q["severity"], q["description"]) for q in table["quality"]]
    assert rules == [(r.name, r.severity, f"Fails when: {r.meaning}") for r in source.rules]


def test_what_must_be_there() -> None:
    """required = a row without the value is rejected; a shop that lets guests order does not require the customer."""
    columns = {p["name"]: p for p in written("orders")["schema"][0]["properties"]}
    needed = {"order_id", "customer_id", "product_id", "order_date", "order_amount"}
    assert {n for n, p in columns.items() if p.get("required")} == needed
    guests = written("orders", severity={"customer_id_present": "LOW", "order_date_plausible": "OFF"})["schema"][0]
    columns = {p["name"]: p for p in guests["properties"]}
    assert {n for n, p in columns.items() if p.get("required")} == needed - {"customer_id"}
    severities = {q["name"]: q["severity"] for q in guests["quality"]}
    assert severities["customer_id_present"] == "LOW"
    assert "order_date_plausible" not in severities


def test_as_a_shop_delivers_it() -> None:
    delivery = Delivery(
        columns={"order_amount": "Total"}, key=("order_id", "product_id"), delimiter=";", decimal_comma=True,
        date_format="dd.MM.yyyy", absence="close", absence_scope=("product_id",), delete_column="gone",
    )  # fmt: skip
    (table,) = written("orders", sources={"orders": delivery})["schema"]
    columns = {p["name"]: p for p in table["properties"]}
    assert columns["order_amount"]["physicalName"] == "Total"
    assert "synonyms" not in columns["order_amount"]
    assert columns["order_date"]["logicalTypeOptions"] == {"format": "dd.MM.yyyy"}
    assert (columns["order_id"]["primaryKeyPosition"], columns["product_id"]["primaryKeyPosition"]) == (1, 2)
    assert not any(p.get("unique") for p in columns.values())
    assert {p["property"]: p["value"] for p in table["customProperties"]} == {
        "delimiter": ";", "decimalComma": True, "absence": "close", "absenceScope": ["product_id"],
        "deleteColumn": "gone", "deleteValues": ["true", "t", "yes", "y", "1"],
    }  # fmt: skip


def test_what_does_not_fit_the_standard_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odcs, "_API_VERSION", "v9")
    with pytest.raises(EcommError, match=r"ecomm-orders does not fit ODCS v9: \$\.apiVersion"):
        odcs.contract(SOURCES["orders"])
