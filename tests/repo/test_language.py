"""Texts that people read are plain technical English: no archaic or private phrases.

A finding is a line of the message: path, line, phrase, and the advice for it. A list catches words,
not language: it is the part of the style that a test can hold.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT

FOLDERS = (
    *("scaffold", "templates", "tests", "docs", "benchmarks", "generated_examples"),
    *(".github", ".ci"),
)
# Sample texts and recorded answers of tools.
FOREIGN = re.compile(r"/(assets|build_assets|fixtures|outputs|__pycache__|[^/]+\.egg-info)/")

# A phrase (a space stands for any white space), what to write instead, and a text with it.
PHRASES = [
    (r"what there is\b|which there are\b", "list what is available", "shows what there is"),
    (
        r"(is|are|was|were) (not )?there(?=[.,:;)]|\n|$)",
        "exists, is missing",
        "it is not there.",
    ),
    (
        r"(is|are|was|were|be) said\b|\bsaid (so|once|first|beforehand)",
        "name who reports it",
        "is said",
    ),
    (r"one's own\b", "custom, your own", "a step of one's own"),
    (r"\bfor good\b", "permanently", "set to zero for good"),
    (r"(?<!are\s)(?<!is\s)\ball the same\b(?! for)", "anyway", "deletes it all the same"),
    (r"\bmidst\b", "within, halfway through", "in the midst of an epoch"),
    (r"\bbe it\b", "whether … or …", "be it under git or not"),
    (r"\bif need be\b", "if necessary", "created if need be"),
    (r"\b(go|goes|gone|going|went) on\b", "resume, continue", "a run that goes on"),
    (
        r"\bas if nothing\b|\bnothing had been\b",
        "bit-identical, as before",
        "as if nothing had been",
    ),
    (r"\b(take|takes|taken|took|taking)( \S+){0,4} back\b", "undo, revert", "takes it back"),
    (r"\bmanieth\b", "every n-th", "so manieth"),
    (r"\b(kept|keep|keeps|keeping)( \S+)? apart\b", "separate", "rows that are kept apart"),
    (r"\bthe first process\b", "rank 0", "on the first process"),
    (r"\bwhat is random\b", "randomness", "what is random in a batch"),
    (r"\b(was|were|runs) left alone\b", "uninterrupted", "a run that was left alone"),
    (
        r"\b(it|that|what|which) (is|are) (?-i:none)\b",
        "does not exist, is missing",
        "if it is none",
    ),
    (r"(?<!there\s)\b(is|are) no (?!longer|more|fewer|less)", "is not a", "it is no checkpoint"),
    (r"\b(has|have|had|having) to\b", "must", "it has to fit"),
    (
        r"\b(is|are|was|were) to be\b",
        "must be, will be, or the infinitive",
        "a file that is to be made",
    ),
    (r"\bbut for\b", "except", "the files but for one"),
    (r"\b(made|processed) anew\b|\bonce more\b", "again", "made anew"),
    (r"\b(nobody|somebody)\b", "name who or what", "nobody knows its length"),
    (r"\bheal(s|ed)?\b", "repair, reconcile", "the command that heals it"),
    (r"\b(brought|bring|brings|run|runs) to (its|their|an) end\b", "finish", "brought to its end"),
    (r"\bwithout a word\b", "silently, without a warning", "resume without a word"),
    (r"\b(is|are|was|were) other than\b", "differs from", "it is other than before"),
    (r"\bnothing reads\b", "is not a known key", "nothing reads 'lr'"),
    (r"\bnot filled in\b|\bunfilled\b", "unimplemented", "stubs that are not filled in"),
    (r"\bwhat (it|\w+ \w+) (is|are|was|were) of\b", "name the relation", "what it is of"),
    (r"\bassistant says\b", "assistant turns", "only what the assistant says"),
    (r"\breckon", "depends on, computes", "reckons with it"),
    (r"\bin the making\b", "draft", "text in the making"),
    (
        r"\bone( row| paragraph| entry)? an? (file|row|line|document|token|item|key)\b",
        "one … per …",
        "one row a document",
    ),
    (r"\btells? whether\b", "Return whether", "Tell whether it fits"),
    (r"\breturn what\b(?! \w+ returns)", "name the result", "Return what a command writes"),
    (r"(?-i:\bWhat (?!to\b))(?![^.]*\?)", "start with the subject", "What differs is printed"),
    (r"with the overrides below", "say what the class is for", "A task, with the overrides below"),
    (
        r"\b\w*((custom|organ|normal|initial|optim|recogn|serial|util|summar)is(e|ing|ation)"
        r"|colour|behaviour|neighbour|misspelt|learnt)",
        "American spelling",
        "a customisation",
    ),
]
CODE = re.compile(r"`[^`\s]+`")
PATTERNS = [
    (re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE), advice)
    for phrase, advice, _ in PHRASES
]


def findings(root: Path) -> Iterator[str]:
    """Yield a line for each phrase in the texts of a checkout."""
    for path in sorted(files(root)):
        name = path.relative_to(root).as_posix()
        for line, text in READERS[path.suffix or path.name](name, path.read_text("utf-8")):
            shown = CODE.sub("``", text)
            for pattern, advice in PATTERNS:
                for match in pattern.finditer(shown):
                    number = line + shown.count("\n", 0, match.start())
                    phrase = " ".join(match.group().split())
                    yield f"{name}:{number}: '{phrase}' (write: {advice})"


def files(root: Path) -> Iterator[Path]:
    """Yield the files of a checkout that hold texts of this project."""
    for path in chain(root.iterdir(), *((root / folder).rglob("*") for folder in FOLDERS)):
        foreign = FOREIGN.search(f"/{path.relative_to(root).as_posix()}")
        if (path.suffix or path.name) in READERS and path.is_file() and not foreign:
            yield path


def whole(_: str, content: str) -> Iterator[tuple[int, str]]:
    """Yield the content of a file."""
    yield 1, content


def hash_comments(_: str, content: str) -> Iterator[tuple[int, str]]:
    """Yield the comments of a YAML file or a script, those of adjacent lines as one."""
    found = [re.search(r"(?:^|\s)#+ (.*)", line) for line in content.splitlines()]
    yield from joined((number, match[1]) for number, match in enumerate(found, 1) if match)


def python_texts(name: str, content: str) -> Iterator[tuple[int, str]]:
    """Yield comments and docstrings, and in a package also the other strings with a space."""
    tokens = tokenize.generate_tokens(io.StringIO(content).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    yield from joined((token.start[0], token.string.lstrip("# ")) for token in comments)
    nodes = list(ast.walk(ast.parse(content)))
    if not name.startswith("scaffold/"):
        nodes = [node.value for node in nodes if isinstance(node, ast.Expr)]
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def joined(comments: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield comments of adjacent lines as one text."""
    first, text, last = 0, "", 0
    for line, comment in comments:
        if line == last + 1:
            text = f"{text}\n{comment}"
        else:
            yield first, text
            first, text = line, comment
        last = line
    yield first, text


