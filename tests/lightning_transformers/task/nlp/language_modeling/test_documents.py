"""Packing keeps all tokens and fills rows; packed documents give the logits of each alone."""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks.throughput import number_of_tokens
from lightning_transformers.core import Batch
from lightning_transformers.data.collators import IGNORE_INDEX, CausalCollator
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from lightning_transformers.task.nlp.language_modeling.documents import (
    pack_batch_size,
    pack_documents,
    tokenize_documents,
)
from tests.helpers.document_classes import CLASSES
from tests.helpers.language_modeling import TOKENIZER, model, sample, trainer
from tests.helpers.recipe_runs import folder

BOUND = 1e-6
CONTAMINATED = 1e-2
CAUSAL = "transformers.AutoModelForCausalLM"


def table(documents: Sequence[Sequence[int]]) -> pa.Table:
    return pa.table({"input_ids": pa.array(documents, type=pa.list_(pa.int32()))})


def cut(document: Sequence[int], longest: int) -> list[list[int]]:
    """Return the pieces of a document that there is something to predict in."""
    parts = [list(document[at : at + longest]) for at in range(0, len(document), longest)]
    return [part for part in parts if len(part) > 1]


def split(row: dict[str, Any]) -> list[list[int]]:
    """Return the documents in a row."""
    ends = np.cumsum(row["lengths"])
    return [part.tolist() for part in np.split(np.array(row["input_ids"]), ends)[:-1]]


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(2, 20))
def test_rows_hold_all_documents_whole(lengths: list[int], block_size: int) -> None:
    numbers = iter(range(sum(lengths)))
    documents = [[next(numbers) for _ in range(length)] for length in lengths]
    rows = pack_documents(table(documents), block_size=block_size, pack=True).to_pylist()
    packed = [split(row) for row in rows]
    pieces = [part for document in documents for part in cut(document, block_size)]
    assert sorted(part for row in packed for part in row) == pieces
    assert all(row == sorted(row) for row in packed), "in the order that they came in"
    assert all(len(row["input_ids"]) <= block_size for row in rows)


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(2, 20))
def test_not_together_each_has_a_row(lengths: list[int], block_size: int) -> None:
    documents = [list(range(length)) for length in lengths]
    rows = pack_documents(table(documents), block_size=block_size, pack=False).to_pylist()
    assert [row["input_ids"] for row in rows] == [
        part for document in documents for part in cut(document, block_size)
    ]
    assert not rows or set(rows[0]) == {"input_ids"}


@pytest.mark.parametrize(
    ("length", "block_size", "at_once"),
    [
        (1000, 2048, 10_000),
        (50, 131_072, 262_144),
        (50, 10**6, 10**6),
        (50_000, 131_072, 1000),
        (60_000_000, 2048, 1),
    ],
)
def test_as_many_documents_are_arranged_at_once_as_fill_rows(
    length: int, block_size: int, at_once: int
) -> None:
    """Of 10,000 documents with 220,000 tokens, Arrow's offsets would not hold the tokens."""
    tokens = np.zeros(max(length, 10**5), np.int32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(tokens), length).cast(pa.list_(pa.int32()))
    found = pack_batch_size(Dataset(pa.table({"input_ids": lists})), block_size)
    assert found == pytest.approx(at_once, rel=0.03)


@pytest.mark.parametrize(("block_size", "at_once"), [(64, 1000), (8192, 8192), (131_072, 10_000)])
def test_of_a_stream_more_documents_are_arranged_at_once_if_rows_are_long(
    block_size: int, at_once: int
) -> None:
    stream = Dataset.from_dict({"input_ids": [[1, 2]]}).to_iterable_dataset()
    assert pack_batch_size(stream, block_size) == at_once


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize("append_eos", [True, False])
def test_a_document_begins_as_a_prompt_does(begins: bool, append_eos: bool) -> None:
    tokenizer: Any = type(TOKENIZER).from_pretrained(TOKENIZER.name_or_path, bos_token="<s>")
    bos = [tokenizer.bos_token_id] if begins else []
    if begins:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", *bos)]
        )
    texts = ["A first text", "another"]
    documents = tokenize_documents(
        pa.table({"text": texts}), tokenizer=tokenizer, text_column="text", append_eos=append_eos
    )["input_ids"].to_pylist()
    end = [tokenizer.eos_token_id] if append_eos else []
    assert documents == [[*tokenizer(text)["input_ids"], *end] for text in texts]
    assert all((ids[0] == tokenizer.bos_token_id) == begins for ids in documents)


@pytest.mark.parametrize("append_eos", [True, False])
def test_an_end_that_the_tokenizer_adds_is_no_beginning(append_eos: bool) -> None:
    """As with one token for both, which a prompt ends with alone."""
    tokenizer: Any = type(TOKENIZER).from_pretrained(TOKENIZER.name_or_path, bos_token="</s>")
    end = tokenizer.eos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", end)]
    )
    (document,) = tokenize_documents(
        pa.table({"text": ["A text"]}),
        tokenizer=tokenizer,
        text_column="text",
        append_eos=append_eos,
    )["input_ids"].to_pylist()
    assert end not in document[:-1]
    assert (document[-1] == end) == append_eos


