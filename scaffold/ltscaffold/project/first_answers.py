"""What a project records before it is written."""

from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, read_answers
from ltscaffold.templating import source

PACKAGE = "tasks"


def first_answers(package: str = PACKAGE, url: str = source.SOURCE_URL) -> Answers:
    """Return the answers of a new project: the newest templates of a URL, no items."""
    return Answers(version=source.versions(url)[-1], source=url, package=package)


def answers_of(project: Path) -> Answers:
    """Return what a project records, or what a new one in the folder would."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}")
    return read_answers(project) or first_answers()
