"""Attacks on the program, counted: `python -m tests.attack` runs them and writes the table of docs/reliability.md.

Hostile files are made by a seeded generator that knows what each of them states. A judge that shares no code with the
program compares. Faults of disks, processes and engines are those of the tests, run and counted.
"""
