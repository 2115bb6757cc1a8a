"""Small mistakes put into the code, one at a time; the tests that are about the module must find them.

`python -m tests.mutants` makes them by rule, runs the module's tests for each, and writes how many were found into
docs/reliability.md. What survives is listed: it needs a test, or says the same as the code.
"""
