"""Values to choose from: what Hydra's grammar says, and overrides that Hydra reads as the value."""

from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import FloatDistribution, IntDistribution

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.sweeps.space import overrides, size, split_overrides, values

LOADER = ConfigLoaderImpl(create_config_search_path("pkg://lightning_transformers.conf"))


PARSER = OverridesParser.create(config_loader=LOADER)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("k=1,2,4", [1, 2, 4]),
        ("k=true,null,a", [True, None, "a"]),
        ("k='a b','3'", ["a b", "3"]),
        ("k=[1,2],[3]", [[1, 2], [3]]),
        ("+k=range(1,7,2)", [1, 3, 5]),
        ("k=range(0,1,0.25)", [0.0, 0.25, 0.5, 0.75]),
        ("k=range(0.1,0.4,0.1)", [0.1, 0.2, 0.3, 0.4]),  # as the basic sweeper of Hydra
        ("k=int(interval(1,3))", [1, 2, 3]),
        ("optimizer=glob(sg*)", ["sgd"]),
    ],
)
def test_each_value_is_an_override_with_the_meaning_that_it_has_in_the_line(
    line: str, expected: list[Any]
) -> None:
    shared, space = split_overrides(["task=nlp/mine", line], LOADER)
    assert shared == ["task=nlp/mine"]
    ((key, distribution),) = space.items()
    lines = [overrides({key: value})[0] for value in values(distribution)]
    found = [override.value() for override in PARSER.parse_overrides(lines)]
    assert found == expected
    assert [*map(type, found)] == [*map(type, expected)]
    assert size(space) == len(expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("k=interval(0,1)", FloatDistribution(0, 1)),
        ("k=tag(log,interval(1e-5,1e-3))", FloatDistribution(1e-5, 1e-3, log=True)),
        ("k=int(interval(2,8))", IntDistribution(2, 8)),
    ],
)
def test_intervals(line: str, expected: object) -> None:
    assert split_overrides([line], LOADER)[1] == {"k": expected}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a=1"], "nothing to sweep over: give values to a key"),
        (["k=interval(2,1)"], r"k=interval\(2,1\): the interval from 2.0 to 1.0 is empty"),
        (["k=tag(log,interval(0,1))"], "a logarithmic interval cannot start at 0.0:"),
        (["k=range(3,1)"], "the range is empty"),
        (["optimizer=glob(zz*)"], "optimizer=glob"),
    ],
)
def test_invalid_values_are_one_line(lines: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        split_overrides(lines, LOADER)
