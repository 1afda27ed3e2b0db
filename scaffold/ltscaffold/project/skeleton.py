"""A project that is yet to be written: its first record, and the files that it has once."""

from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import KEPT
from ltscaffold.record.answers import Answers, read_answers
from ltscaffold.record.names import check_name
from ltscaffold.templating import source
from ltscaffold.templating.render import Files, render
from ltscaffold.writing.plan import Plan, changes_of, check_free

PACKAGE = "tasks"


def skeleton_plan(command: str, project: Path, answers: Answers) -> Plan:
    """Plan all files that the answers describe, in a folder without a project."""
    files = without_kept(project, render(source.checkout(answers.source, answers.version), answers))
    check_free(project, files)
    return Plan(command, changes_of(project, {path: text.encode() for path, text in files.items()}))


def first_answers(package: str, url: str = source.SOURCE_URL) -> Answers:
    """Return the answers of a new project: the newest templates of a URL, no items."""
    return Answers(version=source.versions(url)[-1], source=url, package=package)


def without_kept(project: Path, files: Files) -> Files:
    """Return the files without those of `KEPT` that the project has already."""
    return {
        path: text
        for path, text in files.items()
        if path not in KEPT or not (project / path).exists()
    }


def new_answers(package: str | None) -> Answers:
    """Return the answers of a project that is yet to be written."""
    check_name("package", package or PACKAGE)
    return first_answers(package or PACKAGE)


def answers_of(project: Path) -> Answers:
    """Return what a project records, or what a new one in the folder would."""
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}")
    return read_answers(project) or new_answers(None)
