"""Common behavior of sequence-to-sequence tasks, on summarization."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSeq2SeqLM, BartConfig, MT5Config

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.data.texts import decode_texts
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.summarization import (
    SummarizationDataModule,
    SummarizationTransformer,
)
from lightning_transformers.task.nlp.summarization.model import Rouge
from lightning_transformers.task.shared.seq2seq import encode_pairs, tokenize_targets
from tests.helpers.language_modeling import TINY, trainer
from tests.helpers.text_to_text import BACKBONE, ROWS, TOKENIZER, data_module, files


def model(**hyperparameters: Any) -> SummarizationTransformer:
    """Return a model that says something else for each source; as it comes, it only pads."""
    seed_everything(0)
    task = SummarizationTransformer(BACKBONE, **{"max_new_tokens": 8, **hyperparameters})
    for weight in task.model.parameters():
        weight.data.normal_(std=0.2)
    return task


def test_loss_is_the_mean_over_the_tokens_of_the_targets(tmp_path: Path) -> None:
    task, data = model(generate_in_validation=False), data_module(**files(tmp_path, ROWS))
    logged = trainer(tmp_path).validate(task, data, verbose=False)[0]
    losses = []
    for row in ROWS:  # one by one, so that nothing is padded
        source = TOKENIZER("summarize: " + row["text"], return_tensors="pt")
        target = torch.tensor(TOKENIZER(row["summary"])["input_ids"])
        start = torch.tensor([task.model.config.decoder_start_token_id])
        shifted = torch.cat([start, target[:-1]])
        with torch.no_grad():
            outputs = task.model.eval()(**source, decoder_input_ids=shifted[None])
        losses.append(cross_entropy(outputs.logits[0], target, reduction="none"))
    assert logged["val/loss"] == pytest.approx(float(torch.cat(losses).mean()), rel=1e-5)
    means = torch.stack([loss.mean() for loss in losses])
    assert logged["val/loss"] != pytest.approx(float(means.mean()), rel=1e-7)
    assert list(logged) == ["val/loss"]


def test_texts_are_padded_on_the_right_and_references_whole(tmp_path: Path) -> None:
    tokenizer = Backbone(**BACKBONE).load_tokenizer()
    tokenizer.padding_side = "left"
    values = {"max_target_length": 16, "padding": "max_length", "max_source_length": 20}
    data = SummarizationDataModule(tokenizer, **files(tmp_path, ROWS), **values, batch_size=1)
    data.group_by_length = False
    data.setup("fit")
    batches = list(data.val_dataloader())
    labels = torch.cat([batch["labels"] for batch in batches])
    assert labels.shape == (7, 16)
    assert batches[0]["input_ids"].shape == (1, 20)
    assert batches[0]["attention_mask"].diff().max() == 0, "positions count from the left"
    for row, kept in zip(labels, labels != IGNORE_INDEX, strict=True):
        assert kept.int().diff().max() <= 0, "no token after the padding"
        assert row[kept][-1] == tokenizer.eos_token_id, "the end survives the cut"
    assert {int(kept.sum()) < 16 for kept in labels != IGNORE_INDEX} == {True, False}
    references = [text for batch in batches for text in decode_texts(batch["references"])]
    assert references == [row["summary"] for row in ROWS]
    assert "references" not in next(iter(data.train_dataloader()))


def test_the_end_is_added_where_the_tokenizer_adds_none() -> None:
    plain = Backbone(f"{TINY}/gpt2").load_tokenizer()
    ids = plain("The cat sat.")["input_ids"]
    assert plain.eos_token_id not in ids
    assert tokenize_targets(plain, ["The cat sat."], 50, True) == [[*ids, plain.eos_token_id]]
    assert tokenize_targets(plain, ["The cat sat."], 3, True) == [[*ids[:2], plain.eos_token_id]]


@pytest.mark.parametrize("beams", [None, 3])
def test_predictions_are_the_same_one_by_one(beams: int | None) -> None:
    task, data = model(num_beams=beams), data_module()
    texts = [row["text"] for row in ROWS[:5]]
    together = task.predict(texts, data, batch_size=5)
    assert len(set(together)) > 1
    assert together == task.predict(texts, data, batch_size=1)
    assert together == task.predict([{"text": text} for text in texts], data)
    task.max_new_tokens = 1
    assert together != task.predict(texts, data)


def test_scores_are_of_generated_texts(tmp_path: Path) -> None:
    task, data = model(), data_module(**files(tmp_path, ROWS))
    logged = trainer(tmp_path).validate(task, data, verbose=False)[0]
    assert set(logged) == {
        f"val/{name}" for name in ("loss", "rouge1", "rouge2", "rougeL", "rougeLsum")
    }
    texts = [row["text"] for row in ROWS]
    records = list(zip(task.predict(texts, data), [r["summary"] for r in ROWS], strict=True))
    for name, value in Rouge().score(records).items():
        assert logged[f"val/{name}"] == pytest.approx(value)
    task.generated_texts = lambda batch: ["the cat sat"] * len(batch["labels"])
    better = trainer(tmp_path).validate(task, data, verbose=False)[0]
    assert better["val/rouge1"] > logged["val/rouge1"]


def test_generation_in_the_test_alone(tmp_path: Path) -> None:
    task, data = model(generate_in_validation=False), data_module(**files(tmp_path, ROWS))
    assert "test/rougeL" in trainer(tmp_path).test(task, data, verbose=False)[0]


def test_rows_without_text_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blank = [{"text": "a", "summary": " "}, {"text": None, "summary": "b"}]
    with caplog.at_level(logging.WARNING):
        data = data_module(**files(tmp_path, [*ROWS, *blank]))
        data.setup("fit")
    assert data.dataset is not None
    assert len(data.dataset["train"]) == len(ROWS)
    assert (
        "dropped 2 of 9 rows of the train set that lack text in 'text' or 'summary'" in caplog.text
    )
    with pytest.raises(ConfigurationError, match="no row of the train set has text in both"):
        data_module(**files(tmp_path, [{"text": "a", "summary": ""}])).setup("fit")


def test_prefix_and_lengths_are_the_models() -> None:
    data, unlimited = data_module(), Backbone(**BACKBONE).load_tokenizer()
    data.model_config = model().model.config
    assert data.source_prefix() == "summarize: "
    assert data_module(prefix="TL;DR ").source_prefix() == "TL;DR "
    assert data.longest_source() == TOKENIZER.model_max_length
    longer = data_module(max_source_length=1000, max_target_length=1000)
    longer.model_config = data.model_config
    assert (longer.longest_source(), longer.longest_target()) == (1000, 1000)
    longer.model_config = BartConfig(max_position_embeddings=100)
    assert longer.source_prefix() == ""
    with pytest.raises(ConfigurationError, match=r"max_source_length=1000 exceeds .* 100"):
        longer.longest_source()
    unlimited.model_max_length = int(1e30)
    mt5 = SummarizationDataModule(unlimited)
    mt5.model_config = MT5Config()
    assert (mt5.longest_source(), mt5.source_prefix()) == (512, "")


def test_exported_model_gives_the_same_logits(tmp_path: Path) -> None:
    task = model()
    task.save_hf_checkpoint(tmp_path, TOKENIZER)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    columns = {"text": ["The cat sat."], "summary": ["A cat."]}
    arguments = {"prefix": "", "max_source_length": 9, "max_target_length": 9, "truncation": True}
    fields = {"source": ("text",), "target": ("summary",), "references": False}
    examples = encode_pairs(columns, tokenizer=TOKENIZER, **arguments, **fields)
    batch = {key: torch.tensor(value) for key, value in examples.items()}
    assert torch.equal(task.eval()(batch)["logits"], loaded.eval()(**batch).logits)
