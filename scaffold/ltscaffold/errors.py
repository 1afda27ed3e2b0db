"""What can go wrong because of what was asked: one line and an exit status, never a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class ScaffoldError(Exception):
    """The message names the fact, the offending value and the next step."""

    exit_status = 2


class EditLossError(ScaffoldError):
    """What was asked for would lose an edit, which `diff` shows as a patch."""

    exit_status = 3

    def __init__(self, message: str, diff: str) -> None:
        super().__init__(message)
        self.diff = diff


def unknown(noun: str, name: str, known: Iterable[str], listing: str) -> ScaffoldError:
    """Return the error for a name that is not `known`, with the nearest that is.

    Args:
        noun: what the name should be, such as "base".
        name: the offending name.
        known: the names there are.
        listing: the command that lists them.
    """
    nearest = get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"see: {listing}"
    return ScaffoldError(f"there is no {noun} '{name}' ({hint})")
