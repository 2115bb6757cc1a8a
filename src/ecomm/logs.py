"""Where log lines go: one line of JSON each, to stderr, with plain tracebacks.

structlog's own default prints every variable of a traceback, and so values of records. What a library says of an error
may quote a cell too, so a traceback has it only if somebody asked for it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator

import structlog

from ecomm.errors import EcommError


def configure(level: int, *, whole: bool = False) -> None:
    """Write log lines from a level on. An error's traceback is a line of the level DEBUG; whole: see `traceback_of`."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(lambda info: traceback_of(info[1], whole=whole)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is now: a notebook puts another there
    )


def configure_unless_done() -> None:
    """For notebooks and programs that import this one: from INFO on, if nobody has said otherwise."""
    if not structlog.is_configured():
        configure(logging.INFO)


def traceback_of(error: BaseException | None, *, whole: bool) -> str:
    """Where an error came up, and those that led to it, the first of them first.

    whole: with what libraries say of it, which may hold values of records; else with this program's own sentences only.
    """
    return "\nThis led to:\n".join(_one(one, whole=whole) for one in reversed([*_chain(error)]))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one(error: BaseException, *, whole: bool) -> str:
    said = f": {error}" if whole or isinstance(error, EcommError) else ""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + said
