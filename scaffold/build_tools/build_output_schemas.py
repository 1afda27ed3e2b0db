"""Write the JSON schemas of what commands print with `--json`.

    python -m build_tools.build_output_schemas

Run it after a change of `ltscaffold.cli.json_types`; a test compares the file with what this
writes.
"""

import json
from typing import Any, get_args

from pydantic import TypeAdapter

from lightning_transformers.config.schema.signatures import meanings_of
from ltscaffold.cli import json_types
from ltscaffold.cli.output import SCHEMA
from ltscaffold.cli.schema import SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def main() -> None:
    """Write the file."""
    SCHEMAS.write_text(schemas_text(), encoding="utf-8")


def schemas_text() -> str:
    """Return the content of `schemas.json`."""
    schemas = {name: schema(name, output) for name, output in json_types.OUTPUTS.items()}
    return json.dumps(schemas, indent=1, ensure_ascii=False) + "\n"


def schema(name: str, output: Any) -> dict[str, Any]:
    """Return the JSON schema of what a command prints.

    Args:
        name: the command.
        output: the type of the object, or a union of types.
    """
    definitions: dict[str, Any] = {}
    objects = []
    for each in get_args(output) or (output,):
        found = TypeAdapter(each).json_schema()
        for title, definition in found.pop("$defs", {}).items():
            definitions[title] = documented(definition)
        version = {"const": SCHEMA, "description": "The version of the format."}
        found["properties"] = {"schema": version, **documented(found)["properties"]}
        found["required"].insert(0, "schema")
        objects.append(found)
    identity = f"urn:ltscaffold:output:{SCHEMA}:{name.replace(' ', ':')}"
    body = {"anyOf": objects} if objects[1:] else objects[0]
    head = {"$schema": DIALECT, "$id": identity, "type": "object"}
    return head | body | ({"$defs": definitions} if definitions else {})


def documented(definition: dict[str, Any]) -> dict[str, Any]:
    """Move what the docstring of a class says on its attributes to the properties of its schema."""
    meanings = meanings_of(vars(json_types)[definition["title"]])
    definition["description"] = definition["description"].partition("\n")[0]
    for name, each in definition["properties"].items():
        each.pop("title", None)  # the name again
        each["description"] = meanings[name]
    return definition


if __name__ == "__main__":
    main()
