"""Log lines of a program that imports ecomm."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from ecomm import logs
from ecomm.errors import UsageError


@pytest.fixture
def _nobody_said() -> None:
    structlog.reset_defaults()


def fails(of_a_person: str) -> None:
    structlog.get_logger().debug("looked", name="x")
    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger().info("failed", exc_info=True)
    assert of_a_person


@pytest.mark.usefixtures("_nobody_said")
def test_a_line_is_json_without_the_variables_of_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_unless_done()
    fails("somebody@example.org")
    written = capsys.readouterr()
    assert written.out == ""
    [line] = written.err.splitlines()
    assert {"event", "level", "timestamp", "exception"} == json.loads(line).keys()
    assert "ValueError" in line
    assert "ValueError: no" not in line, "a library's words may be a cell"
    assert "somebody@example.org" not in line


@pytest.mark.usefixtures("_nobody_said")
def test_who_has_said_otherwise_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(logging.CRITICAL)
    logs.configure_unless_done()
    fails("somebody@example.org")
    assert capsys.readouterr().err == ""


def test_a_traceback_has_the_words_of_this_program_alone() -> None:
    try:
        try:
            int("somebody")
        except ValueError as error:
            raise UsageError("the file is wrong; mend it.") from error
    except UsageError as error:
        told, whole = (logs.traceback_of(error, whole=w) for w in (False, True))
    assert "UsageError: the file is wrong; mend it." in told
    assert "somebody'" not in told.replace('int("somebody")', "")
    assert "invalid literal" in whole
    assert told.index("ValueError") < told.index("This led to") < told.index("UsageError")
