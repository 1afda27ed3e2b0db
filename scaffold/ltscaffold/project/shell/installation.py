"""The installed ltscaffold as a requirement for pip, compared with a recorded one.

Functions import `importlib.metadata` themselves: most commands need none of its fifteen modules.
"""

import json
import re
from collections.abc import Sequence

from ltscaffold.record import names
from ltscaffold.record.answers import Answers

PACKAGE = "ltscaffold"
EXTRA = f"{PACKAGE}[train]"
DEPENDENCY_GROUPS_SINCE = [25, 1]
"""The first version of pip with the option --group."""
WHEEL = re.compile(rf"/{PACKAGE}-([^/-]+)-[^/]*\.whl")
"""The name of a wheel in a URL, with its version."""


def installed_version() -> str:
    """Return the version of the installed ltscaffold."""
    from importlib.metadata import version

    return version(PACKAGE)


def installed_requirement() -> str:
    """Return the requirement with which pip installs this ltscaffold: a version, file or commit."""
    from importlib.metadata import distribution

    recorded = distribution(PACKAGE).read_text("direct_url.json")
    if recorded is None:
        return f"{EXTRA}=={installed_version()}"
    origin = json.loads(recorded)
    url = origin["url"]
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if "subdirectory" in origin:
        url += f"#subdirectory={origin['subdirectory']}"
    return f"{EXTRA} @ {url}"


def after_setup(answers: Answers, commands: Sequence[str]) -> list[str]:
    """Return shell commands of a project, after those that set it up, if pytest is not installed.

    Args:
        answers: the record of the project.
        commands: the commands, which need the dependencies of the project and pytest.
    """
    if names.is_installed("pytest"):
        return [*commands]
    if not any(each.requirement for each in answers.components):
        return ["pip install pytest", *commands]
    if not names.is_installed("pip"):
        return ["uv sync", *(f"uv run {command}" for command in commands)]
    from importlib.metadata import version

    is_old = [*map(int, re.findall(r"\d+", version("pip"))[:2])] < DEPENDENCY_GROUPS_SINCE
    upgrade = ["pip install --upgrade pip"] * is_old
    return [*upgrade, "pip install . --group dev", *commands]


def note_on_origin(answers: Answers) -> list[str]:
    """Return a line if a project requires an ltscaffold that is on this machine only.

    Args:
        answers: the record of the project.
    """
    local = {each.requirement for each in answers.components if " @ file:" in each.requirement}
    return [
        f"pyproject.toml requires {each}, which is on this machine only: colleagues and CI need a "
        "version or a URL in its place"
        for each in local
    ]


def is_installed(requirement: str) -> bool:
    """Return whether the installed ltscaffold satisfies a requirement.

    A URL is compared by the version in the name of a wheel, or else as a whole.

    Args:
        requirement: the requirement, of any form that pip takes.

    Raises:
        ValueError: if it is not valid.
    """
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    if parsed.url is None:
        return parsed.specifier.contains(installed_version(), prereleases=True)
    wheel = WHEEL.search(parsed.url)
    if wheel:
        return wheel[1] == installed_version()
    return parsed.url == Requirement(installed_requirement()).url


def is_newer(requirement: str) -> bool:
    """Return whether a requirement names a later version than the installed ltscaffold.

    A commit or a folder names none.

    Args:
        requirement: the requirement, of any form that pip takes.

    Raises:
        ValueError: if it is not valid.
    """
    from packaging.requirements import Requirement
    from packaging.version import Version

    parsed = Requirement(requirement)
    wheel = WHEEL.search(parsed.url or "")
    lowest = (each.version for each in parsed.specifier if each.operator[0] in "=~>")
    named = [wheel[1]] if wheel else [version.removesuffix(".*") for version in lowest]
    return any(Version(version) > Version(installed_version()) for version in named)
