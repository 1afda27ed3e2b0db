"""Losses and metrics of recipes, against independent computations of their formulas."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, one_hot

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core import Batch, TaskTransformer
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.training.loss import symmetric_divergence
from tests.helpers.recipe_runs import BASES, batches, build, fit, folder, loader, trainer
from tests.helpers.rendered import task_class
from tests.helpers.tiny import ARCHITECTURES

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)
ADDED = ["auxiliary_loss", "custom_loss", "label_smoothing"]


def compared(architecture: str, task: TaskTransformer, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the logits (labels, classes) and the labels; a causal model is one token ahead."""
    logits, labels = task.model(**batch).logits, batch["labels"]
    if BASES[architecture] == "language_modeling":
        logits, labels = logits[:, :-1], labels[:, 1:]
    kept = labels != -100
    return logits[kept], labels[kept]


def train_loss(task: TaskTransformer, batch: Batch) -> Tensor:
    """Return the mean loss as in training."""
    return task.shared_step(batch, "train")[0].mean


@architectures
@pytest.mark.parametrize("recipe", [*ADDED, "adversarial", "r_drop"])
def test_validation_has_the_loss_without_the_recipe(architecture: str, recipe: str) -> None:
    task, plain = build(architecture, recipe).eval(), build(architecture).eval()
    for batch in batches(2):
        loss, expected = (t.shared_step(batch, "val")[0] for t in (task, plain))
        assert (loss.total, loss.count) == (expected.total, expected.count)
    (batch,) = batches(1)
    with_dropout = build(architecture, recipe), build(architecture)
    for one in with_dropout:
        seed_everything(0)
        one.loss_in_training = train_loss(one, batch)
    same = torch.equal(*(one.loss_in_training for one in with_dropout))
    assert same == ((architecture, recipe) == ("llama", "r_drop")), "it has no dropout"


@architectures
def test_smoothing_is_that_of_the_formula(architecture: str) -> None:
    task = build(architecture, "label_smoothing", label_smoothing=0.3).eval()
    (batch,) = batches(1)
    expected = cross_entropy(*compared(architecture, task, batch), label_smoothing=0.3)
    torch.testing.assert_close(train_loss(task, batch), expected)


@architectures
def test_custom_loss_is_that_of_the_formula(architecture: str) -> None:
    task = build(architecture, "custom_loss", focal_gamma=1.5).eval()
    (batch,) = batches(1)
    logits, labels = compared(architecture, task, batch)
    right = logits.softmax(-1)[torch.arange(len(labels)), labels]
    expected = (-((1 - right) ** 1.5) * right.log()).mean()
    torch.testing.assert_close(train_loss(task, batch), expected)


def test_custom_loss_of_a_certain_label_has_a_finite_gradient() -> None:
    """Of 0 < gamma < 1: the derivative of (1 - p) ** gamma is infinite at p = 1."""
    task = build("gpt2", "custom_loss", focal_gamma=0.5)
    (batch,) = batches(1)
    certain = one_hot(batch["labels"].clamp_min(0)).roll(-1, 1) * 1e4
    logits = certain.requires_grad_()
    task.compute_loss({"logits": logits}, batch, "train").total.backward()
    assert logits.grad.isfinite().all()


def test_a_negative_gamma_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="focal_gamma"):
        build("gpt2", "custom_loss", focal_gamma=-1.0)


@architectures
def test_auxiliary_loss_is_that_of_the_formula(architecture: str) -> None:
    task = build(architecture, "auxiliary_loss", z_loss_weight=0.25).eval()
    (batch,) = batches(1)
    logits, labels = compared(architecture, task, batch)
    z = logits.exp().sum(-1).log()
    expected = cross_entropy(logits, labels) + 0.25 * (z**2).mean()
    torch.testing.assert_close(train_loss(task, batch), expected)


@pytest.mark.parametrize("recipes", list(itertools.permutations(ADDED)), ids="-".join)
def test_what_recipes_add_adds_up_in_any_order(recipes: tuple[str, ...]) -> None:
    (batch,) = batches(1)
    plain, *single = (
        train_loss(build("gpt2", *names).eval(), batch) for names in ((), *zip(ADDED))
    )
    expected = plain + sum(loss - plain for loss in single)
    torch.testing.assert_close(train_loss(build("gpt2", *recipes).eval(), batch), expected)


@architectures
def test_two_passes_are_held_together(architecture: str) -> None:
    task, plain = build(architecture, "r_drop", r_drop_alpha=2.0), build(architecture)
    (batch,) = batches(1)
    seed_everything(3)
    loss = train_loss(task, batch)
    seed_everything(3)
    passes = [compared(architecture, plain, batch) for _ in range(2)]
    p, q = (logits.log_softmax(-1) for logits, _ in passes)
    both = [kl_div(a, b, log_target=True, reduction="batchmean") for a, b in ((p, q), (q, p))]
    mean = (cross_entropy(*passes[0]) + cross_entropy(*passes[1])) / 2
    torch.testing.assert_close(loss, mean + 2.0 * (both[0] + both[1]) / 2)
    assert (both[0] > 1e-4) == (architecture != "llama"), "it has no dropout"


@architectures
@pytest.mark.parametrize("frozen", [False, True])
def test_embeddings_move_by_epsilon_along_the_gradient(architecture: str, frozen: bool) -> None:
    task = build(architecture, "adversarial", adversarial_epsilon=0.5).eval()
    task.model.get_input_embeddings().requires_grad_(not frozen)
    (batch,) = batches(1)
    loss, worst = losses_at_embeddings(task.model, batch, epsilon=0.5)
    assert worst > loss + 1e-3
    torch.testing.assert_close(train_loss(task, batch), (loss + worst) / 2)


