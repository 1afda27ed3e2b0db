"""Effects of recipes on weights, gradients, rates and predictions, on four architectures."""

import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks.gradual_unfreezing import units_from_the_head
from lightning_transformers.core import TaskTransformer
from lightning_transformers.models.output_head import output_layer
from lightning_transformers.recipes.generation import set_generation
from lightning_transformers.recipes.lion import Lion
from tests.helpers.recipe_runs import (
    ADAMW,
    SGD,
    Recorder,
    batches,
    build,
    fit,
    folder,
    loader,
    trainer,
    values,
)
from tests.helpers.rendered import suitable, task_class
from tests.helpers.tiny import ARCHITECTURES, bert

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)
tied_or_not = pytest.mark.parametrize("tied", [False, True])
LAYER = {
    "gpt2": ["transformer.h"],
    "llama": ["model.layers"],
    "bert": ["bert.encoder.layer"],
    "t5": ["encoder.block", "decoder.block"],
}


def keys_in_file(task: TaskTransformer, parameters: list[nn.Parameter]) -> set[str]:
    names = {id(p): name for name, p in task.named_parameters()}
    return {names[id(p)] for p in parameters}


def embedding(task: TaskTransformer) -> str:
    (name,) = keys_in_file(task, list(task.model.get_input_embeddings().parameters()))
    return name


UNUSED = {"model.cls.predictions.bias"}
"""Further parameters of an untied BERT besides the bias of its last layer."""


@cache
def moving(architecture: str, tied: bool) -> set[str]:
    """Return the parameters that move without a recipe."""
    return fit(build(architecture, tied=tied)).moved(0)


@architectures
@tied_or_not
def test_frozen_embeddings_are_bit_equal(architecture: str, tied: bool) -> None:
    task = build(architecture, "freeze_embeddings", tied=tied)
    assert embedding(task) in moving(architecture, tied)
    assert fit(task).moved(0) == moving(architecture, tied) - {embedding(task)}


@architectures
@tied_or_not
def test_of_a_frozen_backbone_only_the_head_moves(architecture: str, tied: bool) -> None:
    task = build(architecture, "freeze_backbone", tied=tied)
    head = {f"model.{n}" for n, p in task.model.named_parameters() if p.requires_grad}
    assert embedding(task) not in head
    assert fit(task).moved(0) == head - (set() if tied else UNUSED)


