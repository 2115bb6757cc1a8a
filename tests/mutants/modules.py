"""Which modules are changed, and which tests are about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_UNIT, _WHOLE = "tests/unit", "tests/integration"


@dataclass(frozen=True)
class Module:
    """A module and its tests. more: those that are run only for what `tests` do not find."""

    name: str
    tests: tuple[str, ...]
    more: tuple[str, ...] = ()
    marks: str = "not long and not soak and not spark"

    @property
    def place(self) -> Path:
        """Its file."""
        return ROOT / "src" / Path(*self.name.split(".")).with_suffix(".py")


_LEDGER, _COPIES = f"{_UNIT}/test_ledger.py", f"{_UNIT}/test_copies.py"
_RESTORE, _REVISE, _GATE = f"{_WHOLE}/test_restore.py", f"{_WHOLE}/test_revise.py", f"{_WHOLE}/test_gate.py"
_KILLS, _FORGET = f"{_WHOLE}/test_kills.py", f"{_WHOLE}/test_forget.py"
_PUBLISHED = (f"{_WHOLE}/test_publication.py",)
MODULES = {
    module.name: module
    for module in (
        Module("ecomm.batches.ledger", (_LEDGER, _COPIES), (_RESTORE,)),
        Module(
            "ecomm.batches.log",
            (_LEDGER, f"{_UNIT}/test_moments.py", f"{_UNIT}/test_trigger.py"),
            (_GATE, _REVISE, _FORGET),
        ),
        Module("ecomm.batches.entry", (_LEDGER, _COPIES), (_RESTORE,)),
        Module("ecomm.store.publication", _PUBLISHED, (_KILLS, _REVISE)),
        Module("ecomm.session", _PUBLISHED, (_KILLS, _REVISE)),
        Module("ecomm.transaction", _PUBLISHED, (_KILLS, _REVISE, _GATE)),
        Module(
            "ecomm.transforms.fold",
            (f"{_UNIT}/test_fold.py",),
            ("tests/conformance/test_scd2.py", f"{_WHOLE}/test_sample_days.py"),
        ),
        Module(
            "ecomm.transforms.quality",
            (f"{_UNIT}/test_lines_and_refunds.py", f"{_WHOLE}/test_sample_days.py"),
            (f"{_WHOLE}/test_quality.py", f"{_WHOLE}/test_lines.py"),
        ),
    )
}
