"""A command without a project's script: `python -m lightning_transformers train …`."""

import os
import sys

from lightning_transformers import cli
from lightning_transformers.base.errors import did_you_mean

COMMANDS = ("train", "evaluate", "predict", "export", "rerun", "explain", "compare", "schema")
COMMAND = "LIGHTNING_TRANSFORMERS_COMMAND"
"""The environment variable with the command, for the ranks that Lightning starts."""


def main() -> None:
    """Run the command that the first argument names; exit with status 2 if it names none."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        os.environ[COMMAND] = sys.argv.pop(1)
    elif COMMAND not in os.environ:
        fact = f"'{name}' is not a command" if name else "no command given"
        print(f"error: {fact}{did_you_mean(name, COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    sys.argv[0] = os.environ[COMMAND]
    getattr(cli, sys.argv[0])()


if __name__ == "__main__":
    main()
