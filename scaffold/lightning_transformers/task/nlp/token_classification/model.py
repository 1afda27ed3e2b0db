"""The tagger of words."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from seqeval.metrics import (
    f1_score,
    precision_score,
    recall_score,
)
from seqeval.metrics.sequence_labeling import get_entities
from torch import Tensor
from torch.nn.functional import pad
from torchmetrics import Metric
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.data.labels import class_names
from lightning_transformers.task.nlp.token_classification.encoding import NO_WORD
from lightning_transformers.task.nlp.token_classification.sentences import Sentence
from lightning_transformers.training.metrics import TextMetric, class_metrics

OUTSIDE = "O"
"""The tag of a word that belongs to no entity."""
UNSEEN = -1
"""What stands for the tag of a word that was cut off, or that has no token."""


class EntityScores(TextMetric):
    """Precision, recall and F1 of entities, which count as found if type, start and end agree.

    Micro averages, as the CoNLL-2003 shared task has them (Tjong Kim Sang and De Meulder, 2003).
    """

    def score(self, records: list[Any]) -> dict[str, float]:
        """Return the scores of pairs of the true and the predicted tags of a sentence."""
        true, predicted = [record[0] for record in records], [record[1] for record in records]
        scores = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
        return {name: float(s(true, predicted, zero_division=0)) for name, s in scores.items()}


class TokenClassificationTransformer(TaskTransformer):
    """Tags words; a word has the tag of its first token.

    Where tags are those of entities (`B-…`, `I-…`), it reports the accuracy over words and the
    precision, recall and F1 of entities; else, as for parts of speech, the accuracy and macro F1
    over words. A word beyond `max_length` is in no predicted entity, and left out of the scores
    over words.
    """

    default_model_type: ClassVar[str] = "transformers.AutoModelForTokenClassification"
    data_module_type: ClassVar[str] = (
        "lightning_transformers.task.nlp.token_classification.TokenClassificationDataModule"
    )
    hf_pipeline_task: ClassVar[str | None] = "token-classification"

    @property
    def tags_entities(self) -> bool:
        """Whether the tags are those of entities."""
        return any(name.startswith(("B-", "I-")) for name in class_names(self.model))

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch, of which what tells of words is none of its inputs."""
        return super().forward({k: v for k, v in batch.items() if not k.startswith("word_")})

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the metrics that fit the tags."""
        metrics = {
            **super().configure_metrics(stage),
            **class_metrics(len(class_names(self.model))),
        }
        if self.tags_entities:
            del metrics["f1"]
            metrics["entities"] = EntityScores()
        return metrics

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> dict[str, Any]:
        """Return the true and the predicted tags as well."""
        true = batch["word_tags"]
        predicted = word_tags(outputs["logits"].argmax(-1), batch["word_ids"], true)
        seen = predicted != UNSEEN
        inputs = {
            **super().metric_inputs(loss, outputs, batch),
            "preds": predicted[seen],
            "target": true[seen],
        }
        if self.tags_entities:
            inputs["records"] = self.named_tags(true, predicted)
        return inputs

    def named_tags(self, true: Tensor, predicted: Tensor) -> list[list[list[str]]]:
        """Return the names of the true and of the predicted tags of each sentence."""
        names = {UNSEEN: OUTSIDE, **dict(enumerate(class_names(self.model)))}
        lengths = (true != IGNORE_INDEX).sum(1).tolist()
        return [
            [[names[tag] for tag in tags[:length]] for tags in pair]
            for *pair, length in zip(true.tolist(), predicted.tolist(), lengths, strict=True)
        ]

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return for each sentence its words' tags: the word's number, the tag, its probability."""
        scores, tags = self(batch)["logits"].float().softmax(-1).max(-1)
        names, word_ids = class_names(self.model), batch["word_ids"]
        columns = (word_ids, tags, scores, first_tokens(word_ids))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            [[word, names[tag], s] for word, tag, s, is_first in zip(*row, strict=True) if is_first]
            for row in rows
        ]

    def finish_predictions(self, predictions: list[Any], inputs: Sequence[Any]) -> list[Any]:
        """Return the entities of each text, or where tags are of another kind those of its words.

        Args:
            predictions: the tagged words of each input.
            inputs: texts, or mappings with a list of words.

        Returns:
            For each input a list of mappings with `entity` (or `tag`), the `text`, its mean
            probability as `score`, and where it is as `start` and `end`: in characters of the
            text, or in words where these were given. A text is split at spaces and punctuation.
        """
        spans = entity_spans if self.tags_entities else word_spans
        return [
            spans(sentence, tags)
            for sentence, tags in zip(map(self.data.sentence, inputs), predictions, strict=True)
        ]


def first_tokens(word_ids: Tensor) -> Tensor:
    """Return which tokens begin a word.

    Args:
        word_ids: the word that each token belongs to, (batch, length).
    """
    before = pad(word_ids, (1, 0), value=NO_WORD)[:, :-1]
    return (word_ids != NO_WORD) & (word_ids != before)


def word_tags(tags: Tensor, word_ids: Tensor, like: Tensor) -> Tensor:
    """Return the tag of each word's first token, (batch, words).

    Args:
        tags: the tag of each token, (batch, length).
        word_ids: the word that each token belongs to, (batch, length).
        like: other tags of the words; the result has their shape, and UNSEEN where no token is.
    """
    rows, columns = first_tokens(word_ids).nonzero(as_tuple=True)
    result = torch.full_like(like, UNSEEN)
    result[rows, word_ids[rows, columns]] = tags[rows, columns]
    return result


def entity_spans(sentence: Sentence, tagged: Sequence[tuple[int, str, float]]) -> list[Any]:
    """Return the entities of a sentence.

    Args:
        sentence: the words.
        tagged: number, tag and probability of each word that the model has seen.
    """
    tags, scores = [OUTSIDE] * len(sentence.words), [0.0] * len(sentence.words)
    for word, tag, score in tagged:
        tags[word], scores[word] = tag, score
    return [
        {
            "entity": kind,
            "score": sum(scores[first : last + 1]) / (last + 1 - first),
            **sentence.span(first, last),
        }
        for kind, first, last in get_entities(tags)
    ]


def word_spans(sentence: Sentence, tagged: Sequence[tuple[int, str, float]]) -> list[Any]:
    """Return the words of a sentence, as `entity_spans` does entities."""
    return [
        {"tag": tag, "score": score, **sentence.span(word, word)} for word, tag, score in tagged
    ]
