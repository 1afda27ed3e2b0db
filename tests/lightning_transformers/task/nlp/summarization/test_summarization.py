"""Summarization: ROUGE, and the columns of users' files."""

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.nlp.summarization.model import Rouge, words
from tests.helpers.text_to_text import ROWS, TOKENIZER, data_module, files

WORDS = st.lists(st.sampled_from(["running", "ran", "runs", "cat", "Cats", "é", "a"]), max_size=8)


@given(WORDS, WORDS)
def test_rouge_as_defined(summary: list[str], reference: list[str]) -> None:
    scores = Rouge().score([[" ".join(summary), ", ".join(reference)], ["same", "Same."]])
    stem = PorterStemmer().stem
    ours, theirs = ([stem(w) if len(w) > 3 else w.lower() for w in t] for t in (summary, reference))

    def f1(common: int, first: int, second: int) -> float:
        return 2 * common / (first + second) if common else 0.0

    def grams(words: list[str], size: int) -> Counter[tuple[str, ...]]:
        return Counter(zip(*(words[start:] for start in range(size)), strict=False))

    def longest(first: list[str], second: list[str]) -> int:
        if not first or not second:
            return 0
        if first[0] == second[0]:
            return 1 + longest(first[1:], second[1:])
        return max(longest(first[1:], second), longest(first, second[1:]))

    for size, of_same in ((1, 1.0), (2, 0.0)):
        a, b = grams(ours, size), grams(theirs, size)
        expected = f1((a & b).total(), a.total(), b.total())
        assert scores[f"rouge{size}"] == pytest.approx(50 * (expected + of_same), abs=1e-4)
    expected = f1(longest(ours, theirs), len(ours), len(theirs))
    assert scores["rougeL"] == pytest.approx(50 * (expected + 1), abs=1e-4)


SENTENCES = st.lists(
    st.lists(st.sampled_from(["cat", "sat", "dog", "ran", "mat"]), min_size=1, max_size=5),
    min_size=1,
    max_size=3,
)


def matched(reference: list[str], summary: list[str]) -> set[int]:
    """Return places in a reference of a longest common subsequence, as Google's script does."""
    table = [[0] * (len(summary) + 1) for _ in range(len(reference) + 1)]
    for i, word in enumerate(reference, 1):
        for j, other in enumerate(summary, 1):
            best = max(table[i - 1][j], table[i][j - 1])
            table[i][j] = table[i - 1][j - 1] + 1 if word == other else best
    places, i, j = set(), len(reference), len(summary)
    while i and j:
        if reference[i - 1] == summary[j - 1]:
            i, j = i - 1, j - 1
            places.add(i)
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return places


@given(SENTENCES, SENTENCES, st.sampled_from(["\n", ". "]))
def test_rouge_lsum_as_defined(
    summary: list[list[str]], reference: list[list[str]], end: str
) -> None:
    """The union of the matches of each reference sentence with all sentences of the summary."""
    texts = [end.join(map(" ".join, sentences)) for sentences in (summary, reference)]
    left = [Counter(chain(*sentences)) for sentences in (summary, reference)]
    hits = 0
    for sentence in reference:
        for place in sorted(set().union(*(matched(sentence, other) for other in summary))):
            if all(counts[sentence[place]] > 0 for counts in left):
                hits += 1
                for counts in left:
                    counts[sentence[place]] -= 1
    sizes = sum(map(len, summary)) + sum(map(len, reference))
    assert Rouge().score([texts])["rougeLsum"] == pytest.approx(200 * hits / sizes, abs=1e-4)


def test_words_keep_their_marks() -> None:
    """Without vowel signs the two words of Hindi would have the same letters."""
    assert words("यह किताब है। Jose\u0301, ❤\ufe0f a_b") == "यह किताब है jose\u0301 a b"
    assert Rouge().score([["किताब", "केताबी"]])["rouge1"] == 0.0


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("names", [("article", "highlights"), ("dialogue", "summary"), ("a", "b")])
def test_own_files(kind: str, names: tuple[str, str], tmp_path: Path) -> None:
    rows = [{"id": 1, names[0]: row["text"], names[1]: row["summary"]} for row in ROWS]
    given = {"text_column": "a", "summary_column": "b"} if names == ("a", "b") else {}
    data = data_module(**files(tmp_path, rows, kind), **given, prefix="", max_source_length=50)
    data.setup("fit")
    assert data.dataset is not None
    decoded = TOKENIZER.decode(data.dataset["train"][1]["labels"], skip_special_tokens=True)
    assert decoded == ROWS[1]["summary"]
    assert data.input_column() == data.hparams["text_column"] == names[0]


@pytest.mark.parametrize(
    ("row", "keys", "message"),
    [
        (
            {"a": "x", "b": "y"},
            {},
            r"its columns: a, b\): set dataset.text_column=<column> dataset.sum",
        ),
        ({"text": "x", "b": "y"}, {"text_column": "text"}, "b.: set dataset.summary_column=<col"),
        ({"text": "x", "summary": 1}, {}, "'summary' of the train set is int64, not text: set dat"),
        (ROWS[0], {"truncation": False, "max_source_length": 4}, "truncation=true"),
        (
            ROWS[0],
            {"truncation": False, "max_target_length": 2},
            "max_target_length=2: set dataset.max_target_length=",
        ),
    ],
)
def test_mistakes(row: dict[str, Any], keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        data_module(**files(tmp_path, [row]), **keys).setup("fit")
    assert "\n" not in str(error.value)
