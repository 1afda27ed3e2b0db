"""Attention between packed documents is an error before the first step."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule
from torch.nn.utils.rnn import pad_sequence
from torchmetrics import MaxMetric, MetricCollection, SumMetric
from transformers import (
    BertConfig,
    BloomConfig,
    GPTNeoXConfig,
    JambaConfig,
    Llama4TextConfig,
    LlamaConfig,
    MambaConfig,
    MixtralConfig,
    OPTConfig,
    Phi3Config,
    PreTrainedConfig,
    XLMConfig,
    XLNetConfig,
)

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks import CompileModel
from lightning_transformers.core import Batch
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from lightning_transformers.task.nlp.language_modeling import (
    packing_check as separation,
)
from lightning_transformers.task.nlp.language_modeling.packing_probe import (
    PREFIX,
    require_equal,
)
from tests.helpers.document_classes import CLASSES
from tests.helpers.language_modeling import BACKBONE, TOKENIZER, sample, trainer
from tests.helpers.slow import sampled

SIZE = {"vocab_size": len(TOKENIZER), "hidden_size": 32}
LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 2}
CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(intermediate_size=64, max_position_embeddings=64, **SIZE, **LAYERS),
    "neox": GPTNeoXConfig(intermediate_size=64, max_position_embeddings=64, **SIZE, **LAYERS),
    "opt": OPTConfig(ffn_dim=64, word_embed_proj_dim=32, **SIZE, **LAYERS),
    "bloom": BloomConfig(n_layer=2, n_head=2, **SIZE),
    "mamba": MambaConfig(num_hidden_layers=2, state_size=8, **SIZE),
    "bert": BertConfig(intermediate_size=64, is_decoder=True, **SIZE, **LAYERS),
    "mixtral": MixtralConfig(
        intermediate_size=64, num_key_value_heads=2, num_local_experts=4, **SIZE, **LAYERS
    ),
    "jamba": JambaConfig(
        intermediate_size=64,
        num_key_value_heads=2,
        mamba_d_state=8,
        use_mamba_kernels=False,
        attn_layer_period=2,
        attn_layer_offset=1,
        **SIZE,
        **LAYERS,
    ),
}
ENCODERS: dict[str, PreTrainedConfig] = {
    "bert": BertConfig(intermediate_size=64, **SIZE, **LAYERS),
    "xlnet": XLNetConfig(
        vocab_size=SIZE["vocab_size"], d_model=32, n_layer=2, n_head=2, d_inner=64
    ),
    "xlm": XLMConfig(vocab_size=SIZE["vocab_size"], emb_dim=32, n_layers=2, n_heads=2),
}
LONG: dict[str, PreTrainedConfig] = {
    "phi3": Phi3Config(
        intermediate_size=64,
        pad_token_id=0,
        max_position_embeddings=128,
        original_max_position_embeddings=32,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 1e4,
            "long_factor": [4.0] * 8,
            "short_factor": [1.0] * 8,
        },
        **SIZE,
        **LAYERS,
    ),
    "llama4": Llama4TextConfig(
        intermediate_size=64,
        intermediate_size_mlp=64,
        num_key_value_heads=2,
        head_dim=16,
        num_local_experts=2,
        floor_scale=33,
        **SIZE,
        **LAYERS,
    ),
}
SEPARATE = ("llama", "neox", "mixtral")
MIX = [name for name in CONFIGS if name not in SEPARATE]


def of_classes(*values: Iterable[str]) -> list[Any]:
    """Return each class with each of the values; `make test` has one with the generated class."""
    base, (generated, *others) = (list(product([cls], *values)) for cls in CLASSES)
    return sampled([*base, generated, *others], [*base, generated])


def run(task: Any, data: Any, path: Path, how: str = "fit") -> None:
    quick = trainer(path, max_steps=1, limit_val_batches=1, limit_test_batches=1)
    getattr(quick, how)(task, datamodule=data)


def saved(
    name: str, path: Path, configs: Mapping[str, PreTrainedConfig] = CONFIGS
) -> dict[str, Any]:
    """Return the backbone of an architecture with random weights."""
    configs[name].save_pretrained(path / name)
    return {"pretrained_model_name_or_path": str(path / name), "random_weights": True}


def small(**hyperparameters: Any) -> LanguageModelingDataModule:
    return sample(limit_train_samples=20, limit_val_samples=20, **hyperparameters)


def refused(task: Any, data: Any, path: Path, how: str = "fit") -> str:
    with pytest.raises(ConfigurationError) as caught:
        run(task, data, path, how)
    message = str(caught.value)
    assert "\n" not in message
    assert "set dataset.packing=none" in message
    return message


@pytest.mark.parametrize(("cls", "name"), of_classes(MIX))
def test_a_model_that_mixes_documents_is_refused(cls: str, name: str, tmp_path: Path) -> None:
    message = refused(CLASSES[cls](saved(name, tmp_path)), small(), tmp_path)
    assert "packed documents" in message
    assert "backbone.attn_implementation=" in message
    assert name in message.lower()


@pytest.mark.parametrize("packing", ["blocks", "none"])
def test_the_fix_works(packing: str, tmp_path: Path) -> None:
    run(CLASSES["base"](saved("opt", tmp_path)), small(packing=packing), tmp_path)


@pytest.mark.parametrize(
    ("cls", "name", "packing"), of_classes(ENCODERS, ["documents", "blocks", "none"])
)
def test_a_model_that_sees_what_it_is_to_predict_is_refused(
    cls: str, name: str, packing: str, tmp_path: Path
) -> None:
    task = CLASSES[cls](saved(name, tmp_path, ENCODERS))
    with pytest.raises(ConfigurationError, match="is not causal: its logits") as caught:
        run(task, small(packing=packing), tmp_path)
    fix = "choose a causal model, such as backbone=nlp/gpt2"
    if name == "bert":
        fix = "set backbone=nlp/gpt2, or +backbone.config.is_decoder=true dataset.packing=none"
    assert str(caught.value).endswith(fix)


@pytest.mark.parametrize("packing", ["blocks", "none"])
@pytest.mark.parametrize("how", ["fit", "validate"])
def test_an_encoder_as_a_decoder_is_causal(how: str, packing: str, tmp_path: Path) -> None:
    backbone = {**saved("bert", tmp_path, ENCODERS), "config": {"is_decoder": True}}
    run(CLASSES["base"](backbone), small(packing=packing), tmp_path, how)


class PositionsAsked(LanguageModelingTransformer):
    """Has a model that takes an input of its own."""

    def build_model(self) -> Any:
        """Return a model that is not called without it."""
        model = super().build_model()
        forward = model.forward
        model.forward = lambda *, position_ids, **kwargs: forward(
            position_ids=position_ids, **kwargs
        )
        return model

    def forward(self, batch: Batch) -> Any:
        """Return the outputs for all positions."""
        return self.model(**batch, position_ids=torch.arange(batch["input_ids"].shape[1])[None])


def test_a_model_with_inputs_of_its_own_trains(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(PositionsAsked(BACKBONE), small(packing="none"), tmp_path)
    assert "cannot check that GPT2LMHeadModel is causal" in caplog.text


class Plain(LightningModule):
    """A module of plain Lightning."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(len(TOKENIZER), 1)

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        """Return a loss."""
        return self.embedding(batch["input_ids"]).mean()

    def configure_optimizers(self) -> Any:
        """Return an optimizer."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_module_of_plain_lightning_trains(tmp_path: Path) -> None:
    data = small(packing="none")
    data.model_config = LanguageModelingTransformer(BACKBONE).model.config
    run(Plain(), data, tmp_path)


@pytest.mark.parametrize(("cls", "name"), of_classes(LONG))
def test_rows_longer_than_a_model_treats_alike_are_refused(
    cls: str, name: str, tmp_path: Path
) -> None:
    backbone = saved(name, tmp_path, LONG)
    message = refused(CLASSES[cls](backbone), small(), tmp_path)
    assert "set dataset.block_size=32 or less" in message
    assert "(dataset.block_size=64)" in message
    for values in ({"block_size": 32}, {"packing": "none"}):
        run(CLASSES[cls](backbone), small(**values), tmp_path)


PRECISIONS = ("32-true", "bf16-mixed", "bf16-true", "64-true")


@pytest.mark.parametrize(
    ("precision", "name"),
    [
        pair
        for pair in product(PRECISIONS, SEPARATE)
        if pair != ("64-true", "mixtral")  # torch has no grouped product of doubles
    ],
)
def test_a_model_that_keeps_them_apart_trains(name: str, precision: str, tmp_path: Path) -> None:
    quick = trainer(tmp_path, max_steps=1, limit_val_batches=1, precision=precision)
    quick.fit(CLASSES["generated"](saved(name, tmp_path)), datamodule=small())


@pytest.mark.parametrize("name", MIX)
@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_half_precision_does_not_hide_what_mixes(name: str, precision: str, tmp_path: Path) -> None:
    quick = trainer(tmp_path, limit_val_batches=1, precision=precision)
    with pytest.raises(ConfigurationError, match="packed documents attend to each other"):
        quick.validate(CLASSES["base"](saved(name, tmp_path)), small(), verbose=False)


class LargeLogits(LanguageModelingTransformer):
    """Has logits with an offset, as GPT-2's, that differ by less than their rounding."""

    def forward(self, batch: Batch) -> Any:
        """Return the outputs, the logits rounded as they are elsewhere in a row."""
        outputs = super().forward(batch)
        rounding = torch.zeros_like(outputs["logits"])
        rounding[2] = 0.5
        outputs["logits"] = outputs["logits"] / 10 - 100 + rounding
        return outputs


