"""The record of a project that does not exist yet."""

from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, read_answers
from ltscaffold.templating import source

DEFAULT_PACKAGE = "tasks"


def initial_answers(package: str = DEFAULT_PACKAGE, url: str = source.SOURCE_URL) -> Answers:
    """Return the record of a new project without components, at the latest version of templates.

    Args:
        package: the folder of the components.
        url: the source of the templates.

    Raises:
        ScaffoldError: if the source is not trusted, not in the cache or has no version.
    """
    return Answers(version=source.versions(url)[-1], source=url, package=package)


def read_or_initial_answers(project: Path) -> Answers:
    """Return the record of a project, or of a new one; raises ScaffoldError without a folder."""
    if not project.is_dir():
        raise ScaffoldError(f"the folder {project} does not exist; give another with --project")
    return read_answers(project) or initial_answers()
