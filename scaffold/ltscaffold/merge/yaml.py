"""The merge of YAML by key."""

import math
import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TypeGuard

import yaml

from ltscaffold.merge.draft import Draft, Mark, concatenate, review
from ltscaffold.merge.order import merge_order
from ltscaffold.merge.units import (
    Unit,
    merge_units,
    number_duplicates,
    pick_changed,
    split_comments,
)

DEFAULTS = "defaults"
"""Key of Hydra's defaults list, the only list that is merged by element."""
COMMENT = re.compile(r"(?:^|\s)#\s*(.*)$", re.MULTILINE)


Entry = tuple[yaml.Node, yaml.Node | None]
"""A key and its value, or an element of a list and None."""


class LayoutError(Exception):
    """The YAML has a layout that this merge does not support."""


@dataclass(frozen=True)
class Block:
    """A mapping or list in block style.

    Attributes:
        lines: the lines of the whole file.
        node: the parsed node.
        first: its first line, comments included, counted from 0.
        last: the line after its last one.
        prefix: of the keys of its units.
    """

    lines: list[str]
    node: yaml.CollectionNode
    first: int
    last: int
    prefix: str = ""

    @property
    def entries(self) -> list[Entry]:
        """Its entries: pairs of a key and a value, or of an element of a list and None."""
        value = self.node.value
        return list(value if isinstance(self.node, yaml.MappingNode) else zip(value, repeat(None)))

    def units(self) -> list[Unit]:
        """Return the entries as units; raises LayoutError if two share a line or a key."""
        marks = [key.start_mark for key, _ in self.entries]
        repeated = len({self._name(key) for key, _ in self.entries}) < len(marks)
        if repeated and isinstance(self.node, yaml.MappingNode):
            raise LayoutError
        if not all(re.fullmatch(r" *(- +)?", self.lines[m.line][: m.column]) for m in marks):
            raise LayoutError
        starts = [mark.line for mark in marks]
        units, following = [], self.first
        for (key, value), start, end in zip(
            self.entries, starts, [*starts[1:], self.last], strict=True
        ):
            last, name = self._end(start, end), self._name(key)
            text = "".join(self.lines[start:last])
            form = (_normal_form(key), value and _normal_form(value), *COMMENT.findall(text))
            node = None
            if _is_block(value):
                node = Block(self.lines, value, start + 1, last, f"{name}.")
            unit = Unit(name, "", "", text, form, node, _is_divisible(node))
            units += split_comments(self.lines[following:start], unit)
            following = last
        return number_duplicates(units + split_comments(self.lines[following : self.last], None))

    @property
    def column(self) -> int:
        """The column of its entries, from 0."""
        return self.entries[0][0].start_mark.column

    def indented(self, column: int) -> "Block":
        """Return it with its entries at another column."""
        shift = column - self.column
        lines = [
            " " * max(0, shift + len(line) - len(line.lstrip(" "))) + line.lstrip(" ")
            if line.strip()
            else line
            for line in self.lines[self.first : self.last]
        ]
        node = yaml.compose("".join(lines), yaml.SafeLoader)
        if not isinstance(node, type(self.node)):
            raise LayoutError
        return replace(self, lines=lines, node=node, first=0, last=len(lines))

    def _end(self, start: int, end: int) -> int:
        """Return the line after an entry, counted from 0.

        Args:
            start: first line of the entry.
            end: first line of the next one. Blank lines, and comments that are not indented deeper
                than the keys, belong to the next one.
        """
        while end > start + 1:
            line = self.lines[end - 1]
            code = line.lstrip()
            if code and (not code.startswith("#") or len(line) - len(code) > self.column):
                break
            end -= 1
        return end

    def _name(self, key: yaml.Node) -> str:
        if isinstance(key, yaml.MappingNode) and len(key.value) == 1:
            ((key, _),) = key.value
        return (
            f"{self.prefix}{key.value if isinstance(key, yaml.ScalarNode) else _normal_form(key)}"
        )


def merge_yaml(ours: str, base: str, theirs: str) -> Draft | None:
    """Return the merge of a config, or None if the layout of a version is not supported.

    Anchors, several documents, and mappings in flow style at the root are not supported.

    Args:
        ours: the file as edited, with LF line endings.
        base: the file as rendered before.
        theirs: the file as rendered now.

    Returns:
        The merged text, marks for edits to review, and notes.
    """
    try:
        draft = _merge_blocks(*map(_parse, (ours, base, theirs)))
        if not ours.endswith("\n"):
            draft.text = draft.text.removesuffix("\n")
        _parse(draft.text)
    except (yaml.YAMLError, LayoutError, RecursionError):
        return None
    return draft


