"""Errors of the user: one line and an exit status, never a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class ScaffoldError(Exception):
    """An error whose message names the fact, the offending value and the fix."""

    exit_status = 2


class EditLossError(ScaffoldError):
    """The command would lose edits.

    Attributes:
        diff: the edits, as a patch.
    """

    exit_status = 3

    def __init__(self, message: str, diff: str) -> None:
        super().__init__(message)
        self.diff = diff


def unknown(noun: str, name: str, known: Iterable[str], hint: str) -> ScaffoldError:
    """Return the error for a name that is not `known`, with the closest match.

    Args:
        noun: what the name stands for, such as "base".
        name: the offending name.
        known: the valid names; `lora` matches `recipes/lora`.
        hint: the fix, if no known name is close.
    """
    names = sorted(known)
    nearest = [x for x in names if x.endswith(f"/{name}")] or get_close_matches(name, names, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else hint
    return ScaffoldError(f"'{name}' is not a known {noun}; {hint}")