@pytest.mark.parametrize("values", [{}, {"append_eos": False}, {"packing": "blocks"}])
def test_rows_without_ends_are_warned_of_once(
    values: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = sample(limit_train_samples=20, limit_val_samples=20, **values)
    quick = trainer(tmp_path, limit_val_batches=1)
    for _ in range(2):
        quick.validate(model(LanguageModelingTransformer), data, verbose=False)
    assert caplog.text.count("set dataset.packing=blocks") == ("append_eos" in values)


@pytest.mark.parametrize("cls", CLASSES)
def test_packed_documents_are_not_continued(cls: str) -> None:
    def answers(packing: str) -> Tensor:
        data = sample(limit_train_samples=20, limit_val_samples=20, packing=packing)
        data.setup("fit")
        mine = model(CLASSES[cls])
        mine.attach_data(data)
        answers: Tensor = mine.generate(next(iter(data.val_dataloader())))
        return answers

    with pytest.raises(ConfigurationError, match="cannot generate from packed documents"):
        answers("documents")
    assert len(answers("none")) == 16


class OwnCollator(LanguageModelingDataModule):
    """Has a function of its own in place of the collator."""

    @property
    def collate_fn(self) -> Any:
        """Return the function."""
        collate = super().collate_fn
        return lambda examples: collate(examples)


@pytest.mark.parametrize("cls", CLASSES)
def test_predicts_with_a_collator_of_ones_own(cls: str) -> None:
    texts = ["A text to continue", "another one that is longer"]
    found = [
        model(CLASSES[cls]).predict(texts, data(TOKENIZER, block_size=64))
        for data in (OwnCollator, LanguageModelingDataModule)
    ]
    assert found[0] == found[1]


def fill(rows: Sequence[Sequence[int]], block_size: int) -> float:
    return sum(map(len, rows)) / (len(rows) * block_size)


@pytest.mark.parametrize("block_size", [512, 2048])
def test_rows_are_full(block_size: int) -> None:
    """Of lengths as texts of the web have them, log-normal; first fit would not do."""
    generator = np.random.default_rng(0)
    lengths = np.clip(generator.lognormal(5.5, 1.2, 5000), 2, None).astype(int)
    documents = table([np.zeros(length, np.int32) for length in lengths])
    packed = pack_documents(documents, block_size=block_size, pack=True)
    alone = pack_documents(documents, block_size=block_size, pack=False)
    assert fill(packed["input_ids"].to_pylist(), block_size) > 0.97
    assert fill(alone["input_ids"].to_pylist(), block_size) < 0.8


def test_long_rows_are_full() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(3.4, 1.2, 60_000), 2, None).astype(int)
    data = Dataset(table([np.zeros(length, np.int32) for length in lengths]))
    at_once = pack_batch_size(data, 32_768)
    packed = pack_documents(data.data.table[:at_once], block_size=32_768, pack=True)
    assert fill(packed["input_ids"].to_pylist(), 32_768) > 0.98


@pytest.mark.parametrize(("packing", "low", "high"), [("documents", 0.97, 1), ("none", 0, 0.8)])
def test_rows_of_the_sample_are_full(packing: str, low: float, high: float) -> None:
    data = sample(packing=packing, limit_train_samples=None, limit_val_samples=None)
    data.setup("fit")
    assert data.dataset is not None
    for split_ in ("train", "validation"):
        assert low < fill(data.dataset[split_]["input_ids"], 64) <= high


def packed(documents: Sequence[Sequence[int]], block_size: int) -> tuple[Batch, list[list[Any]]]:
    """Return a batch of packed documents, and the documents in each of its rows."""
    rows = pack_documents(table(documents), block_size=block_size, pack=True).to_pylist()
    return CausalCollator(TOKENIZER)(rows), [split(row) for row in rows]


def random_documents(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(5, 200, (n,), generator=generator).tolist() for n in lengths]


def test_positions_restart_and_what_no_token_predicts_is_masked() -> None:
    batch, _ = packed([[5, 6, 7], [8, 9], [10, 11, 12]], 6)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 10, 11, 12], [8, 9, 0, 0, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 2], [0, 1, 0, 0, 0, 0]]
    no = IGNORE_INDEX
    assert batch["labels"].tolist() == [[no, 6, 7, no, 11, 12], [no, 9, no, no, no, no]]
    assert number_of_tokens(batch) == 8
    assert "attention_mask" not in batch


def task(architecture: str, attention: str, cls: type[Any] = LanguageModelingTransformer) -> Any:
    """Return a task on a tiny model, in evaluation mode."""
    backbone = {
        "pretrained_model_name_or_path": folder(architecture, False),
        "attn_implementation": attention,
    }
    return cls(backbone).eval()


