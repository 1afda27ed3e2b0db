"""The ltscaffold that pyproject.toml requires, compared with the installed one."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from ltscaffold.project.diagnostics import Finding
from ltscaffold.project.shell.installation import (
    PACKAGE,
    installed_requirement,
    installed_version,
    is_installed,
    is_newer,
)
from ltscaffold.writing.plan import read

PYPROJECT = "pyproject.toml"


def check_requirement(project: Path) -> Iterator[Finding]:
    """Yield a finding if pyproject.toml is invalid, or asks for another ltscaffold than installed.

    Args:
        project: the folder of the project.
    """
    content = read(project, PYPROJECT)
    if content is None:
        return
    text = content.decode(errors="replace")
    try:
        declared = _requirements(text)
    except (ValueError, TypeError, AttributeError) as error:
        yield Finding("toml-error", PYPROJECT, 0, f"invalid pyproject.toml: {error}")
        return
    if not declared:
        message = f'dependencies lack ltscaffold; add "{installed_requirement()}"'
        yield Finding("ltscaffold-version", PYPROJECT, 0, message)
    for requirement in declared:
        if not is_installed(requirement):
            fix = (
                "" if is_newer(requirement) else ", or require the latter with `ltscaffold update`"
            )
            message = (
                f"{requirement} is required, but ltscaffold {installed_version()} is installed; "
                f"install the former{fix}"
            )
            line = text[: text.find(requirement)].count("\n") + 1
            yield Finding("ltscaffold-version", PYPROJECT, line, message)


def _requirements(text: str) -> list[str]:
    """Return the requirements of ltscaffold among the dependencies; ValueError if it is invalid."""
    from packaging.requirements import Requirement

    dependencies = tomllib.loads(text).get("project", {}).get("dependencies", [])
    return [each for each in dependencies if Requirement(each).name == PACKAGE]
