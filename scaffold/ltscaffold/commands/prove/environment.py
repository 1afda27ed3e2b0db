"""A temporary environment with other versions of some packages, and today's of all others."""

import shutil
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ltscaffold.commands.prove.processes import run_in_group
from ltscaffold.commands.prove.repeat import Repeater
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.interpreter import last_line


@contextmanager
def other_packages(project: Path, requirements: Sequence[str]) -> Iterator[Repeater]:
    """Yield a repeater whose runs use other packages.

    The environment sees the packages of this one, so that pip installs only the packages named and
    what they need in another version. It is created by uv if that is installed, else by venv.

    Args:
        project: the folder of the project.
        requirements: such as `transformers==5.22.*`.

    Raises:
        ScaffoldError: if there is no virtual environment, or pip cannot install them.
    """
    with TemporaryDirectory(prefix="ltscaffold-prove-") as folder:
        _create(folder)
        python = str(Path(folder) / "bin" / "python")
        scheme = sysconfig.get_path("purelib", "venv", {"base": folder, "platbase": folder})
        own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
        places = dict.fromkeys([sysconfig.get_path("purelib"), *site.getsitepackages(), *own])
        lines = [f"import site; site.addsitedir({place!r})\n" for place in places]
        (Path(scheme) / "today.pth").write_text("".join(lines), encoding="utf-8")
        install = [python, "-m", "pip", "install", "--quiet", *requirements]
        done = run_in_group(install, Path(), {"TMPDIR": folder})
        if done.returncode:
            reason = last_line(done.stderr).removeprefix("ERROR: ")
            raise ScaffoldError(f"pip cannot install {' '.join(requirements)}: {reason}")
        yield Repeater(project, python, [scheme, *sys.path])


def _create(folder: str) -> None:
    """Create a virtual environment with pip."""
    if uv := shutil.which("uv"):
        command = [uv, "venv", "--quiet", "--seed", "--python", sys.executable, folder]
        done = run_in_group(command, Path(), {})
        if done.returncode == 0:  # it takes pip from the index, which it may not reach
            return
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ScaffoldError(
            f"cannot create a virtual environment ({error}); install uv, or on Debian and Ubuntu "
            "python3-venv"
        ) from None