def test_rounding_of_large_logits_is_no_difference(tmp_path: Path) -> None:
    quick = trainer(tmp_path, limit_val_batches=1, precision="bf16-true")
    quick.validate(LargeLogits(BACKBONE), small(), verbose=False)


def masked(batch: Batch) -> Batch:
    return {**batch, "attention_mask": torch.ones_like(batch["input_ids"])}


@cache
def mistakes(base: type[Any]) -> dict[str, type[Any]]:
    """Return subclasses of a task as users write them."""

    class MaskInStep(base):  # type: ignore[misc]
        def shared_step(self, batch: Batch, stage: str) -> Any:
            return super().shared_step(masked(batch), stage)

    class MaskInForward(base):  # type: ignore[misc]
        def forward(self, batch: Batch) -> Any:
            return super().forward(masked(batch))

    class MaskAfterTransfer(base):  # type: ignore[misc]
        def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
            return masked(batch)

    class WithCache(base):  # type: ignore[misc]
        def forward(self, batch: Batch) -> Any:
            return self.model(**batch, use_cache=True)

    class NoPositions(base):  # type: ignore[misc]
        def forward(self, batch: Batch) -> Any:
            return self.model(input_ids=batch["input_ids"], labels=batch["labels"])

        def on_fit_start(self) -> None:
            """Override without super."""

        def configure_callbacks(self) -> list[Any]:
            """Override without super."""
            return []

    return {
        c.__name__: c
        for c in (MaskInStep, MaskInForward, MaskAfterTransfer, WithCache, NoPositions)
    }


