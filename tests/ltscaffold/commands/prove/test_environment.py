"""The environment of other packages is created by uv if that works, else by venv."""

import subprocess
import sys
from pathlib import Path

import pytest

from ltscaffold.commands.prove import environment
from ltscaffold.commands.prove.environment import other_packages
from ltscaffold.errors import ScaffoldError

UV = f"""\
#!/bin/sh
echo "$*" >>"$0.log"
for folder; do :; done
{sys.executable} -m venv --without-pip "$folder"
"""
FAILS = "#!/bin/sh\necho offline >&2\nexit 2\n"


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the folders in which venv creates an environment, here without pip."""
    folders: list[str] = []
    create = environment.venv.create

    def record(folder: str, with_pip: bool) -> None:
        assert with_pip
        folders.append(folder)
        create(folder)

    monkeypatch.setattr(environment.venv, "create", record)
    return folders


def put_uv(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in place of uv on the path; return the file in which it writes its words."""
    program = folder / "bin/uv"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program.with_name("uv.log")


def environment_of(project: Path) -> str:
    """Create an environment, in which pip has nothing to install; return its folder."""
    with other_packages(project, ["pip"]) as repeater:
        return str(Path(repeater.python).parents[1])


def test_uv_creates_the_environment(
    created: list[str], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = put_uv(UV, tmp_path, monkeypatch)
    folder = environment_of(project)
    assert not created
    assert log.read_text() == f"venv --quiet --seed --python {sys.executable} {folder}\n"


@pytest.mark.parametrize("has_uv", [False, True])
def test_venv_creates_it_without_a_uv_that_works(
    has_uv: bool,
    created: list[str],
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    if has_uv:
        put_uv(FAILS, tmp_path, monkeypatch)
    folder = environment_of(project)
    assert created == [folder]


def test_no_environment_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: str, with_pip: bool) -> None:
        raise subprocess.CalledProcessError(1, "ensurepip")

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(environment.venv, "create", fail)
    with pytest.raises(ScaffoldError, match=r"install uv, or on .* python3-venv"):
        environment_of(project)
