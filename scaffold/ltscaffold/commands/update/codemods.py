"""Changes that a version asks of a project's own code, as codemods that `update` runs.

They ship with the package, not the templates, so that Copier asks for no trust in them.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path, PurePath
from tokenize import detect_encoding

from lightning_transformers.former_paths import ROOT
from ltscaffold.commands.update.runtime_names import (
    follow_targets,
    former_mentions,
    has_current_imports,
)
from ltscaffold.errors import ScaffoldError
from ltscaffold.writing.plan import Plan, SourceLocation, compute_changes, read


@dataclass(frozen=True)
class Codemod:
    """A codemod of code that mentions the runtime.

    Attributes:
        version: the first template version that needs the codemod.
        summary: one line that names the change, for the user.
        transforms: function from text to text by file suffix; a second pass changes nothing.
        left_to_do: yields line number, from 1, and message for each place left to the user.
    """

    version: str
    summary: str
    transforms: Mapping[str, Callable[[str], str]]
    left_to_do: Callable[[str], Iterator[tuple[int, str]]] = field(default=lambda text: iter(()))


def follow_imports(code: str) -> str:
    """Replace former paths of the runtime in Python code; LibCST loads only if there may be any."""
    if has_current_imports(code):
        return code
    from ltscaffold.commands.update import runtime_imports

    return runtime_imports.follow_imports(code)


CODEMODS: Sequence[Codemod] = (
    Codemod(
        "v2.0.0",
        f"names of {ROOT} are imported from their present places",
        {".py": follow_imports, ".yaml": follow_targets, ".yml": follow_targets},
        former_mentions,
    ),
)
"""The codemods in the order in which they run; a release appends its own."""


def run_codemods(
    project: Path, plan: Plan, paths: Collection[str], codemods: Sequence[Codemod]
) -> Plan:
    """Return a plan that also runs codemods on files, with a note for each line that they change.

    A file that cannot be read or parsed, such as one with a conflict, gets a review instead.

    Args:
        project: the folder of the project.
        plan: the plan to extend; its new content of a file is the input of the codemods.
        paths: further files of the project to run the codemods on.
        codemods: the codemods, in order.
    """
    planned = {change.path: change.after for change in plan.changes}
    contents, notes, reviews = dict(planned), list(plan.notes), list(plan.reviews)
    for path in sorted({*paths, *planned}):
        try:
            content = planned.get(path, read(project, path)) or b""
        except ScaffoldError as error:
            reviews.append(SourceLocation(path, 1, f"no codemod ran: {error}"))
            continue
        for codemod in codemods if ROOT.encode() in content else ():
            transform = codemod.transforms.get(PurePath(path).suffix, str)
            try:
                encoding, _ = detect_encoding(BytesIO(content).readline)
                before = content.decode(encoding)
                after = transform(before)
            except Exception as error:  # LibCST has no common class of errors
                reason = str(error).partition("\n")[0]
                reviews.append(SourceLocation(path, 1, f"not done: {codemod.summary} ({reason})"))
                continue
            if after != before:
                contents[path] = content = after.encode(encoding)
                notes += [f"{path}:{line}" for line in changed_lines(before, after)]
            places = codemod.left_to_do(after)
            reviews += [SourceLocation(path, line, message) for line, message in places]
    changes = plan.changes if contents == planned else compute_changes(project, contents)
    return replace(plan, changes=changes, reviews=reviews, notes=notes)


def changed_lines(before: str, after: str) -> Iterator[str]:
    """Yield `<number>: <old> → <new>` for each changed line, for the notes of a plan.

    A block that gains or loses lines is one item.

    Args:
        before: a text.
        after: the text after a codemod, in which lines are numbered, from 1.
    """
    old, new = before.splitlines(), after.splitlines()
    for tag, i, end, j, new_end in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        replaced = [old[i:end], new[j:new_end]]
        if end - i != new_end - j:
            replaced = [[" ".join(lines)] for lines in replaced]
        for line, texts in enumerate(zip(*replaced, strict=True) if tag != "equal" else (), j + 1):
            yield f"{line}: {' → '.join(' '.join(text.split()) for text in texts)}"
