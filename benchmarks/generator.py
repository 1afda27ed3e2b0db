"""How long commands of the generator take, beside those of hygen and cookiecutter, in turn.

    python -m benchmarks.generator [--rounds 15]

hygen comes from npm and cookiecutter from PyPI, each into an environment of its own. They write the
same three files as `ltscaffold new-task`: a model, a config and a test, named after the task.
Writes `generator.md`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timed_commands import (
    Command,
    heading,
    in_turn,
    npm_peer,
    printed,
    python_peer,
    write,
)

BIN = Path(sys.executable).parent
FILES = {
    "tasks/NAME/model.py": "class NAME:\n    pass\n",
    "conf/task/nlp/NAME.yaml": "_target_: tasks.NAME.model\n",
    "tests/test_NAME.py": "def test_NAME() -> None:\n    pass\n",
}
FLOOR = 'import typer\napp = typer.Typer()\n@app.command()\ndef main(name: str = ""): ...\napp()\n'
"""The least program with Typer and an option."""
TAB = """
COMP_WORDS=(ltscaffold new-task --base lang) COMP_CWORD=3
_ltscaffold_completion ltscaffold lang --base
"""
"""The work of bash at a Tab."""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        groups = [*generators(Path(name)), *starts(Path(name))]
        for group in groups:
            in_turn(group, rounds)
    package = npm_peer("hygen").parent / "hygen" / "package.json"
    peers = (
        f"hygen {json.loads(package.read_text())['version']}",
        printed(python_peer("cookiecutter") / "cookiecutter", "--version").partition(" from ")[0],
    )
    lines = [heading("Commands of the generator", "generator", *peers)]
    lines += ["| command | seconds | ÷ last of the group |", "|---|---|---|"]
    for group in groups:
        for each in group:
            lines.append(f"| {each.name} | {each.cell} | {each.median / group[-1].median:.2f} |")
    write("generator", lines)


def generators(folder: Path) -> list[list[Command]]:
    """Return the commands that create a task: ours, cookiecutter and hygen."""
    places = {name: folder / name for name in ("ltscaffold", "cookiecutter", "hygen")}
    for place in places.values():
        place.mkdir()
    hygen_templates(places["hygen"])
    cookiecutter_template(folder / "template")
    new_project = [BIN / "ltscaffold", "new-project", "."]
    Command("", new_project, places["ltscaffold"], own(folder)).run(keep=False)
    ours = [BIN / "ltscaffold", "new-task", "NAME", "--base", "language_modeling"]
    options = ("--no-input", "--overwrite-if-exists", folder / "template", "name=NAME")
    cookiecutter = [python_peer("cookiecutter") / "cookiecutter", *options]
    hygen = [npm_peer("hygen") / "hygen", "task", "new", "--name", "NAME"]
    return [
        [
            Command("`ltscaffold new-task`", ours, places["ltscaffold"], own(folder)),
            Command("`cookiecutter`", cookiecutter, places["cookiecutter"], {"HOME": str(folder)}),
            Command("`hygen task new`", hygen, places["hygen"]),
        ]
    ]


def starts(folder: Path) -> list[list[Command]]:
    """Return the commands that show the price of a start, with what Typer and Python take."""
    program, python, floor = BIN / "ltscaffold", BIN / "python", folder / "floor.py"
    floor.write_text(FLOOR)
    show = [program, "--show-completion", "bash"]
    script = subprocess.run(show, env=os.environ | own(folder), capture_output=True, check=True)
    (folder / "completion.sh").write_bytes(script.stdout + TAB.encode())
    return [
        [
            Command("`ltscaffold --help`", [program, "--help"], folder),
            Command("`--help` of a program with Typer", [python, floor, "--help"], folder),
        ],
        [
            Command("completion of `--base` in bash", ["bash", folder / "completion.sh"], folder),
            Command("`ltscaffold --version`", [program, "--version"], folder),
            Command("a program with Typer and an option", [python, floor, "--name", "x"], folder),
        ],
        [Command("`python -c pass`", [python, "-c", "pass"], folder)],
    ]


def own(folder: Path) -> dict[str, str]:
    """Return the variables that keep the cache and the state of ltscaffold in a folder."""
    return {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}


def hygen_templates(project: Path) -> None:
    """Write a generator of hygen that creates `FILES`."""
    folder = project / "_templates" / "task" / "new"
    folder.mkdir(parents=True)
    for number, (path, text) in enumerate(FILES.items()):
        path, text = (part.replace("NAME", "<%= name %>") for part in (path, text))
        (folder / f"{number}.ejs.t").write_text(f"---\nto: {path}\n---\n{text}")


def cookiecutter_template(folder: Path) -> None:
    """Write a template of cookiecutter that creates `FILES` in a folder."""
    for path, text in FILES.items():
        path, text = (part.replace("NAME", "{{ cookiecutter.name }}") for part in (path, text))
        target = folder / "{{ cookiecutter.project }}" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (folder / "cookiecutter.json").write_text(json.dumps({"project": "out", "name": "x"}))


if __name__ == "__main__":
    main()
