r"""The dialect of a delimited text file: what ends a cell, what quotes one, and what an escape character changes.

A quote inside a quoted cell is doubled. With an escape character, it stands before a delimiter, a quote, a line end or
itself, and these are then text; before anything else it is itself text, so that MySQL's `\N` stays `\N`.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cache

UNDECODABLE = "ecomm_undecodable"
_LOW, _HIGH = 0xDC00, 0xDCFF


@dataclass(frozen=True)
class Dialect:
    """How a file's fields stand apart: what ends one, what is a blank, and how a quoted and a plain one look.

    quote, escape: empty if there is none. escaped: what loses its escape, or its second quote, in a quoted and in a
    plain cell; None where nothing does. blank_rows: records of empty cells alone are none. surplus: empty cells beyond
    the header's are none. decoded: the bytes are UTF-8 by `marked`, of a file in another encoding.
    """

    delimiter: bytes
    blank: bytes
    opens: re.Pattern[bytes]
    quoted: re.Pattern[bytes]
    plain: re.Pattern[bytes]
    quote: bytes = b'"'
    escape: bytes = b""
    escaped: re.Pattern[bytes] | None = None
    blank_rows: bool = False
    surplus: bool = False
    decoded: bool = False

    def quoted_cell(self, inside: bytes) -> bytes:
        """The content of a quoted cell."""
        if self.escaped is None:
            return inside.replace(self.quote * 2, self.quote)
        return self.escaped.sub(self._without, inside)

    def plain_cell(self, cell: bytes) -> bytes:
        """The content of a cell without quotes."""
        if self.escaped is None or self.escape not in cell:
            return cell
        return self.escaped.sub(lambda m: self._without(m) if m[1] else m[0], cell)

    def _without(self, match: re.Match[bytes]) -> bytes:
        return match[1] or self.quote

    def text(self, raw: bytes) -> str:
        r"""A record as it stands, with bytes that are no text as `\xe9`."""
        return raw.decode("utf-8", UNDECODABLE if self.decoded else "backslashreplace")


@cache
def dialect(
    delimiter: str,
    quote: str = '"',
    escape: str = "",
    *,
    blank_rows: bool = False,
    surplus: bool = False,
    decoded: bool = False,
) -> Dialect:
    """The dialect of a delimiter, a quote and an escape character, each ASCII; a blank that delimits is no blank."""
    end, mark, esc = (character.encode("ascii") for character in (delimiter, quote, escape))
    blank = b" \t".replace(end, b"")
    some = b"[" + blank + b"]*"
    q, e, d = re.escape(mark), re.escape(esc), re.escape(end)
    never = re.compile(b"(?!)")
    if not esc:
        quoted = some + q + b"([^" + q + b"]*+(?:" + q * 2 + b"[^" + q + b"]*+)*+)" + q + some + b"+"
        plain, escaped = b"[^\n" + d + b"]*+", None
    else:
        pair = e + rb"(?:\r\n|[\s\S])"
        run = b"[^" + q + e + b"]*+"
        quoted = some + q + b"(" + run + b"(?:(?:" + q * 2 + b"|" + pair + b")" + run + b")*+)" + q + some + b"+"
        plain = b"(?:[^\n" + d + e + b"]++|" + pair + b")*+(?:" + e + rb"\Z)?"
        doubled = q * 2 + b"|" if mark else b""
        escaped = re.compile(doubled + e + rb"(\r\n|[\r\n" + q + e + d + b"])")
    return Dialect(
        end,
        blank,
        opens=re.compile(some + q) if mark else never,
        quoted=re.compile(quoted) if mark else never,
        plain=re.compile(plain),
        quote=mark,
        escape=esc,
        escaped=escaped,
        blank_rows=blank_rows,
        surplus=surplus,
        decoded=decoded,
    )


def marked(text: str) -> bytes:
    """Text as UTF-8, in which a byte that could not be decoded (by `UNDECODABLE`) is no UTF-8 either."""
    return text.encode("utf-8", "surrogatepass")


def _undecodable(error: UnicodeError) -> tuple[str, int]:
    r"""A byte that is no text: while a file is decoded half a surrogate that names it, in a raw line `\xe9`."""
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    if error.encoding.replace("_", "-").lower() not in ("utf-8", "utf8"):
        return "".join(chr(_LOW + byte) for byte in bad), error.end
    mark = error.object[error.start : error.start + 3]
    try:
        named = ord(mark.decode("utf-8", "surrogatepass"))
    except (UnicodeDecodeError, TypeError):
        named = 0
    if _LOW <= named <= _HIGH:
        return f"\\x{named - _LOW:02x}", error.start + 3
    return "".join(f"\\x{byte:02x}" for byte in bad), error.end


codecs.register_error(UNDECODABLE, _undecodable)
