"""The generated code of each example, and the edits of a user."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from make_tickets import tickets, write

from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
from ltscaffold.record.component_types import DATASET, TASK
from ltscaffold.writing.transaction import apply


@dataclass(frozen=True)
class Example:
    """A project with one task, and the hooks of it that the user fills in.

    Attributes:
        base: the task of the runtime that it is based on.
        hooks: the stubs that are generated.
        bodies: what replaces the call of `super()` in a hook, by the hook's name.
        imports: what the bodies need, as the first lines of imports or instead of one.
        fields: hyperparameters that the bodies use, with type, default and comment.
        package: folder of the tasks.
        group: folder of the task's config.
    """

    base: str
    hooks: tuple[str, ...]
    bodies: dict[str, str]
    imports: tuple[str, str]
    fields: dict[str, tuple[str, str, str]]
    package: str = "tasks"
    group: str = "nlp"

    @property
    def task(self) -> str:
        """Name of the task."""
        return f"my_{self.base}"

    def generate(self, project: Path) -> None:
        """Write the project into a folder that is there and empty, and edit it as a user would."""
        task = NewComponent(TASK, self.task, self.base, self.hooks)
        apply(project, partial(plan_new_component, project, task, self.package))
        self._edit(project / self.package / self.task / "model.py")
        config = project / "conf" / "task" / self.group / f"{self.task}.yaml"
        lines = [f"{name}: {value}  # {why}\n" for name, (_, value, why) in self.fields.items()]
        config.write_text(config.read_text() + "".join(lines))

    def _edit(self, module: Path) -> None:
        text = module.read_text()
        docstring = re.search(r'\nclass .*\n    """.*"""\n', text)
        assert docstring is not None
        declared = [
            f"    {name}: {annotation} = {value}  # {comment}\n"
            for name, (annotation, value, comment) in self.fields.items()
        ]
        block = "".join(["\n" if declared else "", *declared])
        text = text[: docstring.end()] + block + text[docstring.end() :]
        if self.imports[0]:
            text = replaced(text, *self.imports)
        for hook, body in self.bodies.items():
            start = text.index("\n", text.index('"""', text.index(f"def {hook}("))) + 1
            end = text.find("\n    def ", start)
            text = text[:start] + indented(body) + (text[end:] if end >= 0 else "")
        module.write_text(text)


def replaced(text: str, old: str, new: str) -> str:
    """Replace what is in a text just once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def indented(body: str) -> str:
    """Return a body at the depth of a method's."""
    lines = body.strip("\n").split("\n")
    return "".join(f"        {line}\n" if line else "\n" for line in lines)


LANGUAGE_MODELING = Example(
    base="language_modeling",
    hooks=("setup", "training_step"),
    package="examples",
    imports=(
        "from lightning_transformers import",
        "import torch\nfrom lightning_transformers import",
    ),
    fields={"noise_std": ("float", "0.1", "standard deviation of the noise")},
    bodies={
        "setup": """
super().setup(stage)
# In on_fit_start, DDP would have wrapped the model already.
if stage == "fit":
    for parameter in self.model.base_model.parameters():
        parameter.requires_grad = False
""",
        "training_step": """
# Before the forward: autograd refuses a weight that changes after it.
generator = self.generator("weight_noise")
with torch.no_grad():
    for parameter in self.model.parameters():
        if parameter.requires_grad:
            noise = torch.empty_like(parameter)
            noise.normal_(std=self.noise_std, generator=generator)
            parameter.add_(noise)
return super().training_step(batch, batch_idx)
""",
    },
)

MASKED_LANGUAGE_MODELING = Example(
    base="masked_language_modeling",
    hooks=("on_before_optimizer_step",),
    imports=(
        "from torch.optim import Optimizer\n",
        "from torch.nn.utils import get_total_norm\nfrom torch.optim import Optimizer\n",
    ),
    fields={},
    bodies={
        "on_before_optimizer_step": """
super().on_before_optimizer_step(optimizer)
# Before clipping, in the unit of trainer.gradient_clip_val.
gradients = [p.grad for p in self.parameters() if p.grad is not None]
self.log("train/grad_norm", get_total_norm(gradients))
""",
    },
)

MULTIPLE_CHOICE = Example(
    base="multiple_choice",
    hooks=("compute_loss",),
    imports=(
        "from transformers.utils",
        "from torch.nn.functional import multi_margin_loss\nfrom transformers.utils",
    ),
    fields={"margin": ("float", "1.0", "between the logits of the right choice and of any other")},
    bodies={
        "compute_loss": """
# The right choice must beat each other one by the margin; more gains nothing.
total = multi_margin_loss(
    outputs["logits"], batch["labels"], margin=self.margin, reduction="sum"
)
return Loss(total, self.count_targets(batch))
""",
    },
)

QUESTION_ANSWERING = Example(
    base="question_answering",
    hooks=("compute_loss",),
    imports=(
        "from transformers.utils",
        "from torch.nn.functional import cross_entropy\nfrom transformers.utils",
    ),
    fields={"null_weight": ("float", "0.5", "weight of a window without an answer")},
    bodies={
        "compute_loss": """
start, end = batch["start_positions"], batch["end_positions"]
losses = cross_entropy(outputs["start_logits"], start, reduction="none")
losses = losses + cross_entropy(outputs["end_logits"], end, reduction="none")
# Most windows of a long text have no answer and would dominate the loss.
weights = (end == 0) * self.null_weight + (end != 0)
return Loss((losses * weights).sum() / 2, weights.sum())
""",
    },
)

