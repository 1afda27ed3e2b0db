"""A mistake on the command line or in a config gives one line, status 2 and no files."""

import copy
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.app import run_app
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose, normalize_overrides
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.error_messages import explain
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from tests.conftest import Run
from tests.helpers.tree import tree

TASK = "task=nlp/language_modeling"
SAMPLE = "dataset.dataset_name=sample"
QUIET = ("hydra/job_logging=none", "hydra/hydra_logging=none")
"""A handler of Hydra's would outlive the stream that pytest gives to a test."""
Start = Callable[..., tuple[object, str]]


@pytest.fixture
def start(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Start]:
    """Return a function that runs `train.py` in this process: its exit status and its errors."""

    def start(
        *arguments: str, function: Callable[[DictConfig], object] = check_config
    ) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments, *QUIET])
        status: object = 0
        try:
            run_app(function)
        except SystemExit as stop:
            status = stop.code
        return status, capsys.readouterr().err

    monkeypatch.setattr(sys, "path", [*sys.path])
    yield start
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    run_dir = tmp_path_factory.mktemp("run")
    return compose([TASK, SAMPLE, f"training.run_dir={run_dir}"])


@pytest.fixture
def config(composed: DictConfig) -> DictConfig:
    """Return a composed config without a mistake, open to further keys."""
    config = copy.deepcopy(composed)
    OmegaConf.set_struct(config, False)
    return config


