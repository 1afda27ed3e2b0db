"""Text in the making, with what is to be said of its lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ltscaffold.merge.lines import LABELS

MarkKind = Literal["conflict", "review"]


@dataclass(frozen=True)
class Mark:
    """What to say of a line of a draft, which counts from 0."""

    line: int
    kind: MarkKind
    message: str


@dataclass
class Draft:
    """A merged text, what is to be said of its lines, and what has no line."""

    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def append(self, other: "Draft") -> None:
        """Let another draft follow."""
        if self.text and not self.text.endswith("\n") and other.text:
            self.text += "\n"
        lines = self.text.count("\n")
        self.text += other.text
        self.marks += [Mark(lines + m.line, m.kind, m.message) for m in other.marks]
        self.notes += other.notes


def concatenate(drafts: Iterable[Draft]) -> Draft:
    """Return drafts one after the other."""
    whole = Draft()
    for draft in drafts:
        whole.append(draft)
    return whole


def review(text: str, message: str) -> Draft:
    """Return a text that stays, with what to look at."""
    return Draft(text, [Mark(0, "review", message)])


def conflict(ours: str, base: str, theirs: str, message: str) -> Draft:
    """Return three texts between the markers that git sets."""
    before, last, after = LABELS
    start = Draft(f"<<<<<<< {before}\n", [Mark(0, "conflict", message)])
    rest = (ours, f"||||||| {last}\n", base, "=======\n", theirs, f">>>>>>> {after}\n")
    return concatenate([start, *map(Draft, rest)])