SUMMARIZATION = Example(
    base="summarization",
    hooks=("compute_loss",),
    imports=(
        "from transformers.utils",
        "from torch.nn.functional import cross_entropy\nfrom transformers.utils",
    ),
    fields={"label_smoothing": ("float", "0.1", "share spread over the vocabulary")},
    bodies={
        "compute_loss": """
total = cross_entropy(
    outputs["logits"].flatten(0, 1),
    batch["labels"].flatten(),
    label_smoothing=self.label_smoothing if stage == "train" else 0.0,
    reduction="sum",
)
return Loss(total, self.count_targets(batch))
""",
    },
)

TEXT_CLASSIFICATION = Example(
    base="text_classification",
    hooks=("compute_loss",),
    imports=("", ""),
    fields={"focus": ("float", "2.0", "gamma of the paper")},
    bodies={
        "compute_loss": """
# Focal loss (Lin et al., 2017): confident predictions count less.
log_probabilities = outputs["logits"].log_softmax(-1)
of_label = log_probabilities.gather(-1, batch["labels"].unsqueeze(-1))
total = -((1 - of_label.exp()) ** self.focus * of_label).sum()
return Loss(total, self.count_targets(batch))
""",
    },
)

TOKEN_CLASSIFICATION = Example(
    base="token_classification",
    hooks=("parameter_groups",),
    imports=(
        "from lightning_transformers.task",
        "from lightning_transformers.recipes import head_parameters\n"
        "from lightning_transformers.task",
    ),
    fields={"head_lr": ("float", "1e-3", "learning rate of the head")},
    bodies={
        "parameter_groups": """
head = {id(parameter) for parameter in head_parameters(self.model)}
groups = []
for group in super().parameter_groups():
    backbone = [p for p in group["params"] if id(p) not in head]
    new = [p for p in group["params"] if id(p) in head]
    groups.append({**group, "params": backbone})
    groups.append({**group, "params": new, "lr": self.head_lr})
return groups
""",
    },
)

TRANSLATION = Example(
    base="translation",
    hooks=("build_model",),
    imports=("", ""),
    fields={},
    bodies={
        "build_model": """
model = super().build_model()
# Train the decoder alone, without the embeddings that it shares with the encoder.
for parameter in model.get_encoder().parameters():
    parameter.requires_grad = False
return model
""",
    },
)

IMAGE_CLASSIFICATION = Example(
    base="image_classification",
    hooks=("on_after_batch_transfer",),
    group="vision",
    imports=(
        "from lightning_transformers import",
        "import torch\nfrom lightning_transformers import",
    ),
    fields={"max_shift": ("int", "1", "pixels in either direction")},
    bodies={
        "on_after_batch_transfer": """
batch = super().on_after_batch_transfer(batch, dataloader_idx)
if self.trainer.training:
    # Pixels by which the batch moves down and to the right.
    generator = torch.Generator().manual_seed(self.global_step)
    low, high = -self.max_shift, self.max_shift + 1
    shift = torch.randint(low, high, (2,), generator=generator).tolist()
    batch["pixel_values"] = batch["pixel_values"].roll(shift, dims=(-2, -1))
return batch
""",
    },
)


class Tickets:
    """A project on messy files: a dataset that cleans its rows, and an experiment."""

    clean_row = """
# row: values by column; a row to predict on may have no category
row = {name: (value or "").strip() for name, value in row.items()}
row["text"] = f"{row['subject']} {row['message']}".strip() or None
row["label"] = row.get("category", "").lower() or None
return row
"""
    dataset = """
train_file: tickets.csv
encoding: cp1252
on_bad_row: drop  # tickets without a text or a category
stratify: true  # each category has its share in the validation set
"""
    experiment = """\
# @package _global_
# Train on tickets.csv: python train.py experiment=tickets
defaults:
  - override /task: nlp/text_classification
  - override /dataset: nlp/text_classification/support_tickets

task: {class_weights: balanced}  # rare categories count as much as frequent ones
training: {select: val/f1_macro}  # the best checkpoint is that of the average class
"""

    def generate(self, project: Path) -> None:
        """Write the project into an empty folder, and edit it as a user would."""
        base = "text_classification"
        dataset = NewComponent(DATASET, "support_tickets", base, ("clean_row",))
        apply(project, partial(plan_new_component, project, dataset, "tasks"))
        module = project / "tasks" / "data_modules" / "support_tickets.py"
        stub = "        return super().clean_row(row)\n"
        head, _, _ = module.read_text().partition("        # row: values")
        assert stub in module.read_text()
        module.write_text(head + indented(self.clean_row))
        config = project / "conf" / "dataset" / "nlp" / base / "support_tickets.yaml"
        config.write_text(config.read_text() + self.dataset)
        experiment = project / "conf" / "experiment" / "tickets.yaml"
        experiment.parent.mkdir()
        experiment.write_text(self.experiment)
        write(project / "tests" / "rows.csv", tickets(60, seed=2))
        test = project / "tests" / "test_support_tickets.py"
        rows = '    rows = ("dataset.train_file=tests/rows.csv",)\n'
        test.write_text(test.read_text() + rows)


EXAMPLES: dict[str, Example | Tickets] = {
    "custom_language_modeling": LANGUAGE_MODELING,
    "custom_masked_language_modeling": MASKED_LANGUAGE_MODELING,
    "custom_multiple_choice": MULTIPLE_CHOICE,
    "custom_question_answering": QUESTION_ANSWERING,
    "custom_summarization": SUMMARIZATION,
    "custom_text_classification": TEXT_CLASSIFICATION,
    "custom_token_classification": TOKEN_CLASSIFICATION,
    "custom_translation": TRANSLATION,
    "custom_image_classification": IMAGE_CLASSIFICATION,
    "tickets": Tickets(),
}
