"""Former spellings of options, choices and commands work, unlisted in help and completion."""

import re
from typing import Any

import pytest
from typer.main import get_command

from ltscaffold.cli.app import FORMER_SPELLINGS, app
from tests.conftest import Run

SPELLINGS = [
    ("update --merge members", "update --strategy semantic"),
    ("update --merge text", "update --strategy line"),
    ("update --strategy text", "update --strategy line"),
    ("check mine --run", "check mine --smoke"),
    ("list items", "list components"),
    ("list hooks --kind callback", "list hooks --type callback"),
    ("harvest mine --output x", "template extract-patch mine --output x"),
    ("template test --no-run", "template test --no-run"),
]


def called(words: str) -> tuple[Any, dict[str, Any]]:
    """Return the function that a command line calls, and its arguments."""
    command, context, rest = get_command(app), None, words.split()
    while True:
        context = command.make_context(command.name, rest, parent=context)
        if not hasattr(command, "resolve_command"):
            return command.callback.__wrapped__, context.params
        _, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )


@pytest.mark.parametrize(("former", "current"), SPELLINGS)
def test_a_former_spelling_means_the_current_one(former: str, current: str) -> None:
    assert called(former) == called(current)
    assert called("update --merge text") != called("update --merge members")


def test_every_former_spelling_is_tested() -> None:
    words = {word.lstrip("-") for former, _ in SPELLINGS for word in former.split()}
    assert words >= {*FORMER_SPELLINGS, "harvest"}


@pytest.mark.parametrize("command", ["", "update", "check", "list", "template"])
def test_help_and_completion_do_not_list_them(command: str, run: Run) -> None:
    line = f"ltscaffold {command}".rstrip()
    asked = {
        "_LTSCAFFOLD_COMPLETE": "complete_bash",
        "COMP_WORDS": f"{line} -",
        "COMP_CWORD": str(len(line.split())),
    }
    text = run("ltscaffold", *command.split(), "--help").stdout
    text += run("ltscaffold", **asked).stdout
    text += run("ltscaffold", **asked | {"COMP_WORDS": f"{line} "}).stdout
    assert len(text.splitlines()) > 10
    former = {"--merge", "members", "text", "--run", "--kind", "items", "harvest"}
    if command == "update":
        former.remove("--run")  # of `check`; here it names a run
    assert former.isdisjoint(re.findall(r"[\w-]+", text))