@architectures
@tied_or_not
def test_units_start_to_move_one_after_the_other(architecture: str, tied: bool) -> None:
    task = build(architecture, "gradual_unfreezing", tied=tied, unfreeze_every_n_epochs=2)
    units = [keys_in_file(task, unit) for unit in units_from_the_head(task.model)]
    assert embedding(task) in units[-1]
    recorder = fit(task, steps=1, max_epochs=6)
    for epoch in range(6):
        unlocked = set().union(*units[: 1 + epoch // 2])
        assert recorder.moved(epoch) == unlocked & moving(architecture, tied)


@architectures
@tied_or_not
def test_the_average_follows_its_recursion(architecture: str, tied: bool) -> None:
    task = build(architecture, "ema_weights", tied=tied, ema_decay=0.8)
    recorder = fit(task)
    expected = recorder.weights[0]
    for weights in recorder.weights[1:]:
        expected = {name: 0.8 * expected[name] + 0.2 * weights[name] for name in expected}
    torch.testing.assert_close(values(task), expected)
    assert not torch.allclose(values(task)[embedding(task)], recorder.weights[-1][embedding(task)])


@architectures
@tied_or_not
def test_each_layer_has_its_learning_rate(architecture: str, tied: bool) -> None:
    task = build(architecture, "layerwise_lr_decay", tied=tied, layer_decay=0.5)
    groups = task.parameter_groups()
    rates = {name: g["lr"] for g in groups for name in keys_in_file(task, g["params"])}
    assert sum(len(g["params"]) for g in groups) == len(rates) == len(values(task))
    undecayed = {p for name, p in task.named_parameters() if p.ndim < 2 or "bias" in name}
    assert all(("weight_decay" in g) == undecayed.issuperset(g["params"]) for g in groups)
    stacks = LAYER[architecture]
    for name, rate in rates.items():
        for number, stack in enumerate(stacks):
            if found := re.match(rf"model\.{re.escape(stack)}\.(\d)\.", name):
                above = 2 * (len(stacks) - 1 - number) + (1 - int(found[1]))
                assert rate == pytest.approx(1e-2 * 0.5 ** (1 + above)), name
    assert rates[embedding(task)] == pytest.approx(1e-2 * 0.5 ** (2 * len(stacks) + 1))
    if not tied and architecture != "t5":  # transformers ties T5, whatever its config says
        (head,) = keys_in_file(task, [task.model.get_output_embeddings().weight])
        assert rates[head] == 1e-2
    recorder = fit(task)
    assert set(recorder.rates[0]) == set(rates.values())


class AtBackward(Callback):
    """Keeps the weights that the first gradient is taken at."""

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        self.weights = values(pl_module)


@architectures
@tied_or_not
def test_weight_noise_has_the_asked_deviation_and_is_taken_off(
    architecture: str, tied: bool
) -> None:
    still = {"_target_": "torch.optim.SGD", "lr": 0.0}
    task = build(architecture, "weight_noise", tied=tied, noise_std=0.05, optimizer=still)
    before, seen = values(task), AtBackward()
    trainer(seen).fit(task, loader(batches(1)))
    noise = torch.cat([(seen.weights[name] - before[name]).flatten() for name in before])
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=2e-3)
    torch.testing.assert_close(values(task), before, rtol=0, atol=0)


def difference(noisy: list[dict[str, Tensor]], clean: list[dict[str, Tensor]], step: int) -> Tensor:
    """Return the noise on the gradients, from a step of gradient descent at a rate of 1."""
    steps = [{n: run[step][n] - run[step + 1][n] for n in run[0]} for run in (noisy, clean)]
    return torch.cat([(steps[0][name] - steps[1][name]).flatten() for name in clean[0]])


@architectures
@tied_or_not
def test_gradient_noise_has_the_asked_variance(architecture: str, tied: bool) -> None:
    arguments: dict[str, Any] = {"tied": tied, "optimizer": SGD}
    clean = fit(build(architecture, **arguments), steps=1).weights
    arguments |= {"gradient_noise": 0.01}
    noisy = fit(build(architecture, "gradient_noise", **arguments), steps=1).weights
    noise = difference(noisy, clean, step=0)
    assert noise.std().item() == pytest.approx(math.sqrt(0.01), rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=3e-3)


def test_gradient_noise_falls_and_is_reproducible() -> None:
    """At zero gradients, as of a rate of zero, every step shows its noise alone."""
    still = {"_target_": "torch.optim.SGD", "lr": 1e-3}
    settings: dict[str, Any] = {"optimizer": still, "gradient_noise": 1e8}
    one = fit(build("gpt2", "gradient_noise", **settings)).weights
    task = build("gpt2", "gradient_noise", **settings)
    torch.randn(7)
    two = fit(task).weights
    stds = []
    for step in range(3):
        moves = [
            torch.cat([(run[step][n] - run[step + 1][n]).flatten() for n in run[0]])
            for run in (one, two)
        ]
        torch.testing.assert_close(moves[0], moves[1], rtol=1e-2, atol=0.1)
        stds.append(moves[0].std().item())
    expected = [1e-3 * math.sqrt(1e8 / (1 + step) ** 0.55) for step in range(3)]
    assert stds == pytest.approx(expected, rel=0.02)


@architectures
@tied_or_not
def test_only_adapters_train(architecture: str, tied: bool) -> None:
    task = build(architecture, "lora", tied=tied)
    recorder = fit(task)
    assert recorder.moved(1)
    assert all("lora_" in name for name in recorder.moved(1))
    checkpoint = {"state_dict": task.state_dict()}
    task.on_save_checkpoint(checkpoint)
    saved = {name for name in checkpoint["state_dict"] if name.startswith("model.")}
    assert saved == {name for name in values(task) if "lora_" in name}


@pytest.mark.parametrize("recipes", [("freeze_backbone", "lora"), ("lora", "freeze_backbone")])
@architectures
def test_adapters_and_a_head_train_together(architecture: str, recipes: tuple[str, str]) -> None:
    task = build(architecture, *recipes, tied=True)
    trainable = {name for name, p in task.named_parameters() if p.requires_grad}
    head = {
        f"model.{name}"
        for name, p in build(architecture, "freeze_backbone", tied=True).model.named_parameters()
        if p.requires_grad
    }
    assert trainable == head | {name for name in values(task) if "lora_" in name}
    assert fit(task).moved(1) == trainable
    modules = task.model.base_model.modules()
    assert architecture == "llama" or any(m.training for m in modules if type(m) is nn.Dropout)


def test_lion_is_the_optimizer_and_moves_by_its_rate() -> None:
    task = build("gpt2", "custom_optimizer", lion_weight_decay=0.0)
    recorder = fit(task)
    assert isinstance(task.trainer.optimizers[0], Lion)
    for before, after in zip(recorder.weights, recorder.weights[1:], strict=False):
        for name in before:
            step = (before[name] - after[name]).abs()
            # A momentum of exactly zero, as of a token that did not occur, has no sign.
            assert torch.all((step - ADAMW["lr"]).abs().lt(1e-6) | step.eq(0)), name


def test_lion_follows_its_formula() -> None:
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.randn(3, 2))
    optimizer = Lion([parameter], lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    expected, momentum = parameter.detach().clone(), torch.zeros(3, 2)
    for _ in range(5):
        parameter.grad = torch.randn(3, 2)
        update = torch.sign(0.9 * momentum + 0.1 * parameter.grad)
        expected = expected - 0.1 * (update + 0.5 * expected)
        momentum = 0.99 * momentum + 0.01 * parameter.grad
        optimizer.step()
        torch.testing.assert_close(parameter.detach(), expected)


def test_the_schedule_is_that_of_the_formula() -> None:
    task = build("gpt2", "custom_schedule", decay_share=0.5)
    rates = [rates[0] for rates in fit(task, steps=8).rates]
    shares = [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert rates == pytest.approx([share * ADAMW["lr"] for share in shares])


def test_a_schedule_without_decay_ends_at_zero() -> None:
    task = build("gpt2", "custom_schedule", decay_share=0.0)
    rates = [rates[0] for rates in fit(task, steps=3).rates]
    assert rates == pytest.approx([ADAMW["lr"]] * 3)
    assert {group["lr"] for group in task.trainer.optimizers[0].param_groups} == {0}


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "t5"])
def test_generation_samples_as_set(architecture: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"do_sample": True, "temperature": 0.5, "top_p": 0.9}
    model: Any = build(architecture, "generation", **settings).model.eval()
    model.save_pretrained(tmp_path)
    saved = model.generation_config.from_pretrained(tmp_path)
    for config in (model.generation_config, saved):
        assert {name: getattr(config, name) for name in settings} == settings
    arguments = {"input_ids": batches(1)[0]["input_ids"], "max_new_tokens": 12, "pad_token_id": 0}
    assert not torch.equal(model.generate(**arguments), model.generate(**arguments))
    plain: Any = build(architecture).model.eval()
    assert torch.equal(plain.generate(**arguments), plain.generate(**arguments))


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "t5"])
def test_generation_without_sampling_is_exported(architecture: str, tmp_path: Path) -> None:
    model: Any = ARCHITECTURES[architecture]()
    model.generation_config.update(do_sample=True, temperature=0.6)  # as that of Llama 3
    set_generation(model, do_sample=False, temperature=0.5, top_k=9, top_p=0.9)
    model.save_pretrained(tmp_path)
    saved = model.generation_config.from_pretrained(tmp_path)
    assert not saved.do_sample
    assert saved.temperature is None


