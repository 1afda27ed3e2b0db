"""Rendering the templates of a cloned project does not run its code."""

from pathlib import Path

import pytest
from jinja2 import Environment

from ltscaffold.errors import ScaffoldError
from ltscaffold.templating import render
from ltscaffold.templating.render import environment
from tests.conftest import Run
from tests.helpers.projects import eject, new_task

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


@pytest.mark.parametrize(
    "endless", ["range(10 ** 9)", "range(99999)|map('center', 999)"], ids=["range", "loop"]
)
def test_the_size_of_a_rendered_file_is_bounded(endless: str, tmp_path: Path) -> None:
    (tmp_path / "model.jinja").write_text(f"{{% for i in {endless} %}}{{{{ i }}}}{{% endfor %}}")
    with pytest.raises(ScaffoldError, match=r"cannot render .*model\.jinja"):
        render._render_file(environment(tmp_path), "model.jinja", {})


def test_the_filters_of_copier_are_there(tmp_path: Path) -> None:
    (tmp_path / "model.jinja").write_text("{{ {'a': [1]} | to_nice_yaml }}{{ 'x' | b64encode }}")
    assert render._render_file(environment(tmp_path), "model.jinja", {}) == "a:\n- 1\neA=="
