"""Edits of users and changes of templates of a config, each with what must hold in the result."""

import re
from collections.abc import Callable
from typing import Any

from tests.helpers.merge_changes import Rewrite, below, both, sub

Holds = Callable[[Any], object]

CONFIG = """\
# @package task
defaults:
  - /task/nlp/language_modeling
  - override /optimizer: adamw
  - override /scheduler: constant
  - _self_

_target_: tasks.mine.model.MineTransformer
# how loud
noise_std: 0.01
schedule:
  kind: linear
  steps: 100
  inner:
    low: 1
    bounds: [1, 2]
layers:
  - 1
  - 2
text: |
  hello
  # not a comment
  world
flag: true
# Your own keys go below this line.
"""
SCHEDULE = "  kind: linear\n  steps: 100\n  inner:\n    low: 1\n    bounds: [1, 2]\n"
OPTIMIZER = "  - override /optimizer: adamw\n"
SCHEDULER = "  - override /scheduler: constant\n"
SELF = "  - _self_\n"
FIRST = "defaults:\n"


def groups(config: Any) -> list[str]:
    """Return the defaults list, an override as its group."""
    return [each if isinstance(each, str) else next(iter(each)) for each in config["defaults"]]


def place(config: Any, name: str) -> int:
    return groups(config).index(name)


def is_above(config: Any, first: str, second: str) -> bool:
    """Return whether the first group is above the second; also if either is gone."""
    found = groups(config)
    return not {first, second} <= {*found} or found.index(first) < found.index(second)


def has(config: Any, group: str, option: str) -> bool:
    return {group: option} in config["defaults"]


