"""Where log lines go: one line of JSON each, to stderr, with plain tracebacks.

structlog's own default prints every variable of a traceback, and so values of records.
"""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: int) -> None:
    """Write log lines from a level on. An error's traceback is a line of the level DEBUG."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is now: a notebook puts another there
    )


def configure_unless_done() -> None:
    """For notebooks and programs that import this one: from INFO on, if nobody has said otherwise."""
    if not structlog.is_configured():
        configure(logging.INFO)
