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

from ltscaffold.commands.prove.repeat import Repeater, installed
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.interpreter import last_line


@contextmanager
def other_packages(project: Path, requirements: Sequence[str]) -> Iterator[Repeater]:
    """Yield a repeater whose runs use other packages.

    The environment sees the packages of this one. Only the packages named, and what they need in
    another version, are installed: by uv if there is one, else by pip.

    Args:
        project: the folder of the project.
        requirements: such as `transformers==5.22.*`.

    Raises:
        ScaffoldError: if there is no virtual environment, or the packages cannot be installed.
    """
    with TemporaryDirectory(prefix="ltscaffold-prove-") as folder:
        uv = shutil.which("uv")
        if uv:
            what = "create a virtual environment"
            _run(what, [uv, "venv", "--quiet", "--python", sys.executable, folder])
        else:
            _create(folder)
        scheme = sysconfig.get_path("purelib", "venv", {"base": folder, "platbase": folder})
        own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
        places = dict.fromkeys([sysconfig.get_path("purelib"), *site.getsitepackages(), *own])
        lines = [f"import site; site.addsitedir({place!r})\n" for place in places]
        (Path(scheme) / "today.pth").write_text("".join(lines), encoding="utf-8")
        python = str(Path(folder) / "bin" / "python")
        what = f"install {' '.join(requirements)}"
        if uv:
            chosen = _other_versions(uv, python, Path(folder), requirements, what)
            words = ["--quiet", "--python", python, "--no-deps", *chosen]
            if chosen:
                _run(what, [uv, "pip", "install", *words])
        else:
            _run(what, [python, "-m", "pip", "install", "--quiet", *requirements])
        yield Repeater(project, python, [scheme, *sys.path])


def _create(folder: str) -> None:
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ScaffoldError(
            f"cannot create a virtual environment ({error}); on Debian and Ubuntu install "
            "python3-venv"
        ) from None


def _other_versions(
    uv: str, python: str, folder: Path, requirements: Sequence[str], what: str
) -> list[str]:
    """Return the packages to install, with their versions: those that differ from today's.

    uv does not see the packages of another environment. As pins of an earlier resolution it keeps
    their versions where it can.
    """
    # Without `+cpu`: the index has another build of the version, which would not be a new one.
    today = {name.lower(): v.partition("+")[0] for name, v in installed(sys.path).items()}
    asked, pins = folder / "asked.txt", folder / "pins.txt"
    asked.write_text("\n".join(requirements), encoding="utf-8")
    pins.write_text("".join(f"{name}=={v}\n" for name, v in today.items()), encoding="utf-8")
    words = ["--quiet", "--no-annotate", "--no-header", "--python", python]
    _run(what, [uv, "pip", "compile", *words, str(asked), "--output-file", str(pins)])
    resolved = [line.partition(" ")[0] for line in pins.read_text(encoding="utf-8").splitlines()]
    kept = {f"{name.replace('_', '-').replace('.', '-')}=={v}" for name, v in today.items()}
    return [each for each in resolved if each not in kept]


def _run(what: str, command: Sequence[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        reason = last_line(done.stderr).strip()
        for prefix in ("ERROR: ", "error: ", "cause: "):
            reason = reason.removeprefix(prefix)
        raise ScaffoldError(f"cannot {what}: {reason}")
