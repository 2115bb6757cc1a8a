"""The tests. Several processes may share them (pytest-xdist)."""

import sys

# PySpark takes a main module without a file for its own doctests, and ends the process; a worker of xdist has none.
_main = sys.modules["__main__"]
if not hasattr(_main, "__file__"):
    _main.__file__ = __file__
