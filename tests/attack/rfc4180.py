"""CSV as RFC 4180 defines it, as a state machine over characters. It shares no code with the program.

Both line ends are taken, LF and CRLF. Blank lines are no records, which the RFC leaves open.
"""

from __future__ import annotations

from enum import Enum, auto


class BrokenError(ValueError):
    """The text is not CSV by the grammar: a quote inside a plain field, text behind a closing one, or none."""


class State(Enum):
    """Where the machine is within a field."""

    START = auto()
    PLAIN = auto()
    QUOTED = auto()
    CLOSED = auto()


def records(text: str, delimiter: str = ",", quote: str = '"') -> list[tuple[str, ...]]:  # noqa: PLR0912 (a state machine)
    """The records of a text. Raises BrokenError."""
    found: list[tuple[str, ...]] = []
    cells: list[str] = []
    cell: list[str] = []
    state = State.START
    at, was_quoted = 0, False
    while at <= len(text):
        character = text[at : at + 1]
        if character == "\r" and text[at + 1 : at + 2] == "\n" and state is not State.QUOTED:
            at += 1
            character = "\n"
        at += 1
        if state is State.QUOTED:
            if not character:
                raise BrokenError("a quote is not closed")
            if character == quote:
                state = State.CLOSED
            else:
                cell.append(character)
        elif state is State.CLOSED and character == quote:
            cell.append(quote)
            state = State.QUOTED
        elif character in ("", "\n", delimiter):
            cells.append("".join(cell))
            cell, state = [], State.START
            if character != delimiter:
                if was_quoted or len(cells) > 1 or cells[0].strip(" \t"):
                    found.append(tuple(cells))
                cells, was_quoted = [], False
        elif state is State.CLOSED:
            raise BrokenError("text stands behind a closing quote")
        elif character == quote:
            if state is State.PLAIN:
                raise BrokenError("a quote stands inside a plain field")
            state, was_quoted = State.QUOTED, True
        else:
            cell.append(character)
            state = State.PLAIN
    return found