@pytest.fixture
def experiment(project: Path) -> Callable[[str], None]:
    """Return a function that writes `conf/experiment/mine.yaml` of a project."""

    def write(text: str) -> None:
        folder = project / "conf/experiment"
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text(text)
        (project / "conf/config.yaml").write_bytes((PACKAGED_CONFIGS / "config.yaml").read_bytes())

    return write


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("optimizer=admw", "optimizer=admw: no such option (did you mean 'adamw'?)"),
        ("task=nlp/langage_modeling", "(did you mean 'nlp/language_modeling'?)"),
        ("task=language_modeling", "(did you mean 'nlp/language_modeling'?)"),
        ("dataset=emotion", "no such option (did you mean 'nlp/text_classification/emotion'?)"),
        ("dataset=emotoin", "no such option (did you mean 'nlp/text_classification/emotion'?)"),
        ("dataset=xyz", "no such option (known: "),
        ("dataset=wikitext", "'nlp/language_modeling/wikitext' or 'nlp/masked_language_modeling/"),
        ("trainer=null", "trainer=null: no such option (known: "),
        ("optimiser=adamw", "no key 'optimiser' (did you mean 'optimizer'?)"),
        ("batch_size=3", "no key 'batch_size' (did you mean 'training.batch_size'?)"),
        ("trainer.max_epoch=3", "trainer has no key 'max_epoch' (did you mean 'max_epochs'?)"),
        ("dataset.blok_size=3", "dataset has no key 'blok_size' (did you mean 'block_size'?)"),
        ("task.hed=1", "task has no key 'hed' (to add it: +task.hed=1)"),
        ("trainer.gpus=2", "trainer.gpus=2 is now trainer.devices=2"),
        ("trainer=sharded", "trainer=sharded is now trainer=fsdp"),
        (
            "+trainer.max_epochs=3",
            "trainer.max_epochs is already in the config: remove the plus",
        ),
        ("+trainer.accelerator=ddp", "trainer.accelerator=ddp is now trainer.strategy=ddp"),
        ("trainer.max_epochs=1,2", "trainer.max_epochs=1,2: commas separate the values of a sweep"),
        ("trainer.devices=[0", "cannot parse trainer.devices=[0: "),
        ("dataset.train_file=a=b.csv", "dataset.train_file='\"…\"'"),
        ("gpt2", "'gpt2' is not an override: write <key>=<value>"),
        ("~callbacks.foo", "~callbacks.foo: the config has no key callbacks.foo"),
        ("~optimizer=sgd", "~optimizer=sgd: optimizer=sgd is not chosen"),
        ("experiment=mine", "experiment=mine: no such option (known: "),
    ],
)
def test_mistake_that_hydra_finds(typed: str, line: str) -> None:
    overrides = normalize_overrides([TASK, SAMPLE, typed])
    with hydra.initialize_config_dir(str(PACKAGED_CONFIGS), version_base="1.3"):
        with pytest.raises(Exception, match=r".") as caught:
            hydra.compose("config", overrides=overrides)
        explained = explain(caught.value, overrides, PACKAGED_CONFIGS)
    assert line in explained
    assert "\n" not in explained
    assert len(explained) < 180


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (TASK, "error: no dataset: give dataset.train_file="),
        (SAMPLE, "error: no task: give +task="),
        (f"{SAMPLE} task.hed=1", "error: task.hed=1: no option of task is chosen (known: "),
        (
            f"{SAMPLE} task=default",
            "error: task=default is a base config, not a task: give +task=",
        ),
        (f"{SAMPLE} {TASK} +epochs=3", "error: 'epochs' is not a known key (known: "),
        (
            f"{SAMPLE} {TASK} +training.run_fit=no",
            "'training.run_fit' is not a known key (known: async_checkpoints, ",
        ),
        (f"{SAMPLE} {TASK} +trainer/logger=wandb", "trainer/logger=wandb is now logger=wandb"),
        (f"{SAMPLE} {TASK} +trainer.plugins.stage=3", "is now trainer=deepspeed trainer.strategy="),
        (f"{SAMPLE} {TASK} +training.output_dir=here", "is now hydra.run.dir=here"),
        (f"{SAMPLE} {TASK} +task.model_data_kwargs.a=1", "is now +backbone.config.a=1"),
        (f"{SAMPLE} {TASK} optimizer=admw", "optimizer=admw: no such option (did you mean 'ada"),
        (f"{TASK} hydra.run.dir=${{foo}}", "hydra.run.dir: Interpolation key 'foo' not found"),
        (
            f"{SAMPLE} {TASK} repeat=5",
            "repeat=5 is not a mapping: choose an option of the gr",
        ),
        (f"{SAMPLE} {TASK} repeat.seeds=1", "repeat.seeds=1 is not an integer of at least 2 or nu"),
        (f"{SAMPLE} {TASK} repeat.fold=3", "repeat has no key 'fold' (did you mean 'folds'?)"),
        (f"{SAMPLE} {TASK} ++repeat.fold=3", "'repeat.fold' is not a known key (did you mean"),
        (
            f"{SAMPLE} {TASK} repeat.group=id",
            "repeat.group=id keeps rows in the same fold: set repeat.folds=<number>",
        ),
        (
            f"{SAMPLE} {TASK} repeat.folds=3 dataset.validation_file=b.txt",
            "repeat.folds=3 validates on parts of the training set, and dataset.validation_file=b",
        ),
        (
            f"{TASK} dataset.prepared_dir=prepared repeat.folds=3",
            "repeat.folds=3 cuts the texts, and dataset.prepared_dir=prepared has fixed splits",
        ),
        (
            f"{SAMPLE} {TASK} dataset.fold=1/3 dataset.validation_file=b.txt",
            "dataset.fold=1/3 validates on parts of the training set",
        ),
        (
            f"{SAMPLE} {TASK} optimizer.learning_rate=1e-4",
            "optimizer has no key 'learning_rate' (did you mean 'optimizer.lr'?)",
        ),
        (
            f"{SAMPLE} {TASK} +optimizer.learning_rate=1e-4",
            "AdamW has no argument 'learning_rate' (did you mean 'optimizer.lr'?)",
        ),
        (
            f"{SAMPLE} {TASK} +training.num_train_epochs=3",
            "'training.num_train_epochs' is not a known key (did you mean 'trainer.max_epochs'?)",
        ),
        (f"{SAMPLE} {TASK} warmup_steps=9", "(did you mean 'scheduler.num_warmup_steps'?)"),
        ("--lr=3", "unknown flag --lr=3: set a key with lr=<value>"),
        (
            "--learning-rate=3",
            "unknown flag --learning-rate=3: set a key with optimizer.lr=<value>",
        ),
        ("--fp16", "unknown flag --fp16: set a key with trainer.precision=16-mixed"),
        ("--cfg=jbo", "invalid choice: 'jbo'"),
    ],
)
def test_mistake_ends_in_one_line_and_leaves_nothing_behind(
    typed: str, line: str, project: Path, start: Start
) -> None:
    status, errors = start(*typed.split())
    assert status == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert line in errors
    assert tree(project) == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "# @package _global_\ntrainer:\n  max_epoch: 3\n",
            "trainer.max_epoch: Trainer has no argument 'max_epoch' (did you mean 'max_epochs'?)",
        ),
        (
            "# @package _global_\noptimiser:\n  lr: 1\n",
            "'optimiser' is not a known key (did you mean",
        ),
        ("trainer:\n  max_epochs: 3\n", "add `# @package _global_` as the first line"),
        ("# @package _global_\ntrainer: 3\n", "trainer=3 is not a mapping"),
        ("# @package _global_\ntrainer:\n  max_epochs: ${foo}\n", "Interpolation key 'foo' not"),
        ("# @package _global_\ntrainer:\n  max_epochs: ${foo\n", "no viable alternative at input"),
        (
            "# @package _global_\ndefaults:\n  - override /backbone: nlp/tny\n",
            "backbone=nlp/tny: no such option (did you mean 'nlp/tiny'?)",
        ),
        (
            "# @package _global_\ndefaults:\n  - override /bckbone: nlp/tiny\n",
            "`override /bckbone: nlp/tiny`: no such group (did you mean 'backbone'?)",
        ),
        (
            "# @package _global_\ndefaults:\n  - /optimizer: sgd\n",
            "write `override /optimizer: sgd`, since conf/config.yaml chooses an option of opt",
        ),
        (
            "# @package _global_\ndefaults:\n  - /a: x\n  - /b: x\n  - /a: y\n",
            "/a stands 2 times in the defaults list: keep one of them",
        ),
        (
            "# @package _global_\ndefaults:\n  - override /optimizer: sgd\n  - /a: x\n",
            "move `override /optimizer: sgd` to the end of the defaults list",
        ),
        ("defaults:\n  - override /optimizer: sgd\n", "write `override /optimizer@_global_.opt"),
        ("# @package _global_\ndefaults:\n  optimizer: sgd\n", "defaults is not a list: write `-"),
        ("# @package _global_\ntrainer: {max_epochs: 3\n", "line 3: expected ',' or '}'"),
    ],
)
def test_mistake_in_an_experiment_names_the_file(
    text: str,
    line: str,
    project: Path,
    start: Start,
    experiment: Callable[[str], None],
) -> None:
    experiment(text)
    for name in ("a/x", "a/y", "b/x"):
        (project / f"conf/{name}.yaml").parent.mkdir(exist_ok=True)
        (project / f"conf/{name}.yaml").write_text("key: 1\n")
    status, errors = start(TASK, SAMPLE, "experiment=mine")
    assert status == 2
    assert re.match("error: conf/experiment/mine.yaml[:,] ", errors)
    assert errors.count("\n") == 1
    assert line in errors
    assert not (project / "outputs").exists()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("trainer.max_epochs=${foo}", "trainer.max_epochs: Interpolation key 'foo' not found"),
        ("trainer=3", "trainer=3 is not a mapping"),
        ("trainer.max_epoch=3", "Trainer has no argument 'max_epoch' (did you mean 'max_epochs'?)"),
        ("trainer.gpus=2", "trainer.gpus=2 is now trainer.devices=2"),
        (
            "training.btch_size=3",
            "'training.btch_size' is not a known key (did you mean 'batch_size'?)",
        ),
        ("optimizer._target_=torch.optim.AdmW", "no class 'AdmW' (did you mean 'AdamW'?)"),
        ("optimizer._target_=torch.optim.Later", f"of torch {torch.__version__} has no class 'L"),
        ("optimizer._target_=torch.optm.AdamW", "no module or function 'optm' (did you mean"),
        (
            "optimizer._target_=troch.optim.AdamW",
            "optimizer._target_=troch.optim.AdamW: no module named 'troch'",
        ),
        ("optimizer._target_=torch.__version__", "is not a class or function: set"),
        ("optimizer._target_=deepspeed.ops.adam.FusedAdam", "`deepspeed` is not installed (opti"),
        (
            "logger.csv._target_=pytorch_lightning.loggers.CometLogger",
            "`comet-ml` is not installed (logger.csv): pip install comet-ml",
        ),
        (
            "optimizer.learning_rate=1",
            "optimizer.learning_rate: AdamW has no argument 'learning_rate'",
        ),
        ("optimizer.lr=abc", "optimizer.lr=abc is not a number"),
        ("scheduler.num_warmup=1", "(did you mean 'num_warmup_steps'?)"),
        (
            "tokenizer.use_fst=1",
            "load_tokenizer has no argument 'use_fst' (did you mean 'use_fast'?)",
        ),
        ("backbone.revison=x", "backbone.revison: Backbone has no argument 'revison'"),
        ("trainer.callbacks={}", "trainer.callbacks={} is now callbacks.<name>={}"),
        ("callbacks.mine.path=x", "callbacks.mine has no _target_: set callbacks.mine._target_="),
        (
            "callbacks.loss_curve._target_=pytorch_lightning.callbacks.EarlyStopping",
            "callbacks.loss_curve.path: EarlyStopping has no argument 'path'",
        ),
        (
            "callbacks.stop._target_=pytorch_lightning.callbacks.EarlyStopping",
            "EarlyStopping requires 'monitor': set +callbacks.stop.monitor=<value>",
        ),
        (
            "trainer.plugins=[{_target_: pytorch_lightning.plugins.MixedPrecision, x: 1}]",
            "trainer.plugins.0.x: MixedPrecision has no argument 'x'",
        ),
        ("task.nose=1", "task.nose: LanguageModelingTransformer has no argument 'nose'"),
        ("task.downstream_model_type=transformers.AutoModl", "no class 'AutoModl' (did you mean"),
        ("dataset.train_fil=x", "has no argument 'train_fil' (did you mean 'train_file'?)"),
        ("dataset.revision=[a,b]", "dataset.revision=['a', 'b'] is not a text or null"),
        ("training.batch_size=0", "training.batch_size=0 is not an integer above 0: set one"),
    ],
)
def test_wrong_value_in_a_config(typed: str, line: str, config: DictConfig) -> None:
    config.merge_with_dotlist([typed])
    with pytest.raises(ConfigurationError, match=re.escape(line)):
        check_config(config)


