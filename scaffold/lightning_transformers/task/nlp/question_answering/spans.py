"""Turn start and end logits into the best answer over all windows of a question."""

from collections.abc import Iterable
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn.functional import pad

from lightning_transformers.base.types import Row


class Span(TypedDict):
    """A span of a context.

    Attributes:
        answer: its text, stripped.
        score: the sum of its start and end logits; of a final answer, its probability.
        start: its first character in the whole context.
        end: the character after its last one.
    """

    answer: str
    score: float
    start: int
    end: int


class Candidates(TypedDict):
    """Candidate answers of a question, and its correct answers.

    The score of a span is the sum of its start and end logits. `null` is the score of no answer
    minus the threshold, or None if every question has an answer.
    """

    key: str
    answers: list[str]
    spans: list[Span]
    null: float | None


def best_spans(
    start_logits: Tensor, end_logits: Tensor, n_best: int, max_answer_length: int
) -> list[tuple[int, int, float]]:
    """Return first token, last token and score of the best spans, in descending order.

    Args:
        start_logits: start logit of each context token, (tokens,).
        end_logits: end logit of each context token, (tokens,).
        n_best: maximum number of spans.
        max_answer_length: maximum tokens in a span.
    """
    length = min(max_answer_length, len(end_logits))
    if length == 0:
        return []
    ends = pad(end_logits, (0, length - 1), value=-torch.inf).unfold(0, length, 1)
    scores = (start_logits[:, None] + ends).flatten()
    best = scores.topk(min(n_best, len(scores)))
    return [
        (index // length, index // length + index % length, score)
        for score, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        if score > -torch.inf
    ]


def candidates(
    window: Row,
    start_logits: Tensor,
    end_logits: Tensor,
    *,
    n_best: int,
    max_answer_length: int,
    null_threshold: float | None,
) -> Candidates:
    """Return the best answers in a window.

    Args:
        window: the decoded column `window` of an example, see `examples.encode_windows`.
        start_logits: start logit of each input token, (seq,).
        end_logits: end logit of each input token, (seq,).
        n_best: maximum number of answers.
        max_answer_length: maximum tokens in an answer.
        null_threshold: margin by which the score of no answer must exceed the best span; None if
            every question has an answer.
    """
    first, null = window["first"], window["null"]
    context = slice(first, first + len(window["starts"]))
    found = best_spans(start_logits[context], end_logits[context], n_best, max_answer_length)
    spans = [to_span(window, *place) for place in found]
    null_score = None
    if null_threshold is not None:
        null_score = float(start_logits[null] + end_logits[null]) - null_threshold
    return {
        "key": window["key"],
        "answers": window["answers"],
        "spans": [part for part in spans if part["answer"]],
        "null": null_score,
    }


def to_span(window: Row, first: int, last: int, score: float) -> Span:
    """Return the stripped text between two context tokens of a window, as a span.

    Args:
        window: the decoded column `window` of an example.
        first: index of the first context token.
        last: index of the last context token, inclusive.
        score: score of the span.
    """
    start, end = window["starts"][first], window["ends"][last]
    text = window["context"][start:end]
    start += window["offset"] + len(text) - len(text.lstrip())
    text = text.strip()
    return {"answer": text, "score": score, "start": start, "end": start + len(text)}


def merge_windows(windows: Iterable[Candidates]) -> list[Candidates]:
    """Merge the candidates of each question's windows, with spans in descending order of score.

    A span in two windows keeps its higher score. `null` is the minimum over the windows: the window
    that contains the answer has the lowest.
    """
    questions: dict[str, Candidates] = {}
    for window in windows:
        other = questions.get(window["key"], window)
        ranked = sorted(other["spans"] + window["spans"], key=lambda s: -s["score"])
        distinct: dict[tuple[int, int], Span] = {}
        for part in ranked:
            distinct.setdefault((part["start"], part["end"]), part)
        nulls = [null for null in (other["null"], window["null"]) if null is not None]
        questions[window["key"]] = {
            "key": window["key"],
            "answers": sorted({*other["answers"], *window["answers"]}),
            "spans": list(distinct.values()),
            "null": min(nulls, default=None),
        }
    return list(questions.values())


def best_answer(question: Candidates, n_best: int) -> Span:
    """Return the best answer, with its probability among the best candidates as score.

    Its text is empty if "no answer" scores higher than every span.

    Args:
        question: the candidates of all windows of a question, from `merge_windows`.
        n_best: number of spans to compare; "no answer" is compared, too, if it is possible.
    """
    options = question["spans"][:n_best]
    if question["null"] is not None or not options:
        options = [*options, {"answer": "", "score": question["null"] or 0.0, "start": 0, "end": 0}]
    scores = torch.tensor([option["score"] for option in options], dtype=torch.float64)
    best = max(options, key=lambda option: option["score"])
    return {**best, "score": float(scores.softmax(0).max())}
