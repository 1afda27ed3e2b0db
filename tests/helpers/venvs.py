"""An interpreter with packages that the tests else need not have."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


def python_with(folder: Path, *packages: str) -> Path:
    """Return a Python with packages, their dependencies, and for all else those of this one.

    Skips the test if the index does not have the packages.

    Args:
        folder: an empty folder.
        packages: what pip installs.
    """
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    own = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(own, "others.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin/python"
    install = [python, "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(install, capture_output=True, text=True)
    if "No matching distribution" in done.stderr:
        pytest.skip(f"cannot install {', '.join(packages)}: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return python
