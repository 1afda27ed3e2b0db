"""A fit from Python, without Hydra: the loss falls, and the logged values are correct."""

import copy
import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning import LightningDataModule, LightningModule
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from transformers import BartConfig, PreTrainedModel, PreTrainedTokenizerFast

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks import LossCurve, WeightNoise
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.core import Batch
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.models.freezing import freeze_backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from tests.helpers.language_modeling import (
    ADAMW,
    BACKBONE,
    TOKENIZER,
    Recorder,
    model,
    sample,
    trainer,
)
from tests.helpers.slow import sampled


def test_loss_falls(tmp_path: Path) -> None:
    task, data = model(), sample()
    before = trainer(tmp_path).validate(task, data, verbose=False)[0]
    after = train(task, data, trainer(tmp_path))
    assert after["val/loss"] < before["val/loss"] - 0.5
    assert after["val/perplexity"] == pytest.approx(math.exp(after["val/loss"]))
    assert all(task.modes), "dropout is on in every step"


def test_validation_loss_is_the_mean_over_tokens(tmp_path: Path) -> None:
    """The mean of the batches' means differs for ragged batches."""
    rows = {"append_eos": False, "limit_val_samples": None, "group_by_length": False}
    task, data = model(), sample(batch_size=7, **rows)
    logged = trainer(tmp_path).validate(task, data, verbose=False)[0]["val/loss"]
    total = count = 0.0
    means = []
    task.eval()
    for batch in data.val_dataloader():
        logits = task.model(input_ids=batch["input_ids"]).logits[:, :-1]
        losses = cross_entropy(logits.transpose(1, 2), batch["labels"][:, 1:], reduction="none")
        total += float(losses.sum().detach())
        count += int((batch["labels"][:, 1:] != -100).sum())
        means.append(float(losses.sum().detach()) / int((batch["labels"][:, 1:] != -100).sum()))
    assert logged == pytest.approx(total / count, rel=1e-5)
    assert logged != pytest.approx(sum(means) / len(means), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ({"limit_train_batches": 3, "max_epochs": 2}, [2, 5]),
        ({"max_steps": 2}, [1]),
        ({"limit_train_batches": 3, "max_epochs": 2, "log_every_n_steps": 2}, [1, 2, 3, 5]),
    ],
)
def test_every_epoch_logs_a_training_loss(
    arguments: dict[str, Any], steps: list[int], tmp_path: Path
) -> None:
    """Steps count from 0; the last batch's loss is also logged."""
    logger = CSVLogger(tmp_path, name=None, version="")
    train(model(), sample(batch_size=4), trainer(tmp_path, logger=logger, **arguments))
    with open(tmp_path / "metrics.csv") as file:
        assert [int(r["step"]) for r in csv.DictReader(file) if r["train/loss"]] == steps


def test_decoder_with_a_loss_of_its_own_learns_the_next_token(tmp_path: Path) -> None:
    """BART's decoder expects labels that are already shifted."""
    size = {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 16}
    BartConfig(vocab_size=200, is_decoder=True, is_encoder_decoder=False, **size).save_pretrained(
        tmp_path
    )
    task = LanguageModelingTransformer(
        {"pretrained_model_name_or_path": str(tmp_path), "random_weights": True}
    )
    ids = torch.randint(5, 200, (2, 9), generator=torch.Generator().manual_seed(0))
    batch = {"input_ids": ids, "labels": ids.masked_fill(ids < 40, -100)}
    loss, outputs = task.shared_step(batch, "train")
    logits, labels = outputs["logits"][:, :-1].mT, batch["labels"][:, 1:]
    assert loss.mean.item() == pytest.approx(cross_entropy(logits, labels).item())
    assert outputs["loss"].item() != pytest.approx(loss.mean.item(), rel=1e-3)


