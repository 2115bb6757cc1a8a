"""One engine for all tests of a session, and shops to try things in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecomm import pipeline
from ecomm.engines import Engine, start
from ecomm.settings import load
from tests.shop import Shop


def pytest_addoption(parser: pytest.Parser) -> None:
    """The same tests run on every engine."""
    parser.addoption("--engine", default="sail", choices=["sail"], help="the engine that the tests run on")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine of --engine, started once."""
    running = start(load(engine=request.config.getoption("--engine")))
    yield running
    running.stop()


@pytest.fixture
def shop(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty shop in a folder of its own, whose runs use the session's engine."""

    class Kept:
        """The running engine; a run that stops it leaves it to the next one."""

        def __init__(self) -> None:
            self.name, self.spark, self.uri = engine.name, engine.spark, engine.uri

        def stop(self) -> None:
            """The session's fixture stops it."""

    monkeypatch.setattr(pipeline, "start_engine", lambda _: Kept())
    return Shop(tmp_path)
