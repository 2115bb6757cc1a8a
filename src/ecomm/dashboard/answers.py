"""The questions that the page asks, by name; the server and the copy on disk give the same answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ecomm.dashboard.history import find, history
from ecomm.dashboard.listings import customers, products
from ecomm.dashboard.moment import Answer, Args, Moment
from ecomm.dashboard.operations import ledger, operations
from ecomm.dashboard.overview import overview
from ecomm.dashboard.quality import failed_rows, quality

ANSWERS: Mapping[str, Callable[[Moment, Args], Answer]] = {
    "overview": overview,
    "quality": quality,
    "rows": failed_rows,
    "operations": operations,
    "ledger": ledger,
    "find": find,
    "history": history,
    "customers": customers,
    "products": products,
}
