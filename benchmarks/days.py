"""The names in all benchmarks' data: a day's file is `<source>_<day>.csv`, its trigger `trigger_<day>.json`."""

DAYS = ("2025_01_15", "2025_01_16")
SOURCES = ("orders", "customers", "products", "inventory", "shipping")