@pytest.mark.parametrize(("cls", "name"), of_classes(mistakes(CLASSES["base"])))
def test_a_task_that_mixes_documents_is_refused(cls: str, name: str, tmp_path: Path) -> None:
    message = refused(mistakes(CLASSES[cls])[name](BACKBONE), small(), tmp_path)
    assert f"{name} with LanguageModelingDataModule, but not in its model" in message
    assert "no attention_mask" in message


@cache
def own_steps(base: type[Any]) -> dict[str, type[Any]]:
    """Return subclasses of a task with custom training steps."""

    class NoPositionsInStep(base):  # type: ignore[misc]
        def training_step(self, batch: Batch, batch_idx: int) -> Any:
            return self.model(input_ids=batch["input_ids"], labels=batch["labels"]).loss

    class MaskInTraining(base):  # type: ignore[misc]
        def training_step(self, batch: Batch, batch_idx: int) -> Any:
            return super().training_step(masked(batch), batch_idx)

    return {c.__name__: c for c in (NoPositionsInStep, MaskInTraining)}


@pytest.mark.parametrize(("cls", "name"), of_classes(own_steps(CLASSES["base"])))
def test_a_training_step_that_mixes_documents_is_refused(
    cls: str, name: str, tmp_path: Path
) -> None:
    task = own_steps(CLASSES[cls])[name](BACKBONE)
    message = refused(task, small(), tmp_path)
    assert "packed documents attend to each other: GPT2LMHeadModel is called with" in message
    run(task, small(packing="none"), tmp_path)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_training_step_that_passes_the_batch_on_is_right(cls: str, tmp_path: Path) -> None:
    class Own(CLASSES[cls]):  # type: ignore[misc]
        def training_step(self, batch: Batch, batch_idx: int) -> Any:
            self.predict(["A text to continue, with a mask,"], self.data)
            return self.model(**batch).loss

    run(Own(BACKBONE), small(), tmp_path)


