"""What a reader made of a file is compared with what the file states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.attack.files import CANARY, Cells, HostileFile, Read


class Verdict(StrEnum):
    """What became of a file: nothing is lost in the first three."""

    READ = "read"
    REJECTED = "some records rejected"
    REFUSED = "refused"
    LOST = "lost or changed"


@dataclass(frozen=True)
class Judgement:
    """The verdict on a file, and what speaks against the reader."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def judge(file: HostileFile, read: Read, *, lenient: bool = False) -> Judgement:
    """Every record is accepted as it is, or rejected with its text, or the file is refused; nothing else comes out.

    lenient: of a reader that promises less: it may refuse ordinary files, and repair broken records.
    """
    if read.refused is None:
        wrong = _against_records(file, read, lenient)
    else:
        wrong = [] if lenient else _against_refusal(file, read)
    if wrong:
        return Judgement(Verdict.LOST, tuple(wrong))
    if read.refused is not None:
        return Judgement(Verdict.REFUSED)
    return Judgement(Verdict.REJECTED if read.rejected else Verdict.READ)


def _against_refusal(file: HostileFile, read: Read) -> list[str]:
    assert read.refused is not None
    wrong = []
    if read.crashed:
        wrong.append(f"an error that is meant for nobody: {read.refused}")
    if file.plain:
        wrong.append(f"an ordinary file is refused: {read.refused}")
    if CANARY in read.refused:
        wrong.append("the error shows a value of a record")
    return wrong


def _against_records(file: HostileFile, read: Read, lenient: bool) -> list[str]:
    accepted = Counter(read.accepted)
    wrong = []
    for record in file.records:
        readings = (*record.readings, *(record.lenient if lenient else ()))
        found = next((cells for cells in readings if accepted[cells] > 0), None)
        if found is not None:
            accepted[found] -= 1
        elif not _is_rejected(record.mark, read.rejected):
            if not (record.anywhere and any(record.mark in cell for cells in read.accepted for cell in cells)):
                wrong.append(f"record {record.mark} is lost or changed")
        elif file.plain and not lenient:
            wrong.append(f"record {record.mark} is rejected, and nothing is wrong with it")
    if not any(record.anywhere for record in file.records):
        wrong += [f"{len(cells)} cells that no record has: {_brief(cells)}" for cells in (+accepted)]
    return wrong


def _is_rejected(mark: str, rejected: Sequence[str]) -> bool:
    return any(mark in text for text in rejected)


def _brief(cells: Cells) -> str:
    return repr(tuple(cell[:60] for cell in cells[:6]))
