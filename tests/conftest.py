"""One engine for all tests of a session, and shops to try things in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecomm import attempt
from ecomm.engines import Engine, start
from ecomm.settings import load
from tests.shop import DAYS, Shop


def pytest_addoption(parser: pytest.Parser) -> None:
    """The same tests run on every engine."""
    parser.addoption("--scenarios", default=20, type=int, help="so many random scenarios (seeds 0, 1, ...)")
    parser.addoption("--all-arrivals", action="store_true", help="six batches in all 720 orders of arrival")
    parser.addoption("--engine", default="sail", choices=["sail"], help="the engine that the tests run on")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine of --engine, started once."""
    running = start(load(engine=request.config.getoption("--engine")))
    yield running
    running.stop()


def _kept(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Runs use the engine of the session, and leave it running."""
    patch.setattr(engine, "stop", lambda: None)
    patch.setattr(attempt, "start_engine", lambda _: engine)


@pytest.fixture
def shop(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty shop in a folder of its own."""
    _kept(engine, monkeypatch)
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Shop]:
    """A shop in which both sample days were published, in order. Nothing may be published in it."""
    with pytest.MonkeyPatch.context() as patch:
        _kept(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("sample"))
        shop.drop_sample(*DAYS)
        assert [o.status for o in shop.run()] == ["published", "published"]
        yield shop
