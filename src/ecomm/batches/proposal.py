"""What a shop would set to have its files read: proposed from a file, where its content decides it.

A guess that a person would have to undo is none: what the file leaves open is a question beside the proposal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecomm.batches.reading.place import Table
from ecomm.batches.reading.tables import open_table
from ecomm.canonical import BLANKS
from ecomm.contract import ContractColumn, Source
from ecomm.delivery import Shape
from ecomm.errors import HeaderError, UsageError
from ecomm.sources import SOURCES

_DELIMITERS = ",;\t|"
_PRODUCT = "sku productno productnumber productcode productsku itemid itemno itemnumber itemsku articleid articleno"
_CUSTOMER = "customerno customernumber customernr custid clientid clientno clientnumber buyerid userid"
_ORDER = "orderno ordernumber ordernr ordernum orderref orderreference ordercode"
_CREATED = "createdat created createdon creationdate datecreated"
_ON_HAND = "stock quantity qty onhand quantityonhand qtyonhand instock"
# How else a column is often called, as `_bare` names; only what hardly means anything else.
_SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "order_id": _ORDER,
        "customer_id": f"{_CUSTOMER} customer",
        "product_id": _PRODUCT,
        "order_date": "date orderedat orderedon dateordered purchasedate purchasedat placedat orderdatetime",
        "order_amount": "total amount ordertotal totalamount totalprice grandtotal ordervalue linetotal",
        "currency": "currencycode",
        "payment_method": "payment paymenttype paymentmethodname paidby paidwith",
        "shipping_address": "shipto shiptoaddress deliveryaddress",
        "order_status": "status orderstate",
        "created_timestamp": _CREATED,
    },
    "customers": {
        "customer_id": _CUSTOMER,
        "first_name": "givenname forename",
        "last_name": "surname familyname",
        "email": "emailaddress customeremail mail",
        "phone": "phonenumber telephone tel mobile customerphone",
        "date_of_birth": "dob birthdate birthday",
        "registration_date": "registered registeredat registeredon signupdate joined joindate membersince",
        "address": "street streetaddress address1 addressline1",
        "city": "town",
        "state": "province region",
        "zip_code": "zip postcode postalcode",
        "country": "countrycode countryname",
        "customer_tier": "tier membership loyaltytier",
        "last_login": "lastloginat lastseen",
        "created_timestamp": _CREATED,
    },
    "products": {
        "product_id": _PRODUCT,
        "product_name": "name title producttitle itemname",
        "category": "productcategory categoryname",
        "subcategory": "productsubcategory subcategoryname",
        "brand": "brandname manufacturer",
        "price": "unitprice listprice retailprice",
        "currency": "currencycode",
        "stock_quantity": _ON_HAND,
        "color": "colour",
        "description": "productdescription",
        "launch_date": "launched launchedat releasedate",
        "discontinued": "isdiscontinued",
        "created_timestamp": _CREATED,
    },
    "inventory": {
        "product_id": _PRODUCT,
        "warehouse_location": "warehouse",
        "location": "bin binlocation shelf",
        "stock_quantity": _ON_HAND,
        "stock_status": "status",
        "last_updated": "updatedat lastupdate updated",
        "reserved_quantity": "reserved qtyreserved",
        "available_quantity": "available qtyavailable",
        "reorder_level": "reorderpoint",
        "created_timestamp": _CREATED,
    },
    "shipping": {
        "order_id": _ORDER,
        "tracking_number": "tracking trackingno trackingid trackingcode",
        "shipping_method": "shippingservice service method",
        "shipping_cost": "shippingfee shippingprice",
        "currency": "currencycode",
        "estimated_delivery": "eta expecteddelivery estimateddeliverydate",
        "actual_delivery": "deliveredat deliveredon delivered deliverydate",
        "carrier": "courier shippingcarrier",
        "shipping_status": "status deliverystatus",
        "destination_address": "shipto shiptoaddress deliveryaddress",
        "created_timestamp": _CREATED,
    },
}
_DAY = re.compile(r"(?:([0-9]{1,2})([./-])([0-9]{1,2})\2[0-9]{4}|[0-9]{4}([./-])([0-9]{1,2})\4([0-9]{1,2}))(?:[T ].*)?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([.,' \u00a0])[0-9]{3})(?:\1[0-9]{3})*((?:[.,][0-9]*)?)")
_ONE_MARK = re.compile(r"[+-]?([0-9]+)([.,])([0-9]*)")


@dataclass
class Proposal:
    """The settings of one source for a file like this, and what a person must decide: lines of a settings file."""

    source: str
    settings: dict[str, object] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    def toml(self, file: Path) -> str:
        """As a block of a settings file."""
        lines = [f"# Proposed from {file.name}."]
        lines += [f"# {_one_line(question)}" for question in self.questions]
        if not self.settings and not self.columns:
            return "\n".join([*lines, "# Nothing else is to be set: the defaults fit."]) + "\n"
        lines.append(f"[sources.{self.source}]")
        lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in self.settings.items()]
        if self.columns:
            lines += ["", f"[sources.{self.source}.columns]"]
            lines += [f"{name} = {json.dumps(own, ensure_ascii=False)}" for name, own in self.columns.items()]
        return "\n".join(lines) + "\n"


def propose(file: Path, source: str) -> Proposal:
    """What to set so that a file of this shape is read. Raises UsageError, HeaderError if it cannot be read at all."""
    if source not in SOURCES:
        raise UsageError(f"there is no source {source}; use {', '.join(SOURCES)}.")
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file.")
    proposal = Proposal(source)
    delimiter = _delimiter(file)
    if delimiter != ",":
        proposal.settings["delimiter"] = delimiter
    table = open_table(file, Shape(delimiter=delimiter))
    found = _matched(SOURCES[source], table.names, proposal)
    sample = _values(table, found)
    _decimals(SOURCES[source], sample, proposal)
    _days(SOURCES[source], sample, proposal)
    if source == "orders" and _several_products(sample):
        proposal.settings["key"] = ["order_id", "product_id"]
    return proposal


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _bare(name: str) -> str:
    """A header name without case, blanks and signs: `Customer E-mail` is `customeremail`."""
    return re.sub(r"[^a-z0-9]", "", name.strip(BLANKS).lower())


def _delimiter(file: Path) -> str:
    """The delimiter by which most records have as many cells as the header, and the header more than one."""
    best, most = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            table = open_table(file, Shape(delimiter=delimiter))
        except HeaderError:
            continue
        first = next(table.stretches(), None)
        share = first["raw_line"].null_count / first.num_rows if first else 1.0
        if len(table.names) > 1 and (share, len(table.names)) > most:
            best, most = delimiter, (share, len(table.names))
    return best


def _matched(source: Source, names: Sequence[str], proposal: Proposal) -> dict[str, int]:
    """Where each contract column is; the shop's names of columns go into the proposal, doubts beside it."""
    plain = [name.strip(BLANKS).lower() for name in names]
    found = {
        column.name: plain.index(known)
        for column in source.columns
        for known in [next((n for n in (column.name, *column.aliases) if plain.count(n) == 1), None)]
        if known is not None
    }
    candidates = {c.name: _candidates(source, c, names, found) for c in source.columns if c.name not in found}
    claims = Counter(i for places in candidates.values() for i in places)
    for name, places in candidates.items():
        if len(places) == 1 and claims[places[0]] == 1:
            found[name] = places[0]
            proposal.columns[name] = names[places[0]].strip(BLANKS)
        elif places:
            proposal.questions.append(f"Is {name} {' or '.join(repr(names[i]) for i in places)}? Set columns.{name}.")
    proposal.columns = {c.name: proposal.columns[c.name] for c in source.columns if c.name in proposal.columns}
    unknown = [names[i].strip(BLANKS) for i in range(len(names)) if i not in found.values()]
    for column in source.columns:
        if column.required and column.name not in found and not candidates[column.name]:
            proposal.questions.append(
                f"Which column is {column.name} ({column.comment.rstrip('.')})? It must be there; set "
                f"columns.{column.name} to one of: {', '.join(unknown) or 'none is left'}."
            )
    if unknown:
        proposal.questions.append(f"Kept as columns of the shop's own, unless you map them: {', '.join(unknown)}.")
    return found


