"""The page that shows what is published: a small web server that reads, and a copy that opens from disk.

It reads the published versions alone, with deltalake and DuckDB; it starts no engine and writes nothing. Each answer
is computed from one ledger entry and says which.
"""
