"""The custom task in the documentation of lightning-transformers, unchanged."""

from pathlib import Path

import pytest
import torch

from lightning_transformers.config.compose import compose
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.runs.build import (
    build_data,
    build_model,
    build_trainer,
    seed_everything,
)
from lightning_transformers.runs.train import train
from tests.conftest import Run
from tests.helpers.corpus import TEXTS, write_csv
from tests.helpers.projects import new_project
from tests.helpers.slow import sampled

MODEL = """
import torch

from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer


class MyLanguageModelingTransformer(LanguageModelingTransformer):

    def on_fit_start(self):
        super().on_fit_start()
        # Freeze BERT backbone
        for param in self.model.transformer.parameters():
            param.requires_grad = False

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)

        with torch.no_grad():
            for param in self.model.parameters():
                param.add_(torch.randn(param.size()) * 0.1)

        return loss
"""
FORMS = {
    "from the default": """# @package task
defaults:
  - nlp/default
_target_: examples.custom_language_modeling.model.MyLanguageModelingTransformer
downstream_model_type: transformers.AutoModelForCausalLM
""",
    "from the task": """# @package task
defaults:
  - nlp/language_modeling
_target_: examples.custom_language_modeling.model.MyLanguageModelingTransformer
""",
}
DATA = ("dataset.train_file=train.csv", "dataset.validation_file=valid.csv")
QUICK = (
    "backbone=nlp/tiny",
    "trainer.limit_train_batches=2",
    "trainer.accelerator=cpu",
    "callbacks=none",
    "training.batch_size=4",
)


@pytest.fixture(params=FORMS)
def example(request: pytest.FixtureRequest, project: Path) -> Path:
    """Return a project with the example's files, written by hand."""
    new_project(project)
    package = project / "examples" / "custom_language_modeling"
    package.mkdir(parents=True)
    (package / "model.py").write_text(MODEL)
    config = project / "conf/task/nlp/my_language_modeling.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(FORMS[request.param])
    write_csv(project / "train.csv")
    write_csv(project / "valid.csv", TEXTS[:20])
    return project


@pytest.mark.parametrize("spelling", ["+task", "task"])
@pytest.mark.parametrize("dataset", [(), ("dataset=nlp/language_modeling/wikitext",)])
def test_documented_commands_compose(
    spelling: str, dataset: tuple[str, ...], example: Path
) -> None:
    overrides = [f"{spelling}=nlp/my_language_modeling", *dataset, *DATA]
    config = compose(overrides, example / "conf")
    assert config.task._target_.endswith("MyLanguageModelingTransformer")
    assert config.task.downstream_model_type == "transformers.AutoModelForCausalLM"
    assert config.dataset.train_file == "train.csv"


@pytest.mark.parametrize("dataset", sampled(["", "dataset=nlp/language_modeling/wikitext"], [""]))
def test_documented_command_trains(dataset: str, example: Path, run: Run) -> None:
    words = ["+task=nlp/my_language_modeling", *dataset.split(), *DATA, *QUICK]
    done = run("python", "train.py", *words)
    assert done.returncode == 0, done.stderr
    (metrics,) = example.glob("outputs/nlp/my_language_modeling/*/metrics.csv")
    assert "val/perplexity" in metrics.read_text()


def test_only_the_head_trains_and_all_weights_get_noise(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(example))
    overrides = ["task=nlp/my_language_modeling", *DATA, *QUICK]
    config = compose([*overrides, f"training.run_dir={tmp_path}"], example / "conf")
    seed_everything(0)
    data = build_data(config)
    model = build_model(config, data)
    before = {name: p.detach().clone() for name, p in model.model.named_parameters()}
    train(model, data, build_trainer(config))
    trainable = {name for name, p in model.model.named_parameters() if p.requires_grad}
    assert trainable == {"lm_head.weight"}
    moved = torch.cat(
        [(p.detach() - before[n]).flatten() for n, p in model.model.named_parameters()]
    )
    # Two steps of noise with a standard deviation of 0.1, on every weight.
    assert moved.std().item() == pytest.approx(0.1 * 2**0.5, rel=0.02)


def test_tied_embeddings_are_named_with_what_to_do(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(example))
    overrides = ["task=nlp/my_language_modeling", *DATA, *QUICK]
    tied = ["+backbone.config.tie_word_embeddings=true", f"training.run_dir={tmp_path}"]
    config = compose([*overrides, *tied], example / "conf")
    data = build_data(config)
    model = build_model(config, data)
    with pytest.raises(ValueError, match="every parameter is frozen") as caught:
        train(model, data, build_trainer(config))
    message = str(user_error(caught.value))
    assert "tied embeddings" in message
    assert message.endswith("set task.freeze=backbone, which gives the head a copy")
    assert "\n" not in message
    config.task.freeze = "backbone"
    train(build_model(config, data), data, build_trainer(config))


def test_the_default_backbone_is_one_line_that_works_when_it_is_typed(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first form has a BERT, an encoder, and GPT-2 has a tied head."""
    monkeypatch.syspath_prepend(str(example))
    bert = "backbone.pretrained_model_name_or_path=pkg://lightning_transformers/assets/tiny/bert"
    overrides = ["task=nlp/my_language_modeling", *DATA, *QUICK, f"training.run_dir={tmp_path}"]
    config = compose([*overrides, bert], example / "conf")
    data = build_data(config)
    with pytest.raises(ValueError, match="is not causal") as caught:
        train(build_model(config, data), data, build_trainer(config))
    typed = str(user_error(caught.value)).partition(": set ")[2].split()
    assert typed == ["backbone=nlp/gpt2", "task.freeze=backbone"]
    tied = "+backbone.config.tie_word_embeddings=true"  # as GPT-2 on the hub
    config = compose([*overrides, typed[1], tied], example / "conf")
    data = build_data(config)
    train(build_model(config, data), data, build_trainer(config))