def test_noise_is_there_in_the_step_and_gone_after_it(tmp_path: Path) -> None:
    task = model()
    before = [p.detach().clone() for p in task.model.parameters()]
    frozen = task.model.base_model.wte.weight.requires_grad_(False)
    sgd = {"_target_": "torch.optim.SGD", "lr": 0.0}
    task.optimizer_config = sgd
    trainer(tmp_path, max_steps=1, callbacks=[WeightNoise(0.05)]).fit(task, sample())
    noise = torch.cat(
        [
            (s - b).flatten()
            for s, b in zip(task.seen, before, strict=True)
            if s.shape != frozen.shape
        ]
    )
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert noise.mean().item() == pytest.approx(0.0, abs=1e-3)
    after = list(task.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_noise_is_the_same_after_another_use_of_the_global_generator(tmp_path: Path) -> None:
    def noisy(draws: int) -> torch.Tensor:
        task = model()
        torch.randn(draws)
        trainer(tmp_path, max_steps=1, callbacks=[WeightNoise(0.05)]).fit(task, sample())
        return task.seen[0]

    assert torch.equal(noisy(1), noisy(100))


class NoLoss(Recorder):
    """Skips every step, as a task may do without targets."""

    def training_step(self, batch: Batch, batch_idx: int) -> None:  # type: ignore[override]
        """Return None."""
        super().training_step(batch, batch_idx)


class SkipsEpochs(Recorder):
    """Ends each epoch before its first step."""

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> int:
        """Return -1, which ends the epoch."""
        return -1


def test_noise_is_gone_after_an_epoch_that_was_skipped(tmp_path: Path) -> None:
    task = model(SkipsEpochs)
    before = [p.detach().clone() for p in task.model.parameters()]
    trainer(tmp_path, max_epochs=3, callbacks=[WeightNoise(0.05)]).fit(task, sample())
    after = list(task.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_gradient_is_taken_at_noisy_weights_and_applied_to_the_clean_ones(tmp_path: Path) -> None:
    task = model()
    task.eval()  # no dropout, so that the gradient can be recomputed
    task.optimizer_config = {"_target_": "torch.optim.SGD", "lr": 0.5}
    before = [p.detach().clone() for p in task.model.parameters()]
    data = sample(batch_size=4)
    run = trainer(tmp_path, max_steps=1, limit_val_batches=0, callbacks=[WeightNoise(0.05)])
    run.fit(task, data)
    after = [p.detach().clone() for p in task.model.parameters()]
    for parameter, noisy in zip(task.model.parameters(), task.seen, strict=True):
        parameter.data = noisy
    task.zero_grad()
    task.model(**task.batch).loss.backward()
    for parameter, clean, updated in zip(task.model.parameters(), before, after, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(updated, clean - 0.5 * parameter.grad)


def test_noise_is_gone_after_a_step_without_a_loss(tmp_path: Path) -> None:
    task = model(NoLoss)
    before = [p.detach().clone() for p in task.model.parameters()]
    trainer(tmp_path, max_epochs=1, limit_train_batches=2, callbacks=[WeightNoise(0.05)]).fit(
        task, sample()
    )
    after = list(task.model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_checkpoint_holds_plain_values_and_loads_with_weights_only(tmp_path: Path) -> None:
    task, curve = model(level=2.0), LossCurve(str(tmp_path / "curve.png"))
    checkpoint = ModelCheckpoint(tmp_path, filename="best", monitor="val/loss")
    run = trainer(
        tmp_path, limit_train_batches=2, callbacks=[checkpoint, curve], enable_checkpointing=True
    )
    train(task, sample(), run)
    torch.load(checkpoint.best_model_path, weights_only=True)
    loaded = Recorder.load_from_checkpoint(checkpoint.best_model_path, weights_only=True)
    assert loaded.level == 2.0
    for ours, theirs in zip(task.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_schedule_spans_the_fit(tmp_path: Path) -> None:
    task = LanguageModelingTransformer(
        BACKBONE,
        optimizer={"_target_": "torch.optim.SGD", "lr": 1.0},
        scheduler={
            "_target_": "transformers.get_linear_schedule_with_warmup",
            "num_training_steps": -1,
            "num_warmup_steps": 0.1,
        },
    )
    data = sample(limit_train_samples=50, batch_size=4)
    run = trainer(tmp_path, max_epochs=2, accumulate_grad_batches=2, limit_val_batches=0)
    run.fit(task, data)
    assert task.num_training_steps() == run.global_step == run.estimated_stepping_batches
    assert run.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.0)


def test_biases_and_norms_have_no_weight_decay() -> None:
    decayed, kept = model().parameter_groups()
    assert "weight_decay" not in decayed
    assert kept["weight_decay"] == 0.0
    assert {p.ndim for p in decayed["params"]} == {2}
    assert {p.ndim for p in kept["params"]} == {1}


def test_everything_frozen_is_said_before_the_first_step(tmp_path: Path) -> None:
    task = model()
    task.model.requires_grad_(False)
    with pytest.raises(ConfigurationError, match="every parameter is frozen"):
        trainer(tmp_path).fit(task, sample())


def test_unknown_hyperparameter_names_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Recorder has no .*'levle' \(did you mean 'level'"
    ):
        model(levle=1.0)


def test_embedding_grows_to_the_tokenizer(tmp_path: Path) -> None:
    tokenizer = type(TOKENIZER).from_pretrained(TOKENIZER.name_or_path)
    tokenizer.add_tokens(["<new>", "<newer>"])
    values = {"dataset_name": "sample", "block_size": 64, "limit_train_samples": 20}
    data = LanguageModelingDataModule(tokenizer, **values)
    with pytest.raises(ConfigurationError, match=r"2050 tokens.*only 2048 rows"):
        trainer(tmp_path).fit(model(), data)
    task = model(model_data_kwargs=data.model_data_kwargs)
    assert task.model.get_input_embeddings().num_embeddings == 2050
    trainer(tmp_path, max_steps=1, limit_val_batches=1).fit(task, data)


class Outer(LightningModule):
    """A user's module that trains a task inside it, as in distillation."""

    def __init__(self) -> None:
        super().__init__()
        self.student = model()

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the loss of the student."""
        return self.student.shared_step(batch, "train")[0].mean

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return SGD."""
        return torch.optim.SGD(self.parameters(), 0.1)


def test_a_task_may_be_a_part_of_another_module(tmp_path: Path) -> None:
    outer, data = Outer(), sample(batch_size=4, packing="none")
    data.model_config = outer.student.model.config
    run = trainer(tmp_path, max_steps=1)
    run.fit(outer, data)
    run.save_checkpoint(tmp_path / "outer.ckpt")
    run = trainer(tmp_path, max_epochs=2, max_steps=2)
    run.fit(Outer(), data, ckpt_path=tmp_path / "outer.ckpt", weights_only=True)
    assert run.global_step == 2


class PlainData(LightningDataModule):
    """A plain LightningDataModule, with a tokenizer of another library."""

    def __init__(self) -> None:
        super().__init__()
        self.ours = sample(limit_train_samples=20)
        self.ours.setup("fit")
        self.tokenizer = self.ours.processor.backend_tokenizer

    def train_dataloader(self) -> Any:
        """Return batches of the sample."""
        return self.ours.train_dataloader()


def test_a_data_module_may_be_of_plain_lightning(tmp_path: Path) -> None:
    run = trainer(tmp_path, max_steps=1, limit_val_batches=0)
    run.fit(model(), datamodule=PlainData())
    assert run.global_step == 1


def test_prediction_continues_the_text() -> None:
    (text,) = model().predict(["It is a truth"], sample())
    assert text.startswith("It is a truth")
    assert len(text) > len("It is a truth")


def test_the_space_before_the_continuation_stays() -> None:
    """Llama's decoder drops the leading space of a text."""
    vocabulary = ["<unk>", "</s>", "▁It", "▁is", "▁a", "▁truth"]
    words = models.WordLevel({word: n for n, word in enumerate(vocabulary)}, unk_token="<unk>")
    backend = Tokenizer(words)
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    steps = [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
    task = model()
    task.generate = lambda batch: torch.tensor([[4, 5]])
    assert task.predict(["It is"], LanguageModelingDataModule(tokenizer)) == ["It is a truth"]


class Frozen(Recorder):
    """Freezes its backbone as the recipe does."""

    def build_model(self) -> PreTrainedModel:
        """Return the model with its backbone frozen."""
        model = super().build_model()
        freeze_backbone(model)
        return model

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Record the backbone's mode."""
        self.backbone_modes = [
            *getattr(self, "backbone_modes", []),
            self.model.base_model.training,
        ]
        return super().training_step(batch, batch_idx)


def test_frozen_backbone_stays_in_evaluation_mode(tmp_path: Path) -> None:
    """Across validations and epochs, Lightning restores the mode of each module."""
    task = model(Frozen)
    run = trainer(tmp_path, max_epochs=2, limit_train_batches=4, val_check_interval=2)
    run.fit(task, sample())
    assert task.backbone_modes == [False] * 8
    assert task.modes == [True] * 8


class Untied(LanguageModelingTransformer):
    """Freezes the backbone of a model with tied embeddings, as the recipe does."""

    def build_model(self) -> PreTrainedModel:
        """Return the model, untied and with its backbone frozen."""
        model = super().build_model()
        freeze_backbone(model, tied="untie")
        return model


def test_an_untied_model_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    seed_everything(0)
    backbone = BACKBONE | {"config": {"tie_word_embeddings": True}}
    task, data = Untied(backbone, optimizer=ADAMW), sample()
    metrics = train(task, data, trainer(tmp_path, limit_train_batches=5))
    run = trainer(tmp_path)
    run.strategy.connect(task)
    run.save_checkpoint(tmp_path / "untied.ckpt", weights_only=False)
    loaded = Untied.load_from_checkpoint(tmp_path / "untied.ckpt", weights_only=True)
    (again,) = trainer(tmp_path).validate(loaded, data, verbose=False)
    assert again["val/loss"] == metrics["val/loss"]


@pytest.mark.parametrize(
    "precision", sampled(["bf16-mixed", "bf16-true", "32-true"], ["bf16-mixed"])
)
def test_precision_with_clipping(precision: Any, tmp_path: Path) -> None:
    """The configured optimizer works with both, and the mean over many tokens stays exact."""
    optimizer = OmegaConf.load(PACKAGED_CONFIGS / "optimizer/adamw.yaml")
    task = LanguageModelingTransformer(BACKBONE, optimizer=optimizer)
    run = trainer(tmp_path, precision=precision, gradient_clip_val=1.0, limit_train_batches=2)
    metrics = train(task, sample(), run)
    reference = model()  # its metrics were never in bfloat16
    reference.load_state_dict(task.float().state_dict())
    exact = trainer(tmp_path).validate(reference, sample(), verbose=False)[0]["val/loss"]
    assert metrics["val/loss"] == pytest.approx(exact, rel=1e-3)


def test_a_backbone_may_be_given_as_an_object() -> None:
    task = LanguageModelingTransformer(Backbone(**BACKBONE))
    assert task.backbone == Backbone(**BACKBONE)
    assert Backbone(**task.hparams["backbone"]) == task.backbone


def test_schedule_without_an_end_is_refused(tmp_path: Path) -> None:
    schedule = OmegaConf.load(PACKAGED_CONFIGS / "scheduler/linear_schedule_with_warmup.yaml")
    task = LanguageModelingTransformer(BACKBONE, scheduler=schedule)
    with pytest.raises(ConfigurationError, match="max_epochs=-1 sets no limit"):
        trainer(tmp_path, max_epochs=-1, max_time="00:00:01:00").fit(task, sample())


class Demanding(Recorder):
    """Has a hyperparameter without a default."""

    alpha: float


def test_hyperparameter_without_a_default_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="Demanding needs a value for alpha"):
        model(Demanding)
    assert model(Demanding, alpha=1.0).alpha == 1.0


def test_prediction_leaves_the_modes_alone() -> None:
    task = model(Frozen)
    task.predict(["It is a truth"], sample())
    assert task.training
    assert not task.model.base_model.training


def test_a_task_uses_the_data_that_it_was_given_last(tmp_path: Path) -> None:
    """The data of `predict`, then those of a trainer; a copy of the task has none."""
    task, data, other = model(), sample(), sample(append_eos=False)
    train(task, data, trainer(tmp_path, limit_train_batches=1, limit_val_batches=1))
    seen = []
    task.generate = lambda batch: seen.append(task.data) or batch["input_ids"]
    task.predict(["It is a truth"], other)
    assert seen == [other]
    assert other.known_config() is task.model.config
    trainer(tmp_path, limit_val_batches=1).validate(task, data, verbose=False)
    assert task.data is data
    assert copy.deepcopy(task).data is None


def test_the_pipeline_predicts_without_dropout() -> None:
    task = model(Frozen)
    task.model.lm_head.register_forward_hook(lambda module, *_: modes.append(module.training))
    modes: list[bool] = []
    task.hf_pipeline("It is a truth", max_new_tokens=2)
    assert modes == [False, False]
    assert task.training
    assert not task.model.base_model.training


def test_the_pipeline_takes_the_arguments_of_the_checkpoint_or_its_caller() -> None:
    task = model(hf_pipeline_kwargs={"max_new_tokens": 2, "return_full_text": False})
    (short,) = task.hf_predict("It is a truth")
    (long,) = task.hf_predict("It is a truth", max_new_tokens=40)
    assert "truth" not in short["generated_text"]
    assert len(short["generated_text"]) < len(long["generated_text"])


def test_long_text_is_continued_too() -> None:
    text = "It is a truth universally acknowledged, " * 30
    (predicted,) = model().predict([text], sample())
    assert predicted.startswith(text)
    with pytest.raises(ConfigurationError, match="has no text in"):
        model().predict([""], sample())
