"""The same tables by other means: what people write today, in environments of their own."""
