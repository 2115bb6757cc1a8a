from pathlib import Path
from benchmarks.measure import Report


def peers(cache: Path, repeat: int, orders: int) -> Report: ...
