"""Changes that a version asks of a project's own code, as codemods that `update` runs.

They ship with the package and not with the templates, so that Copier asks nobody to trust them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ltscaffold.plan import Place, Plan, changes_of, read


@dataclass(frozen=True)
class Migration:
    """A codemod.

    Attributes:
        version: of the templates, the first that needs it.
        summary: a line for the user.
        codemod: Python to Python; twice is as good as once.
    """

    version: str
    summary: str
    codemod: Callable[[str], str]


MIGRATIONS: Sequence[Migration] = ()
"""In the order they run; a release adds to the end."""


def renamed(old: str, new: str) -> Callable[[str], str]:
    """Return the codemod that follows a name of the runtime to its new place.

    Args:
        old: its dotted name so far, such as `package.module.name`.
        new: its dotted name from now on.
    """

    def codemod(code: str) -> str:
        from libcst import parse_module
        from libcst.codemod import CodemodContext
        from libcst.codemod.commands.rename import RenameCommand

        command = RenameCommand(CodemodContext(), old_name=old, new_name=new)
        return command.transform_module(parse_module(code)).code

    return codemod


def migrated(
    project: Path, plan: Plan, paths: Sequence[str], migrations: Sequence[Migration]
) -> Plan:
    """Return a plan that also runs codemods on Python files, after all else.

    A file that is no Python, for a conflict in it, gets a review in place of each.
    """
    planned = {change.path: change.after for change in plan.changes}
    contents: dict[str, bytes | None] = dict(planned)
    reviews = list(plan.reviews)
    for path in paths:
        content = planned.get(path, read(project, path))
        for migration in migrations if content is not None else ():
            try:
                contents[path] = content = migration.codemod((content or b"").decode()).encode()
            except Exception as error:  # LibCST has no common class of errors
                reason = str(error).partition("\n")[0]
                reviews.append(Place(path, 1, f"not done: {migration.summary} ({reason})"))
    notes = [*plan.notes, *(f"{change.version}: {change.summary}" for change in migrations)]
    return replace(plan, changes=changes_of(project, contents), reviews=reviews, notes=notes)