def test_generation_is_refused_where_nothing_is_generated() -> None:
    with pytest.raises(ConfigurationError, match="BertForMaskedLM cannot generate text"):
        set_generation(bert(), temperature=0.5)
    with pytest.raises(ConfigurationError, match="'temprature' is not a field of"):
        set_generation(ARCHITECTURES["gpt2"](), temprature=0.5)


@pytest.mark.parametrize("architecture", ["gpt2", "bert", "t5"])
def test_the_head_has_the_layers_asked_for(architecture: str) -> None:
    cls = task_class("text_classification", "custom_head", "freeze_backbone")
    task = cls(folder(architecture, False), optimizer=ADAMW, head_size=24)
    before = {name for name, p in task.named_parameters() if p.requires_grad}
    assert output_layer(task.model).in_features == 24
    examples = [{**batch, "labels": torch.tensor([0, 1, 0, 1])} for batch in batches(2)]
    for example in examples:
        example["input_ids"][:, -1] = 1  # T5 classifies at the end of a text
    recorder = Recorder()
    task.model.config.pad_token_id = 0
    trainer(recorder).fit(task, loader(examples))
    sizes = [tuple(p.shape) for n, p in task.named_parameters() if n in before and p.ndim == 2]
    assert (24, 32) in sizes
    assert (2, 24) in sizes
    assert recorder.moved(0) == before


@architectures
def test_a_head_of_tokens_is_not_replaced(architecture: str) -> None:
    with pytest.raises(ConfigurationError, match="has its token embedding as output"):
        output_layer(ARCHITECTURES[architecture]())


def test_an_export_says_that_its_head_is_not_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Processor:
        def save_pretrained(self, folder: str) -> None: ...

    for recipes in ((), ("custom_head",)):
        task = task_class("text_classification", *recipes)(folder("bert", False))
        assert "cannot restore the replaced output layer" not in caplog.text
        task.save_hf_checkpoint(tmp_path, Processor())
    assert "cannot restore the replaced output layer" in caplog.text


def test_a_second_adapter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the model already has an adapter"):
        build("gpt2", "lora", peft={"_target_": "peft.LoraConfig"})


FREEZING = {"freeze_backbone", "freeze_embeddings", "lora"}
TRAINING = [recipe for recipe in suitable("language_modeling") if recipe not in FREEZING]


def test_a_resumed_run_ends_where_one_without_a_break_does(tmp_path: Path) -> None:
    def train(*callbacks: Callback, checkpoint: str | None = None) -> TaskTransformer:
        task = build("gpt2", *TRAINING, ema_decay=0.5, unfreeze_every_n_epochs=1).eval()
        run = trainer(*callbacks, max_epochs=3, enable_checkpointing=bool(callbacks))
        run.fit(task, loader(batches(2)), ckpt_path=checkpoint)
        return task

    keep = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    whole = values(train(keep))
    resumed = values(train(checkpoint=str(tmp_path / "epoch=0.ckpt")))
    torch.testing.assert_close(resumed, whole, rtol=0, atol=0)
