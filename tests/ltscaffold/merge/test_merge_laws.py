"""Laws of every merge, on all versions of two names and on files with CRLF line endings."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from ltscaffold.merge.draft import Draft
from ltscaffold.merge.python import merge_python
from ltscaffold.merge.yaml import merge_yaml
from ltscaffold.project.merge_files import merge_files
from tests.helpers.merge_corpus import case

Version = dict[str, int | None]
STATES = (None, 1, 2)


def written(version: Version, path: str) -> str:
    """Return a file that gives names their values; None omits the name."""
    keys = [(name, value) for name, value in version.items() if value]
    if path == "a.yaml":
        return "x: 0\n" + "".join(f"{name}: {value}\n" for name, value in keys)
    return "class A:\n    x = 0\n" + "".join(f"    {name} = {value}\n" for name, value in keys)


def values(text: str, path: str) -> Version:
    """Return the values that a file gives."""
    found: dict[str, Any] = {}
    if path == "a.yaml":
        found = yaml.safe_load(text)
    else:
        exec(text, found)
        found = vars(found["A"])
    return {name: found.get(name) for name in "ab"}


def wanted(ours: int | None, base: int | None, theirs: int | None) -> int | None:
    """Edits are kept; everything else is the template's."""
    return theirs if ours == base else ours


def merged(path: str, *texts: str) -> Draft:
    draft = (merge_yaml if path == "a.yaml" else merge_python)(*texts)
    assert draft is not None
    return draft


@pytest.mark.parametrize("path", ["a.py", "a.yaml"])
def test_an_edit_is_kept_a_change_is_applied_or_reported_and_twice_is_as_good_as_once(
    path: str,
) -> None:
    for numbers in product(STATES, repeat=6):
        versions = [dict(zip("ab", numbers[i : i + 2], strict=True)) for i in (0, 2, 4)]
        ours, base, theirs = (written(version, path) for version in versions)
        if base in (ours, theirs):
            continue
        draft = merged(path, ours, base, theirs)
        got = values(draft.text, path)
        assert got == {name: wanted(*(v[name] for v in versions)) for name in "ab"}, versions
        said = " ".join([*(mark.message for mark in draft.marks), *draft.notes])
        for name in "ab":
            applied = got[name] == versions[2][name] or versions[1][name] == versions[2][name]
            assert applied or f"{name}:" in said, versions
        assert merged(path, draft.text, base, theirs).text == draft.text, versions


CASES = range(20)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_files_keep_their_line_ends(ends: str, mark: bytes, tmp_path: Path) -> None:
    for path, ours, base, theirs in map(case, CASES):
        expected = merge_of(tmp_path, path, ours.encode(), base, theirs)
        edited = mark + ours.replace("\n", ends).encode()
        content = merge_of(tmp_path, path, edited, base, theirs)
        assert content == mark + expected.replace(b"\n", ends.encode())


def test_what_only_one_side_changed(tmp_path: Path) -> None:
    """The user's bytes stay where the template changed nothing, and the other way round."""
    for path, ours, base, theirs in map(case, CASES):
        assert merge_of(tmp_path, path, ours.encode(), base, base) == ours.encode()
        assert merge_of(tmp_path, path, base.encode(), base, theirs) == theirs.encode()


def merge_of(folder: Path, path: str, content: bytes, base: str, theirs: str) -> bytes:
    """Return the merged content of a file."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    after = merge_files(folder, {path: base}, {path: theirs}, "semantic").contents[path]
    assert after is not None
    return after