YAML_USER_EDITS: dict[str, tuple[Rewrite, Holds]] = {
    "own key": (below("own: 3\n"), lambda c: c["own"] == 3),
    "own key without a last line": (below("own: 3"), lambda c: c["own"] == 3),
    "own key above": (sub("noise_std", "own: 3\nnoise_std"), lambda c: c["own"] == 3),
    "value": (sub("0.01", "0.5"), lambda c: c["noise_std"] == 0.5),
    "remark": (sub("0.01", "0.01  # tuned"), lambda c: c["noise_std"]),
    "key deleted": (sub("# how loud\nnoise_std: 0.01\n", ""), lambda c: "noise_std" not in c),
    "key moved": (
        both(sub("noise_std: 0.01\n", ""), below("noise_std: 0.02\n")),
        lambda c: c["noise_std"] == 0.02,
    ),
    "key quoted": (sub("noise_std:", '"noise_std":'), lambda c: True),
    "nested value": (
        sub("[1, 2]", "[1, 2, 3]"),
        lambda c: c["schedule"]["inner"]["bounds"] == [1, 2, 3],
    ),
    "nested key": (
        sub("    low: 1\n", "    low: 1\n    own: {x: [1]}\n"),
        lambda c: c["schedule"]["inner"]["own"] == {"x": [1]},
    ),
    "in braces": (
        sub(f"schedule:\n{SCHEDULE}", "schedule: {kind: cosine, steps: 1, inner: {low: 1}}\n"),
        lambda c: c["schedule"]["kind"] == "cosine",
    ),
    "four spaces": (
        sub(SCHEDULE, re.sub(r"(?m)^( +)", r"\1\1", SCHEDULE).replace("100", "200")),
        lambda c: c["schedule"]["steps"] == 200,
    ),
    "null": (
        sub(f"schedule:\n{SCHEDULE}", "schedule: null\n"),
        lambda c: c["schedule"] is None,
    ),
    "list": (
        sub("layers:\n  - 1\n  - 2\n", "layers:\n- 1\n- 2\n- 3\n"),
        lambda c: c["layers"] == [1, 2, 3],
    ),
    "text": (sub("  world", "  mars"), lambda c: "mars" in c["text"]),
    "option": (
        sub("optimizer: adamw", "optimizer: sgd"),
        lambda c: has(c, "override /optimizer", "sgd"),
    ),
    "own option": (
        sub(SELF, f"  - override /trainer: gpu\n{SELF}"),
        lambda c: place(c, "override /trainer") >= 0,
    ),
    "own option below self": (
        sub(SELF, f"{SELF}  - override /trainer: gpu\n"),
        lambda c: place(c, "override /trainer") > place(c, "_self_"),
    ),
    "own option first": (
        sub(FIRST, f"{FIRST}  - /own: base\n"),
        lambda c: place(c, "/own") == 0,
    ),
    "option deleted": (sub(OPTIMIZER, ""), lambda c: "override /optimizer" not in groups(c)),
    "options swapped": (
        sub(OPTIMIZER + SCHEDULER, SCHEDULER + OPTIMIZER),
        lambda c: is_above(c, "override /scheduler", "override /optimizer"),
    ),
    "self first": (
        both(sub(SELF, ""), sub(FIRST, FIRST + SELF)),
        lambda c: groups(c)[0] == "_self_",
    ),
    "interpolation": (sub("0.01", "${oc.env:NOISE}"), lambda c: "env" in str(c["noise_std"])),
    "tag": (sub("flag: true", "flag: !!str true"), lambda c: c["flag"] == "true"),
    "anchor": (
        both(sub("0.01", "&own 0.01"), below("copy: *own\n")),
        lambda c: c["copy"] in (0.01, c["noise_std"]),
    ),
    "document start": (lambda text: f"---\n{text}own: 3\n", lambda c: c["own"] == 3),
}
YAML_TEMPLATE_CHANGES: dict[str, tuple[Rewrite, Holds]] = {
    "value": (sub("0.01", "0.02"), lambda c: c["noise_std"] == 0.02),
    "key added": (sub("# Your", "brand: 1\n# Your"), lambda c: c["brand"] == 1),
    "key renamed": (
        sub("noise_std", "noise_level"),
        lambda c: c["noise_level"] == 0.01 and "noise_std" not in c,
    ),
    "key moved in": (
        both(
            sub("# how loud\nnoise_std: 0.01\n", ""),
            sub("  steps: 100\n", "  steps: 100\n  noise_std: 0.01\n"),
        ),
        lambda c: c["schedule"]["noise_std"] == 0.01 and "noise_std" not in c,
    ),
    "key removed": (sub("flag: true\n", ""), lambda c: "flag" not in c),
    "comment": (sub("# how loud", "# how loud, from 0"), lambda c: True),
    "self first": (both(sub(SELF, ""), sub(FIRST, FIRST + SELF)), lambda c: place(c, "_self_") < 2),
    "self above an option": (
        both(sub(SELF, ""), sub(SCHEDULER, SELF + SCHEDULER)),
        lambda c: is_above(c, "_self_", "override /scheduler"),
    ),
    "options swapped": (
        sub(OPTIMIZER + SCHEDULER, SCHEDULER + OPTIMIZER),
        lambda c: is_above(c, "override /scheduler", "override /optimizer"),
    ),
    "option added": (
        sub(OPTIMIZER, f"  - /extra: thing\n{OPTIMIZER}"),
        lambda c: has(c, "/extra", "thing"),
    ),
    "option below self": (
        sub(SELF, f"{SELF}  - override /extra: thing\n"),
        lambda c: place(c, "override /extra") > place(c, "_self_"),
    ),
    "option changed": (
        sub("optimizer: adamw", "optimizer: lion"),
        lambda c: has(c, "override /optimizer", "lion"),
    ),
    "option removed": (sub(OPTIMIZER, ""), lambda c: not has(c, "override /optimizer", "adamw")),
    "base changed": (
        sub("/task/nlp/language_modeling", "/task/nlp/lm2"),
        lambda c: "/task/nlp/lm2" in groups(c),
    ),
    "list": (sub("  - 2\n", "  - 2\n  - 5\n"), lambda c: 5 in c["layers"]),
    "nested value": (sub("steps: 100", "steps: 300"), lambda c: c["schedule"]["steps"] == 300),
    "deep value": (sub("low: 1", "low: 2"), lambda c: c["schedule"]["inner"]["low"] == 2),
    "deep key": (
        sub("    low: 1\n", "    low: 1\n    high: 4\n"),
        lambda c: c["schedule"]["inner"]["high"] == 4,
    ),
    "flattened": (
        sub("  inner:\n    low: 1\n    bounds: [1, 2]\n", "  inner_low: 1\n"),
        lambda c: c["schedule"]["inner_low"] == 1 and "inner" not in c["schedule"],
    ),
    "in braces": (
        sub("  inner:\n    low: 1\n    bounds: [1, 2]\n", "  inner: {low: 8}\n"),
        lambda c: c["schedule"]["inner"] == {"low": 8},
    ),
    "text": (sub("hello", "bye"), lambda c: "bye" in c["text"]),
    "type": (sub("flag: true", 'flag: "on"'), lambda c: c["flag"] == "on"),
    "anchor": (
        both(sub("steps: 100", "steps: &st 100"), sub("# Your", "total: *st\n# Your")),
        lambda c: c["total"] == c["schedule"]["steps"],
    ),
    "target": (sub("mine.model", "mine.models"), lambda c: ".models." in c["_target_"]),
    "mapping removed": (sub(f"schedule:\n{SCHEDULE}", ""), lambda c: "schedule" not in c),
    "mapping to list": (
        sub(f"schedule:\n{SCHEDULE}", "schedule:\n  - linear\n  - 100\n"),
        lambda c: c["schedule"] == ["linear", 100],
    ),
}
