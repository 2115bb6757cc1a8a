"""ecomm: a shop's files become trusted tables, one transaction a batch."""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecomm.warehouse import Warehouse

__version__ = _version("ecomm")
__all__ = ["Warehouse", "__version__"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Load the reader when it is asked for: the command line starts faster without Arrow."""
        if name == "Warehouse":
            from ecomm.warehouse import Warehouse

            return Warehouse
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