def losses_at_embeddings(model: Any, batch: Batch, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch, and that with each row's embeddings moved by epsilon."""
    ids = {"inputs_embeds": batch["input_ids"]}
    if model.config.is_encoder_decoder:
        ids["decoder_inputs_embeds"] = model._shift_right(batch["labels"])
    rest = {name: batch[name] for name in ("attention_mask", "labels")}
    embedded = {name: model.get_input_embeddings()(i).detach() for name, i in ids.items()}
    leaves = {name: e.requires_grad_() for name, e in embedded.items()}
    loss = model(**leaves, **rest).loss
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    moved = {}
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        rows = [leaf[i] + epsilon * g / g.pow(2).sum().sqrt() for i, g in enumerate(gradient)]
        moved[name] = torch.stack(rows)
    return loss, model(**moved, **rest).loss


@architectures
def test_the_adversarial_loss_gives_other_gradients_in_one_backward(architecture: str) -> None:
    moves = []
    for recipes in ((), ("adversarial",)):
        optimizer = {"_target_": "torch.optim.SGD", "lr": 0.1}
        task = build(architecture, *recipes, optimizer=optimizer).eval()
        before, after = fit(task, steps=1, gradient_clip_val=1.0).weights
        moves.append(torch.cat([(after[n] - before[n]).flatten() for n in before]))
        assert moves[-1].norm().item() == pytest.approx(0.1, rel=1e-3)
        assert not any(m._forward_hooks for m in task.model.modules() if hasattr(m, "weight"))
    assert 0 < torch.cosine_similarity(*moves, dim=0) < 0.9999


def bert_task(base: str, *recipes: str, **arguments: Any) -> Any:
    """Return a task with another head than those of language models."""
    seed_everything(0)
    return task_class(base, *recipes)(folder("bert", False), **arguments).eval()


def test_both_labels_of_an_answer_are_smoothed_those_beyond_the_window_not() -> None:
    task = bert_task("question_answering", "label_smoothing", label_smoothing=0.3)
    (batch,) = batches(1)
    batch.pop("labels")
    batch |= {
        "start_positions": torch.tensor([1, 3, 12, 5]),
        "end_positions": torch.tensor([2, 12, 12, 7]),
    }
    outputs = task(batch)
    expected = cross_entropy(
        torch.cat([outputs.start_logits[[0, 1, 3]], outputs.end_logits[[0, 3]]]),
        torch.tensor([1, 3, 5, 2, 7]),
        label_smoothing=0.3,
    )
    torch.testing.assert_close(train_loss(task, batch), expected)


@pytest.mark.parametrize("recipe", [*ADDED, "r_drop", "adversarial"])
def test_a_choice_that_is_not_there_gives_no_loss(recipe: str) -> None:
    """Its logit is -inf; the loss is that of the example by itself, and its gradient finite."""
    task = bert_task("multiple_choice", recipe)
    ids = torch.randint(2, 200, (2, 3, 6), generator=torch.Generator().manual_seed(0))
    labels, there = torch.tensor([0, 1]), torch.tensor([[True, True, False]] * 2)
    ragged = {"input_ids": ids, "choice_mask": there, "labels": labels}
    loss = train_loss(task, ragged)
    alone = {"input_ids": ids[:, :2].contiguous(), "choice_mask": there[:, :2], "labels": labels}
    torch.testing.assert_close(loss, train_loss(task, alone))
    loss.backward()
    assert all(p.grad.isfinite().all() for p in task.parameters() if p.grad is not None)


def test_divergence_of_what_cannot_be_is_nothing() -> None:
    logits, others = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    gap = torch.full((5, 1), float("-inf"))
    widened = symmetric_divergence(torch.cat([logits, gap], 1), torch.cat([others, gap], 1))
    torch.testing.assert_close(widened, symmetric_divergence(logits, others))


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification"])
def test_labels_that_are_no_classes_are_refused(problem_type: str) -> None:
    kwargs = {"num_labels": 3, "problem_type": problem_type}
    task = bert_task("text_classification", "label_smoothing", model_data_kwargs=kwargs)
    (batch,) = batches(1)
    with pytest.raises(ConfigurationError, match=f"one class per text.*{problem_type}"):
        train_loss(task, {**batch, "labels": torch.rand(4, 3)})


@architectures
def test_metrics_are_means_over_tokens(architecture: str) -> None:
    """Of batches that differ in length the mean of their means is another number."""
    arguments = {"generate_in_validation": False} if architecture == "t5" else {}
    task = build(architecture, "perplexity", "custom_metric", **arguments).eval()
    examples = batches(2)
    examples[1] = {name: value[:2, :5].contiguous() for name, value in examples[1].items()}
    logged = trainer().validate(task, loader(examples), verbose=False)[0]
    pairs = [compared(architecture, task, batch) for batch in examples]
    logits, labels = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    expected = cross_entropy(logits, labels)
    assert logged["val/perplexity"] == pytest.approx(expected.exp().item(), rel=1e-5)
    right = logits.softmax(-1)[torch.arange(len(labels)), labels]
    assert logged["val/label_probability"] == pytest.approx(right.mean().item(), rel=1e-5)
    of_batches = torch.stack([cross_entropy(*pair) for pair in pairs]).mean()
    assert logged["val/perplexity"] != pytest.approx(of_batches.exp().item(), rel=1e-5)
