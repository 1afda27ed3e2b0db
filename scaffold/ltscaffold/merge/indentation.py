"""A template's text in the indentation of a user's file, block by block."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ltscaffold.merge.syntax import Definition, Source

INDENT = " " * 4
"""A level of indentation in templates."""


@dataclass(frozen=True)
class Block:
    """The indentation of a block in a user's file.

    Attributes:
        depth: levels of indentation of the block in the template.
        indent: the white space before its lines in the user's file.
        level: the white space of one more level there.
    """

    depth: int = 0
    indent: str = ""
    level: str = INDENT

    def apply(self, line: str) -> str:
        """Return a line of the template with this indentation."""
        code = line.lstrip(" ")
        if not code.strip():
            return line
        levels, rest = divmod(len(line) - len(code), len(INDENT))
        return f"{self.indent}{self.level * (levels - self.depth)}{' ' * rest}{code}"


def indented(text: str, like: Source) -> Source:
    """Return a template's module with the indentation of a file.

    The body of a definition is indented as that of its namesake; a new one as the class around it.

    Args:
        text: the module as rendered.
        like: the module as edited.
    """
    source = Source(text)
    classes = [node for node in like.tree.body if isinstance(node, ast.ClassDef)]
    level = next((_body_indent(like, node) for node in classes), "")
    outer = Block(level=level or INDENT)
    blocks = [outer] * len(source.lines)
    _fill(blocks, source, source.tree.body, like, like.tree.body, outer)
    if all(block.apply(line) == line for block, line in zip(blocks, source.lines, strict=True)):
        return source
    strings = {
        line
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno is not None
        for line in range(node.lineno, node.end_lineno)
    }
    lines = enumerate(source.lines)
    return Source("".join(line if n in strings else blocks[n].apply(line) for n, line in lines))


def _fill(
    blocks: list[Block],
    source: Source,
    body: Sequence[ast.stmt],
    like: Source,
    like_body: Sequence[ast.stmt],
    outer: Block,
) -> None:
    """Set the blocks of the lines in the definitions of a body, recursively.

    Args:
        blocks: the block of each line of `source`, changed in place.
        source: the module as rendered.
        body: statements of it.
        like: the module as edited.
        like_body: the statements at the same place there, in which namesakes are looked up.
        outer: the block around the body.
    """
    namesakes = {node.name: node for node in like_body if isinstance(node, Definition)}
    for node in body:
        if not isinstance(node, Definition) or source.is_one_line(node):
            continue
        namesake = namesakes.get(node.name)
        indent = _body_indent(like, namesake) if namesake else ""
        inner = replace(outer, depth=outer.depth + 1, indent=indent or outer.indent + outer.level)
        if indent.startswith(outer.indent):
            inner = replace(inner, level=indent.removeprefix(outer.indent) or outer.level)
        first, last = source.header_end(node), source.end(node)
        blocks[first:last] = [inner] * (last - first)
        _fill(blocks, source, node.body, like, namesake.body if namesake else [], inner)


def _body_indent(source: Source, node: Definition) -> str:
    """Return the indentation of a body; nothing if it is on the line of the definition."""
    line = source.lines[source.start(node.body[0]) - 1]
    return "" if source.is_one_line(node) else line[: len(line) - len(line.lstrip())]
