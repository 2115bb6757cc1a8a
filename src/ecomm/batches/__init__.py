"""Batches at the edge: triggers, landed files, the archive, the ledger."""
