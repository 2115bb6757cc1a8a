"""Log lines of a program that imports ecomm."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from ecomm import logs


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
    assert "ValueError: no" in line
    assert "somebody@example.org" not in line


@pytest.mark.usefixtures("_nobody_said")
def test_who_has_said_otherwise_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(logging.CRITICAL)
    logs.configure_unless_done()
    fails("somebody@example.org")
    assert capsys.readouterr().err == ""
