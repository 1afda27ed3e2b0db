"""Build wheel and sdist and check all that a release promises of them.

    python -m build_tools.check_release [--torch REQUIREMENT]

Two builds have the same bytes, also one of the unpacked sdist; `twine check` accepts them; each
installs in an environment of its own, where the quickstart runs. The files are in dist/.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from build_tools.environments import create, run, run_quickstart
from build_tools.release_templates import ROOT

DIST = ROOT / "dist"
FOLDER = ROOT / "build/release"


def main() -> None:
    """Check from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", default="torch", help="what to install as torch")
    options = parser.parse_args()
    shutil.rmtree(DIST, ignore_errors=True)
    epoch = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True)
    files = build_twice(ROOT, DIST, int(epoch))
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)])
    for file in files:
        folder = FOLDER / file.suffix[1:]
        what = [options.torch, "pytest", f"ltscaffold[train] @ {file.as_uri()}"]
        run_quickstart(create(folder, sys.executable, what))
    print("passed:", *(file.relative_to(ROOT) for file in files))


def build_twice(source: Path, folder: Path, epoch: int) -> list[Path]:
    """Build a wheel and an sdist, and both again from the unpacked sdist.

    Args:
        source: root of the repository.
        folder: where to write them.
        epoch: the time in them, in seconds since 1970.

    Returns:
        The two files.

    Raises:
        CalledProcessError: if a build fails.
        SystemExit: if the second build has other bytes.
    """
    build(source, folder, epoch)
    with tempfile.TemporaryDirectory() as temporary:
        (sdist,) = folder.glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(temporary, filter="data")
        again = Path(temporary, "again")
        unpacked = Path(temporary, sdist.name.removesuffix(".tar.gz"))
        (unpacked / "PKG-INFO").unlink()  # hatchling adds one, and would keep this one, too
        build(unpacked, again, epoch)
        files = sorted(folder.iterdir())
        different = [
            file.name for file in files if file.read_bytes() != (again / file.name).read_bytes()
        ]
    if different:
        raise SystemExit(f"a second build has other bytes: {', '.join(different)}")
    return files


def build(source: Path, folder: Path, epoch: int) -> None:
    """Build a wheel and an sdist, with a time in seconds since 1970."""
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(folder), str(source)],
        check=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)},
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
