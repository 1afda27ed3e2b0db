"""The output of `--json`, compared with the published schemas."""

import json
from collections.abc import Sequence
from typing import Any

from jsonschema import Draft202012Validator

from ltscaffold.cli.schema import output_schema


def check_output(arguments: Sequence[str], printed: str) -> None:
    """Check that the JSON of a command matches its schema, without a key that the schema lacks.

    Args:
        arguments: the command line after `ltscaffold`.
        printed: its standard output.
    """
    output = json.loads(printed, parse_constant=refuse)
    command = " ".join(arguments[: 2 if arguments[0] == "template" else 1])
    schema = output_schema("error" if "error" in output else command)
    Draft202012Validator(closed(schema)).validate(output)


def refuse(word: str) -> None:
    """Raise AssertionError for NaN and infinity, which only Python reads."""
    raise AssertionError(f"{word} is no JSON")


def closed(schema: Any) -> Any:
    """Return a schema in which an object has no other keys than the listed ones."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    below = {key: closed(each) for key, each in schema.items()}
    return below | ({"additionalProperties": False} if "required" in schema else {})
