"""The commands of a project, `train.py`, `evaluate.py` and so on, and of the console.

Nothing of the training stack is imported before it is known to be there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from lightning_transformers.shadowing import NamedShadowing
from lightning_transformers.version import VERSION

with NamedShadowing():
    import re
    from importlib import import_module
    from importlib.metadata import PackageNotFoundError, distribution
    from importlib.util import find_spec
    from pathlib import Path

    from packaging.version import Version

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from lightning_transformers.runs.cluster.submit import Run

__path__: list[str] = []  # lets `former_paths` answer imports of cli.train and cli.predict
EXAMPLES = {
    "train": (
        "+task=nlp/text_classification experiment=smoke",
        "+task=nlp/language_modeling dataset.train_file=train.csv trainer.max_epochs=3",
        "+task=nlp/summarization dataset=nlp/summarization/xsum trainer.precision=bf16-mixed",
    ),
    "prepare": (
        "+task=nlp/language_modeling dataset.train_file=corpus/ dataset.validation_file=valid.txt "
        "dataset.block_size=1024 dataset.prepared_dir=prepared",
    ),
    "evaluate": (
        "+task=nlp/text_classification dataset.test_file=test.csv +checkpoint_path=best.ckpt",
    ),
    "predict": (
        '+task=nlp/text_classification +checkpoint_path=best.ckpt +x="some text"',
        "+task=nlp/translation +checkpoint_path=best.ckpt dataset.predict_file=texts.txt",
    ),
    "export": (
        "+task=nlp/text_classification +checkpoint_path=best.ckpt export_dir=my-model",
        "+task=nlp/text_classification +checkpoint_path=best.ckpt hub_id=me/my-model",
    ),
}
"""Example arguments of each command, for its help."""
OLDEST_RUNTIME = re.compile(r"^lts_runtime: *[\"']?(\d+(?:\.\d+)*(?:rc\d+)?)", re.MULTILINE)
"""Where a project records the oldest runtime that its templates work with."""
STACK = ("datasets", "hydra", "pytorch_lightning", "torch", "transformers")


def train(script: str | None = None) -> None:
    """Train with the config of the command line.

    Args:
        script: path of the project's `train.py` that calls this; None for the console.
    """
    _run("train", script, function="repeats.command.score_from_config")


def prepare(script: str | None = None) -> None:
    """Tokenize and pack the texts of the config of the command line; `script` as in `train`."""
    _run("prepare", script, keeps_files=False, function="preparing.command.prepare_from_config")


def evaluate(script: str | None = None) -> None:
    """Evaluate with the config of the command line; `script` as in `train`."""
    _run("evaluate", script)


def predict(script: str | None = None) -> None:
    """Print predictions with the config of the command line; `script` as in `train`."""
    _run("predict", script, keeps_files=False)


def export(script: str | None = None) -> None:
    """Export a checkpoint with the config of the command line; `script` as in `train`."""
    _run("export", script, keeps_files=False)


def rerun(script: str | None = None) -> None:
    """Repeat the run whose folder the command line names; `script` as in `train`."""
    check_installation(script)
    with NamedShadowing():
        from lightning_transformers.runs.rerun_command import run_command

        run_command(script)


def compare() -> None:
    """Compare the runs whose folders the command line names."""
    check_installation(None)
    with NamedShadowing():
        from lightning_transformers.reports.compare_command import run_command

        run_command()


def explain(script: str | None = None) -> None:
    """Print which file or override sets each key of the config; `script` as in `train`."""
    _run("explain", script, is_job=False)


def schema(script: str | None = None) -> None:
    """Write the schema with which editors check the project's config; `script` as in `train`."""
    check_installation(script)
    with NamedShadowing():
        from lightning_transformers.config.compose import enable_project_imports, find_config_dir
        from lightning_transformers.config.exit_status import LineParser, exit_on_error
        from lightning_transformers.config.schema.editor import write_schema

        with exit_on_error():
            about = "Write conf/schema.json, and its path in each YAML file of conf, for editors."
            LineParser("schema", description=about).parse_args()
            config_dir = find_config_dir(script)
            enable_project_imports(config_dir)
            for path in write_schema(config_dir):
                print(path)


def _run(
    command: str,
    script: str | None,
    *,
    keeps_files: bool = True,
    is_job: bool = True,
    function: str | None = None,
) -> None:
    check_installation(script)
    with NamedShadowing():
        from lightning_transformers.base.run_folder import JOB_LOG
        from lightning_transformers.config.app import run_app
    jobs: list[Run] = []
    is_submitted = JOB_LOG in os.environ
    if script and is_submitted:
        sys.argv[0] = Path(script).name  # of a copy

    def run(config: DictConfig) -> object:
        if config.get("cluster") and command != "explain" and not is_submitted:
            from lightning_transformers.runs.cluster.submit import run_of

            jobs.append(run_of(config, command))
            return None
        # Imports torch, which a mistake in the config does not need.
        path = function or f"{command}.{command}_from_config"
        module, _, name = path.rpartition(".")
        return getattr(import_module(f"lightning_transformers.runs.{module}"), name)(config)

    with NamedShadowing():
        examples = EXAMPLES.get(command, ())
        run_app(run, script, keeps_files=keeps_files, is_job=is_job, examples=examples)
        if jobs:
            from lightning_transformers.config.exit_status import exit_on_error
            from lightning_transformers.runs.cluster.submit import submit

            with exit_on_error():
                submit(jobs, command, script)


def use_utf8() -> None:
    """Start Python again in its UTF-8 mode if the locale has ASCII only.

    Configs, datasets, texts on the command line and the progress bar have other characters.
    """
    if sys.getfilesystemencoding() == "ascii" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def check_installation(script: str | None) -> None:
    """Exit with status 2 and one line if the installed packages do not fit; see `use_utf8`, too.

    A package of the training stack is missing, the project needs a newer version of this package,
    or lightning-transformers, which has a package of the same name, is installed.

    Args:
        script: the file in the project that was started; without it, the project is in the
            working directory.
    """
    use_utf8()
    # Threads that wait for work else take the processor from those of other programs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    missing = [name for name in STACK if find_spec(name) is None]
    if missing:
        _exit(f'{", ".join(missing)} not installed: pip install "ltscaffold[train]"')
    check_version(Path(script).resolve().parent if script else Path.cwd())
    try:
        distribution("lightning-transformers")
    except PackageNotFoundError:
        return
    _exit(
        "the abandoned lightning-transformers is installed and overwrites this package: "
        "pip uninstall lightning-transformers, then pip install --force-reinstall ltscaffold"
    )


def check_version(project: Path) -> None:
    """Exit with status 2 and one line if the code of a project was generated for a newer runtime.

    Args:
        project: root of the project, whose `.copier-answers.yml` records the oldest runtime.
    """
    record = project / ".copier-answers.yml"
    text = record.read_text(encoding="utf-8") if record.is_file() else ""
    # Merged branches may leave two lines.
    oldest = max(map(Version, OLDEST_RUNTIME.findall(text)), default=Version("0"))
    if oldest > Version(VERSION):
        _exit(
            f"{project} needs ltscaffold {oldest} or newer, and {VERSION} is installed: "
            f'pip install --upgrade "ltscaffold[train]>={oldest}"'
        )


def _exit(mistake: str) -> NoReturn:
    print(f"error: {mistake}", file=sys.stderr)
    sys.exit(2)