READERS: dict[str, Callable[[str, str], Iterator[tuple[int, str]]]] = {
    ".py": python_texts,
    ".md": whole,
    ".jinja": whole,
    ".yml": whole,
    ".yaml": hash_comments,
    ".toml": hash_comments,
    "Makefile": hash_comments,
    "run": hash_comments,
}


def test_texts_are_plain_english() -> None:
    found = list(findings(ROOT))
    assert not found, "\n".join([f"{len(found)} phrases", *found])


@pytest.mark.parametrize(("phrase", "text"), [(phrase, text) for phrase, _, text in PHRASES])
def test_each_phrase_is_found_once(phrase: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"# A page\n\n{text}\n")
    (found,) = findings(tmp_path)
    assert found.startswith("README.md:3: ")


def test_each_kind_of_text_is_read(tmp_path: Path) -> None:
    texts = {
        "scaffold/p/m.py": 'def f():\n    """Go on."""\n    # Go\n    # on.\n    g("went on")\n',
        "scaffold/p/conf/c.yaml": "lr: 1  # goes on\n",
        "templates/h.jinja": '{% set summary = "Go on." %}\n',
        "tests/test_m.py": 'TEXT = "it goes on"\n"""It goes on."""\n',
        ".github/workflows/w.yml": "description: It goes on.\n",
        "Makefile": "run:  ## Go on.\n",
        "scaffold/p/assets/README.md": "A sample that goes on.\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [finding.partition(": ")[0] for finding in findings(tmp_path)] == [
        ".github/workflows/w.yml:1",
        "Makefile:1",
        "scaffold/p/conf/c.yaml:1",
        "scaffold/p/m.py:3",
        "scaffold/p/m.py:2",
        "scaffold/p/m.py:5",
        "templates/h.jinja:1",
        "tests/test_m.py:2",
    ]


def test_plain_english_passes(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "Resuming is exact: the result is bit-identical to an uninterrupted run.\n"
        "Rank 0 reports the error; a failure on any rank stops all ranks.\n"
        "There is no longer a lock, and the two files are all the same for it. What is a rank?\n"
        "A stub that is only generated is an `unfilled-stub`; its value is None.\n"
    )
    assert list(findings(tmp_path)) == []
