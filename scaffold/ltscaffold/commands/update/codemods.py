"""Changes that a version asks of a project's own code, as codemods that `update` runs.

They ship with the package and not with the templates, so that Copier asks nobody to trust them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ltscaffold.writing.plan import Plan, SourceLocation, compute_changes, read


@dataclass(frozen=True)
class Codemod:
    """A codemod.

    Attributes:
        version: of the templates, the first that needs it.
        summary: a line for the user.
        transform: Python to Python; twice is as good as once.
    """

    version: str
    summary: str
    transform: Callable[[str], str]


CODEMODS: Sequence[Codemod] = ()
"""In the order they run; a release adds to the end."""


def renamed(old: str, new: str) -> Callable[[str], str]:
    """Return the codemod that follows a name of the runtime to its new place.

    Args:
        old: its dotted name so far, such as `package.module.name`.
        new: its dotted name from now on.
    """

    def transform(code: str) -> str:
        from libcst import parse_module
        from libcst.codemod import CodemodContext
        from libcst.codemod.commands.rename import RenameCommand

        command = RenameCommand(CodemodContext(), old_name=old, new_name=new)
        return command.transform_module(parse_module(code)).code

    return transform


def run_codemods(
    project: Path, plan: Plan, paths: Sequence[str], codemods: Sequence[Codemod]
) -> Plan:
    """Return a plan that also runs codemods on Python files, after all else.

    A file that is no Python, for a conflict in it, gets a review in place of each.
    """
    planned = {change.path: change.after for change in plan.changes}
    contents: dict[str, bytes | None] = dict(planned)
    reviews = list(plan.reviews)
    for path in paths:
        content = planned.get(path, read(project, path))
        for codemod in codemods if content is not None else ():
            try:
                contents[path] = content = codemod.transform((content or b"").decode()).encode()
            except Exception as error:  # LibCST has no common class of errors
                reason = str(error).partition("\n")[0]
                reviews.append(SourceLocation(path, 1, f"not done: {codemod.summary} ({reason})"))
    notes = [*plan.notes, *(f"{codemod.version}: {codemod.summary}" for codemod in codemods)]
    return replace(plan, changes=compute_changes(project, contents), reviews=reviews, notes=notes)