def _candidates(source: Source, column: ContractColumn, names: Sequence[str], found: Mapping[str, int]) -> list[int]:
    called = {_bare(column.name), *map(_bare, column.aliases), *_SYNONYMS[source.name].get(column.name, "").split()}
    return [i for i, name in enumerate(names) if i not in found.values() and _bare(name) in called]


def _values(table: Table, found: Mapping[str, int]) -> dict[str, list[str]]:
    """The trimmed cells of the matched columns, from the file's beginning (16 MiB)."""
    first = next(table.stretches(), None)
    if first is None:
        return {name: [] for name in found}
    return {
        name: [cell.strip(BLANKS) for cell in first[f"c{i}"].to_pylist() if cell is not None]
        for name, i in found.items()
    }


def _decimals(source: Source, sample: Mapping[str, list[str]], proposal: Proposal) -> None:
    """decimal_comma, if a number shows that its comma is one and none that its point is."""
    names = [c.name for c in source.columns if c.type == "bigint" or c.type.startswith("decimal")]
    shown: Counter[str] = Counter()  # decimal marks that cannot stand between thousands
    either = grouped = 0
    for text in (t for name in names for t in sample.get(name, ())):
        if mark := _ONE_MARK.fullmatch(text):
            decides = len(mark[3]) != 3 or len(mark[1]) > 3 or mark[1].startswith("0")
            shown[mark[2]] += decides
            either += not decides and mark[2] == ","
        elif group := _GROUPED.fullmatch(text):
            grouped += 1
            shown[group[2][:1]] += bool(group[2])
    if shown["."]:
        grouped += either
    elif shown[","]:
        proposal.settings["decimal_comma"] = True
    elif either:
        proposal.questions.append("Is the comma in numbers such as 1,234 a decimal one? Then set decimal_comma = true.")
    if shown["."] and shown[","]:
        proposal.questions.append(
            f"Some numbers have a decimal comma ({shown[',']}), some a decimal point ({shown['.']}); use one of them."
        )
    if grouped:
        proposal.questions.append(
            f"Some numbers ({grouped}) have separators between thousands: they are not read, export them without."
        )


