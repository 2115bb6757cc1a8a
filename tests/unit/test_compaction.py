"""Which files of a table are put together: the small ones beside the others, partition by partition."""

from __future__ import annotations

import pytest

from ecomm.store.compaction import small_ones
from ecomm.store.datafiles import DataFile

MB = 1 << 20


def files(*sizes: int, current: str = "true") -> list[DataFile]:
    return [DataFile(f"{current}-{n}", size * MB, 1, {"is_current": current}) for n, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ((), []),
        ((5,), []),
        ((1, 1), [1, 1]),
        ((20, 1, 1, 1), [1, 1, 1]),  # the large one would cost more than it gives
        ((20, 1, 1, 1, 7), [1, 1, 1, 7, 20]),
        ((20, 4, 4, 4), [4, 4, 4, 20]),  # the smaller ones hold half as much
        ((100, 40, 50), [40, 50]),
        ((100, 90), []),
    ],
)
def test_which_files_are_worth_it(sizes: tuple[int, ...], chosen: list[int]) -> None:
    assert [[f.bytes // MB for f in group] for group in small_ones(files(*sizes))] == ([chosen] if chosen else [])


def test_partitions_are_never_mixed() -> None:
    groups = small_ones([*files(1, 1), *files(2, 2, current="false"), *files(9, current="none")])
    assert [{f.partition["is_current"] for f in group} for group in groups] == [{"true"}, {"false"}]
