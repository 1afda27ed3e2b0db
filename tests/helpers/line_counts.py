"""The number of lines that a customization adds, and the limits for it."""

import difflib

LINES_OF_PYTHON, LINES_OF_YAML = 15, 6


def added(before: str, after: str) -> int:
    """Return the number of nonempty lines that a text has more than another."""
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[2:]]
    return sum((line[0] == "+") - (line[0] == "-") for line in changed if line[2:].strip())
