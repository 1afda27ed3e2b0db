"""The parts that sections of a page consist of, besides pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lightning_transformers.reports.picture import Picture
from lightning_transformers.reports.redaction import public_text

CLIPPED = 280
"""Characters of a text in a cell."""


@dataclass(frozen=True)
class Word:
    """A word with its true and predicted tag, which are empty outside of an entity."""

    text: str
    label: str = ""
    prediction: str = ""


@dataclass(frozen=True)
class Words:
    """The words of a sentence."""

    words: Sequence[Word]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, as a `data:` address."""

    address: str


@dataclass(frozen=True)
class Table:
    """Rows of numbers, texts, words and thumbnails; a folded one opens on a click."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    folded: bool = False

    def without_empty_columns(self) -> "Table":
        """Return the table without columns in which every row has None."""
        kept = [n for n in range(len(self.head)) if any(row[n] is not None for row in self.rows)]
        head, rows = [self.head[n] for n in kept], [[row[n] for n in kept] for row in self.rows]
        return Table(self.caption, head, rows, self.folded)

    def cells(self, row: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the kind and the content of each cell of a row."""
        return [cell(value) for value in row]


@dataclass(frozen=True)
class Facts:
    """Short values by name."""

    values: Mapping[str, Any]
    large: bool = False

    def cells(self) -> list[tuple[str, str]]:
        """Return names and values as texts."""
        return [(name, cell(value)[1]) for name, value in self.values.items()]


Part: TypeAlias = "Picture | Table | Facts | str"


@dataclass(frozen=True)
class Section:
    """A heading with its parts; pictures that follow each other stand side by side."""

    title: str
    parts: list[Part] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """The identifier of the section in the page."""
        return self.title.lower().replace(" ", "-")

    def groups(self) -> list[tuple[str, list[Any]]]:
        """Return the parts by kind, with pictures and tables that follow each other together."""
        groups: list[tuple[str, list[Any]]] = []
        for part in self.parts:
            kind = "text" if isinstance(part, str) else type(part).__name__.lower()
            if groups and kind == "picture" == groups[-1][0]:
                groups[-1][1].append(part)
            else:
                groups.append((kind, [part]))
        return groups


def cell(value: Any) -> tuple[str, Any]:
    """Return the kind of a cell and its content as the page shows it."""
    if isinstance(value, Words | Thumbnail):
        return type(value).__name__.lower(), value
    if value is None:
        return "none", "–"
    if isinstance(value, bool):
        return "text", str(value).lower()
    if isinstance(value, int):
        return "number", f"{value:,}"
    if isinstance(value, float):
        return "number", f"{value:.3f}" if value == 0 or 1e-3 <= abs(
            value
        ) < 1e3 else f"{value:.4g}"
    if isinstance(value, Mapping):
        value = ", ".join(f"{name}: {part}" for name, part in value.items() if part)
    if isinstance(value, list | tuple):
        value = " · ".join(map(str, value)) or "(none)"
    text = " ".join(str(value).split())
    if "/" in text and " " not in text:
        text = public_text(text)
    return "text", text if len(text) <= CLIPPED else f"{text[:CLIPPED]}…"
