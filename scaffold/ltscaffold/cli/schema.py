"""The JSON schemas of what commands print with `--json`."""

import json
from pathlib import Path
from typing import Any

from ltscaffold.errors import unknown

SCHEMAS = Path(__file__).parent / "schemas.json"
"""The schemas by command, and that of an error; `make schema` writes them."""


def output_schema(command: str) -> dict[str, Any]:
    """Return the JSON schema of the object that a command prints.

    Args:
        command: the command, such as "template eject"; "error" for the object of an error.

    Raises:
        ScaffoldError: if it prints no JSON.
    """
    schemas: dict[str, dict[str, Any]] = json.loads(SCHEMAS.read_text("utf-8"))
    if command not in schemas:
        raise unknown("command with --json", command, schemas, f"choose {', '.join(schemas)}")
    return schemas[command]
