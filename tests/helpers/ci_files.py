"""Check files of continuous integration against the schemas of GitHub and GitLab."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GITHUB = ("--builtin-schema", "vendor.github-workflows")
GITLAB = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")


def faults(schema: Sequence[str], *files: Path) -> str:
    """Return the faults that check-jsonschema finds in files; empty if they fit a schema.

    Args:
        schema: `GITHUB` or `GITLAB`.
        files: at least one file in YAML.
    """
    command = [sys.executable, "-m", "check_jsonschema", *schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout if done.returncode else ""
