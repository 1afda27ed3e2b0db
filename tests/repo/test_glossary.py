"""The glossary is sorted and short, its terms are used, and the former terms are not."""

import re

import pytest

from build_tools.release_templates import ROOT

GLOSSARY = (ROOT / "docs/reference/glossary.md").read_text("utf-8")
ENTRIES = re.findall(r"^\* \*\*(.*?)\*\*: (.*)$", GLOSSARY, re.MULTILINE)
TERMS = [term for term, _ in ENTRIES]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "templates/README.md")
    for path in ROOT.glob(pattern)
)
# Former terms that cannot be mistaken for another word, and the present ones.
FORMER = {
    r"items?\b": "component",
    r"partials?\b": "template fragment",
    r"harvest": "template extract-patch",
    r"kinds? of (component|hook)": "component type",
    r"handover\b": "launcher",
    r"invariants?\b": "exactness callback",
    r"former hooks?\b": "removed hook",
    r"unrender": "reverse rendering",
    r"taken back\b": "reverted",
}


def prose(page: str) -> str:
    """Return the text of a page without code, with its lines in place."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.compile(r"```.*?```|^    .*?$|`[^`]*`", re.DOTALL | re.MULTILINE)
    return blocks.sub(lambda code: "\n" * code[0].count("\n"), text)


def former_terms(text: str) -> list[str]:
    """Return the former terms in a text, with their lines."""
    return [
        f"{text.count(chr(10), 0, match.start()) + 1}: '{match[0]}' (write: {present})"
        for former, present in FORMER.items()
        for match in re.finditer(rf"\b{former}", text, re.IGNORECASE)
    ]


def test_each_line_defines_a_term_once() -> None:
    listed = [line for line in GLOSSARY.splitlines()[4:] if line]
    assert len(listed) == len(ENTRIES) > 40
    assert sorted(set(TERMS), key=str.casefold) == TERMS
    assert all(meaning.endswith(".") and len(meaning) < 120 for _, meaning in ENTRIES)


def test_terms_are_used() -> None:
    texts = [
        (ROOT / page).read_text("utf-8") for page in PAGES if page != "docs/reference/glossary.md"
    ]
    modules = [path.stem.replace("_", " ") for path in (ROOT / "scaffold").rglob("*.py")]
    used = " ".join(" ".join([*texts, *modules]).split())
    words = {term: term.split(", ")[-1] for term in TERMS}
    assert [t for t, word in words.items() if not re.search(rf"\b{word}", used, re.I)] == []


def test_glossary_is_linked() -> None:
    for page in ("README.md", "CONTRIBUTING.md"):
        assert "(docs/reference/glossary.md)" in (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_pages_use_the_present_terms(page: str) -> None:
    assert former_terms(prose(page)) == []


def test_former_terms_are_found() -> None:
    assert former_terms("Two\nitems and a Partial.") == [
        "2: 'items' (write: component)",
        "2: 'Partial' (write: template fragment)",
    ]
    assert former_terms("Itemize partially.") == []
