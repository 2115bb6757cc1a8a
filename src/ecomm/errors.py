"""What can go wrong, as one tree. Each error is one sentence for the person who reads it.

EcommError                  exit code 1: something failed, and what to do about it
├── UsageError              2: the command line, a folder or a setting is wrong
├── TriggerError            1: a trigger file cannot be read or contradicts itself
├── HeaderError             1: a file lacks a column that its contract requires
├── FileError               1: a file of a batch is damaged, too large, or of a kind that is not read
├── RefusedError            1: the batch id was published before with other content
├── InvariantError          1: a check before publishing found lost or doubled rows; nothing is published
├── FormatError             1: the warehouse was written by a newer or an older program
├── WaitingError            1: a task came before those that it builds on
├── SourceChangedError      1: a landed file got other bytes while its batch was worked on; the attempt starts anew
├── StorageError            1: a file or folder cannot be read or written
└── LockedError             4: somebody else works on this warehouse, or has taken it over
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import gettempdir


class EcommError(Exception):
    """Anything this program says to a person; the text is one sentence that says what to do."""

    exit_code = 1


class UsageError(EcommError):
    """The command line, a folder or a setting is wrong."""

    exit_code = 2


class TriggerError(EcommError):
    """A trigger file cannot be read or contradicts itself."""


class HeaderError(EcommError):
    """A file lacks a required column, or names one twice.

    names: the header as it stands, which may be a record; for who looks at the file by hand, never in a message.
    """

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)


class FileError(EcommError):
    """A file of a batch is damaged, unpacks to too much, or is of a kind that is not read."""


class RefusedError(EcommError):
    """A batch id that was published before came again with other content."""


class InvariantError(EcommError):
    """A check before publishing failed: rows would be lost, doubled or contradict each other."""


class FormatError(EcommError):
    """The warehouse was written by a newer program, or by one so old that its tables are others."""


class WaitingError(EcommError):
    """A task came before those that it builds on."""


class SourceChangedError(EcommError):
    """A landed file got other bytes while its batch was worked on: the attempt starts anew."""


class StorageError(EcommError):
    """A file or folder cannot be read or written."""


class LockedError(EcommError):
    """Another process works on this warehouse, or has taken the attempt over."""

    exit_code = 4


class Cause(StrEnum):
    """What an error comes from, which says whether the same might go well soon."""

    FILES = "files"  # the files of the batch: they have to change
    OUTSIDE = "outside"  # a disk, a network, the engine: another time it may go well
    UNKNOWN = "unknown"


_OF_FILES = (TriggerError, HeaderError, FileError, RefusedError, InvariantError, UsageError)
_NO_ENGINE, _NO_SPACE = "StatusCode.UNAVAILABLE", "No space left on device"


def cause_of(error: BaseException) -> Cause:
    """What an error comes from."""
    if isinstance(error, _OF_FILES):
        return Cause.FILES
    outside = isinstance(error, (EcommError, OSError, MemoryError)) or _NO_ENGINE in str(error)
    return Cause.OUTSIDE if outside or _NO_SPACE in str(error) else Cause.UNKNOWN


def taken_over(warehouse: Path) -> LockedError:
    """The error of a run from which another one has taken over a warehouse."""
    return LockedError(f"{warehouse}: another run has taken over this warehouse; run the command again.")


def described(value: object) -> str:
    """What was written where something else belongs, by its kind: it may be a person's, so messages do not quote it."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if value else "an empty text"
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "nothing")


def sentence(error: BaseException, folder: Path) -> str:
    """What to tell a person about an error: its own sentence, or its kind and where in this program it came up.

    What a library says of an error may hold values of records, and sentences are kept, sent and logged. folder: where
    the program was writing, in case the disk is full; engines do not say where.
    """
    if isinstance(error, EcommError):
        return str(error)
    if _NO_SPACE in str(error):
        return f"{folder}: the disk is full; free some space there (or in {gettempdir()}), then run the command again."
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; check permissions and disk space."
    if _NO_ENGINE in str(error):
        return (
            "the engine has ended or cannot be reached any more (its memory is memory_mb; a cluster's log says more); "
            "nothing of the batch was published, run the command again."
        )
    return (
        f"{type(error).__name__}{_place(error)}: an unexpected error; run with -vv for the whole story, which may show "
        "values of records."
    )


def _place(error: BaseException) -> str:
    ours = Path(__file__).parent
    places = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(ours)]
    return f" in {Path(places[-1].filename).relative_to(ours)}, line {places[-1].lineno}" if places else ""
