"""pyproject.toml accepts the releases that the page of versions states; a build is reproducible."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from build_tools.check_release import build, build_twice
from build_tools.check_versions import chosen
from build_tools.release_templates import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TRAIN = {
    requirement.name: requirement.specifier
    for requirement in map(Requirement, PROJECT["optional-dependencies"]["train"])
}
PAGE = (ROOT / "docs/reference/versions.md").read_text("utf-8")
WINDOWS = re.findall(r"^\| ([\w-]+) \| (\d[\d.]+) \| (\d[\d.]+) \|$", PAGE, re.MULTILINE)


def test_a_cuda_build_of_a_cluster_is_kept() -> None:
    assert Version("2.11.0+cu128") in TRAIN["torch"]
    assert Version("2.10.0+cu128") not in TRAIN["torch"]


@pytest.mark.parametrize(("name", "oldest", "newest"), WINDOWS)
def test_the_page_states_the_window(name: str, oldest: str, newest: str) -> None:
    bounds = {bound.operator: Version(bound.version) for bound in TRAIN[name]}
    assert bounds[">="] == Version(oldest)
    assert Version(newest) in TRAIN[name]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [("3.11", "oldest"), ("3.11", "newest")]),
        ("newest --python 3.12 3.13", [("3.12", "newest"), ("3.13", "newest")]),
    ],
)
def test_a_command_line_chooses_environments(words: str, expected: list[tuple[str, str]]) -> None:
    assert chosen(words.split()) == expected


@pytest.mark.slow
def test_a_second_build_has_the_same_bytes(tmp_path: Path) -> None:
    files = build_twice(ROOT, tmp_path / "first", epoch=1_700_000_000)
    build(ROOT, tmp_path / "later", epoch=1_800_000_000)
    assert [file.suffix for file in files] == [".whl", ".gz"]
    for file in files:
        assert (tmp_path / "later" / file.name).read_bytes() != file.read_bytes()
