"""Which CSV files a reader that is not exact may read: only those whose every line it splits as the landing does."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings

from ecomm.batches import csvfile as ours
from ecomm.batches import survey
from ecomm.batches.dialect import dialect
from ecomm.batches.reading.tables import land, open_table
from ecomm.batches.survey import Survey
from ecomm.delivery import Shape
from tests.csvfiles import TRUSTED
from tests.unit.test_csvfile import ANYTHING, CHUNKS, CORPUS, HEADERS, TAME, WHOLE

RELAXED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def look(content: bytes, folder: Path, chunk: int = WHOLE, delimiter: str = ",") -> tuple[Survey | None, int]:
    """What the survey says of a file's content, and how many records the landing finds in it."""
    path = folder / "x.csv"
    path.write_bytes(content)
    table = open_table(path, Shape(delimiter=delimiter))
    assert table.plain is not None
    with patch.object(survey, "CHUNK", chunk):
        said = survey.survey(path, len(table.names), table.plain[0], dialect(delimiter))
    return said, land(table, folder / "x.parquet")


@RELAXED
@given(header=HEADERS, body=ANYTHING | TAME, chunk=CHUNKS)
def test_it_counts_what_the_landing_counts(header: bytes, body: bytes, chunk: int, tmp_path: Path) -> None:
    """However the file is cut for reading."""
    said, records = look(header + body, tmp_path, chunk)
    assert said is None or said.records == records
    whole, _ = look(header + body, tmp_path)
    assert said is None or whole is None or said == whole


@pytest.mark.parametrize("name", TRUSTED)
def test_ordinary_files_and_wrong_numbers_of_fields_are_trusted(name: str, tmp_path: Path) -> None:
    """With the records that the landing finds."""
    header, body, delimiter = TRUSTED[name]
    said, records = look(header + body, tmp_path, delimiter=delimiter)
    assert said is not None
    assert said.records == records


@pytest.mark.parametrize(
    "name",
    [
        "text after a quote",
        "never closed",
        "two that swallow each other",
        "bare quote",
        "lone cr inside",
        "two crs before lf",
        "nul",
        "not utf-8",
        "cut short in a character",
        "first cell begins with a bom",
        "a quote after blanks is a quote",
        "blanks around quotes",
    ],
)
def test_odd_files_are_not(name: str, tmp_path: Path) -> None:
    """Each of them is split in another way by a reader that guesses."""
    assert look(b"a,b\n" + CORPUS[name][0], tmp_path)[0] is None


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"\na,b\n1,2\n", ","),  # blank lines before the header
        (b"a,b\n\x0b\n1,2\n", ","),  # blank to one, a record to the other
        (b"a\tb\n\t\n1\t2\n", "\t"),  # a record of empty cells looks blank
        (b'a,b\n"1\n",2\n3,4\r\n', ","),  # a carriage return beside quoted newlines
        (b'a,b\r\n"1\r\n",2\r\n', ","),
        (b'a,b\n"1\n",2\n  \n3,4\n', ","),  # a line of blanks beside quoted newlines
        (b"a,b\n1," + b"x" * ours.MAX_RECORD + b"\n", ","),
        (b"a\n1\n", ","),
        ("a,b\n1,2\n\ufeff3,4\n".encode(), ","),
    ],
)
def test_what_spark_reads_otherwise_is_not(content: bytes, delimiter: str, tmp_path: Path) -> None:
    """Blank lines, line ends, and what is too long or too narrow."""
    assert look(content, tmp_path, delimiter=delimiter)[0] is None


def test_newlines_within_quotes_are_noticed(tmp_path: Path) -> None:
    """In the header, in the first chunk or in a later one."""
    for content in (b'"a\nb",c\n1,2\n', b'a,b\n"1\n",2\n', b'a,b\n1,2\n3,"\n"\n'):
        said, records = look(content, tmp_path, 8)
        assert said is not None
        assert (said.records, said.multiline) == (records, True)
    assert look(b"a,b\n1,2\n3,456\n", tmp_path)[0] == Survey(2, multiline=False, longest=5)
