"""Each object that `--json` prints has a published schema."""

import json
from collections.abc import Iterator
from typing import Annotated

import pytest
import typer
from jsonschema import Draft202012Validator, ValidationError

from build_tools.build_output_schemas import schemas_text
from ltscaffold.cli.app import app
from ltscaffold.cli.output import SCHEMA
from ltscaffold.cli.schema import SCHEMAS, output_schema
from tests.conftest import Run
from tests.helpers.json_output import check_output


def json_commands(group: typer.Typer, prefix: str = "") -> Iterator[str]:
    """Yield the commands that have the option --json."""
    for name, command in vars(typer.main.get_command(group)).get("commands", {}).items():
        if not command.hidden:
            for path, each in [(name, command), *_below(name, command)]:
                if any("--json" in parameter.opts for parameter in each.params):
                    yield path


def _below(name: str, command: object) -> Iterator[tuple[str, object]]:
    for inner, each in vars(command).get("commands", {}).items():
        yield f"{name} {inner}", each


def test_the_file_is_as_built() -> None:
    assert SCHEMAS.read_text("utf-8") == schemas_text(), "run make schema"


def test_each_command_with_json_has_a_schema() -> None:
    assert {*json_commands(app), "error"} == {*json.loads(SCHEMAS.read_text("utf-8"))}


def test_a_command_without_a_schema_is_found() -> None:
    other = typer.Typer()

    @other.command()
    def grow(as_json: Annotated[bool, typer.Option("--json")] = False) -> None: ...

    @other.command()
    def shrink() -> None: ...

    assert [*json_commands(other)] == ["grow"]


def test_schemas_are_valid_versioned_and_explained() -> None:
    for name, schema in json.loads(SCHEMAS.read_text("utf-8")).items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:ltscaffold:output:{SCHEMA}:{name.replace(' ', ':')}"
        for each in [*schema.get("anyOf", [schema]), *schema.get("$defs", {}).values()]:
            meanings = [property["description"] for property in each["properties"].values()]
            assert all([each["description"], *meanings])


def test_schema_prints_one(run: Run) -> None:
    done = run("ltscaffold", "schema", "template", "eject")
    assert json.loads(done.stdout) == output_schema("template eject")
    done = run("ltscaffold", "schema", "statu")
    assert done.returncode == 2
    assert done.stderr == (
        "error: 'statu' is not a known command with --json; did you mean 'status'?\n"
    )


@pytest.mark.parametrize("changed", [{"more": 1}, {"findings": [{"code": "x"}]}, {"schema": 1}])
def test_output_that_the_schema_does_not_have_is_found(changed: dict[str, object]) -> None:
    output = {"schema": SCHEMA, "findings": []}
    check_output(["check", "--json"], json.dumps(output))
    with pytest.raises(ValidationError):
        check_output(["check", "--json"], json.dumps(output | changed))