@pytest.mark.parametrize(
    "typed",
    [
        "trainer.overfit_batches=1",
        "callbacks.stop={_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val/loss}",
        "logger.more={_target_: pytorch_lightning.loggers.CSVLogger, save_dir: x}",
        "dataset.text_column=3",
        "optimizer._partial_=true",
    ],
)
def test_no_mistake(typed: str, config: DictConfig) -> None:
    config.merge_with_dotlist([typed])
    check_config(config)


def test_what_an_interpolation_reads_is_no_mistake(
    start: Start, experiment: Callable[[str], None]
) -> None:
    experiment("# @package _global_\nvars: {n: 3}\ntrainer:\n  max_epochs: ${vars.n}\n")
    assert start(TASK, SAMPLE, "experiment=mine") == (0, "")


class Noisy(LanguageModelingTransformer):
    """A task of a project with a hyperparameter."""

    noise_std: float = 0.1


class Strict(LanguageModelingTransformer):
    """A task of a project that names what it takes."""

    def __init__(self, backbone: str, noise_std: float) -> None:
        super().__init__(backbone)


class Open(LanguageModelingTransformer):
    """A task of a project that takes anything."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(kwargs.pop("name"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "typed", "line"),
    [
        (Noisy, "task.noise_std=abc", "task.noise_std=abc is not a number: set one"),
        (
            Noisy,
            "task.noise=1",
            "task.noise: Noisy has no argument 'noise' (did you mean 'noise_std'?)",
        ),
        (Noisy, "task.noise_std=1", None),
        (Strict, "task.noise_std=1", "Strict has no argument 'optimizer'"),
        (Open, "task.name=gpt2", None),
    ],
)
def test_arguments_of_a_task_of_the_project(
    task: type, typed: str, line: str | None, config: DictConfig
) -> None:
    config.merge_with_dotlist([f"task._target_={__name__}.{task.__name__}", typed])
    if line is None:
        check_config(config)
        return
    with pytest.raises(ConfigurationError, match=re.escape(line)):
        check_config(config)


def test_an_interrupt_ends_in_one_line_that_names_the_run_folder(
    project: Path, start: Start
) -> None:
    def interrupted(config: DictConfig) -> None:
        """As Lightning does it: it turns the interrupt into an exit."""
        folder = Path(config.training.run_dir, "checkpoints")
        folder.mkdir()
        torch.save({"state_dict": {}, "optimizer_states": []}, folder / "autosave.ckpt")
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)

    arguments = (TASK, SAMPLE, "hydra.run.dir=outputs/run")
    status, errors = start(*arguments, function=interrupted)
    assert status == 130
    assert errors == (
        "interrupted, the run folder is outputs/run: "
        "continue with resume=auto hydra.run.dir=outputs/run\n"
    )


def test_an_early_interrupt_leaves_nothing_behind(project: Path, start: Start) -> None:
    def interrupted(config: DictConfig) -> None:
        raise KeyboardInterrupt

    assert start(TASK, function=interrupted) == (130, "interrupted\n")
    assert tree(project) == {}


def test_an_exit_of_the_function_stays(start: Start) -> None:
    status, errors = start(TASK, function=lambda config: sys.exit(7))
    assert (status, errors) == (7, "")


def test_what_a_library_refuses_is_a_mistake_and_a_bug_is_not(start: Start) -> None:
    def build(config: DictConfig) -> None:
        from lightning_transformers.base.instantiation import instantiate

        instantiate("trainer", config.trainer)

    arguments = (TASK, "trainer.accelerator=cpu", "trainer.devices=0")
    status, errors = start(*arguments, function=build)
    assert status == 2
    assert errors.startswith("error: trainer: `Trainer(devices=0)` value is not a valid input")
    with pytest.raises(ZeroDivisionError):
        start(TASK, function=lambda config: 1 / 0)


def test_the_help_names_options_and_examples(
    start: Start,
    experiment: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    experiment("# @package _global_\n")
    monkeypatch.setattr(sys, "argv", ["pl-transformers-train", "--help"])
    run_app(check_config, examples=["task=nlp/language_modeling experiment=smoke"])
    shown = capsys.readouterr().out
    assert "  pl-transformers-train task=nlp/language_modeling experiment=smoke" in shown
    assert "  experiment  mine, smoke\n" in shown
    assert re.search(r"^  task +nlp/language_modeling, ", shown, re.MULTILINE)
    assert re.search(r"^  optimizer +adadelta, ", shown, re.MULTILINE)


def test_a_sweep_runs_and_reports_each_job(project: Path, start: Start) -> None:
    seen = []

    def train(config: DictConfig) -> None:
        seen.append(config.trainer.max_epochs)
        if config.trainer.max_epochs == 2:
            raise ConfigurationError("two is too many")

    status, errors = start(TASK, "-m", "trainer.max_epochs=1,2,3", function=train)
    assert seen == [1, 2, 3]
    assert status == 2
    assert errors.startswith("error: two is too many\n")


def test_mistakes_are_found_without_torch(project: Path, run: Run) -> None:
    code = (
        "import sys\n"
        "from lightning_transformers.config.app import run_app\n"
        "from lightning_transformers.config.checks import check_config\n"
        "try: run_app(check_config)\n"
        "finally: print('torch' in sys.modules)"
    )
    comet = "logger.csv._target_=pytorch_lightning.loggers.CometLogger"
    done = run("env", "python", "-c", code, TASK, SAMPLE, comet)
    assert done.returncode == 2
    assert done.stdout == "False\n"
    assert done.stderr == "error: `comet-ml` is not installed (logger.csv): pip install comet-ml\n"


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        ("train", "dataset.train_file=none.csv"),
        ("evaluate", "+checkpoint_path=none.ckpt"),
        ("predict", "dataset.predict_file=none.txt"),
    ],
)
def test_a_missing_file_is_found_without_large_modules(
    command: str, mistake: str, project: Path, run: Run
) -> None:
    code = (
        "import sys\n"
        "from lightning_transformers import cli\n"
        f"try: cli.{command}()\n"
        "finally: print(sorted({'asyncio', 'datasets', 'numpy', 'torch'} & {*sys.modules}))"
    )
    done = run("env", "python", "-c", code, TASK, SAMPLE, mistake)
    assert done.returncode == 2
    assert done.stdout == "[]\n"
    assert "none." in done.stderr


def test_a_mistake_in_a_config_from_python_names_no_file(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra composes the config, but there is no run of Hydra whose files could be named."""
    config.training.btch_size = 3
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    with (
        hydra.initialize_config_dir(str(PACKAGED_CONFIGS), version_base="1.3"),
        pytest.raises(ConfigurationError, match=r"^'training\.btch_size' is not a known key"),
    ):
        check_config(config)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            "optimizer.lr optimizer.lr=1",
            [
                "optimizer.lr: a number above 0",
                "  value     1",
                "  set in    command line",
                "  default   0.001",
                "  taken by  torch.optim.AdamW",
            ],
        ),
        (f"task.max_new_tokens {TASK}", ["Maximum tokens that `predict` generates."]),
        (f"dataset {TASK}", ["  batch_size = 16  (an integer above 0)", "      per device"]),
        ("trainer.barebones", ["  value     not set: +trainer.barebones=<value>"]),
        ("training", ["  seed = 0  (an integer of at least 0 and below 4294967296)"]),
    ],
)
def test_help_of_a_key(
    words: str,
    lines: list[str],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--help", *words.split()])
    run_app(check_config)
    assert set(lines) <= set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("optimizer.lrr", "error: 'optimizer.lrr' is not a known key (did you mean 'lr'?)\n"),
        ("dataset", "error: no task: give +task=<task>, such as +task=nlp/language_modeling\n"),
    ],
)
def test_help_of_no_key(key: str, line: str, start: Start) -> None:
    assert start("--help", key) == (2, line)


@pytest.mark.parametrize(
    ("file", "is_launcher"),
    [("hydra_plugins/ray_launcher.py", True), ("tasks/mine/model.py", False)],
)
def test_a_launcher_without_a_package_that_it_imports(file: str, is_launcher: bool) -> None:
    """With -m, commas are valid. A launcher hands over the error of a task, too."""
    with pytest.raises(ModuleNotFoundError) as caught:
        exec(compile("import nosuchmodule", file, "exec"))
    words = ["training.seed=1,2", "hydra/launcher=ray"]
    line = explain(caught.value, words, PACKAGED_CONFIGS)
    assert ("choose another hydra/launcher" in line) == is_launcher
