"""Invented people, twenty things known of each, in a shop where these have come everywhere; and what is left of them.

Each text is found nowhere else, so that a search through all bytes says whether anything of a person is left.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

CUSTOMERS = (
    "customer_id,first_name,last_name,email,phone,date_of_birth,registration_date,address,city,state,zip_code,country,"
    "customer_tier,created_timestamp,nickname,vat_number,notes"
)
ORDERS = (
    "order_id,customer_id,product_id,order_date,order_amount,currency,payment_method,shipping_address,order_status,"
    "created_timestamp,gift_note,billing_name"
)
SHIPPING = (
    "order_id,tracking_number,shipping_method,shipping_cost,currency,created_timestamp,carrier,destination_address,"
    "shipping_status,recipient"
)


def canaries(person: int) -> dict[str, str]:
    """Twenty texts that are known of a person, by what they are."""
    names = (
        "first last email phone address zip nickname vat notes new_email new_phone new_address ship_address gift "
        "billing late_address destination recipient broken odd"
    ).split()
    made = {name: f"Canary{name.title().replace('_', '')}{person:04d}" for name in names}
    made["email"] = f"first{person:04d}@canary.example"
    made["new_email"] = f"new{person:04d}@canary.example"
    made["phone"], made["new_phone"] = f"+49 30 77{person:04d}", f"+49 30 88{person:04d}"
    made["zip"] = f"ZC{person:04d}9"
    return made


def customer_id(person: int) -> str:
    return f"C{person:04d}"


def order_id(person: int, number: int = 1) -> str:
    return f"O{person:04d}{number}"


def customers(persons: Sequence[int], *, moved: bool = False) -> str:
    """A customers file; each person twice word for word, and once without the id. moved: to be reached otherwise."""
    lines = [CUSTOMERS]
    for person in persons:
        c = canaries(person)
        email, phone, address = (c[f"new_{n}" if moved else n] for n in ("email", "phone", "address"))
        line = (
            f"{customer_id(person)},{c['first']},{c['last']},{email},{phone},1980-02-03,2024-01-01,"
            f'"{address} 1, ""rear""",Berlin,BE,{c["zip"]},Germany,gold,2024-01-01 10:00:00,'
            f"{c['nickname']},{c['vat']},{c['notes']}"
        )
        nobody = f",{c['odd']},,{email},,,,,,,,,,,,,"
        lines += [line, line, nobody]
    return "\n".join(lines) + "\n"


def orders(persons: Sequence[int]) -> str:
    """An orders file: each person has one that is accepted, one that is rejected, and a line that cannot be split."""
    lines = [ORDERS]
    for person in persons:
        c, who = canaries(person), customer_id(person)
        rest = f'"{c["ship_address"]}, Berlin",completed,2025-01-01 09:00:00,{c["gift"]},{c["billing"]}'
        lines.append(f"{order_id(person)},{who},P1,2025-01-01,10.00,EUR,paypal,{rest}")
        lines.append(f"{order_id(person, 2)},{who},P1,2025-01-01,ten,EUR,paypal,{rest}")
        lines.append(f"{order_id(person, 3)},{who},P1,2025-01-01,5.00,EUR,paypal,{c['broken']},open,x,y,z,too many")
    return "\n".join(lines) + "\n"


def late_orders(persons: Sequence[int]) -> str:
    """The same orders again, with another address and without saying whose they are."""
    lines = ["order_id,customer_id,product_id,order_date,order_amount,currency,shipping_address,order_status"]
    lines += [
        f"{order_id(person)},{customer_id(person)},P1,2025-01-01,10.00,EUR,{canaries(person)['late_address']},returned"
        for person in persons
    ]
    return "\n".join(lines) + "\n"


def shipping(persons: Sequence[int]) -> str:
    lines = [SHIPPING]
    for person in persons:
        c = canaries(person)
        lines.append(
            f"{order_id(person)},T{person},express,4.90,EUR,2025-01-02 08:00:00,dhl,{c['destination']},shipped,"
            f"{c['recipient']}"
        )
    return "\n".join(lines) + "\n"


def left_of(root: Path, texts: Mapping[str, object]) -> list[tuple[str, str]]:
    """The files below a folder that hold one of some texts, and which; also packed, and as values of Parquet files."""
    wanted = {text.encode(): text for text in texts}
    return [
        (str(file.relative_to(root)), text)
        for file in sorted(root.rglob("*"))
        if file.is_file()
        for content in _contents(file)
        for needle, text in wanted.items()
        if needle in content
    ]


def _contents(file: Path) -> Iterator[bytes]:
    data = file.read_bytes()
    yield data
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    elif data.startswith(b"PAR1"):
        yield str(pq.read_table(file).to_pylist()).encode()
        yield str(pq.read_metadata(file).to_dict()).encode()
    else:
        yield from _inflated(data)


def _inflated(data: bytes) -> Iterator[bytes]:
    try:
        yield zlib.decompress(data)
    except zlib.error:
        return
