"""How many lines a customisation may add, and how many it adds."""

import difflib

LINES_OF_PYTHON, LINES_OF_YAML = 15, 6


def added(before: str, after: str) -> int:
    """Return the number of lines, empty ones left out, that a text has more than another."""
    difference = difflib.ndiff(before.splitlines(), after.splitlines())
    return sum(line.startswith("+ ") and bool(line[2:].strip()) for line in difference)
