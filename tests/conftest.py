"""One engine for all tests of a session, and shops to try things in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecomm import session
from ecomm.engines import Engine, start
from ecomm.settings import load
from tests import gaps
from tests.shop import DAYS, Shop


def pytest_addoption(parser: pytest.Parser) -> None:
    """The same tests run on every engine."""
    parser.addoption("--scenarios", default=20, type=int, help="so many random scenarios (seeds 0, 1, ...)")
    parser.addoption("--pasts", default=8, type=int, help="so many random pasts of a whole warehouse")
    parser.addoption("--steps", default=12, type=int, help="of so many steps")
    parser.addoption("--batches", default=36, type=int, help="how many batches one process of `ecomm watch` publishes")
    parser.addoption("--all-arrivals", action="store_true", help="six batches in all 720 orders of arrival")
    parser.addoption("--engine", default="sail", choices=["sail", "spark"], help="the engine that the tests run on")
    parser.addoption("--at-least", default=0, type=int, help="fail if fewer tests than this were run to their end")


def pytest_configure(config: pytest.Config) -> None:
    """Processes that tests start use the engine too."""
    if config.getoption("--engine") != "sail":
        os.environ["ECOMM_ENGINE"] = config.getoption("--engine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What an engine is known to do otherwise is expected to fail, and said why."""
    gaps.mark(config.getoption("--engine"), items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How many tests the engine has passed."""
    passed, wanted = len(terminalreporter.stats.get("passed", [])), config.getoption("--at-least")
    terminalreporter.line(f"{config.getoption('--engine')}: {passed} tests passed (at least {wanted} must)")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Too few tests are a failure: a mark or a skip may have gone astray."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and len(reporter.stats.get("passed", [])) < session.config.getoption("--at-least"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine of --engine, started once."""
    running = start(load(engine=request.config.getoption("--engine")))
    yield running
    running.stop()


def keep_running(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Runs use the engine of the session, and leave it running."""
    patch.setattr(engine, "stop", lambda: None)
    patch.setattr(session, "start_engine", lambda _: engine)


@pytest.fixture
def shop(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty shop in a folder of its own."""
    keep_running(engine, monkeypatch)
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Shop]:
    """A shop in which both sample days were published, in order. Nothing may be published in it."""
    with pytest.MonkeyPatch.context() as patch:
        keep_running(engine, patch)
        shop = Shop(tmp_path_factory.mktemp("sample"))
        shop.drop_sample(*DAYS)
        assert [o.status for o in shop.run()] == ["published", "published"]
        yield shop
