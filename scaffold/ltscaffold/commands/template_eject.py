"""`ltscaffold template eject`: let a project have a partial of its templates for its own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import OWN_PARTIALS, Answers, read_project
from ltscaffold.catalog import PARTIALS
from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.plan import Plan, changes_of, check_free, read
from ltscaffold.render import SUFFIX


def plan_eject(project: Path, name: str) -> Plan:
    """Plan to copy a partial into the project, which renders with the copy from then on.

    Args:
        project: the folder of the project.
        name: the partial, such as `hooks/training_step`.

    Raises:
        ScaffoldError: if there is no such partial, or the project has it for its own already.
    """
    answers = read_project(project)
    templates = source.checkout(answers.source, answers.version)
    known = partial_names(templates)
    if name not in known:
        raise unknown("partial", name, known, "ltscaffold list hooks, or list recipes")
    path = f"{OWN_PARTIALS}/{name}{SUFFIX}"
    if (project / path).exists():
        raise ScaffoldError(f"{path} is the project's own already: edit it, or delete it")
    check_free(project, [path])
    contents: dict[str, bytes | None] = {path: (templates / f"{name}{SUFFIX}").read_bytes()}
    plan = Plan(f"template eject {name}", changes_of(project, contents))
    return replace(plan, next_steps=["ltscaffold check", f"git add {path}"])


def partial_names(templates: Path) -> list[str]:
    """Return the partials that can be ejected, sorted; macros and files of projects cannot."""
    return sorted(
        f"{folder}/{path.name.removesuffix(SUFFIX)}"
        for folder in PARTIALS
        for path in (templates / folder).glob(f"*{SUFFIX}")
    )


def ejected(project: Path) -> list[str]:
    """Return the partials that a project has for its own, sorted, known to its templates or not."""
    folder = project / OWN_PARTIALS
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path.removesuffix(SUFFIX) for path in paths)


def ejected_changes(project: Path, answers: Answers, old: str, new: str) -> list[str]:
    """Return a line for each partial of the project's own that the templates change, too.

    Args:
        project: the folder of the project.
        answers: what it records.
        old: the version of the templates that it leaves.
        new: the version that it is brought to.
    """
    before, after = (source.checkout(answers.source, version) for version in (old, new))
    return [*_changes(ejected(project), before, after, new)]


def _changes(names: list[str], before: Path, after: Path, new: str) -> Iterator[str]:
    for name in names:
        path = f"{name}{SUFFIX}"
        old_text, new_text = read(before, path), read(after, path)
        if old_text is not None and new_text is None:
            yield f"{OWN_PARTIALS}/{path}: templates {new} no longer have it; delete it"
        elif old_text != new_text:
            yield (
                f"{OWN_PARTIALS}/{path}: its original changed in {new}; take over what you want of "
                f"diff -u {before / path} {after / path}"
            )