class MaskInBatch(LanguageModelingDataModule):
    """A data module that makes masks of its own, of rows with a column of its own."""

    @property
    def collate_fn(self) -> Any:
        """Return the collator, with a mask of ones."""
        collate = super().collate_fn
        return lambda examples: masked(collate(examples))


@pytest.mark.parametrize("how", ["fit", "validate", "test"])
@pytest.mark.parametrize("cls", CLASSES)
def test_data_that_mix_documents_are_refused(cls: str, how: str, tmp_path: Path) -> None:
    sizes = {"block_size": 64, "limit_train_samples": 20}
    novel = "pkg://lightning_transformers/assets/language_modeling/validation.txt"
    data = MaskInBatch(TOKENIZER, train_file=novel, test_file=novel, **sizes)
    assert "MaskInBatch" in refused(CLASSES[cls](BACKBONE), data, tmp_path, how)


class WithSource(LanguageModelingDataModule):
    """Rows have a column more, which the collator asks for."""

    def process_split(self, split: str, rows: Any) -> Any:
        """Return the rows with the number of the source."""
        return super().process_split(split, rows).map(lambda row: {"source": 7})

    @property
    def collate_fn(self) -> Any:
        """Return the collator, with the source in the batch."""
        collate = super().collate_fn

        def with_source(examples: Sequence[Any]) -> Batch:
            return {**collate(examples), "source": torch.tensor([e["source"] for e in examples])}

        return with_source


@pytest.mark.parametrize("cls", CLASSES)
def test_tasks_that_log_and_rows_with_more_columns_are_checked_too(
    cls: str, tmp_path: Path
) -> None:
    class Logs(CLASSES[cls]):  # type: ignore[misc]
        def shared_step(self, batch: Batch, stage: str) -> Any:
            self.log("sources", batch.pop("source").float().mean())
            return super().shared_step(batch, stage)

    data = WithSource(TOKENIZER, dataset_name="sample", block_size=64, limit_train_samples=20)
    run(Logs(BACKBONE), data, tmp_path)


def test_a_stream_is_checked_too(tmp_path: Path) -> None:
    data = sample(streaming=True)
    assert "MaskInStep" in refused(
        mistakes(CLASSES["base"])["MaskInStep"](BACKBONE), data, tmp_path
    )


def test_a_trainer_that_goes_on_with_other_data_does_not_check_them(tmp_path: Path) -> None:
    quick = trainer(tmp_path, limit_val_batches=1)
    quick.validate(CLASSES["base"](BACKBONE), datamodule=small(), verbose=False)
    quick.validate(
        CLASSES["base"](saved("opt", tmp_path)), datamodule=small(packing="none"), verbose=False
    )


