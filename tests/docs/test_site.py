"""The site is complete: each page is listed, each link leads somewhere, each block is checked."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from build_tools.build_docs.stage import (
    GENERATED,
    LINK,
    navigation,
    outside_code,
    relinked,
    sources,
    title_and_summary,
)
from build_tools.release_templates import ROOT
from tests.helpers.doc_pages import LANGUAGES, MARK, PAGES, blocks

CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
LISTED = [path for _, path in navigation(CONFIG["nav"])]


def test_each_page_is_listed_once() -> None:
    generated = {f"reference/{name}.md" for name in GENERATED}
    assert sorted(LISTED) == sorted({*sources().values(), *generated})


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page."""
    titles = re.findall(r"^#+ (.+)", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("source", sources())
def test_links_lead_somewhere(source: str) -> None:
    found: list[tuple[str, str, str]] = []
    text = (ROOT / source).read_text("utf-8")
    outside_code(text, lambda part: found.extend(LINK.findall(part)) or part)
    for _, _, address in found:
        path, _, anchor = address.partition("#")
        linked = os.path.normpath(Path(source).parent / path) if path else source
        if "://" in address or Path(linked).stem in GENERATED:
            continue
        assert (ROOT / linked).exists(), address
        assert not anchor or anchor in anchors((ROOT / linked).read_text("utf-8")), address


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_executed_or_say_why_not(page: str) -> None:
    for block in blocks((ROOT / page).read_text("utf-8")):
        assert block.language in LANGUAGES, (block.line, block.language)
        assert not block.mark or MARK.fullmatch(block.mark), (block.line, block.mark)
        if block.language == "yaml":
            assert block.title, f"{page}:{block.line}: name the file"
            yaml.safe_load(block.code)


@pytest.mark.parametrize("page", PAGES)
def test_page_says_what_it_is_about(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    title, summary = title_and_summary(re.sub(r"<!--.*?-->\n*", "", text, flags=re.DOTALL))
    assert title
    assert len(summary) > 20


def test_a_link_to_a_missing_page_is_an_error() -> None:
    link = LINK.search("[it](missing.md)")
    assert link
    with pytest.raises(SystemExit, match=r"docs/index\.md links to missing\.md"):
        relinked(link, "docs/index.md", "index.md")


def test_links_are_rewritten() -> None:
    def rewritten(text: str, source: str, target: str) -> str:
        return LINK.sub(lambda link: relinked(link, source, target), text)

    page = ("docs/how-to/export.md", "how-to/export.md")
    assert rewritten("[s](../../SECURITY.md#a)", *page) == "[s](../security.md#a)"
    assert rewritten("[e](../../generated_examples/edits.py)", *page) == "e"
    assert rewritten("[c](../reference/cli.md)", *page) == "[c](../reference/cli.md)"
    assert rewritten("[h](https://hydra.cc)", *page) == "[h](https://hydra.cc)"
