"""A slice of the attacks with every change; `make attack` runs all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.attack import report, rfc4180
from tests.attack.all import ATTACKS
from tests.attack.corpus import KINDS, corpus
from tests.attack.files import CANARY, HostileFile, Read, Record
from tests.attack.judge import Verdict, judge
from tests.attack.plan import Plan, Tally

FILE = HostileFile(0, "x", "orders", b"", ("a", "b"), (Record("R1", (("R1", "x"),)), Record("R2")))
"""A file of a record, and of one that is broken."""
RIGHT = Read(("a", "b"), (("R1", "x"),), ("R2,",))


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (replace(RIGHT, accepted=()), "record R1 is lost"),
        (replace(RIGHT, accepted=(("R1", "y"),)), "record R1 is lost or changed"),
        (replace(RIGHT, accepted=(("R1", "x"), ("R1", "x"))), "no record has"),
        (replace(RIGHT, accepted=(("R1", "x"), ("R2", ""))), "no record has"),
        (replace(RIGHT, rejected=()), "record R2 is lost"),
        (Read(refused=f"x.csv: {CANARY}"), "a value of a record"),
        (Read(refused="IndexError", crashed=True), "meant for nobody"),
    ],
)
def test_the_judge_finds_what_is_wrong(read: Read, reason: str) -> None:
    found = judge(FILE, read)
    assert found.verdict is Verdict.LOST
    assert reason in " ".join(found.reasons)


def test_the_judge_accepts_what_is_right() -> None:
    assert judge(FILE, RIGHT).verdict is Verdict.REJECTED
    assert judge(FILE, replace(RIGHT, accepted=(), rejected=("R1,", "R2,"))).verdict is Verdict.REJECTED
    assert judge(FILE, Read(refused="x.csv: it is no table.")).verdict is Verdict.REFUSED
    assert judge(replace(FILE, plain=True), Read(refused="x.csv: it is no table.")).verdict is Verdict.LOST


def test_the_grammar() -> None:
    assert rfc4180.records('a,"b\r\n""c",\r\n\n"",x') == [("a", 'b\r\n"c', ""), ("", "x")]
    for broken in ('a"b', '"a', '"a"b'):
        with pytest.raises(rfc4180.BrokenError):
            rfc4180.records(broken)


def test_the_corpus_is_the_same_each_time_and_fine_files_are_of_the_grammar() -> None:
    files = list(corpus(3, 30))
    assert [file.content for file in files] == [file.content for file in corpus(3, 30)]
    assert {file.kind for file in files} == {kind.name for kind in KINDS}
    assert len({file.name for file in files}) == len(files)
    for file in files:
        if file.plain and not file.settings and file.suffix == ".csv" and b"sep=" not in file.content[:8]:
            text = file.content.decode("utf-8-sig")
            readings = [record.readings[0] for record in file.records]
            assert rfc4180.records(text) == [file.header, *readings], file.name


def test_rows_of_the_table_are_replaced_and_others_stay() -> None:
    page = "above\n<!-- x begin: written by a command -->\n<!-- x end -->\nbelow\n"
    page = report.updated(page, "x", ("a", "b"), [("one", "1"), ("two", "2")], "said")
    page = report.updated(page, "x", ("a", "b"), [("two", "3")], "said")
    assert page.startswith("above\n")
    assert page.endswith("<!-- x end -->\nbelow\n")
    assert report.table(("a", "b"), [("one", "1"), ("two", "3")]) in page


@pytest.mark.long
@pytest.mark.parametrize(("name", "files"), [("corpus", 300), ("run", 12), ("triggers", 0), ("values", 0)])
def test_a_slice_of_an_attack(name: str, files: int, tmp_path: Path) -> None:
    """Nothing is lost."""
    tally: Tally = ATTACKS[name].run(Plan(1, files, whole=False, folder=tmp_path))
    assert tally.tried >= 50
    assert tally.lost == ()