def _days(source: Source, sample: Mapping[str, list[str]], proposal: Proposal) -> None:
    """date_format, if the file's days are written in one way and show which part is the day."""
    names = [c.name for c in source.columns if c.type in ("date", "timestamp")]
    texts = [t for name in names for t in sample.get(name, ()) if t and not _ISO.fullmatch(t)]
    days = [m for t in texts if (m := _DAY.fullmatch(t))]
    ask = proposal.questions.append
    if len(days) < len(texts):
        ask(
            f"Some days ({len(texts) - len(days)}) are not three numbers with a year of four digits: they are not read."
        )
    shapes = Counter(_shape(m) for m in days)
    if len(shapes) > 1:
        ways = ", ".join(f"{shape} ({number})" for shape, number in shapes.most_common())
        ask(f"Days are written in several ways: {ways}. Besides ISO the file must use one.")
    if len(shapes) != 1:
        return
    (shape,) = shapes
    separator = days[0][2] or days[0][4]
    if shape.startswith("yyyy"):
        written = [m[g] for m in days for g in (5, 6)]
        proposal.settings["date_format"] = separator.join(("yyyy", *_letters("Md", written)))
        return
    first, second = [m[1] for m in days], [m[3] for m in days]
    first_is_day, second_is_day = (any(int(part) > 12 for part in written) for written in (first, second))
    if first_is_day and second_is_day:
        ask(f"The day stands first in some days ({shape}) and second in others; the file must use one way.")
    elif not first_is_day and not second_is_day:
        ways = " or ".join(f'"{separator.join((*way, "yyyy"))}"' for way in (("dd", "MM"), ("MM", "dd")))
        ask(f"Is the day or the month first ({shape})? No day after the 12th decides it; set date_format = {ways}.")
    else:
        letters = _letters("dM" if first_is_day else "Md", [*first, *second])
        proposal.settings["date_format"] = separator.join((*letters, "yyyy"))


def _shape(match: re.Match[str]) -> str:
    """How a day is written, but for which part of it is the day: `..-..-yyyy`."""
    return f"..{match[2]}..{match[2]}yyyy" if match[2] else f"yyyy{match[4]}..{match[4]}.."


def _letters(letters: str, written: Iterable[str]) -> list[str]:
    """`dd` and `MM`, or `d` and `M` if one digit occurs: they read two as well."""
    width = min(map(len, written))
    return [letter * width for letter in letters]


def _several_products(sample: Mapping[str, list[str]]) -> bool:
    """One order number stands beside several products."""
    of_order: dict[str, str] = {}
    pairs = zip(sample.get("order_id", ()), sample.get("product_id", ()), strict=False)
    return any(of_order.setdefault(order, product) != product for order, product in pairs if order and product)
