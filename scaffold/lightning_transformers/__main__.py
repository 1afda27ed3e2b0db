"""A command without a project's script: `python -m lightning_transformers explain …`.

For a training on several devices use a script or `pl-transformers-train`: Lightning starts the
other ranks with the command line, in which the name of the command is missing by then.
"""

import sys

from lightning_transformers import cli

if __name__ == "__main__":
    command = sys.argv.pop(1)
    sys.argv[0] = command
    getattr(cli, command)()
