"""The number of lines that a customization adds, and the limits for it."""

import difflib

LINES_OF_PYTHON, LINES_OF_YAML = 16, 6
"""One line of Python is the docstring of the class, which changes."""


def added(before: str, after: str) -> int:
    """Return the number of nonempty lines that a text adds to another or changes in it."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return sum(line.startswith("+ ") and bool(line[2:].strip()) for line in lines)
