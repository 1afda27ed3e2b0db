"""Another version of a package is installed by uv if there is one, else by pip."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ltscaffold.commands.prove import environment
from ltscaffold.commands.prove.environment import other_packages
from ltscaffold.errors import ScaffoldError

UV = f"""\
#!/bin/sh
echo "$*" >>"$0.log"
case "$1 $2" in
  venv*) for folder; do :; done; exec {sys.executable} -m venv --without-pip "$folder" ;;
  "pip compile")
    for file; do :; done
    grep -q 'wrapt==99' "${{file%pins.txt}}asked.txt" &&
      echo 'error: no solution' >&2 && echo '  cause: there is no wrapt==99' >&2 && exit 1
    cp "$file" "$0.pins"
    sed -i 's/^typer==.*/typer==0.0.1/; s/^my.it==/my-it==/' "$file" ;;
esac
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in place of uv, which writes down its commands; return it."""
    program = tmp_path / "bin/uv"
    program.parent.mkdir()
    program.write_text(UV)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(
        environment, "installed", lambda _: {"typer": "0.1", "torch": "2.13.0+cpu", "My.It": "1"}
    )
    return program


def test_uv_installs_only_what_differs_from_today(uv: Path, project: Path) -> None:
    with other_packages(project, ["typer<1"]) as repeater:
        code = "import jinja2, sys; print(sys.prefix)"
        done = subprocess.run([repeater.python, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr  # it sees today's packages
        assert done.stdout.strip() == str(Path(repeater.python).parents[1])
    assert not Path(repeater.python).exists()
    assert uv.with_name("uv.pins").read_text() == "typer==0.1\ntorch==2.13.0\nmy.it==1\n"
    *_, last = uv.with_name("uv.log").read_text().splitlines()
    assert last.endswith(f"--python {repeater.python} --no-deps typer==0.0.1")


def test_packages_that_do_not_exist_are_an_error(uv: Path, project: Path) -> None:
    expected = "cannot install wrapt==99: there is no wrapt==99"
    with pytest.raises(ScaffoldError, match=expected), other_packages(project, ["wrapt==99"]):
        pass


def test_pip_installs_without_uv(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ran: list[tuple[str, Sequence[str]]] = []
    made: list[str] = []

    def create(folder: str) -> None:
        made.append(folder)
        environment.venv.create(folder)

    monkeypatch.setattr(environment, "_create", create)
    monkeypatch.setattr(environment, "_run", lambda what, command: ran.append((what, command)))
    with other_packages(project, ["a", "b==1"]) as repeater:
        assert repeater.python == f"{made[0]}/bin/python"
    pip = [repeater.python, "-m", "pip", "install", "--quiet", "a", "b==1"]
    assert ran == [("install a b==1", pip)]