def error_of(logits: Tensor, alone: Any, rows: list[list[Any]]) -> float:
    """Return by how much logits of packed documents differ from those of each by itself."""
    errors = []
    for row, documents in zip(logits, rows, strict=True):
        parts = row[: sum(map(len, documents))].split([len(document) for document in documents])
        for part, document in zip(parts, documents, strict=True):
            own = alone(input_ids=torch.tensor([document])).logits[0]
            errors.append((part - own).abs().max())
    return float(torch.stack(errors).max())


KINDS = [("gpt2", "eager"), ("gpt2", "sdpa"), ("llama", "eager"), ("llama", "sdpa")]
DOCUMENTS = random_documents(9, 3, 12, 2, 7, 5, 40, 4)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("architecture", "attention"), [*KINDS, ("llama", "flex_attention")])
@pytest.mark.parametrize("cls", CLASSES)
def test_logits_are_those_of_the_documents_alone(
    cls: str, architecture: str, attention: str, dtype: torch.dtype
) -> None:
    mine = task(architecture, attention, CLASSES[cls]).to(dtype)
    assert mine.model.config._attn_implementation == attention
    batch, rows = packed(DOCUMENTS, 32)
    assert len(rows) > 1
    # Without the kernel of flex attention, whose compilation takes a minute.
    with torch.compiler.set_stance("force_eager"):
        _, outputs = mine.shared_step(batch, "val")
        assert error_of(outputs["logits"], mine.model, rows) < BOUND
        # And what plain Lightning would have: a mask of ones, or positions and a cache.
        ones = {"input_ids": batch["input_ids"], "attention_mask": torch.ones_like(batch["labels"])}
        assert error_of(mine.model(**ones)["logits"], mine.model, rows) > CONTAMINATED
        cached = mine.model(**batch, use_cache=True)["logits"]
        assert error_of(cached, mine.model, rows) > CONTAMINATED


@torch.no_grad()
@pytest.mark.slow
def test_the_compiled_kernel_of_flex_attention_keeps_documents_apart() -> None:
    mine = task("llama", "flex_attention")
    document, *others = random_documents(4, 12, 12)
    rows = [[*other, *document] for other in others]
    examples = [{"input_ids": row, "lengths": [12, 4]} for row in rows]
    batch = CausalCollator(TOKENIZER)([*examples, {"input_ids": rows[0], "lengths": [16]}])
    one, other, as_one = mine.model(**batch)["logits"][:, 12:]
    assert float((one - other).abs().max()) < BOUND
    assert float((one - as_one).abs().max()) > CONTAMINATED


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("mode", [True, False])
def test_gradients_are_those_of_the_documents_alone(cls: str, mode: bool) -> None:
    """In training mode as well, where transformers would build a cache, too."""
    mine = task("llama", "sdpa", CLASSES[cls]).double().train(mode)
    batch, _ = packed(DOCUMENTS, 32)
    apart = [d for document in DOCUMENTS for d in cut(document, 32)]
    alone = CausalCollator(TOKENIZER)([{"input_ids": document} for document in apart])
    gradients = []
    for b in (batch, alone):
        mine.zero_grad()
        loss, _ = mine.shared_step(b, "val")
        loss.mean.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in mine.model.parameters()]))
    assert float((gradients[0] - gradients[1]).abs().max()) < BOUND * float(
        gradients[1].abs().max()
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_validation_loss_is_that_of_the_documents_alone(cls: str, tmp_path: Path) -> None:
    def loss(packing: str) -> float:
        data = sample(packing=packing, limit_val_samples=30)
        logged = trainer(tmp_path).validate(model(CLASSES[cls]), data, verbose=False)
        return float(logged[0]["val/loss"])

    assert loss("documents") == pytest.approx(loss("none"), rel=1e-6)
    assert loss("documents") != pytest.approx(loss("blocks"), rel=1e-4)


def test_an_implementation_that_the_model_does_not_have_is_refused() -> None:
    for name, reason in {"flex_attention": "flex_attention", "fast": "is not supported"}.items():
        backbone = Backbone(folder("gpt2", False), attn_implementation=name)
        with pytest.raises(ConfigurationError, match=reason) as caught:
            backbone.load_model(CAUSAL, {})
        assert f"backbone.attn_implementation={name} does not work with GPT2LMHeadModel" in str(
            caught.value
        )
        assert "omit the key to use 'sdpa'" in str(caught.value)


def test_packing_takes_little_more_memory_than_its_result() -> None:
    length, documents = 1000, 2000
    values = pa.array(np.zeros(length * documents, np.int32))
    starts = pa.array(np.arange(0, length * (documents + 1), length, np.int32))
    rows = pa.table({"input_ids": pa.ListArray.from_arrays(starts, values)})
    tracemalloc.start()
    pack_documents(rows, block_size=4 * length, pack=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * values.nbytes
