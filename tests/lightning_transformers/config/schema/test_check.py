"""A wrong value is one line, and the shipped schema is that of the installed classes."""

import copy
import os
import re
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from build_tools.build_schema import REFERENCE, reference_text, schema_text
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, keys_in_file
from lightning_transformers.config.schema.check import SHIPPED
from lightning_transformers.config.schema.keys import Repeat, TopLevel, Training
from lightning_transformers.config.schema.signatures import describe
from tests.helpers.random_overrides import run_two_steps, vectors, wrong

VECTORS = int(os.environ.get("LTSCAFFOLD_VALUES", "20"))
"""How many random overrides to try; 2000 with `make sweep`, of which 40 train for two steps."""
STEPS = -(-VECTORS // 50)


@pytest.fixture(scope="module")
def composed() -> DictConfig:
    options = ("optimizer=adamw", "callbacks=[default,pruning]", "experiment=smoke")
    return compose(["task=nlp/text_classification", *options, "training.run_dir=run"])


def test_keys_that_no_class_takes_are_those_of_the_config_files() -> None:
    top = keys_in_file(PACKAGED_CONFIGS / "config.yaml") - {"hydra", "local"}
    groups = {folder.name for folder in PACKAGED_CONFIGS.iterdir()}
    assert describe(TopLevel).arguments.keys() == top - groups - {"repeat"}
    repeat = OmegaConf.load(PACKAGED_CONFIGS / "config.yaml").repeat
    assert describe(Repeat).arguments.keys() == repeat.keys()
    training = keys_in_file(PACKAGED_CONFIGS / "training/default.yaml")
    assert describe(Training).arguments.keys() == training


def test_the_shipped_schema_and_the_reference_are_those_of_the_installed_classes() -> None:
    assert SHIPPED.read_text("utf-8") == schema_text(), "run `make schema`"
    assert REFERENCE.read_text("utf-8") == reference_text(), "run `make schema`"


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("optimizer.lr=inf", "optimizer.lr=inf is not a number above 0: set one"),
        ("optimizer.lr=0", "optimizer.lr=0 is not a number above 0"),
        ("optimizer.betas=[0.9]", "is not a list of 2 numbers of at least 0 and below 1: set one"),
        ("trainer.gradient_clip_val=-1", "gradient_clip_val=-1 is not a number of at least 0 or n"),
        ("trainer.max_steps=0", "trainer.max_steps=0 is not -1 or an integer above 0: set one"),
        ("callbacks.autosave.minutes=nan", "autosave.minutes=nan is not a number above 0: set one"),
        ("scheduler.num_warmup_steps=-5", "num_warmup_steps=-5 is not a number of at least 0: set"),
        ("training.seed=-1", "training.seed=-1 is not an integer of at least 0 and below 42949672"),
        ("trainer.accumulate_grad_batches=0", "is not an integer above 0: set one"),
        ("callbacks.pruning.amount=30", "amount=30 is not a number above 0 and below 1: set one"),
        ("dataset.num_workers=99999999999999999999", "dataset.num_workers=99999999999999999999 ex"),
        (
            "training.num_workers=1000",
            "is not an integer of at least 0 and of at most 256",
        ),
        ("trainer.detect_anomaly=no", "trainer.detect_anomaly=no is not true or false: set one"),
        ("backbone.trust_remote_code=no", "trust_remote_code=no is not true or false: set one"),
        ("dataset.streaming='false'", "streaming='false' is not true or false: remove the quotes"),
        ("training.run_test_after_fit=none", "run_test_after_fit=none is not true or false: set"),
        ("dataset.truncation=1", "dataset.truncation=1 is not true or false: set one"),
        ("dataset.revision=1.10", "dataset.revision=1.1 is not a text or null: quote it"),
        ("dataset.padding=lognest", "is not longest or max_length (did you mean 'longest'?): set"),
        ("resume=yes", "resume=yes is not auto or null: set one"),
        ("trainer._convert_=al", "trainer._convert_=al is not none, partial, object or all (did y"),
        ("trainer._target_=3", "trainer._target_=3: no module named '3' (correct or install it)"),
        ("task.optimizer={a: 1}", "task.optimizer has no _target_: set task.optimizer._target_="),
    ],
)
def test_value_that_does_not_fit(typed: str, line: str, composed: DictConfig) -> None:
    config = copy.deepcopy(composed)
    override = OverridesParser.create().parse_override(typed)
    OmegaConf.update(config, override.key_or_group, override.value(), force_add=True)
    with pytest.raises(ConfigurationError, match=re.escape(line)) as caught:
        check_config(config)
    assert len(str(caught.value)) < 180


def test_a_value_that_fits_gets_the_type_that_it_should_have(composed: DictConfig) -> None:
    config = copy.deepcopy(composed)
    config.merge_with_dotlist(
        ["dataset.revision=12", "trainer.max_steps=1e2", "trainer.val_check_interval=1.0"]
    )
    config.trainer.strategy = {"_target_": "pytorch_lightning.strategies.DDPStrategy"}
    check_config(config)
    assert config.dataset.revision == "12"
    assert repr(config.trainer.max_steps) == "100"
    assert repr(config.trainer.val_check_interval) == "1.0", "each epoch; 1 is each batch"


def test_random_overrides_are_a_line_or_build_what_they_say(
    project: Path,
) -> None:
    trained = 0
    for vector in vectors(seed=0, number=VECTORS):
        assert list(wrong(vector)) == [], str(vector)
        if trained < STEPS:
            trained += run_two_steps(vector)
    assert trained == STEPS
