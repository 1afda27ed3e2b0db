"""`git-remote-ltscaffold`: serves the template history to git as `ltscaffold::templates.git`.

It speaks the protocol of gitremote-helpers(7), with `connect` as its only capability.
"""

import os
import sys

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import clean_environment
from ltscaffold.templating.source import SOURCE_URL, repository


def main() -> None:
    """Answer git's commands on standard input until it connects or closes the pipe."""
    # Unbuffered: bytes after `connect` belong to the process that takes over the pipe.
    with os.fdopen(0, "rb", buffering=0, closefd=False) as commands:
        while command := commands.readline().decode().removesuffix("\n"):
            if command == "capabilities":
                _reply("connect\n")
            elif command == "connect git-upload-pack":
                _serve()
            elif command.startswith("connect "):
                _reply("fallback")
            else:
                sys.exit(f"git-remote-ltscaffold: '{command}' is not supported")


def _serve() -> None:
    try:
        repo = repository(SOURCE_URL)
    except ScaffoldError as error:
        sys.exit(f"git-remote-ltscaffold: {error}")
    _reply("")
    os.execvpe("git", ["git", "upload-pack", str(repo)], clean_environment())


def _reply(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
