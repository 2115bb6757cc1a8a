"""A warehouse lives through whatever can happen to it, and after each step its target is the plain walk of its log.

The model is a function of what the ledger says is live: a batch as it was delivered, or corrected, under the settings
that were in force when it was read. Everything is small, so that many pasts are tried.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ecomm import maintain, rebuild, revise
from ecomm.engines import Engine
from ecomm.redrive import export, redrive
from tests.integration.pasts import ORDERS, STOCKS, Files, Mode
from tests.integration.test_endings import BEGINNING
from tests.integration.test_kills import killed
from tests.shop import Shop
from tests.walk import Batch, Key, Said

SAYS = st.one_of(
    st.builds(lambda n: {"stock_quantity": n}, st.integers(0, 2)),
    st.builds(
        lambda n, status: {"stock_quantity": n, "stock_status": status},
        st.integers(0, 2),
        st.sampled_from([None, "low_stock"]),
    ),
    st.sampled_from(["D", "H"]),
)
TOGETHER = 4
"""So many pasts are one test: a long search is many tests, any of which can be run by itself."""
SEAMS = ("after ledger:OPEN", "after stage:{}", "after merge:{}", "before ledger:PUBLISH")


@st.composite
def batches(draw: st.DrawFn, keys: tuple[Key, ...]) -> Batch:
    """What a batch says of a few keys. All of its rows have a stock_status, or none."""
    said: dict[Key, Said] = draw(st.dictionaries(st.sampled_from(keys), SAYS, max_size=4))
    full = any("stock_status" in s for s in said.values() if not isinstance(s, str))
    for key, one in said.items():
        if full and not isinstance(one, str):
            said[key] = {"stock_quantity": one["stock_quantity"], "stock_status": one.get("stock_status")}
    return Batch("", draw(st.integers(0, 5)), said, broken=draw(st.booleans()) and draw(st.booleans()))


@dataclass
class Past:
    """What the machines of one test share: where their shops are, what computes, and how many shops there were."""

    folder: Path
    engine: Engine
    shops: int = 0


@dataclass(frozen=True)
class Delivery:
    """A batch as it was delivered: in one file or in two. kind: whose files they are."""

    kind: Files
    batch: Batch
    split: bool

    def files(self) -> dict[str, str]:
        header, *rows = self.kind.csv(self.batch).splitlines(keepends=True)
        half, name = len(rows) // 2 if self.split else len(rows), self.batch.batch_id
        files = {f"{name}.csv": header + "".join(rows[:half])}
        return files | ({f"{name}_rest.csv": header + "".join(rows[half:])} if self.split else {})

    @property
    def bytes(self) -> tuple[str, ...]:
        """What a correction is made for: the batch and the bytes of its files."""
        return self.batch.batch_id, *self.files().values()


def machine(past: Past, kind: Files) -> type[RuleBasedStateMachine]:
    """A machine whose shops lie in a folder of their own each, and get files of one kind."""
    modes, said_of_keys = st.sampled_from(kind.modes), batches(kind.keys)

    class Warehouse(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            past.shops += 1
            self.root = past.folder / str(past.shops)
            self.live: dict[str, Batch] = {}  # as they are read
            self.undone: dict[str, Batch] = {}
            self.delivered: dict[str, Delivery] = {}
            self.mended: dict[tuple[str, ...], Mapping[Key, Said]] = {}  # by the files' bytes
            self.known: dict[int, list[Batch]] = {}
            self.count = 0

        def shop(self, mode: Mode = None) -> Shop:
            """The shop under the settings of a moment."""
            return Shop(self.root, sources={kind.source: kind.delivery(mode)})

        def drop(self, shop: Shop, delivery: Delivery) -> None:
            at = BEGINNING + timedelta(days=delivery.batch.day)
            shop.drop(delivery.batch.batch_id, at, {kind.source: delivery.files()})

        def published(self, delivery: Delivery, mode: Mode) -> None:
            """What was delivered is live, as it is read by these settings, with what was mended in its very bytes."""
            name, said = delivery.batch.batch_id, self.mended.get(delivery.bytes, delivery.batch.said)
            self.delivered[name] = delivery
            self.live[name] = replace(delivery.batch, said=said, snapshot=mode is not None, scope=mode or ())

        def some(self, number: int, among: Iterable[str]) -> str:
            names = sorted(among)
            return names[number % len(names)]

        @rule(batch=said_of_keys, letter=st.sampled_from("abz"), mode=modes, split=st.booleans())
        def arrive(self, batch: Batch, letter: str, mode: Mode, split: bool) -> None:
            self.count += 1
            delivery, shop = Delivery(kind, replace(batch, batch_id=f"{letter}{self.count}"), split), self.shop(mode)
            self.drop(shop, delivery)
            assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
            self.published(delivery, mode)

        @rule(batch=said_of_keys, mode=modes, seam=st.sampled_from(SEAMS))
        def crash_and_run_again(self, batch: Batch, mode: Mode, seam: str) -> None:
            self.count += 1
            delivery, shop = Delivery(kind, replace(batch, batch_id=f"m{self.count}"), False), self.shop(mode)
            self.drop(shop, delivery)
            killed(shop, seam.format(kind.source))
            assert [(o.status, o.reason) for o in shop.run()] == [("published", None)]
            self.published(delivery, mode)

        @precondition(lambda self: self.delivered)
        @rule(number=st.integers(0, 99), mode=modes)
        def the_same_again(self, number: int, mode: Mode) -> None:
            """What is live is not published twice; what was undone may come again."""
            name, shop = self.some(number, self.delivered), self.shop(mode)
            self.drop(shop, self.delivered[name])
            (outcome,) = shop.run()
            assert outcome.status == ("duplicate" if name in self.live else "published"), outcome.reason
            if self.undone.pop(name, None) is not None:
                self.published(self.delivered[name], mode)

        @precondition(lambda self: self.live)
        @rule(number=st.integers(0, 99), mode=modes)
        def undo(self, number: int, mode: Mode) -> None:
            name = self.some(number, self.live)
            assert revise.undo(self.shop(mode).settings, name, "why not").status == "undone"
            self.undone[name] = self.live.pop(name)

        @precondition(lambda self: self.delivered)
        @rule(number=st.integers(0, 99), mode=modes)
        def replay(self, number: int, mode: Mode) -> None:
            name = self.some(number, self.delivered)
            place = (self.delivered[name].batch.day, name.encode())
            behind = [n for n, b in self.live.items() if (b.day, n.encode()) >= place]
            outcomes = revise.replay(self.shop(mode).settings, name, as_then=True)
            assert {(o.batch_id, o.status) for o in outcomes} == {(n, "published") for n in {*behind, name}}
            self.undone.pop(name, None)
            for one in {*behind, name}:
                self.published(self.delivered[one], mode)

        @precondition(lambda self: self.live)
        @rule(number=st.integers(0, 99), batch=said_of_keys, mode=modes)
        def replace_one(self, number: int, batch: Batch, mode: Mode) -> None:
            name, shop = self.some(number, self.live), self.shop(mode)
            delivery = Delivery(kind, replace(batch, batch_id=name), False)
            self.drop(shop, delivery)
            (outcome,) = shop.run(replacing=name)
            assert outcome.status == ("duplicate" if delivery == self.delivered[name] else "published"), outcome.reason
            if outcome.status == "published":
                self.published(delivery, mode)

        @precondition(lambda self: any("H" in b.said.values() for b in self.live.values()))
        @rule(number=st.integers(0, 99), stock=st.integers(0, 2), mode=modes)
        def mend(self, number: int, stock: int, mode: Mode) -> None:
            """Of one batch all rows that were rejected for their stock; those that nobody can read stay."""
            rejected = {n: b for n, b in self.live.items() if "H" in b.said.values()}
            name, shop, path = self.some(number, rejected), self.shop(mode), self.root / "rejected.csv"
            export(shop.settings, kind.source, path, name, force=True)
            text = path.read_text(encoding="utf-8-sig")
            rows = [*csv.DictReader(io.StringIO(text))]
            for row in rows:
                kind.mend(row, stock)
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, [*rows[0]])
                writer.writeheader()
                writer.writerows(rows)
            done = redrive(shop.settings, path, "why not")
            assert [o.status for o in done.outcomes] == ["published"]
            batch = self.live[name]
            full = any("stock_status" in s for s in batch.said.values() if not isinstance(s, str))
            value = {"stock_quantity": stock} | ({"stock_status": None} if full else {})
            said = {key: value if s == "H" else s for key, s in batch.said.items()}
            self.mended[self.delivered[name].bytes] = said
            self.published(self.delivered[name], mode)

        @rule()
        def rebuild(self) -> None:
            if self.known:
                assert not any(rebuild.rebuild(self.shop().settings).values())

        @precondition(lambda self: self.known)
        @rule()
        def maintain(self) -> None:
            maintain.maintain(self.shop().settings)

        @precondition(lambda self: self.known)
        @rule(number=st.integers(0, 99), day=st.integers(-1, 6))
        def ask(self, number: int, day: int) -> None:
            """A state of a day as it was known at some moment."""
            seq = sorted(self.known)[number % len(self.known)]
            at = BEGINNING + timedelta(days=day)
            rows = self.shop().warehouse.asof(kind.source, at, seq, engine=past.engine).to_pylist()
            ours = {kind.key(r): kind.number(r) for r in rows}
            theirs = {
                key: stock for key, begun, ended, _, stock, *_ in kind.wanted(self.known[seq])
                if begun <= day and (ended is None or day < ended)
            }  # fmt: skip
            assert ours == theirs

        @invariant()
        def agrees(self) -> None:
            if self.count:
                assert kind.found(self.shop()) == kind.wanted(self.live.values())
                self.known[self.shop().warehouse.entry.seq] = [*self.live.values()]

    return Warehouse


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """--pasts of them."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", range(metafunc.config.getoption("--pasts") // (2 * TOGETHER)))


@pytest.mark.long
@pytest.mark.past
@pytest.mark.usefixtures("shop")  # runs use the engine of the session
@pytest.mark.parametrize("kind", [STOCKS, ORDERS], ids=lambda kind: kind.source)
def test_whatever_happens_the_target_is_the_walk_of_its_log(
    tmp_path: Path, engine: Engine, request: pytest.FixtureRequest, kind: Files, part: int
) -> None:
    """Pasts of --steps steps each."""
    past = Past(tmp_path, engine)
    run_state_machine_as_test(
        seed(part)(machine(past, kind)),
        settings=settings(
            max_examples=1 + TOGETHER,  # the first is always the simplest that there is
            stateful_step_count=request.config.getoption("--steps"),
            phases=[Phase.generate],  # a past takes a minute: it is told, not made smaller
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert past.shops > TOGETHER
