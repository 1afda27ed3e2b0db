"""`check` and `status` report inconsistencies with file and line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.diagnostics import Finding
from ltscaffold.project.status import status
from tests.conftest import Run
from tests.helpers.projects import new_task
from tests.helpers.tree import tree

MODEL, CONFIG, TEST = "tasks/mine/model.py", "conf/task/nlp/mine.yaml", "tests/test_mine.py"


@pytest.fixture
def mine(project: Path) -> Path:
    """Return a project with a task without stubs, in which there is nothing to find."""
    new_task(project, "mine", "language_modeling", [], ["weight_noise"])
    assert check(project) == []
    return project


def damaged(path: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(project: Path) -> None:
        text = (project / path).read_text()
        assert old in text
        (project / path).write_text(text.replace(old, new))

    return damage


HOOK = """\
    def on_train_epoch_ends(self) -> None:
        super().on_train_epoch_end()

    def configure_callbacks"""
DAMAGES: dict[str, tuple[Callable[[Path], None], str, str, int]] = {
    "missing": (lambda project: (project / TEST).unlink(), "missing-file", TEST, 0),
    "syntax": (damaged(MODEL, "class Mine", "class 1Mine"), "syntax-error", MODEL, 10),
    "class": (damaged(MODEL, "class Mine", "class Yours"), "target", CONFIG, 5),
    "module": (damaged(CONFIG, "tasks.mine.", "tasks.nine."), "target", CONFIG, 5),
    "yaml": (damaged(CONFIG, "_target_:", "_target_: ["), "yaml-error", CONFIG, 6),
    "signature": (
        damaged(MODEL, "configure_callbacks(self)", "configure_callbacks(self, more)"),
        "hook-signature",
        MODEL,
        15,
    ),
    "hook": (
        damaged(MODEL, "    def configure_callbacks", HOOK),
        "unknown-hook",
        MODEL,
        15,
    ),
    "return": (damaged(MODEL, "return callbacks", "..."), "missing-return", MODEL, 15),
    "super": (
        damaged(MODEL, "super().configure_callbacks()", "[]"),
        "missing-super",
        MODEL,
        15,
    ),
    "key": (damaged(CONFIG, "noise_std:", "noise:"), "unknown-key", CONFIG, 6),
    "annotation": (damaged(MODEL, "noise_std: float", "noise_std"), "hyperparameter", MODEL, 13),
    "default": (
        damaged(MODEL, "0.01  #", "0.01\n    seen: list[int] = []  #"),
        "mutable-default",
        MODEL,
        14,
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_where_it_is(damage: str, mine: Path) -> None:
    make, code, path, line = DAMAGES[damage]
    make(mine)
    assert (code, path, line) in {(f.code, f.path, f.line) for f in check(mine)}


def test_an_argument_with_a_default_is_no_finding(mine: Path) -> None:
    damaged(MODEL, "configure_callbacks(self)", "configure_callbacks(self, more=1)")(mine)
    assert check(mine) == []


def test_a_stub_is_found_until_it_is_filled_in(project: Path, run: Run) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"])
    (found,) = check(project, "mine")
    line = (project / MODEL).read_text().splitlines()[found.line - 1]
    assert (found.code, found.path) == ("unfilled-stub", MODEL)
    assert "def training_step" in line
    damaged(MODEL, "return super()", "return 2 * super()")(project)
    assert check(project) == []


def test_findings_of_another_component_are_left_out(mine: Path) -> None:
    new_task(mine, "other", "language_modeling", ["setup"])
    assert check(mine, "mine") == []
    assert [finding.code for finding in check(mine)] == ["unfilled-stub"]
    with pytest.raises(ScaffoldError, match="did you mean 'mine'"):
        check(mine, "mina")


def test_a_file_that_git_ignores(mine: Path, run: Run) -> None:
    run("git", "init", "--quiet")
    assert check(mine) == []
    (mine / ".gitignore").write_text("tests/\n")
    assert [(f.code, f.path) for f in check(mine)] == [("ignored-file", TEST)]


def test_a_file_that_hides_an_installed_module(mine: Path) -> None:
    (mine / "yaml.py").touch()
    assert [(f.code, f.path) for f in check(mine)] == [("shadowing-module", "yaml.py")]


def test_the_legacy_distribution(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltscaffold.commands.inspect.check.LEGACY_DISTRIBUTION", "pytest")
    (found,) = check(mine)
    assert "pip uninstall pytest" in found.message


def test_command_prints_findings_and_leaves_with_status_1(mine: Path, run: Run) -> None:
    done = run("ltscaffold", "check")
    assert (done.returncode, done.stdout) == (0, "")
    (mine / TEST).unlink()
    before = tree(mine)
    done = run("ltscaffold", "check")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{TEST}: generated for mine, but deleted")
    as_json = run("ltscaffold", "check", "--json")
    assert as_json.returncode == 1
    printed = json.loads(as_json.stdout)
    assert printed["schema"] == 2
    assert Finding(**printed["findings"][0]) == check(mine)[0]
    assert tree(mine) == before


@pytest.mark.usefixtures("warm_interpreter")
def test_run_trains_a_batch_and_names_what_fails(mine: Path) -> None:
    assert check(mine, smoke=True) == []
    damaged(MODEL, "callbacks.append(", "callbacks.appendix(")(mine)
    (found,) = check(mine, smoke=True)
    assert found.code == "run"
    assert "has no attribute 'appendix'" in found.message
    assert not (mine / "outputs").exists()


def test_status_tells_the_state_of_each_file(mine: Path, run: Run) -> None:
    damaged(MODEL, "noise_std: float", "noise_std: int")(mine)
    (mine / TEST).unlink()
    (entry,) = status(mine).components
    assert entry.files == {
        CONFIG: "unchanged",
        "tasks/mine/__init__.py": "unchanged",
        MODEL: "edited",
        TEST: "missing",
    }
    assert f"edited     {MODEL}" in run("ltscaffold", "status").stdout
    printed = json.loads(run("ltscaffold", "status", "--json").stdout)
    assert printed["status"]["items"][0]["files"] == entry.files


@pytest.mark.parametrize("command", ["status", "check", "list components", "undo", "remove x"])
def test_outside_of_a_project_it_is_said(command: str, run: Run) -> None:
    done = run("ltscaffold", *command.split())
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_explain_names_the_file_of_every_key(mine: Path, run: Run) -> None:
    done = run("ltscaffold", "explain", "mine", "--json")
    assert done.returncode == 0, done.stderr
    keys = {key["key"]: key for key in json.loads(done.stdout)["keys"]}
    assert keys["task.noise_std"] == {"key": "task.noise_std", "value": 0.01, "file": CONFIG}
    head = keys["task.downstream_model_type"]
    assert head["file"] == "lightning_transformers/conf/task/nlp/language_modeling.yaml"
    assert keys["optimizer.lr"]["file"].endswith("conf/optimizer/adamw.yaml")
    assert "noise_std" in run("ltscaffold", "explain", "mine").stdout
    assert not (mine / "outputs").exists()


def test_explain_of_a_config_that_does_not_compose(mine: Path, run: Run) -> None:
    damaged(CONFIG, "/task/nlp/language_modeling", "/task/nlp/langage_modeling")(mine)
    done = run("ltscaffold", "explain", "mine")
    assert done.returncode == 2
    assert "langage_modeling" in done.stderr
    assert done.stderr.count("\n") == 1
