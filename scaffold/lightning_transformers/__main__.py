"""A command without a project's script: `python -m lightning_transformers train …`."""

import os
import sys

from lightning_transformers import cli
from lightning_transformers.base.errors import did_you_mean

COMMANDS = {
    "train": "train a task",
    "prepare": "tokenize and pack texts once, for trainings",
    "evaluate": "evaluate a checkpoint on the test set",
    "predict": "predict with a checkpoint",
    "export": "export a checkpoint as a model of transformers",
    "rerun": "repeat the run of a folder",
    "explain": "print where each value of a config comes from",
    "compare": "show runs side by side",
    "schema": "write the schema of the configs for editors",
}
COMMAND = "LIGHTNING_TRANSFORMERS_COMMAND"
"""The environment variable with the command, for the ranks that Lightning starts."""


def main() -> None:
    """Run the command that the first argument names; exit with status 2 if it names none."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        os.environ[COMMAND] = sys.argv.pop(1)
    elif name in ("--help", "-h"):
        lines = (f"  {command:<10}{meaning}\n" for command, meaning in COMMANDS.items())
        print(f"usage: python -m lightning_transformers COMMAND …\n\n{''.join(lines)}", end="")
        print("\nFor the arguments of a command: COMMAND --help")
        sys.exit()
    elif COMMAND not in os.environ:
        fact = f"'{name}' is not a command" if name else "no command given"
        print(f"error: {fact}{did_you_mean(name, COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    sys.argv[0] = os.environ[COMMAND]
    getattr(cli, sys.argv[0])()


if __name__ == "__main__":
    main()