class OwnRows(LanguageModelingDataModule):
    """Rows as before packing: a text each, without lengths."""

    def process_split(self, split: str, rows: Any) -> Any:
        """Return the tokens of each text."""
        tokens = rows.map(
            lambda row: {"input_ids": self.tokenizer(row["text"] or "none")["input_ids"][:32]},
            remove_columns=rows.column_names,
        )
        return tokens.with_format("torch")


@pytest.mark.parametrize("cls", CLASSES)
def test_rows_that_are_not_packed_are_not_checked(cls: str, tmp_path: Path) -> None:
    data = OwnRows(TOKENIZER, dataset_name="sample", limit_train_samples=20, limit_val_samples=20)
    for backbone in (BACKBONE, saved("opt", tmp_path)):
        run(CLASSES[cls](backbone), data, tmp_path)


@cache
def steps_beside(base: type[Any]) -> dict[str, type[Any]]:
    """Return training steps that call the model on more than the batch, as subclasses."""

    class Beside(base):  # type: ignore[misc]
        def beside(self, batch: Batch) -> Batch:
            return masked({"input_ids": torch.tensor([[7, 8, 9]])})

        def training_step(self, batch: Batch, batch_idx: int) -> Any:
            other = self.model(**self.beside(batch)).logits.mean()
            return super().training_step(batch, batch_idx) + other

    class LongText(Beside):
        def beside(self, batch: Batch) -> Batch:
            return masked({"input_ids": batch["input_ids"].flip(1)})

    class PartOfBatch(Beside):
        def beside(self, batch: Batch) -> Batch:
            ids = torch.cat([torch.full((1, 64), 7), batch["input_ids"][-1:]])
            return masked({"input_ids": ids[:, :-1]})

    return {c.__name__: c for c in (Beside, LongText, PartOfBatch)}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_training_step_may_call_the_model_on_other_text(cls: str, tmp_path: Path) -> None:
    for name, task in steps_beside(CLASSES[cls]).items():
        if name == "PartOfBatch":
            assert "with an attention_mask" in refused(task(BACKBONE), small(), tmp_path)
        else:
            run(task(BACKBONE), small(), tmp_path)


