"""Check files of continuous integration: the schemas of GitHub and GitLab, and an audit."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from build_tools.release_templates import ROOT

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


def findings(workflows: Path) -> list[str]:
    """Return the audits of zizmor that workflows do not pass, sorted.

    Args:
        workflows: a folder.
    """
    zizmor = Path(sys.executable).with_name("zizmor")
    policy = ROOT / ".github/zizmor.yml"
    command = [zizmor, "--offline", "--quiet", "--format=json", "--config", policy, workflows]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sorted({finding["ident"] for finding in json.loads(done.stdout)})
