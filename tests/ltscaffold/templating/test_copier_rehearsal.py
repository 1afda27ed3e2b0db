"""The rehearsal of `copier update` finds the git settings with which Copier goes wrong."""

import subprocess
from pathlib import Path

import pytest

from ltscaffold.templating.copier_rehearsal import unfit_settings
from ltscaffold.templating.source import SOURCE_URL, repository
from tests.helpers.git_settings import HARMLESS, UNFIT, use

FILES = {"model.py": "x = 1\n", "train.py": "y = 2\n"}


def found(url: object = None) -> list[str]:
    """Return the keys that are found; by default templates are read without the remote helper."""
    return [each.key for each, _ in unfit_settings(FILES, str(url or repository(SOURCE_URL)))]


@pytest.mark.parametrize("key", UNFIT)
def test_each_setting_is_found_and_named(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, UNFIT[key])
    assert found(SOURCE_URL if "ltscaffold" in UNFIT[key] else None) == [key]


def test_all_of_several_are_found_among_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["core.excludesfile", "protocol.ltscaffold.allow"]
    use(monkeypatch, tmp_path, HARMLESS + "".join(UNFIT[key] for key in keys))
    assert sorted(found(SOURCE_URL)) == keys


def test_the_problem_and_the_way_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, UNFIT["core.excludesfile"])
    ((setting, problem),) = unfit_settings(FILES, str(repository(SOURCE_URL)))
    assert problem == "does not keep edits of model.py"
    assert setting.value == f"{tmp_path}/ignore"
    assert setting.reset == (
        f"git config --file {tmp_path}/gitconfig --unset-all core.excludesfile"
    )


def test_the_way_out_works_for_included_files_and_for_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, f"[include]\npath = {tmp_path}/a file\n")
    key = "url.https://mirror.invalid/.insteadof"
    (tmp_path / "a file").write_text(UNFIT["core.hookspath"].format(folder=tmp_path) + UNFIT[key])
    variables = {"COUNT": "1", "KEY_0": "core.excludesFile", "VALUE_0": f"{tmp_path}/ignore"}
    for name, value in variables.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    resets = {each.key: each.reset for each, _ in unfit_settings(FILES, SOURCE_URL)}
    assert resets.keys() == {"core.excludesfile", "core.hookspath", key}
    script = "\n".join(["set -e", *resets.values(), "git config --global --list"])
    done = subprocess.run(script, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == f"include.path={tmp_path}/a file\n"


def test_settings_outside_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, "")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", f"{tmp_path}/template")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/git").mkdir(parents=True)
    (tmp_path / "ignore").rename(tmp_path / "config/git/ignore")
    resets = [each.reset for each, _ in unfit_settings(FILES, str(repository(SOURCE_URL)))]
    assert sorted(resets) == [f"edit {tmp_path}/config/git/ignore", "unset GIT_TEMPLATE_DIR"]


def test_other_settings_are_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, HARMLESS)
    assert found(SOURCE_URL) == []


def test_a_source_that_git_cannot_read_is_no_matter_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, UNFIT["core.excludesfile"])
    assert found(tmp_path / "nowhere") == []
