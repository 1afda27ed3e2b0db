"""The SQuAD metrics."""

import string
from collections.abc import Sequence

from torchmetrics.functional.text import squad

from lightning_transformers.task.nlp.question_answering.spans import (
    Candidates,
    best_answer,
    merge_windows,
)
from lightning_transformers.training.metrics import TextMetric

PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = {"a", "an", "the"}


class SquadScores(TextMetric):
    """Exact match and F1 in percent (Rajpurkar et al., 2016) over all questions.

    With unanswerable questions, also both for the answerable ones and the accuracy for the
    unanswerable ones (Rajpurkar et al., 2018).
    """

    RARE = ("has_answer_exact_match", "has_answer_f1", "no_answer_accuracy")
    higher_is_better = True

    def score(self, records: list[Candidates]) -> dict[str, float]:
        """Return the metrics by name, from the candidates of all windows."""
        questions = merge_windows(records)
        parts = {
            "has_answer": [question for question in questions if question["answers"]],
            "no_answer": [question for question in questions if not question["answers"]],
        }
        scores = {part: squad_scores(members) for part, members in parts.items() if members}
        overall = {
            name: sum(scores[part][name] * len(parts[part]) for part in scores) / len(questions)
            for name in ("exact_match", "f1")
        }
        if len(scores) == 1:
            return overall
        return {
            **overall,
            **{f"has_answer_{name}": value for name, value in scores["has_answer"].items()},
            "no_answer_accuracy": scores["no_answer"]["exact_match"],
        }


def squad_scores(questions: Sequence[Candidates]) -> dict[str, float]:
    """Return `exact_match` and `f1` of the best candidates; no answer is the empty text."""
    scores = squad(
        [
            {"id": q["key"], "prediction_text": best_answer(q, n_best=1)["answer"]}
            for q in questions
        ],
        [{"id": q["key"], "answers": {"text": right_answers(q)}} for q in questions],
    )
    return {name: float(value) for name, value in scores.items()}


def right_answers(question: Candidates) -> list[str]:
    """Return the answers to compare with, the empty text if there is none.

    If questions may have no answer, those that SQuAD's normalization leaves nothing of, such as
    "the", are excluded, as in the official script of SQuAD 2.
    """
    answers = question["answers"]
    if question["null"] is not None:
        bare = {answer: answer.lower().translate(PUNCTUATION).split() for answer in answers}
        answers = [answer for answer, words in bare.items() if not ARTICLES.issuperset(words)]
    return answers or [""]
