"""The config tree of the package: every option composes."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lightning_transformers.app import PACKAGED_CONFIGS, compose, normalize_overrides

GROUPS = {path.name for path in PACKAGED_CONFIGS.iterdir() if path.is_dir()} - {"__pycache__"}
OPTIONS = [
    f"{group}={path.relative_to(PACKAGED_CONFIGS / group).with_suffix('').as_posix()}"
    for group in sorted(GROUPS)
    for path in sorted((PACKAGED_CONFIGS / group).rglob("*.yaml"))
]


@pytest.mark.parametrize("option", OPTIONS)
def test_option_composes_and_resolves(option: str, tmp_path: Path) -> None:
    task = [] if option.startswith("task=") else ["task=nlp/language_modeling"]
    config = compose([*task, option, f"training.run_dir={tmp_path}"])
    OmegaConf.to_container(config, resolve=True)
    group = option.partition("=")[0]
    if group != "experiment":
        assert group in config


def test_every_group_has_a_default() -> None:
    config = OmegaConf.load(PACKAGED_CONFIGS / "config.yaml")
    named = {key for entry in config.defaults if entry != "_self_" for key in entry}
    assert named == GROUPS


def test_what_the_user_says_wins() -> None:
    config = compose(
        [
            "task=nlp/language_modeling",
            "experiment=smoke",
            "dataset=nlp/language_modeling/wikitext",
            "backbone=nlp/gpt2",
            "optimizer.lr=7",
        ]
    )
    assert config.dataset.dataset_config_name == "wikitext-2-raw-v1"
    assert config.backbone.pretrained_model_name_or_path == "gpt2"
    assert config.optimizer.lr == 7


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("+task=nlp/x", "task=nlp/x"),
        ("++task=nlp/x", "task=nlp/x"),
        ("task=nlp/x", "task=nlp/x"),
        ("+x='a=b'", "x='a=b'"),
        ("+x=a", 'x="a"'),
        ("x", "x"),
        ("+trainer.x=1", "+trainer.x=1"),
        ("+task.lr=1", "+task.lr=1"),
        ("~task", "~task"),
    ],
)
def test_spelling(typed: str, meant: str) -> None:
    assert normalize_overrides([typed]) == [meant]


@pytest.mark.parametrize(
    "text",
    [
        "100% of it",
        "It's a truth",
        "Hello, world",
        'and "double" ones',
        "a\\b, c: [d] {e}",
        "",
        "=",
        "ends with \\",
        "ends with two \\\\",
        'a \\" b',
        '"Hello," she said, "bye"',
    ],
)
def test_text_to_predict_on_needs_no_quotes_of_hydra(text: str) -> None:
    assert compose([f"+x={text}"]).x == text


def test_quoted_text_and_mappings_are_read_as_hydra_reads_them() -> None:
    assert compose(["x='a, b'"]).x == "a, b"
    assert compose(['+x={context: "a, b", question: "c?"}']).x.question == "c?"
