"""Task of token classification."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from torch import Tensor
from torch.nn.functional import pad
from torchmetrics import Metric
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss, Row
from lightning_transformers.core import TaskTransformer
from lightning_transformers.core.keys.losses import ALL_LOSS_KEYS
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.data.labels import class_names
from lightning_transformers.task.nlp.token_classification.encoding import NO_WORD
from lightning_transformers.task.nlp.token_classification.sentences import Sentence
from lightning_transformers.training.metrics import MetricInputs, TextMetric, class_metrics

OUTSIDE = "O"
"""Tag of a word outside any entity."""
UNSEEN = -1
"""Tag id of a word without a token, such as a truncated one."""


class EntityScores(TextMetric):
    """Precision, recall and F1 of entities, matched by type, start and end; `f1` is micro-averaged.

    As in the CoNLL-2003 shared task (Tjong Kim Sang and De Meulder, 2003).
    """

    higher_is_better = True

    def score(self, records: list[list[list[str]]]) -> dict[str, float]:
        """Return `precision`, `recall`, `f1` and F1 averaged over types of entities.

        Args:
            records: the true and the predicted tags of each sentence.
        """
        tags = [record[0] for record in records], [record[1] for record in records]
        scores = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
        return {name: float(score(*tags, zero_division=0)) for name, score in scores.items()} | {
            f"f1_{mean}": float(f1_score(*tags, average=mean, zero_division=0))
            for mean in ("micro", "macro", "weighted")
        }


class TokenClassificationTransformer(TaskTransformer):
    """Tags each word with the prediction for its first token.

    Logs the accuracy over words, and the precision, recall and F1 of entities for tags `B-…` and
    `I-…`, or `ClassScores` over words for other tags, such as parts of speech. A truncated word is
    predicted as outside any entity, and excluded from the metrics over words.
    """

    default_model_type: ClassVar[str] = "transformers.AutoModelForTokenClassification"
    data_module_type: ClassVar[str] = f"{__package__}.TokenClassificationDataModule"
    hf_pipeline_task: ClassVar[str | None] = "token-classification"
    loss_keys_taken = ALL_LOSS_KEYS

    @property
    def tags_entities(self) -> bool:
        """Whether the tags mark entities (`B-…`, `I-…`)."""
        return any(name.startswith(("B-", "I-")) for name in class_names(self.model))

    def forward(self, batch: Batch) -> ModelOutput:
        """Run the model on a batch without `word_ids` and `word_tags`."""
        return super().forward({k: v for k, v in batch.items() if not k.startswith("word_")})

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss, the accuracy, and `entities` or F1 and `ClassScores`."""
        metrics = super().configure_metrics(stage) | class_metrics(len(class_names(self.model)))
        if self.tags_entities:
            del metrics["f1"], metrics["class_scores"]
            metrics["entities"] = EntityScores()
        return metrics

    def metric_inputs(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> MetricInputs:
        """Return also `preds` and `target`, tag ids (words,), and for entities `records`."""
        true = batch["word_tags"]
        predicted = word_tags(outputs["logits"].argmax(-1), batch["word_ids"], true)
        seen = predicted != UNSEEN
        inputs = super().metric_inputs(loss, outputs, batch)
        inputs |= {"preds": predicted[seen], "target": true[seen]}
        if self.tags_entities:
            inputs["records"] = self.named_tags(true, predicted)
        return inputs

    def named_tags(self, true: Tensor, predicted: Tensor) -> list[list[list[str]]]:
        """Return the names of the true and the predicted tags of each sentence.

        Args:
            true: true tag ids, (batch, words), int64; -100 after the last word.
            predicted: predicted tag ids, (batch, words), int64; -1 for a truncated word.

        Returns:
            For each sentence two lists: the true and the predicted names, one per word.
        """
        names = {UNSEEN: OUTSIDE, **dict(enumerate(class_names(self.model)))}
        lengths = (true != IGNORE_INDEX).sum(1).tolist()
        return [
            [[names[tag] for tag in tags[:length]] for tags in pair]
            for *pair, length in zip(true.tolist(), predicted.tolist(), lengths, strict=True)
        ]

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return the true and the predicted tags of each sentence, per word."""
        true = batch["word_tags"]
        found = word_tags(outputs["logits"].argmax(-1), batch["word_ids"], true)
        pairs = self.named_tags(true, found)
        return {"label": [tags for tags, _ in pairs], "prediction": [tags for _, tags in pairs]}

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]:
        """Return for each sentence a list of [word index, tag, probability].

        Tag and probability are those of the word's first token; truncated words are omitted.
        """
        scores, tags = self(batch)["logits"].float().softmax(-1).max(-1)
        names, word_ids = class_names(self.model), batch["word_ids"]
        columns = (word_ids, tags, scores, first_tokens(word_ids))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            [[word, names[tag], s] for word, tag, s, is_first in zip(*row, strict=True) if is_first]
            for row in rows
        ]

    def finish_predictions(self, predictions: list[Any], inputs: Sequence[object]) -> list[Any]:
        """Return the entities of each input, or for other tags its tagged words.

        Args:
            predictions: the tagged words of each input, from `predict_step`.
            inputs: texts, or mappings with a list of words.

        Returns:
            For each input a list of mappings with `entity` or `tag`, `text`, the mean probability
            `score`, and `start` and `end`, in characters of the text or in words of the list.
        """
        spans = entity_spans if self.tags_entities else word_spans
        return [
            spans(sentence, tags)
            for sentence, tags in zip(map(self.data.sentence, inputs), predictions, strict=True)
        ]


def first_tokens(word_ids: Tensor) -> Tensor:
    """Return a mask of the tokens that begin a word, (batch, seq), bool.

    Args:
        word_ids: the word id of each token, (batch, seq), int64.
    """
    before = pad(word_ids, (1, 0), value=NO_WORD)[:, :-1]
    return (word_ids != NO_WORD) & (word_ids != before)


def word_tags(tags: Tensor, word_ids: Tensor, like: Tensor) -> Tensor:
    """Return the tag id of each word's first token, (batch, words), int64; UNSEEN without a token.

    Args:
        tags: the tag id of each token, (batch, seq), int64.
        word_ids: the word id of each token, (batch, seq), int64.
        like: a tensor of the result's shape, (batch, words), int64.
    """
    rows, columns = first_tokens(word_ids).nonzero(as_tuple=True)
    result = torch.full_like(like, UNSEEN)
    result[rows, word_ids[rows, columns]] = tags[rows, columns]
    return result


def entity_spans(sentence: Sentence, tagged: Sequence[tuple[int, str, float]]) -> list[Row]:
    """Return the entities of a sentence.

    Args:
        sentence: the words.
        tagged: index, tag and probability of each word that was not truncated.

    Returns:
        Mappings with `entity`, `score`, `text`, `start` and `end`.
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


def word_spans(sentence: Sentence, tagged: Sequence[tuple[int, str, float]]) -> list[Row]:
    """Return a mapping for each tagged word, with `tag` instead of `entity`; see `entity_spans`."""
    return [
        {"tag": tag, "score": score, **sentence.span(word, word)} for word, tag, score in tagged
    ]
