"""Corrections without what tells about people who are forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

from ecomm.batches.corrections import RAW, Correction
from ecomm.batches.erasures import Copy, corrected
from ecomm.batches.people import People, hashed, is_personal

AT = datetime(2025, 1, 1, tzinfo=UTC)


def correction(line: int, reason: str = "the shop told us", **original: str) -> Correction:
    cells = original or {"name": "Ann", "price": "ten"}
    return Correction("one", "orders", "f" * 64, line, cells, {"name": "Ann Smith", "price": "10"}, "me", reason, AT, 3)


def test_cells_lines_and_reasons() -> None:
    copy = Copy("one", "orders", "o.csv", "f" * 64, "a", "b", {1: {"name": ""}, 2: {"name": "", "price": ""}})
    made = [correction(1), correction(2, **{RAW: "Ann;x"}), correction(3, "Ann Smith, ann@x.org, wrote")]
    first, second, third = corrected(made, [copy], {"Ann Smith", "ann@x.org"})
    assert (first.original, first.fixed) == ({"name": "", "price": "ten"}, {"name": "", "price": "10"})
    assert (second.original, second.fixed) == ({RAW: "xxx;x"}, {"name": "", "price": ""})
    assert (third.fixed, third.reason) == (made[2].fixed, "xxx xxxxx, xxxxxxxxx, wrote")


def test_a_person_is_known_by_id_order_value_and_hash() -> None:
    key = "0" * 64
    mark = hashed(key, "ann@x.org")
    who = People(
        frozenset({"C1", "forgotten-" + mark}), key, frozenset({"O1"}), frozenset({"Ann Smith"}), frozenset({mark})
    )
    assert (who.stored_as("C1"), who.stored_as("C2"), who.stored_as("ann@x.org")) == ("C1", None, f"forgotten-{mark}")
    known = ["C1", " C1 ", 'x;"C1";y', "O1,9", "by Ann Smith today", "ann@x.org", "<ann@x.org>,5", "a,ann@x.org,b"]
    assert [text for text in known if not who.is_in(text)] == []
    assert not any(who.is_in(text) for text in ("C11", "O11", "Ann", "Smith", "bob@x.org", "", "C1x"))


def test_which_ids_are_personal() -> None:
    assert all(is_personal(text) for text in ("ann@x.org", "+49 30 123456", "+493012345678"))
    assert not any(is_personal(text) for text in ("C0042", "17850", "2024-000123", "pia_buys", ""))
