"""`ltscaffold undo`: undo the last command."""

import ast
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.merge.lines import merge_lines, merge_touching
from ltscaffold.merge.python import merge_python
from ltscaffold.writing.plan import Change, Plan, compute_changes, read
from ltscaffold.writing.transaction import last_command


def plan_undo(project: Path) -> Plan:
    """Plan to undo the last command that is not undone yet; later edits are kept.

    Raises:
        EditLossError: if a later edit overlaps with the command's changes.
        ScaffoldError: if there is nothing to undo.
    """
    entry = last_command(project)
    if entry is None:
        raise ScaffoldError(
            f"nothing to undo in {project.resolve()}; to undo in another folder, give --project"
        )
    name, undone = entry
    contents: dict[str, bytes | None] = {}
    lost: list[Change] = []
    for change in undone.changes:
        ours = read(project, change.path)
        if ours == change.before:
            continue
        content, conflict = revert(ours, change)
        if conflict:
            lost.append(Change(change.path, change.after, ours))
        else:
            contents[change.path] = content
    if lost:
        paths = ", ".join(edit.path for edit in lost)
        raise EditLossError(
            f"cannot undo '{undone.command}': you edited {paths} since; "
            "revert these edits, which the patch shows",
            "".join(edit.diff() for edit in lost),
        )
    modes = {change.path: change.mode for change in undone.changes}
    changes = [
        replace(change, mode=modes[change.path]) if change.before is None else change
        for change in compute_changes(project, contents)
    ]
    notes = [f"reverts `{undone.command}`"]
    return Plan(f"undo {undone.command}", changes, notes=notes, undoes=name)


def revert(ours: bytes | None, change: Change) -> tuple[bytes | None, bool]:
    """Return a file's content with a change reverted, and whether that would lose an edit.

    Args:
        ours: the present content; None: the file does not exist.
        change: the change of the command. Later edits elsewhere in the file are kept.

    Returns:
        The content, None for no file; it is not to be written if an edit would be lost.
    """
    if ours == change.after:
        return change.before, False
    if ours is None or change.before is None or change.after is None:
        return ours, True
    merged, conflict = merge_lines(ours, change.after, change.before)
    if conflict and change.path.endswith(".py"):
        touching = _revert_member(ours, change.after, change.before)
        return (ours, True) if touching is None else (touching, False)
    return merged, conflict


def _revert_member(ours: bytes, after: bytes, before: bytes) -> bytes | None:
    """Return a module without a change that touches an edit, if merges by line and member agree."""
    merged = merge_touching(ours, after, before)
    try:
        by_member = merge_python(*(text.decode() for text in (ours, after, before)))
        if merged is None or by_member is None or by_member.marks:
            return None
        same = ast.dump(ast.parse(merged)) == ast.dump(ast.parse(by_member.text))
    except (SyntaxError, ValueError):
        return None
    return merged if same else None
