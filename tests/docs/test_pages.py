"""Each page of the documentation works as written; `make test-docs` runs these tests."""

import re
import shlex
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification

from build_tools.release_templates import ROOT
from lightning_transformers.config.compose import compose
from tests.helpers.doc_pages import PAGES, Reader, blocks, commands
from tests.helpers.python_examples import executable, train_run, write_rows

EXECUTED = [page for page in PAGES if page != "docs/how-to/python.md"]


@pytest.mark.docs
@pytest.mark.parametrize("page", EXECUTED)
def test_page_works_as_written(
    page: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its blocks, one after the other, in one folder."""
    monkeypatch.chdir(project)
    Reader(project, {"XDG_STATE_HOME": str(tmp_path / "state"), "ROOT": str(ROOT)}).follow(page)


@pytest.mark.docs
def test_python_page_runs(project: Path, tmp_path: Path) -> None:
    """Its blocks, one after the other, as in a notebook."""
    train_run()
    write_rows(project / "test.csv")
    page = blocks((ROOT / "docs/how-to/python.md").read_text("utf-8"))
    code = "".join(block.code for block in page if block.language == "python")
    namespace: dict[str, object] = {}
    exec(executable(code, tmp_path / "bert"), namespace)
    assert isinstance(namespace["metrics"], dict)
    assert namespace["metrics"]["val/loss"] > 0
    assert AutoModelForSequenceClassification.from_pretrained("my-model").num_labels == 2


OF_EACH_TASK = (
    *(
        "text_classification",
        "language_modeling",
        "masked_language_modeling",
        "token_classification",
    ),
    *("question_answering", "summarization", "translation"),
)


def present_keys() -> list[tuple[str, str]]:
    """Return the page and the overrides of each cell in a table of keys of the migration pages."""
    found = []
    for page in ("run-scripts", "hydra-template"):
        text = (ROOT / f"docs/migration/{page}.md").read_text("utf-8")
        for cell in re.findall(r"^\| `[^|]*\| (.*) \|$", text, re.MULTILINE):
            spans = [span.lstrip("-m ") for span in re.findall(r"`([^`…<>]+)`", cell)]
            found += [(page, span) for span in spans if re.match(r"\+?[a-z_.@/]+=", span)]
    return found


@pytest.mark.docs
@pytest.mark.parametrize(("page", "overrides"), present_keys())
def test_present_keys_compose(page: str, overrides: str) -> None:
    """With one of the tasks at least; groups of Hydra itself are not composed."""
    given = [word for word in shlex.split(overrides) if not word.startswith("hydra")]
    given = [re.sub("/my_(task|data)$", "/text_classification", word) for word in given]
    given = [word for word in given if "/text_classification/" not in word]
    errors = []
    for task in OF_EACH_TASK:
        named = [] if any("task=" in word for word in given) else [f"+task=nlp/{task}"]
        try:
            compose([*named, *given])
        except Exception as error:
            errors.append(error)
        else:
            return
    raise errors[0]


def test_a_block_that_fails_is_named(project: Path) -> None:
    reader = Reader(project, {})
    (wrong,) = blocks("```bash\nltscaffold no-such-command\n```\n")
    with pytest.raises(AssertionError, match="exit status 2"):
        reader.take(wrong)
    (wrong,) = blocks("<!-- compose -->\n```bash\npython train.py optimizer.rate=1\n```\n")
    with pytest.raises(Exception, match="rate"):
        reader.take(wrong)


def test_a_file_is_written_and_a_status_expected(project: Path) -> None:
    page = '```yaml title="conf/a.yaml"\nkey: 1\n```\n<!-- exit 1 -->\n```bash\ntest ! -f {}\n```\n'
    reader = Reader(project, {})
    for block in blocks(page.format("conf/a.yaml")):
        reader.take(block)
    with pytest.raises(AssertionError, match="exit status 0"):
        reader.take(blocks(page.format("other"))[1])


def test_commands_are_read_as_a_shell_reads_them() -> None:
    script = "python train.py \\\n    a=1 'b=[x, y]'  # why\ncd there\nls | wc\n"
    read = [words for _, words in commands(script)]
    assert read == [["python", "train.py", "a=1", "b=[x, y]"], ["cd", "there"], []]
