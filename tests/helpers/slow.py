"""Parameters of tests that `make test` samples, and `make test-all` runs in full."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def sampled(values: Iterable[Any], chosen: Collection[Any]) -> list[Any]:
    """Return the values as parameters, slow except the chosen ones; a tuple is several values."""
    return [
        value
        if value in chosen
        else pytest.param(*(value if isinstance(value, tuple) else [value]), marks=pytest.mark.slow)
        for value in values
    ]
