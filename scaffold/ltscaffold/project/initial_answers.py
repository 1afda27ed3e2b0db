"""What a project records before it is written."""

from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, read_answers
from ltscaffold.templating import source

DEFAULT_PACKAGE = "tasks"


def initial_answers(package: str = DEFAULT_PACKAGE, url: str = source.SOURCE_URL) -> Answers:
    """Return the answers of a new project: the newest templates of a URL, no components."""
    return Answers(version=source.versions(url)[-1], source=url, package=package)


def read_or_initial_answers(project: Path) -> Answers:
    """Return what a project records, or what a new one in the folder would."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}")
    return read_answers(project) or initial_answers()
