"""Questions about a context, and its windows."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lightning_transformers.models.backbone import Backbone
from tests.helpers.language_modeling import TINY

TOKENIZER = Backbone(f"{TINY}/bert").load_tokenizer()


CONTEXT = "Émile Berg — a née Müller — was born in Perth. She worked as a baker in Malmö in 1908."


QUESTION = "Where did she work?"


def row(answer: str | None, context: str = CONTEXT, **columns: Any) -> dict[str, Any]:
    found = [] if answer is None else [answer]
    answers = {"text": found, "answer_start": [context.index(answer) for answer in found]}
    return {"context": context, "question": QUESTION, "answers": answers} | columns


def normalized(text: str) -> list[str]:
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return [word for word in re.split(r"\s+", text) if word not in ("", "a", "an", "the")]


def f1(predicted: str, right: str) -> float:
    one, other = normalized(predicted), normalized(right)
    same = sum((Counter(one) & Counter(other)).values())
    return 200 * same / (len(one) + len(other)) if one and other else 100.0 * (one == other)


def expected(pairs: Sequence[tuple[str, list[str]]]) -> dict[str, float]:
    """Return the scores of SQuAD 2's official script, written a second time."""

    def best(predicted: str, right: list[str], score: Any) -> float:
        gold = [answer for answer in right if normalized(answer)] or [""]
        return max(score(predicted, answer) for answer in gold)

    def mean(pairs: Sequence[tuple[str, list[str]]], score: Any) -> float:
        return sum(best(predicted, right, score) for predicted, right in pairs) / len(pairs)

    def exact(predicted: str, right: str) -> float:
        return 100.0 * (normalized(predicted) == normalized(right))

    scores = {"exact_match": mean(pairs, exact), "f1": mean(pairs, f1)}
    answerable = [pair for pair in pairs if pair[1]]
    if 0 < len(answerable) < len(pairs):
        scores["has_answer_exact_match"] = mean(answerable, exact)
        scores["has_answer_f1"] = mean(answerable, f1)
        scores["no_answer_accuracy"] = mean([p for p in pairs if not p[1]], exact)
    return scores
