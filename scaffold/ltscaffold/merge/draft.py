"""A merged text with the marks on its lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ltscaffold.merge.lines import LABELS

MarkKind = Literal["conflict", "review"]


@dataclass(frozen=True)
class Mark:
    """A remark on a line of a draft.

    Attributes:
        line: number of the line from 0.
        kind: `conflict`, for conflict markers in the text, or `review`.
        message: for the user; it begins with the name of the member, such as `setup: …`.
    """

    line: int
    kind: MarkKind
    message: str


@dataclass
class Draft:
    """A merged text.

    Attributes:
        text: the text.
        marks: remarks on its lines.
        notes: remarks that concern no line of it, such as a deleted member.
    """

    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def append(self, other: "Draft") -> None:
        """Append another draft, on a new line."""
        if self.text and not self.text.endswith("\n") and other.text:
            self.text += "\n"
        lines = self.text.count("\n")
        self.text += other.text
        self.marks += [Mark(lines + m.line, m.kind, m.message) for m in other.marks]
        self.notes += other.notes


def concatenate(drafts: Iterable[Draft]) -> Draft:
    """Return the concatenation of drafts."""
    whole = Draft()
    for draft in drafts:
        whole.append(draft)
    return whole


def review(text: str, message: str) -> Draft:
    """Return a text with a mark on its first line, to review it.

    Args:
        text: the text, as kept.
        message: of the mark.
    """
    return Draft(text, [Mark(0, "review", message)])


def conflict(ours: str, base: str, theirs: str, message: str) -> Draft:
    """Return three texts between git's conflict markers, with a mark.

    Args:
        ours: the text as edited.
        base: the text as rendered before.
        theirs: the text as rendered now.
        message: of the mark.
    """
    ours_label, base_label, theirs_label = LABELS
    start = Draft(f"<<<<<<< {ours_label}\n", [Mark(0, "conflict", message)])
    rest = (ours, f"||||||| {base_label}\n", base, "=======\n", theirs, f">>>>>>> {theirs_label}\n")
    return concatenate([start, *map(Draft, rest)])
