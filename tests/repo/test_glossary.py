"""The glossary is sorted and short, its terms are used, and it is linked."""

import re

from build_tools.release_templates import ROOT

GLOSSARY = (ROOT / "docs/glossary.md").read_text("utf-8")
ENTRIES = re.findall(r"^\* \*\*(.*?)\*\*: (.*)$", GLOSSARY, re.MULTILINE)
TERMS = [term for term, _ in ENTRIES]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "templates/README.md")
    for path in ROOT.glob(pattern)
)


def test_each_line_defines_a_term_once() -> None:
    listed = [line for line in GLOSSARY.splitlines()[4:] if line]
    assert len(listed) == len(ENTRIES) > 40
    assert sorted(set(TERMS), key=str.casefold) == TERMS
    assert all(meaning.endswith(".") and len(meaning) < 120 for _, meaning in ENTRIES)


def test_terms_are_used() -> None:
    texts = [(ROOT / page).read_text("utf-8") for page in PAGES if page != "docs/glossary.md"]
    modules = [path.stem.replace("_", " ") for path in (ROOT / "scaffold").rglob("*.py")]
    used = " ".join(" ".join([*texts, *modules]).split())
    words = {term: term.split(", ")[-1] for term in TERMS}
    assert [t for t, word in words.items() if not re.search(rf"\b{word}", used, re.I)] == []


def test_glossary_is_linked() -> None:
    for page in ("README.md", "CONTRIBUTING.md"):
        assert "(docs/glossary.md)" in (ROOT / page).read_text("utf-8")
