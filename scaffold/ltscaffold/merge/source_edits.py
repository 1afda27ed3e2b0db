"""Edits of Python by LibCST's scopes and positions; the rest of a file keeps its bytes."""

import re
from collections.abc import Mapping

import libcst as cst
from libcst import matchers
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider, ScopeProvider
from libcst.metadata.scope_provider import Scope

Import = cst.Import | cst.ImportFrom


class PythonSource:
    """A parsed module, and edits of its text.

    Attributes:
        code: the text.
        edits: new texts by start and end of the text that they replace.
        tree: the parsed module.
        scope_of: scope by node; None for a node outside of scopes.
        positions: start and end by node.
        parents: parent by node.

    Args:
        code: the text.

    Raises:
        libcst.ParserSyntaxError: if the code is not valid Python.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self.edits: dict[tuple[int, int], str] = {}
        self.tree = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
        self.scope_of = self.tree.resolve(ScopeProvider)
        self.positions = self.tree.resolve(PositionProvider)
        self.parents = self.tree.resolve(ParentNodeProvider)
        self.line_starts = [0, *(end.end() for end in re.finditer(r"\r\n|\n|\r", code))]

    def imports(self) -> list[Import]:
        """Return the import statements."""
        found = matchers.findall(self.tree, matchers.Import() | matchers.ImportFrom())
        return [node for node in found if isinstance(node, Import)]

    def scopes(self) -> set[Scope]:
        """Return the scopes."""
        return {scope for scope in self.scope_of.values() if scope is not None}

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return start and end of a node in the text, in characters from 0."""
        place = self.positions[node]
        start, end = (self.line_starts[p.line - 1] + p.column for p in (place.start, place.end))
        return start, end

    def edited(self) -> str:
        """Return the text with the edits."""
        return apply_edits(self.code, self.edits)


def apply_edits(text: str, edits: Mapping[tuple[int, int], str]) -> str:
    """Return a text with slices replaced.

    Args:
        text: the text.
        edits: new texts by start and end of the slice; slices do not overlap.
    """
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text
