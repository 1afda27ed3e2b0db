"""Question answering: windows and their labels, answers over several windows, scores."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_transformers.task.nlp.question_answering.examples import encode_windows
from lightning_transformers.task.nlp.question_answering.scores import SquadScores
from lightning_transformers.task.nlp.question_answering.spans import (
    Candidates,
    best_answer,
    best_spans,
    candidates,
    merge_windows,
    to_span,
)
from tests.helpers.windows import CONTEXT, QUESTION, TOKENIZER, expected, row

WORDS = ["Perth", "Malmö", "née", "—", "1908", "was", "the", "日本", "baker,", "😀", "a\u00a0b"]


def windows(rows: Sequence[dict[str, Any]], max_length: int, stride: int) -> list[dict[str, Any]]:
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    names = {"context": "context", "question": "question", "answers": "answers"}
    lengths = {"max_length": max_length, "stride": stride, "truncation": True, "scored": True}
    result = encode_windows(columns, tokenizer=TOKENIZER, **names, **lengths)  # type: ignore[arg-type]
    result["window"] = [json.loads(window) for window in result["window"]]
    return [dict(zip(result, values, strict=True)) for values in zip(*result.values(), strict=True)]


def labelled(part: dict[str, Any]) -> tuple[str, int, int] | None:
    """Return the span that the labels of a window mark, or None for no answer."""
    if part["start_positions"] == part["end_positions"] == 0:
        return None
    first = part["window"]["first"]
    start, end = part["start_positions"] - first, part["end_positions"] - first
    marked = to_span(part["window"], start, end, 0.0)
    return marked["answer"], marked["start"], marked["end"]


def test_an_answer_is_labelled_in_the_windows_that_have_it_whole() -> None:
    parts = windows([row("Malmö")], max_length=30, stride=5)
    start = CONTEXT.index("Malmö")
    marked = [labelled(part) for part in parts]
    assert set(marked) == {None, ("Malmö", start, start + 5)}
    assert marked[0] is None
    for part in parts:
        text = TOKENIZER.decode(part["input_ids"])
        assert text.startswith(f"<s>{QUESTION}</s>")
        assert part["window"]["context"] in CONTEXT


def test_an_answer_that_a_boundary_cuts_is_in_no_window() -> None:
    whole = CONTEXT.removesuffix(".")
    assert {labelled(part) for part in windows([row(whole)], 40, 5)} == {None}
    assert [labelled(part) for part in windows([row(whole)], 128, 5)] == [(whole, 0, len(whole))]
    assert [labelled(part) for part in windows([row(None)], 128, 5)] == [None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30), st.data())
def test_labels_and_characters_agree(words: list[str], drawn: st.DataObject) -> None:
    first = drawn.draw(st.integers(0, len(words) - 1))
    context, answer = " ".join(words), words[first]
    start = len(" ".join([*words[:first], ""]))
    answers = {"text": [answer], "answer_start": [start]}
    parts = windows([row(None, context, answers=answers)], max_length=50, stride=20)
    expected = (answer, start, start + len(answer))
    assert {labelled(part) for part in parts} - {None} == {expected}
    assert len({part["window"]["key"] for part in parts}) == 1


def test_best_spans_are_those_of_all_pairs() -> None:
    start, end = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    pairs = [(i, j, float(start[i] + end[j])) for i in range(12) for j in range(i, min(i + 4, 12))]
    found = best_spans(start, end, n_best=20, max_answer_length=4)
    best = sorted(pairs, key=lambda pair: -pair[2])[:20]
    assert [pair[:2] for pair in found] == [pair[:2] for pair in best]
    assert [pair[2] for pair in found] == pytest.approx([pair[2] for pair in best])


def test_no_token_outside_the_context_answers() -> None:
    (part,) = windows([row(None)], 128, 5)
    logits = torch.full((128,), 9.0)  # the question, the special tokens, the padding
    tokens = torch.arange(len(part["window"]["starts"])) + part["window"]["first"]
    logits[tokens] = torch.linspace(-1.0, 0.0, len(tokens))
    limits: dict[str, Any] = {"n_best": 99, "max_answer_length": 3, "null_threshold": 1.0}
    found = candidates(part["window"], logits, logits, **limits)
    assert found["null"] == 17.0
    assert found["spans"][0]["answer"] == "."
    for option in found["spans"]:
        assert option["answer"] == CONTEXT[option["start"] : option["end"]] != ""


def part(key: str, null: float | None, *answers: str, **scores: float) -> Candidates:
    spans: Any = [{"answer": a, "score": s, "start": ord(a), "end": 0} for a, s in scores.items()]
    return {"key": key, "answers": list(answers), "spans": spans, "null": null}


def test_windows_merge() -> None:
    """The best span of all windows wins; no answer has the score of the least willing window."""
    parts = [part("1", 9.0, a=3, b=1), part("2", 2.0, c=1), part("1", 2.0, d=4, a=2)]
    one, two = merge_windows([*parts, parts[0]])
    assert [(s["answer"], s["score"]) for s in one["spans"]] == [("d", 4), ("a", 3), ("b", 1)]
    probability = float(torch.tensor([4.0, 3.0, 2.0]).softmax(0)[0])
    best = {"answer": "d", "score": pytest.approx(probability), "start": ord("d"), "end": 0}
    assert best_answer(one, n_best=2) == best
    assert best_answer(two, n_best=2)["answer"] == ""
    assert best_answer(part("3", None, c=-1), n_best=2)["answer"] == "c"


@pytest.mark.parametrize("unanswerable", [0.0, 0.4])
def test_scores_agree_with_another_implementation(unanswerable: float) -> None:
    draw = random.Random(0)
    words = ["The", "a", "cat,", "cat", "Dog", "dog.", "Malmö", "--"]

    def text() -> str:
        return " ".join(draw.choices(words, k=draw.randint(1, 4)))

    pairs, records = [], []
    for number in range(100):
        answers = [] if draw.random() < unanswerable else [text() for _ in range(2)]
        predicted = text() if draw.random() < 0.8 or not unanswerable else ""
        pairs.append((predicted, answers))
        best: Any = {"answer": predicted or "x", "score": 1.0, "start": 0, "end": 1}
        null = 2.0 if predicted == "" else 0.0
        record = {"key": str(number), "answers": answers, "spans": [best], "null": null}
        records += [record, record, record | {"spans": [], "null": 3.0}]
    metric = SquadScores()
    metric.update(records[:50])
    metric.update(records[50:])
    assert {k: float(v) for k, v in metric.compute().items()} == pytest.approx(expected(pairs))


def test_an_answer_that_normalizes_to_nothing_counts_in_squad_1_only() -> None:
    """SQuAD 2's script drops it, as it stands for no answer there."""
    record = part("1", None, "the", "cat", a=1.0) | {"spans": []}
    for null, score in ((None, 100.0), (1.0, 0.0)):
        metric = SquadScores()
        metric.update([{**record, "null": null}])
        assert metric.compute()["exact_match"] == score
    former = SquadScores(lambda: 1)
    former.update([{**record, "null": 1.0}])
    assert former.compute()["exact_match"] == 100.0, "as in a run of version 0.1"
