"""The commands of a project work in a locale that has ASCII only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_transformers import __main__

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CODE = """
import sys
from lightning_transformers import cli
cli.check_version = lambda project: sys.exit(f"{sys.flags.utf8_mode} {sys.argv[1:]} \\u2022")
cli.COMMAND()
"""


@pytest.mark.parametrize("command", __main__.COMMANDS)
def test_a_command_starts_in_utf8_mode(command: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(CODE.replace("COMMAND", command))
    done = subprocess.run(
        [sys.executable, script, "+x=é"], env=os.environ | ASCII, capture_output=True, check=False
    )
    assert done.stderr.decode() == "1 ['+x=é'] •\n"
