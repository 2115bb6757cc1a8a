"""Paths with characters that engines take for something else are reached through links."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from ecomm.engines.links import Links, is_safe


def test_a_path_with_a_blank_is_reached_by_a_path_without_one(tmp_path: Path) -> None:
    folder = tmp_path / "my shop" / "warehouse"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("here")
    links = Links()
    found = links.safe(folder)
    assert is_safe(found)
    assert (Path(found) / "a.txt").read_text() == "here"
    assert links.safe(tmp_path) == str(tmp_path)
    links.remove()
    assert not Path(found).exists()


def test_the_folder_of_a_partition_is_taken_as_it_is() -> None:
    assert is_safe("/w/orders_rows/apart=false")
    assert is_safe("/w/orders_target/is_current=true/x.parquet")
    for path in ("/w/a=b", "/w/apart=falsely", "/w/[x]=true", "/w/my shop/apart=true", "/w/apart==true"):
        assert not is_safe(path), path


def test_many_threads_ask_at_once(tmp_path: Path) -> None:
    """The stage loads of a batch do: each gets the same path, and none an error."""
    threads = 8
    for attempt in range(50):
        folder = tmp_path / f"my shop {attempt}"
        folder.mkdir()
        links, together = Links(), Barrier(threads)

        def ask(_: int, links: Links = links, together: Barrier = together, folder: Path = folder) -> str:
            together.wait()
            return links.safe(folder / "orders")

        with ThreadPoolExecutor(threads) as pool:
            found = {*pool.map(ask, range(threads))}
        assert len(found) == 1
        assert Path(*found).parent.is_dir()
        links.remove()