def _parse(text: str) -> Block:
    root = yaml.compose(text, yaml.SafeLoader)
    events = yaml.parse(text, yaml.SafeLoader)
    if (
        not _is_block(root)
        or not isinstance(root, yaml.MappingNode)
        or re.search(r"^(---|\.\.\.|%)", text, re.MULTILINE)
        or any(getattr(event, "anchor", None) for event in events)
    ):
        raise LayoutError
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    return Block(lines, root, 0, len(lines))


def _merge_blocks(ours: Block, base: Block, theirs: Block) -> Draft:
    """Merge three versions of a mapping or of the defaults list by entry."""
    mine, old, new = ours.units(), base.units(), theirs.units()
    merged, notes = merge_units(mine, old, new, _combine)
    above = None
    if isinstance(ours.node, yaml.SequenceNode):
        merged, above = merge_order(merged, mine, old, new)
    draft = concatenate([*(unit.merged for unit in merged), Draft(notes=notes)])
    if above:
        first, second = (key.removeprefix(ours.prefix) for key in above)
        message = f"{DEFAULTS}: the template now has {first} above {second}; your order is kept"
        draft.marks.append(Mark(0, "review", message))
    return draft


def _combine(ours: Unit, base: Unit, theirs: Unit) -> Draft:
    """Merge an entry that both sides changed: its own entries, or else ours with a review."""
    if _is_divisible(base.node) and _is_null(ours):
        note = f"{ours.key}: you set it to null; the change of the template is not applied"
        return Draft(ours.text, notes=[note])
    mine = _without_braces(ours)
    old, new = (unit if mine is ours else _without_braces(unit) for unit in (base, theirs))
    blocks = [unit.node for unit in (mine, old, new)]
    shown = " ".join(theirs.text.split())
    kept = f"{ours.key}: the template also changed it: {shown}; yours is kept"
    if not _are_mergeable(blocks):
        return review(ours.text, kept)
    heads = [unit.text.partition("\n")[0] + "\n" for unit in (mine, old, new)]
    head = Draft(pick_changed(*heads)) if len(set(heads)) < 3 else review(heads[0], kept)
    column = blocks[0].column
    entries = _merge_blocks(*(block.indented(column) for block in blocks))
    draft = concatenate([head, entries])
    return draft if mine is ours else _with_braces(draft, ours)


def _is_null(unit: Unit) -> bool:
    """Return whether an entry is a key with the value null."""
    content = yaml.safe_load(unit.text)
    return isinstance(content, dict) and [*content.values()] == [None]


def _without_braces(unit: Unit) -> Unit:
    """Return an entry whose value is a mapping in flow style in block style, else unchanged.

    One with a comment is unchanged.
    """
    root = yaml.compose(unit.text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode) or COMMENT.search(unit.text):
        return unit
    ((_, value),) = root.value
    if not isinstance(value, yaml.MappingNode) or not value.flow_style or not value.value:
        return unit
    value.flow_style = False
    indent = unit.text[: root.start_mark.column]
    lines = [f"{indent}{line}" for line in _written(root).splitlines(keepends=True)]
    node = yaml.compose("".join(lines), yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    prefix = unit.key.removesuffix(Block(lines, node, 0, len(lines)).units()[0].key)
    return Block(lines, node, 0, len(lines), prefix).units()[0]


def _with_braces(draft: Draft, ours: Unit) -> Draft:
    """Return a merged entry in flow style, as ours is, unless it has a comment."""
    if COMMENT.search(draft.text):
        return draft
    root = yaml.compose(draft.text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    ((_, value),) = root.value
    value.flow_style = True
    indent = ours.text[: root.start_mark.column]
    return Draft(indent + _written(root), [replace(m, line=0) for m in draft.marks], draft.notes)


def _written(node: yaml.Node) -> str:
    return yaml.serialize(node, Dumper=yaml.SafeDumper, width=math.inf, allow_unicode=True)


def _are_mergeable(blocks: list[Block | None]) -> TypeGuard[list[Block]]:
    """Return whether blocks are all mappings, or all defaults lists."""
    return (
        all(map(_is_divisible, blocks))
        and len({type(block and block.node) for block in blocks}) == 1
    )


def _is_divisible(block: Block | None) -> bool:
    """Return whether a block is a mapping or the defaults list; other lists are values."""
    return block is not None and (
        isinstance(block.node, yaml.MappingNode) or block.prefix == f"{DEFAULTS}."
    )


def _is_block(node: yaml.Node | None) -> TypeGuard[yaml.CollectionNode]:
    """Return whether a value is a collection in block style."""
    return isinstance(node, yaml.CollectionNode) and not node.flow_style and bool(node.value)


def _normal_form(node: yaml.Node) -> Hashable:
    """Return the content of a node, independent of layout."""
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.tag.endswith(":str") else (node.tag, node.value)
    pairs = node.value if isinstance(node, yaml.MappingNode) else [node.value]
    return (node.tag, *(tuple(map(_normal_form, nodes)) for nodes in pairs))