class Weighted(LanguageModelingDataModule):
    """Rows have a weight a token and a number a document, which the collator stacks."""

    def process_split(self, split: str, rows: Any) -> Any:
        """Return the rows with both columns."""
        return (
            super()
            .process_split(split, rows)
            .map(
                lambda row: {
                    "weights": [1.0] * len(row["input_ids"]),
                    "numbers": [str(n) for n in row["lengths"]],
                }
            )
        )

    @property
    def collate_fn(self) -> Any:
        """Return the collator, with the weights in the batch."""
        collate = super().collate_fn

        def weighted(examples: Sequence[Any]) -> Batch:
            weights = [torch.as_tensor(e["weights"]) for e in examples]
            assert all(len(e["numbers"]) == len(e["lengths"]) for e in examples)
            return {**collate(examples), "weights": pad_sequence(weights, batch_first=True)}

        return weighted


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("cls", sampled(CLASSES, ["generated"]))
def test_columns_with_a_value_a_token_are_checked_too(
    cls: str, streaming: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Weighs(CLASSES[cls]):  # type: ignore[misc]
        def shared_step(self, batch: Batch, stage: str) -> Any:
            assert batch.pop("weights").shape == batch["input_ids"].shape
            return super().shared_step(batch, stage)

    data = Weighted(TOKENIZER, dataset_name="sample", block_size=64, streaming=streaming)
    run(Weighs(BACKBONE), data, tmp_path)
    assert "cannot check" not in caplog.text
    assert "MaskInStep" in refused(mistakes(Weighs)["MaskInStep"](BACKBONE), data, tmp_path)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_examples_of_the_check_do_not_count(cls: str, tmp_path: Path) -> None:
    class Counts(CLASSES[cls]):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.rows = SumMetric()
            self.more = MetricCollection([SumMetric(), MaxMetric()])

        def shared_step(self, batch: Batch, stage: str) -> Any:
            for metric in (self.rows, self.more):
                metric.update(len(batch["input_ids"]))
            return super().shared_step(batch, stage)

    task, data = Counts(BACKBONE), small(batch_size=2)
    task.rows.update(1)
    before = [*task.modules()]
    run(task, data, tmp_path, "validate")
    assert [*task.modules()] == before
    assert task.rows.compute() == 3
    assert task.more.compute() == {"SumMetric": 2, "MaxMetric": 2}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_task_without_logits_trains(cls: str, tmp_path: Path) -> None:
    class LossAlone(CLASSES[cls]):  # type: ignore[misc]
        def shared_step(self, batch: Batch, stage: str) -> Any:
            return super().shared_step(batch, stage)[0], None

    run(LossAlone(BACKBONE), small(), tmp_path)


@pytest.mark.parametrize("cls", CLASSES)
def test_what_the_examples_of_the_check_cause_is_no_error(
    cls: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Long(CLASSES[cls]):  # type: ignore[misc]
        def shared_step(self, batch: Batch, stage: str) -> Any:
            assert batch["input_ids"].shape[1] == 64, "rows are full"
            return super().shared_step(batch, stage)

    run(Long(BACKBONE), small(batch_size=4), tmp_path)
    assert "cannot check packed documents in Long with LanguageModelingDataModule" in caplog.text
    assert "(rows are full)" in caplog.text
    step = own_steps(Long)["MaskInTraining"](BACKBONE)
    assert "is called with an attention_mask" in refused(step, small(batch_size=4), tmp_path)


class OneRowAlone(LanguageModelingTransformer):
    """Separates documents only in batches of one row, as FlashAttention does."""

    def build_model(self) -> Any:
        """Return a model that else has no positions."""
        model = super().build_model()
        forward = model.forward

        def one_row_alone(input_ids: Any, position_ids: Any, **kwargs: Any) -> Any:
            positions = position_ids if len(input_ids) == 1 else None
            return forward(input_ids, position_ids=positions, **kwargs)

        model.forward = one_row_alone
        return model


def test_rows_one_by_one_are_checked_so(tmp_path: Path) -> None:
    run(OneRowAlone(BACKBONE), small(batch_size=1), tmp_path)
    assert "in GPT2LMHeadModel" in refused(OneRowAlone(BACKBONE), small(batch_size=2), tmp_path)
    assert (
        "opt"
        in refused(
            LanguageModelingTransformer(saved("opt", tmp_path)), small(batch_size=1), tmp_path
        ).lower()
    )


def test_the_check_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compilations() -> int:
        compiled = []

        def backend(graph: Any, inputs: Any) -> Any:
            compiled.append(graph)
            return graph.forward

        torch.compiler.reset()
        quick = trainer(tmp_path, max_steps=1, callbacks=[CompileModel(backend=backend)])  # type: ignore[arg-type]
        quick.fit(CLASSES["base"](BACKBONE), datamodule=small())
        return len(compiled)

    with_check = compilations()
    monkeypatch.setattr(separation, "run_checks", lambda *_: True)
    assert with_check == compilations() > 0


def test_logits_may_be_rounded_by_four_units_of_the_precision() -> None:
    eps = torch.finfo(torch.bfloat16).eps
    logits = torch.ones(3, 2 * PREFIX, 2, dtype=torch.bfloat16)
    logits[2] = 1 - 4 * eps
    require_equal(logits, "a model", "fix it")
    logits[2] = 1 - 4.5 * eps
    with pytest.raises(
        ConfigurationError, match="packed documents attend to each other in a model"
    ):
        require_equal(logits, "a model", "fix it")
