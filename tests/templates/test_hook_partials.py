"""Properties of the template fragment of every hook: of tasks, datasets and callbacks."""

import inspect
import re
from importlib import import_module

import pytest
from jinja2 import Environment, FileSystemLoader

from ltscaffold.record.component_types import COMPONENT_TYPES, SHELL
from tests.helpers.hook_catalogue import (
    OPTIONAL,
    TEMPLATES,
    VARIABLES,
    Hook,
    load_catalogue,
    names_in,
)

STAGES = {
    "hooks": "model data optimizer fit train validation test predict checkpoint loss",
    "data_hooks": "source process batch loader predict run checkpoint",
    "callback_hooks": "run fit train validation test predict optimizer checkpoint",
}
# 79 columns, less the indentation of a method's body and the quotes around the docstring.
SUMMARY_WIDTH = 79 - 8 - 6

NAMED = {
    f"{folder}/{name}": hook for folder in STAGES for name, hook in load_catalogue(folder).items()
}
HOOKS = NAMED.values()
every_hook = pytest.mark.parametrize("hook", HOOKS, ids=NAMED)


def test_every_kind_of_item_has_hooks() -> None:
    kinds = [kind for kind in COMPONENT_TYPES.values() if kind is not SHELL]
    assert STAGES.keys() == {kind.hooks for kind in kinds}


@every_hook
def test_partial_holds_only_its_set_statements(hook: Hook) -> None:
    statements = [re.fullmatch(r"{% set (\w+) = .+ %}", line) for line in hook.source.splitlines()]
    names = VARIABLES + [name for name in OPTIONAL if name in hook.variables]
    assert [match and match[1] for match in statements] == names
    assert list(hook.variables) == names
    assert hook.source.endswith("%}\n")
    assert hook.text.strip() == ""


@pytest.mark.parametrize("folder", STAGES)
def test_stages_are_known(folder: str) -> None:
    found = {hook.variables["phase"] for hook in load_catalogue(folder).values()}
    assert found == set(STAGES[folder].split())


@every_hook
def test_when_is_a_short_phrase(hook: Hook) -> None:
    when = hook.variables["when"]
    assert re.fullmatch(r"[a-z][^.\n\"\\]{5,63}", when)
    assert when.isascii()


@every_hook
def test_summary_is_one_sentence_that_fits_a_docstring_line(hook: Hook) -> None:
    summary = hook.variables["summary"]
    assert len(summary) <= SUMMARY_WIDTH
    assert re.fullmatch(r"(Return|Called) [^.\n\"\\]+\.", summary)
    assert summary.isascii()


@every_hook
def test_result_names_what_super_returns(hook: Hook) -> None:
    returns, result = hook.variables["returns"], hook.variables["result"]
    assert (result == "") == (returns == "None")
    targets = [target.strip() for target in result.split(",")] if result else []
    assert all(target.isidentifier() for target in targets)
    assert not set(targets) & names_in(hook.signature)
    annotations = inspect.get_annotations(hook.stub())
    for target in targets:
        assert returns in (annotations.get(target, returns), "Any")


@every_hook
def test_imports_are_the_names_that_the_signature_uses(hook: Hook) -> None:
    modules = hook.variables["imports"].items()
    imported = [name for module, names in modules for name in names or [module]]
    assert sorted(imported) == sorted(names_in(hook.signature))


@every_hook
def test_comments_of_a_stub_are_of_its_arguments(hook: Hook) -> None:
    names = [parameter.split(":")[0] for parameter in hook.variables["parameters"]]
    described = hook.variables.get("holds", {})
    assert [name for name in names if name in described] == list(described)


def test_the_lifecycle_lists_every_hook_once() -> None:
    lifecycle = Environment(loader=FileSystemLoader(TEMPLATES)).get_template("lifecycle.jinja")
    order = vars(lifecycle.module)["ORDER"]
    assert len(order) == len(set(order))
    assert set(order) == {name.rpartition("/")[2] for name in NAMED}


@pytest.mark.parametrize(
    ("module", "name"),
    sorted(
        {
            (module, name)
            for hook in HOOKS
            for module, names in hook.variables["imports"].items()
            for name in names
        }
    ),
)
def test_import_works(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)


def test_a_name_is_imported_from_one_module() -> None:
    homes: dict[str, set[str]] = {}
    for hook in HOOKS:
        for module, names in hook.variables["imports"].items():
            for name in names:
                homes.setdefault(name, set()).add(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


@every_hook
def test_annotations_are_modern(hook: Hook) -> None:
    dated = {"Optional", "Union", "Dict", "List", "Tuple"}
    assert not names_in(hook.signature) & dated
