"""The values that a sweep tries, from the grammar of Hydra's overrides and back."""

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lightning_transformers.base.errors import ConfigurationError

Value: TypeAlias = str | int | float | bool | None
Space: TypeAlias = dict[str, BaseDistribution]
"""What to sample from for each key of an override, which may start with `+`."""


def split_overrides(arguments: Iterable[str], loader: ConfigLoader) -> tuple[list[str], Space]:
    """Separate the overrides that all trials share from those that give values to choose from.

    Args:
        arguments: overrides, such as `task=nlp/mine`, `optimizer.lr=tag(log,interval(1e-5,1e-3))`.
        loader: lists the options that `glob` selects.

    Raises:
        ConfigurationError: if there are no values to choose from, or no valid ones.
    """
    parser = OverridesParser.create(config_loader=loader)
    shared, space = [], {}
    for override in parser.parse_overrides([*arguments]):
        if override.is_sweep_override():
            space[override.get_key_element()] = _distribution(override)
        else:
            shared.append(str(override.input_line))
    if not space:
        raise ConfigurationError(
            "nothing to sweep over: give values to a key, such as "
            "'optimizer.lr=tag(log,interval(1e-5,1e-3))' or dataset.batch_size=8,16"
        )
    return shared, space


def _distribution(override: Override) -> BaseDistribution:
    values, line = override.value(), override.input_line
    try:
        if isinstance(values, IntervalSweep):
            return _interval(values)
        if isinstance(values, RangeSweep) and not values.shuffle:
            return _range(values)
        found = [_plain(value) for value in override.sweep_iterator(Transformer.encode)]
        return CategoricalDistribution(found)
    except ValueError as error:
        raise ConfigurationError(f"{line}: {error}") from error


def _interval(values: IntervalSweep) -> BaseDistribution:
    start, end, log = values.start or 0.0, values.end or 0.0, "log" in values.tags
    if not math.isfinite(start) or not math.isfinite(end) or start >= end:
        raise ValueError(
            f"the interval from {start} to {end} is empty: write the smaller end first"
        )
    if log and start <= 0:
        raise ValueError(f"a logarithmic interval cannot start at {start}: start above 0")
    if isinstance(start, int) and isinstance(end, int):
        return IntDistribution(start, end, log=log)
    return FloatDistribution(float(start), float(end), log=log)


def _range(values: RangeSweep) -> BaseDistribution:
    """Return the distribution of a range: Optuna's ranges include their end, Hydra's do not."""
    found = [*values.range()]
    if not found:
        raise ValueError("the range is empty")
    step = abs(values.step)
    if all(isinstance(value, int) for value in found):
        return IntDistribution(min(found), max(found), step=int(step))
    # Rounded, since the sum of many steps misses the end of the last one.
    low, high = (round(float(value), 12) for value in (min(found), max(found)))
    return FloatDistribution(low, high, step=float(step))


def _plain(value: object) -> Value:
    return value if isinstance(value, int | float | bool | None) else str(value)


def size(space: Space) -> float:
    """Return the number of combinations, infinite if a key has an interval of real numbers."""
    return math.prod(len(found) if (found := values(each)) else math.inf for each in space.values())


def values(distribution: BaseDistribution) -> list[Value]:
    """Return the values of a distribution, none for an interval of real numbers."""
    if isinstance(distribution, CategoricalDistribution):
        return [*distribution.choices]
    if isinstance(distribution, IntDistribution):
        return [*range(distribution.low, distribution.high + 1, distribution.step)]
    if isinstance(distribution, FloatDistribution) and distribution.step:
        number = round((distribution.high - distribution.low) / distribution.step) + 1
        return [round(distribution.low + at * distribution.step, 12) for at in range(number)]
    return []


def overrides(params: Mapping[str, Value]) -> list[str]:
    """Return values as overrides."""
    words = {None: "null", True: "true", False: "false"}
    return [
        f"{key}={words[value] if value is None or isinstance(value, bool) else value}"
        for key, value in params.items()
    ]
