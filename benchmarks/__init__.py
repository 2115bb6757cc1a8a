"""How fast the pipeline is, and how much memory it takes: `python -m benchmarks --help`, docs/benchmarks.md."""
