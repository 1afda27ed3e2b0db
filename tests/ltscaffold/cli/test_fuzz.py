"""Random command lines give no traceback, write only inside the project, and break no file."""

import ast
import contextlib
import io
import keyword
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ltscaffold.cli.app import main
from tests.helpers.tree import tree

VECTORS = int(os.environ.get("LTSCAFFOLD_VECTORS", "150"))
"""How many argument vectors to try; 2000 with `make sweep`."""

WORDS = ["no", "yes", "null", "on", "y", "true", "nan", "1e3", "0x1f", "~", "_", "__init__", "self"]
PATHS = [".", "..", "../x", "/etc/x", "a/b", "a\\b", "C:x", "~root", "-", "--", "-C", "*", "con"]
CODE = ["{{ 1 }}", "{% raw %}", "${x}", "$(id)", "`id`", "a;b", "a|b", "a'b", 'a"b', "a#b", "a:b"]
SPACES = [
    "",
    " ",
    "a b",
    "\t",
    "a\nb",
    "\r",
    "a\x00b",
    "\x1b[31m",
    "\N{RIGHT-TO-LEFT OVERRIDE}a",
    "a\u200bb",
    "\udcff",
]
LETTERS = ["ä", "名前", "ﬁ", "Straße", "İ", "е", "A", "aB", "ABC", "a-b", "a__b", "_a", "a_", "1a"]
LONG = ["a" * n for n in (47, 48, 49, 255, 5000)]
NASTY = [
    *WORDS, *PATHS, *CODE, *SPACES, *LETTERS, *LONG,
    *keyword.kwlist, *keyword.softkwlist, *sorted(sys.stdlib_module_names)[:200],
    "torch", "tests", "conf", "outputs", "default", "language_modeling", "tasks", "model",
]  # fmt: skip
COMMANDS = [
    "new-task", "new-project", "add", "remove", "rename", "undo", "status", "list", "check",
    "bogus",
]  # fmt: skip
OPTIONS = ["--base", "--hook", "--recipe", "--package", "--project", "-C", "--bogus"]
FLAGS = ["--dry-run", "--diff", "--json", "--force", "--help", "-x", "--"]
GOOD = ["mine", "first", "language_modeling", "setup", "weight_noise", "bases", "items", "tasks"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a project within a folder of which only the project may change."""
    (tmp_path / "outside/project").mkdir(parents=True)
    (tmp_path / "outside/secret").write_text("x")
    monkeypatch.chdir(tmp_path / "outside/project")
    yield tmp_path / "outside/project"
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert {path.name for path in (tmp_path / "outside").iterdir()} == {"project", "secret"}


def type_in(arguments: list[str]) -> tuple[object, str]:
    """Return the exit status and standard error; any exception is an error."""
    argv, out, err = sys.argv, io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    sys.argv = ["ltscaffold", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        return stop.code or 0, err.getvalue()
    finally:
        sys.argv = argv
    return 0, err.getvalue()


def all_is_well(project: Path) -> None:
    """Check that every file can be read as what its name says."""
    for path, content in tree(project).items():
        if path.endswith(".py"):
            ast.parse(content)
        elif path.endswith((".yaml", ".yml")):
            yaml.safe_load(content)


def test_nasty_names(home: Path) -> None:
    assert len(NASTY) >= 300
    accepted = 0
    for name in NASTY:
        status, said = type_in(["new-task", "--base", "language_modeling", "--", name])
        assert status in (0, 2), (name, said)
        if status == 0:
            accepted += 1
            all_is_well(home)
            for path in home.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            assert said.count("\n") == 1, (name, said)
            assert tree(home) == {}
    assert 5 <= accepted <= 60


def test_random_argument_vectors(home: Path) -> None:
    written = 0
    for seed in range(VECTORS):
        arguments = vector(random.Random(seed))
        before = tree(home)
        status, said = type_in(arguments)
        assert status in (0, 1, 2, 3), (arguments, said)
        assert "Traceback" not in said
        if tree(home) != before:
            written += 1
            assert status in (0, 1), arguments
            all_is_well(home)
    assert written > VECTORS / 200


def vector(choose: random.Random) -> list[str]:
    """Return a command with arguments that are good, bad and misplaced."""
    words = [choose.choice(COMMANDS)]
    for _ in range(choose.randrange(5)):
        value = choose.choice(GOOD) if choose.random() < 0.7 else choose.choice(NASTY)
        kind = choose.random()
        if kind < 0.45:
            words.append(value)
        elif kind < 0.8:
            words += [choose.choice(OPTIONS), value]
        else:
            words.append(choose.choice(FLAGS))
    if words[0] == "new-task" and choose.random() < 0.7:
        words += ["--base", "language_modeling"]
    return words


def test_a_traceback_would_be_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ltscaffold.commands.create.new_component.check_folder", lambda project: 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        type_in(["new-task", "mine", "--base", "language_modeling"])
