"""The commands of a project without its scripts: `python -m lightning_transformers train …`."""

import sys

from lightning_transformers import cli

if __name__ == "__main__":
    command = sys.argv.pop(1)
    sys.argv[0] = command
    getattr(cli, command)()
