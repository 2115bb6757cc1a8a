"""Pure functions from DataFrame to DataFrame: no engine, no clock, no file."""
