"""`update` is right whatever git settings the user has; `check` names those that Copier minds."""

import os
from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.templating import source
from tests.conftest import Run
from tests.helpers.copier_update import commit_all
from tests.helpers.git_settings import HARMLESS, UNFIT, use
from tests.helpers.projects import new_task, update
from tests.helpers.releases import BETTER, next_release
from tests.helpers.slow import sampled

MODEL = "tasks/mine/model.py"
EDIT = "a = 2 \n\n    noise_std"


@pytest.fixture
def edited(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the model of a committed project, edited, for which there is an update."""
    new_task(project, "mine", "language_modeling", [], ["weight_noise"])
    model = project / MODEL
    model.write_text(model.read_text().replace("noise_std", EDIT, 1))
    commit_all(run)
    monkeypatch.setenv(source.BUNDLE_VARIABLE, str(next_release()))
    return model


def is_right(model: Path) -> bool:
    return all(each in model.read_text() for each in (EDIT, BETTER[1]))


@pytest.mark.parametrize("settings", ["".join(UNFIT.values()), HARMLESS], ids=["unfit", "harmless"])
def test_update_keeps_edits(
    edited: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    use(monkeypatch, tmp_path / "settings", settings)
    update(project)
    assert is_right(edited)


def test_update_by_line_keeps_edits(
    edited: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path / "settings", "".join(UNFIT.values()))
    update(project, strategy="line")
    assert is_right(edited)


def test_update_from_a_hook_of_git(
    edited: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git sets these variables, of another repository, for what it runs."""
    index = (project / ".git/index").read_bytes()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", str(project / ".git/index"))
    update(project)
    assert is_right(edited)
    assert check(project) == []
    assert (project / ".git/index").read_bytes() == index


@pytest.mark.parametrize(
    "key", sampled(["core.excludesfile", "core.hookspath", "apply.whitespace"], ["core.hookspath"])
)
def test_what_check_names_is_what_copier_gets_wrong(
    edited: Path,
    project: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    use(monkeypatch, tmp_path / "settings", UNFIT[key])
    (finding,) = check(project)
    assert finding.code == "git-setting"
    assert (
        f"with your git setting {key}={value_of(tmp_path, key)}; use `ltscaffold update`"
        in finding.message
    )
    run("copier", "update", "--defaults", **os.environ)
    assert not is_right(edited)


def value_of(tmp_path: Path, key: str) -> str:
    return UNFIT[key].format(folder=tmp_path / "settings").strip().rpartition(" = ")[2]


def test_copier_is_right_with_other_settings(
    edited: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path / "settings", HARMLESS)
    assert run("copier", "update", "--defaults").returncode == 0
    assert is_right(edited)
