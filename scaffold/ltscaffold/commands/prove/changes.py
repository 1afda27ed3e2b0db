"""A plan split into the smallest changes that can be tried by themselves."""

import ast
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from ltscaffold.commands.prove.python_members import PythonMembers
from ltscaffold.commands.prove.yaml_keys import YamlKeys
from ltscaffold.writing.plan import Change

WHOLE = ""
"""The part of a file that is changed as a whole."""


class Parts(Protocol):
    """The changed parts of a file, of which any subset can be rendered."""

    def changed(self) -> list[str]:
        """Return the names of the parts that differ."""

    def rendered(self, chosen: Collection[str]) -> str:
        """Return the file with some of the changed parts."""

    def words(self, part: str) -> tuple[set[str], set[str]]:
        """Return the names that a part mentions before and after the change."""


@dataclass(frozen=True)
class Piece:
    """A part of a file that a plan changes.

    Attributes:
        path: the file.
        part: the member of a Python file, or the key of a YAML file; `WHOLE` for the whole file.
    """

    path: str
    part: str

    def __str__(self) -> str:
        return f"{self.part} in {self.path}" if self.part else self.path


Atom = tuple[Piece, ...]
"""Pieces that are applied together, since one would not work without the others."""


class Split:
    """The changes of a plan as atoms.

    Args:
        changes: the changes of the plan.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = {change.path: change for change in changes}
        self.parts = {change.path: parts_of(change) for change in changes}
        pieces = []
        for path, parts in self.parts.items():
            pieces += [Piece(path, part) for part in (parts.changed() if parts else [WHOLE])]
        self.atoms = self._joined(pieces)

    def contents(self, chosen: Iterable[int]) -> dict[str, bytes | None]:
        """Return the contents of the plan's files with some atoms applied.

        Args:
            chosen: the numbers of the atoms.
        """
        pieces = {piece for number in chosen for piece in self.atoms[number]}
        return self._contents(pieces)

    def _contents(self, pieces: Collection[Piece]) -> dict[str, bytes | None]:
        contents = {}
        for path, change in self.changes.items():
            parts = self.parts[path]
            names = {piece.part for piece in pieces if piece.path == path}
            everything = {WHOLE} if parts is None else {*parts.changed()}
            if names == everything:
                contents[path] = change.after
            elif not names or parts is None:
                contents[path] = change.before
            else:
                contents[path] = parts.rendered(names).encode()
        return contents

    def _joined(self, pieces: Sequence[Piece]) -> list[Atom]:
        """Return the atoms: a name that is new, or gone, joins all changes that mention it."""
        groups = [{piece} for piece in pieces]

        def join(test: Callable[[set[Piece], set[Piece]], bool]) -> None:
            at = 0
            while at < len(groups):
                other = next((g for g in groups[at + 1 :] if test(groups[at], g)), None)
                if other is None:
                    at += 1
                else:
                    groups.remove(other)
                    groups[at] |= other

        join(lambda a, b: any(self._needs(x, y) or self._needs(y, x) for x in a for y in b))
        at = 0
        while len(groups) > 1 and at < len(groups):  # a subset that does not parse
            mixed = {piece.path for piece in groups[at] if piece.part}
            contents = self._contents(groups[at])
            if is_valid({path: contents[path] for path in mixed}):
                at += 1
            else:
                neighbour = groups.pop(at + 1 if at + 1 < len(groups) else at - 1)
                at = min(at, len(groups) - 1)
                groups[at] |= neighbour
        return [
            tuple(sorted(group, key=lambda piece: (piece.path, piece.part))) for group in groups
        ]

    def _needs(self, piece: Piece, other: Piece) -> bool:
        """Return whether a piece adds a mention of the name that another adds, or removes both."""
        if not piece.part or not other.part:
            return False
        parts, others = self.parts[piece.path], self.parts[other.path]
        assert parts is not None
        assert others is not None
        name = other.part.rpartition(".")[2]
        if PurePath(piece.path).suffix != ".py" and PurePath(other.path).suffix == ".py":
            return False  # a new key of a config needs a new parameter, not the other way round
        (before, after), (had, has) = parts.words(piece.part), others.words(other.part)
        is_added, is_removed = not had, not has
        return (is_added and name in after - before) or (is_removed and name in before - after)


def parts_of(change: Change) -> Parts | None:
    """Return the parts of a changed file; None if it can only be taken as a whole."""
    kinds: Mapping[str, Callable[[str, str], Parts]] = {
        ".py": PythonMembers,
        **dict.fromkeys((".yaml", ".yml"), YamlKeys),
    }
    kind = kinds.get(PurePath(change.path).suffix)
    is_record = PurePath(change.path).name.startswith(".")  # framed by comments
    if kind is None or change.before is None or change.after is None or is_record:
        return None
    try:
        return kind(change.before.decode(), change.after.decode())
    except ValueError:  # SyntaxError is none; the file is not text, or not of its kind
        return None


def is_valid(contents: Mapping[str, bytes | None]) -> bool:
    """Return whether all Python files among contents parse."""
    return all(_parses(text) for path, text in contents.items() if path.endswith(".py") and text)


def _parses(text: bytes) -> bool:
    try:
        compile(text, "", "exec", ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError):
        return False
    return True
