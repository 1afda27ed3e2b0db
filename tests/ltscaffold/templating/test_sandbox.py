"""Rendering the templates of a cloned project does not run its code."""

from pathlib import Path

import pytest
from jinja2 import Environment

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.component_types import TASK
from ltscaffold.templating import render, sandbox
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import environment
from tests.conftest import Run
from tests.helpers.projects import add, eject, new_task

FRAGMENT = ".ltscaffold/templates/hooks/training_step.jinja"
ATTACK = "{{% set x = {}.__globals__.os.open('attacked', 64) %}}\n"
WAYS_IN = ("cycler.__init__", "joiner.__init__", "namespace.__init__", "self.__init__")
COMMANDS = ("status", "check", "list hooks", "add mine --hook setup --dry-run")


@pytest.fixture
def attacked(project: Path) -> Path:
    """Return a project whose fragment opens a file when it is rendered."""
    new_task(project, "mine", "language_modeling", ["training_step"])
    eject(project, "hooks/training_step")
    fragment = project / FRAGMENT
    fragment.write_text(ATTACK.format("cycler.__init__") + fragment.read_text())
    return project


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_the_code_of_a_fragment(
    attacked: Path, command: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(attacked)
    result = run("ltscaffold", *command.split())
    assert not (attacked / "attacked").exists()
    assert "Traceback" not in result.stderr


def test_the_attack_works_outside_of_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Environment().from_string(ATTACK.format("cycler.__init__")).render()
    assert (tmp_path / "attacked").exists()


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_an_attack_is_one_line_that_names_the_template(way_in: str, tmp_path: Path) -> None:
    (tmp_path / "model.jinja").write_text(ATTACK.format(way_in))
    with pytest.raises(ScaffoldError, match=r"cannot render .*model\.jinja:1: .*unsafe"):
        render._render_file(environment(tmp_path), "model.jinja", {})


TOO_LARGE = {
    "range": "{% for i in range(10 ** 9) %}{{ i }}{% endfor %}",
    "loop": "{% for i in range(99999) %}{{ 'x' | center(999) }}{% endfor %}",
    "text": "{{ 'x' * 6 * 10 ** 9 }}",
    "list": "{{ (10 ** 9 * [1]) | length }}",
    "power": "{{ 10 ** 10000000 }}",
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "pattern": "{{ ('a' * 40 ~ 'b') | regex_search('(a+)+$') }}",
    "filter": "{{ 'x' | center(10 ** 11) }}",
    "growth": "{% set l = [1] %}{% for i in range(60) %}{{ l.extend(l) }}{% endfor %}",
}
FAILING = {
    "regex": "{{ 'x' | regex_replace('(', '') }}",
    "yaml": "{{ '{' | from_yaml }}",
    "key": "{{ 'a' | extract({}) }}",
    "pop": "{{ [].pop() }}",
    "expandvars": "{{ '$HOME' | expandvars }}",
    "fileglob": "{{ '/etc/*' | fileglob }}",
    "include": "{% include '../secret' %}",
    "absolute": "{% include '/etc/passwd' %}",
}


@pytest.mark.parametrize("text", [*TOO_LARGE.values(), *FAILING.values()])
def test_a_template_that_fails_is_one_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "MAX_SECONDS", 0.2)
    (tmp_path / "model.jinja").write_text(text)
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/setup.jinja").write_text(text)
    tmp_path.with_name("secret").write_text("secret")
    with pytest.raises(ScaffoldError, match=r"cannot render .*model\.jinja"):
        render._render_file(environment(tmp_path), "model.jinja", {})
    with pytest.raises(ScaffoldError, match=r"cannot render .*setup\.jinja"):
        Catalog(tmp_path).hook(TASK, "setup")


def test_products_of_a_template_stay(tmp_path: Path) -> None:
    (tmp_path / "model.jinja").write_text(
        "{{ ' ' * 4 }}{{ 3 * 7 }}{{ 2 ** 10 }}{{ 10 ** 9 * 2.5 }}"
    )
    assert render._render_file(environment(tmp_path), "model.jinja", {}) == "    2110242500000000.0"


@pytest.mark.parametrize("link", ["hooks/setup.jinja", "hooks", "."])
def test_a_fragment_cannot_be_a_link_to_a_file_of_the_user(
    project: Path, link: str, tmp_path: Path
) -> None:
    new_task(project, "mine", "language_modeling")
    elsewhere, linked = tmp_path / "elsewhere", project / ".ltscaffold/templates" / link
    (elsewhere / "hooks").mkdir(parents=True)
    (elsewhere / "hooks/setup.jinja").write_text("secret")
    linked.parent.mkdir(parents=True)
    linked.symlink_to(elsewhere / link)
    with pytest.raises(ScaffoldError, match="is a symbolic link; replace it by a copy"):
        add(project, "mine", ["setup"])


def test_the_filters_of_copier_are_there(tmp_path: Path) -> None:
    (tmp_path / "model.jinja").write_text("{{ {'a': [1]} | to_nice_yaml }}{{ 'x' | b64encode }}")
    assert render._render_file(environment(tmp_path), "model.jinja", {}) == "a:\n- 1\neA=="
