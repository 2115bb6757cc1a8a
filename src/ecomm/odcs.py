"""A source's contract in the Open Data Contract Standard (ODCS) 3, for catalogues and other tools.

It says what this program knows: columns, key, rules at the shop's levels; no team, no price, no service level.
"""

from __future__ import annotations

import json
from importlib import import_module

from jsonschema import Draft201909Validator
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    Description,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    Synonym,
)

from ecomm import __version__
from ecomm.contract import ContractColumn, Severity, Source
from ecomm.errors import EcommError

_API_VERSION = "v3.2.0"
_LOGICAL = {"string": "string", "bigint": "integer", "date": "date", "timestamp": "timestamp", "boolean": "boolean"}


def contract(source: Source) -> OpenDataContractStandard:
    """The contract of a source, as a shop delivers it.

    A physical type is the one in the tables; `required` means that a row without the value is rejected. Raises
    EcommError if the standard's schema refuses what came out.
    """
    grain = (import_module(f"ecomm.sources.{source.name}").__doc__ or "").splitlines()[0]
    said = OpenDataContractStandard(
        apiVersion=_API_VERSION,
        kind="DataContract",
        id=f"ecomm-{source.name}",
        name=source.name,
        version=__version__,
        status="active",
        description=Description(
            purpose=grain,
            usage="A trigger announces CSV files with these columns; `ecomm run` takes them in as one batch.",
        ),
        schema=[
            SchemaObject(
                name=source.name,
                logicalType="object",
                physicalType="file",
                description=f"A CSV file of {source.name}, UTF-8, with a header; columns are found by name.",
                dataGranularityDescription=grain,
                customProperties=_delivery(source),
                properties=[_column(source, column) for column in source.columns],
                quality=[
                    DataQuality(
                        name=rule.name,
                        type="text",
                        description=f"Fails when: {rule.meaning}",
                        severity=rule.severity.value,
                    )
                    for rule in source.rules
                ],
            )
        ],
    )
    return _checked(said)


def _column(source: Source, column: ContractColumn) -> SchemaProperty:
    not_empty = {r.name for r in source.rules if r.severity is Severity.HIGH}
    format_said = next(iter(source.delivery.date_formats), None) if column.type == "date" else None
    own = [
        CustomProperty(property=name, value=value)
        for name, value, there in (
            ("requiredInHeader", True, column.required),
            ("opensVersion", False, not column.tracked),
            ("storedWhenEmpty", column.default, column.default is not None),
        )
        if there
    ]
    in_files = next(iter(source.delivery.headers_of(column.name)), column.name)
    others = [Synonym(synonym=alias) for alias in column.aliases if alias != in_files.lower()]
    return SchemaProperty(
        name=column.name,
        physicalName=in_files,
        synonyms=others or None,
        description=column.comment,
        logicalType=_LOGICAL.get(column.type, "number"),
        logicalTypeOptions=None if format_said is None else {"format": format_said},
        physicalType=column.type,
        required=f"{column.name}_present" in not_empty or None,
        primaryKey=column.key or None,
        primaryKeyPosition=source.key.index(column.name) + 1 if column.key else None,
        unique=source.key == (column.name,) or None,
        classification="restricted" if column.personal else None,
        tags=["personal"] if column.personal else None,
        customProperties=own or None,
    )


def _delivery(source: Source) -> list[CustomProperty]:
    """How the shop delivers the files, as far as it is not a column's."""
    said = source.delivery
    facts = {
        "delimiter": said.delimiter,
        "decimalComma": said.decimal_comma or None,
        "absence": said.absence,
        "absenceScope": list(said.absence_scope) or None,
        "deleteColumn": said.delete_column,
        "deleteValues": list(said.delete_values) if said.delete_column else None,
    }
    return [CustomProperty(property=name, value=value) for name, value in facts.items() if value is not None]


def _checked(said: OpenDataContractStandard) -> OpenDataContractStandard:
    written = said.model_dump(exclude_none=True, by_alias=True)
    schema = json.loads(OpenDataContractStandard.json_schema())  # type: ignore[no-untyped-call]
    for fault in Draft201909Validator(schema).iter_errors(written):
        raise EcommError(f"the contract {said.id} does not fit ODCS {_API_VERSION}: {fault.json_path}: {fault.message}")
    return said
