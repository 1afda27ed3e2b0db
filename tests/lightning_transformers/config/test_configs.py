"""The config tree of the package: every option composes, and names existing arguments."""

from itertools import zip_longest
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lightning_transformers.config.compose import compose, normalize_overrides
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.schema.check import check_arguments, described
from lightning_transformers.config.targets import ArgumentError, check_installed, targets

GROUPS = {path.name for path in PACKAGED_CONFIGS.iterdir() if path.is_dir()} - {"__pycache__"}
TABLES = {"tiny"}
"""Groups with a table for another, to which an option of that one belongs."""
GLOBAL_GROUPS = {"experiment", "debug"}
OPTIONS = {
    group: [
        f"{group}={path.relative_to(PACKAGED_CONFIGS / group).with_suffix('').as_posix()}"
        for path in sorted((PACKAGED_CONFIGS / group).rglob("*.yaml"))
    ]
    for group in sorted(GROUPS - TABLES)
}
ABSTRACT = {f"task={name}" for name in ("default", "nlp/default", "vision/default")} | {
    "dataset=nlp/default"
}
"""Base configs of tasks and datasets, which are not options themselves."""


@pytest.mark.parametrize("options", list(zip_longest(*OPTIONS.values())), ids=lambda options: None)
def test_options_compose_and_resolve(options: tuple[str | None, ...], tmp_path: Path) -> None:
    """One option of each group at a time, as long as each has more of them."""
    given = [option for option in options if option and option not in ABSTRACT]
    task = [] if any(o.startswith("task=") for o in given) else ["task=nlp/language_modeling"]
    config = compose([*task, *given, f"training.run_dir={tmp_path}"])
    assert {option.partition("=")[0] for option in given} - GLOBAL_GROUPS <= set(config)
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    for group, content in values.items():
        for key, mapping in targets(str(group), content):
            if is_installed(mapping["_target_"]):
                list(check_arguments(key, mapping, described(mapping["_target_"], key)))


def is_installed(target: str) -> bool:
    try:
        check_installed(target, "")
    except ArgumentError:
        return False
    return True


def test_every_group_has_a_default() -> None:
    config = OmegaConf.load(PACKAGED_CONFIGS / "config.yaml")
    named = {key for entry in config.defaults if entry != "_self_" for key in entry}
    assert named - {"optional local"} == GROUPS - TABLES


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
        ("+optimizer=sgd", "optimizer=sgd"),
        ("+mine=x", "+mine=x"),
        ("+trainer.x=1", "+trainer.x=1"),
        ("+task.lr=1", "+task.lr=1"),
        ("~task", "~task"),
        ("+checkpoint_path=a/b.ckpt", "checkpoint_path=a/b.ckpt"),
        ("checkpoint_path=a.ckpt,b.ckpt", "checkpoint_path=a.ckpt,b.ckpt"),
        ("checkpoint_path=null", "checkpoint_path=null"),
        ("callbacks=[]", "callbacks=none"),
        ("logger=[]", "logger=none"),
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
        "[brackets]",
        "[CLS] a [MASK]",
        "{braces}",
        "[]",
        "null",
        "echo ${HOME} \\\\${a}",
    ],
)
def test_text_to_predict_on_needs_no_quotes_of_hydra(text: str) -> None:
    assert compose([f"+x={text}"]).x == text


@pytest.mark.parametrize("path", ["a b/epoch=1-step=2.ckpt", "(1).ckpt", "it's.ckpt", "[a].ckpt"])
def test_path_of_a_checkpoint_needs_no_quotes_of_hydra(path: str) -> None:
    assert compose([f"+checkpoint_path={path}", f"export_dir={path}"]).checkpoint_path == path


def test_keys_and_groups_that_an_older_config_lacks_work(tmp_path: Path) -> None:
    text = (PACKAGED_CONFIGS / "config.yaml").read_text()
    older = [line for line in text.splitlines() if "peft" not in line and "resume" not in line]
    (tmp_path / "config.yaml").write_text("\n".join(older))
    typed = ["task=nlp/language_modeling", "peft=lora", "resume=auto"]
    config = compose(typed, tmp_path)
    assert (config.resume, config.peft._target_) == ("auto", "peft.LoraConfig")
    assert compose(typed[:1], tmp_path).task.peft is None


def test_quoted_text_and_mappings_are_read_as_hydra_reads_them() -> None:
    assert compose(["x='a, b'"]).x == "a, b"
    assert compose(['+x={context: "a, b", question: "c?"}']).x.question == "c?"
    assert compose(["+x=[{role: user, content: hi}]"]).x[0].content == "hi"
    assert compose(["+x=${training.seed}"]).x == compose([]).training.seed


@pytest.mark.parametrize(
    ("file", "chosen"),
    [
        ("local/default", ()),
        ("experiment/mine", ("experiment=mine",)),
        ("debug/mine", ("debug=mine",)),
    ],
)
def test_local_experiment_and_debug_override_the_keys_of_the_config_file(
    file: str, chosen: tuple[str, ...], tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    path = conf / f"{file}.yaml"
    path.parent.mkdir(parents=True)
    (conf / "config.yaml").write_bytes((PACKAGED_CONFIGS / "config.yaml").read_bytes())
    path.write_text("# @package _global_\nresume: auto\nexport_dir: here\nx: a text\n")
    overrides = ["task=nlp/language_modeling", *chosen]
    config = compose(overrides, conf)
    assert (config.resume, config.export_dir, config.x) == ("auto", "here", "a text")
    config = compose([*overrides, "export_dir=there"], conf)
    assert config.export_dir == "there"


def test_the_keys_of_the_config_file_override_the_groups(tmp_path: Path) -> None:
    text = (PACKAGED_CONFIGS / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(f"{text}\ntrainer:\n  max_epochs: 7\n")
    assert compose(["task=nlp/language_modeling"], tmp_path).trainer.max_epochs == 7
