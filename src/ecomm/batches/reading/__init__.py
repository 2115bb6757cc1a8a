"""Bytes to records: every format, encoding and place of the header becomes the same text columns."""
