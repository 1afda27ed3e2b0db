"""Import paths of version 0.1, mapped to the current ones, and those of lightning-transformers.

A former path works until the next minor version, with one warning per name. The paths recorded in
run folders work in every version, without a warning. A path of lightning-transformers is an error
with the present one.
"""

import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType

from lightning_transformers import predecessor
from lightning_transformers.base.errors import ConfigurationError

ROOT = __name__.partition(".")[0]
FOLDER = Path(__file__).parent
LM = "task.nlp.language_modeling"

MODULES: Mapping[str, list[str]] = {
    "build": ["runs.build"],
    "callbacks.signals": ["training.lightning_internals"],
    "checkpoints": ["training.checkpoint"],
    "core.collate": ["data.collators"],
    "core.families": ["training.checkpoint_identity"],
    "core.fingerprints": ["data.cache"],
    "core.gradients": ["recipes.gradient_noise"],
    "core.heads": ["models.output_head"],
    "core.invariants": ["core.exactness_callback"],
    "core.labels": ["data.labels", "task.shared.labels"],
    "core.losses": ["training.loss"],
    "core.modes": ["models.eval_mode"],
    "core.optimizers": ["recipes.lion"],
    "core.randomness": ["base.seeding"],
    "core.resources": ["base.package_data"],
    "core.resuming": ["training.resume"],
    "core.sampling": ["data.dataloaders", "base.seeding"],
    "core.seq2seq": ["task.shared.seq2seq"],
    "core.sources": ["data.loading"],
    "core.text": ["data.texts", "task.shared.text"],
    "core.weighting": ["training.loss_normalization"],
    "errors": ["base.errors"],
    "explain": ["runs.explain"],
    "hydra_app.app": ["config.app", "config.compose", "config.config_tree"],
    "hydra_app.config_tree": ["config.config_tree", "config.provenance"],
    "hydra_app.handover": ["config.launcher"],
    "hydra_app.job": ["config.job", "config.exit_status"],
    "hydra_app.mistakes": ["config.error_messages"],
    "hydra_app.origins": ["config.provenance"],
    "hydra_app.processes": ["config.launcher", "config.exit_status"],
    "hydra_app.usage": ["config.help"],
    "logged_metrics": ["runs.logged_metrics"],
    "rerun": ["runs.rerun"],
    "rerun_command": ["runs.rerun_command"],
    "run_folder": ["base.run_folder"],
    f"{LM}.probe": [f"{LM}.packing_probe"],
    f"{LM}.separation": [f"{LM}.packing_check"],
    f"{LM}.templates": [f"{LM}.chat_template"],
}
"""Former module → the modules with its names now, relative to the runtime."""
FUNCTIONS = ("train", "evaluate", "predict", "export")
"""Former modules whose names are functions now: a module would replace the function. Their
definitions are in `runs`."""
PACKAGES = {
    "core": ["base", "data", "models", "recipes", "training"],
    "hydra_app": ["config"],
    "manifest": ["runs.manifest"],
}
"""Former package → the packages with its modules now, by the same names unless listed above."""
NAMES = {
    "build.load": "runs.load.load_by_class",
    "core.adapters.merged": "models.adapters.merge_adapters",
    "core.adversarial.of_length": "recipes.adversarial.scale_to_norm",
    "core.collate.IGNORED": "data.collators.IGNORE_INDEX",
    "core.invariants.Invariants": "core.exactness_callback.ExactnessCallback",
    "core.labels.distinct": "data.labels.distinct_values",
    "core.labels.whole": "data.labels.whole_number",
    "core.metrics.OfSomeLabels": "training.metrics.SkipEmptyBatches",
    "core.metrics.Precise": "training.metrics.KeepFloat64",
    "core.metrics.Records": "training.metrics.TextMetric",
    "core.predictions.tidy": "recipes.predictions.round_floats",
    "core.randomness.random_numbers_from": "base.seeding.temporary_seed",
    "core.sampling.InOrder": "data.dataloaders.InOrderSampler",
    "core.sampling.Row": "data.dataloaders.SeededIndex",
    "core.sampling.SeededRows": "data.dataloaders.SeededDataset",
    "core.sampling.random_numbers_from": "base.seeding.temporary_seed",
    "core.sampling.seeded": "data.dataloaders.seeded_batches",
    "core.seq2seq.check_left_out": "task.shared.seq2seq.report_dropped_pairs",
    "core.seq2seq.encode": "task.shared.seq2seq.encode_pairs",
    "core.seq2seq.texts_at": "task.shared.seq2seq.field_values",
    "core.sources.Rows": "data.loading.AnyDataset",
    "core.sources.Source": "data.loading.DatasetReader",
    "core.sources.Splits": "data.loading.DatasetDict",
    "core.weighting.counted": "training.loss_normalization.records_loss_count",
    "hydra_app.app.silence_noise": "config.app.suppress_library_warnings",
    "hydra_app.handover.is_first_process": "config.launcher.is_rank_zero",
    "run_folder.moved": "base.run_folder.rebase_paths",
    f"{LM}.separation.SeparationCheck": f"{LM}.packing_check.PackingCheck",
    f"{LM}.templates.PLAIN": f"{LM}.chat_template.GENERIC_TEMPLATE",
    f"{LM}.templates.common_beginning": f"{LM}.chat_template.common_prefix",
    f"{LM}.templates.is_learned": f"{LM}.chat_template.contributes_to_loss",
}
"""Former name → current name, for names that code of a project may use."""
REMOVED = {
    "core.sampling.require_one_process": "dataset.streaming=true on any number of processes",
    "core.pipelines.pipeline_of": "hf_pipeline, a method of tasks",
    "core.seq2seq.references_of": f'{ROOT}.data.texts.decode_texts(batch["references"])',
    "task.nlp.question_answering.data.WindowCollator": (
        f"{ROOT}.data.collators.PaddingCollator with left = False"
    ),
}
"""Former name without a current one → what replaces it."""
METHODS = {
    "ImageClassificationDataModule": {"located": "resolve_image_paths"},
    "LanguageModelingDataModule": {"arranged": "document_rows", "warn_of_open_ends": "setup"},
    "QuestionAnsweringDataModule": {"flat": "one_row_per_question"},
}
"""Class → former name of a method that subclasses override → the method to override now."""
BASES = {
    "TaskTransformer": predecessor.TASK_METHODS,
    "TransformerDataModule": predecessor.DATA_METHODS,
}
"""Base class → methods that lightning-transformers called, each with the one to override now."""
RECORDED = {
    "core.backbone.load_image_processor",
    "core.backbone.load_tokenizer",
    "core.sharding.FullyShardedStrategy",
}
"""Former names that occur as `_target_` in recorded configs."""


class FormerImportError(ImportError, ConfigurationError):
    """An import of a path that lightning-transformers had, with the present one."""


class FormerPaths(MetaPathFinder, Loader):
    """Import former modules, which look up their names in the current ones."""

    @classmethod
    def install(cls) -> None:
        """Append this finder to `sys.meta_path`, unless it is installed."""
        if not any(isinstance(finder, cls) for finder in sys.meta_path):
            sys.meta_path.append(cls())

    def find_spec(self, fullname: str, *arguments: object) -> ModuleSpec | None:
        """Return the spec of a former module, or None for another.

        Raises:
            ModuleNotFoundError: for a former module that is a function now.
            FormerImportError: for a module of lightning-transformers.
        """
        root, _, name = fullname.partition(".")
        if root == ROOT and name in FUNCTIONS:
            raise ModuleNotFoundError(
                f"{fullname} is a function now: from {ROOT} import {name}", name=fullname
            )
        if root != ROOT:
            return None
        if not (name in PACKAGES or places_of(name)):
            raise_if_predecessors(name, predecessor.replacement(name))
            return None
        has_modules = any(path.startswith(f"{name}.") for path in predecessor.MODULES)
        return ModuleSpec(fullname, self, is_package=name in PACKAGES or has_modules)

    def exec_module(self, module: ModuleType) -> None:
        """Give a former module a `__getattr__` for the names of the current modules.

        Raises:
            AttributeError: from that function, for an unknown name.
            FormerImportError: likewise, for a name of `REMOVED`.
        """
        former = module.__name__.partition(".")[2]

        def look_up(name: str) -> object:
            if name == "__all__":
                return all_names(former)
            raise_if_removed(f"{former}.{name}")
            renamed = NAMES.get(f"{former}.{name}")
            paths = [renamed] if renamed else [f"{place}.{name}" for place in places_of(former)]
            for path in paths:
                module_name, _, now = path.rpartition(".")
                found = import_module(f"{ROOT}.{module_name}")
                if hasattr(found, now):
                    warn(f"{former}.{name}", path)
                    return getattr(found, now)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        vars(module)["__getattr__"] = look_up


def places_of(former: str) -> list[str]:
    """Return the current modules in which the names of a former module are; none for a package.

    Args:
        former: the former module, relative to the runtime, such as `core.collate`.
    """
    package, _, name = former.partition(".")
    if former in MODULES or not name:
        return MODULES.get(former, [])
    places = [f"{room}.{name}" for room in PACKAGES.get(package, [])]
    return [place for place in places if (FOLDER / f"{place.replace('.', '/')}.py").is_file()]


def raise_if_predecessors(path: str, now: str | None) -> None:
    """Raise FormerImportError for a path of lightning-transformers.

    Args:
        path: the path, relative to the runtime.
        now: the present path; None for any other path.
    """
    if now:
        raise FormerImportError(f"{ROOT}.{path} of lightning-transformers is now {now}")


def raise_if_removed(path: str) -> None:
    """Raise FormerImportError for a name of `REMOVED`, relative to the runtime."""
    if path in REMOVED:
        raise FormerImportError(f"{ROOT}.{path} is now {REMOVED[path]}")


def former_names(package: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a package or module that had other names.

    Args:
        package: its `__name__`.
    """
    root = package.removeprefix(f"{ROOT}.")

    def look_up(name: str) -> object:
        raise_if_removed(f"{root}.{name}")
        raise_if_predecessors(f"{root}.{name}", predecessor.NAMES.get(f"{root}.{name}"))
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return look_up


def warn_of_former_methods(cls: type) -> None:
    """Warn about each override of a former method, which is not called any more.

    A method of lightning-transformers that the class itself calls passes, such as a `common_step`
    of its own `training_step`.
    """
    former = {
        k: now for base in cls.__mro__[1:] for k, now in METHODS.get(base.__name__, {}).items()
    }
    predecessors = [BASES[base.__name__] for base in cls.__mro__[1:] if base.__name__ in BASES]
    for methods in predecessors:
        known = {name for base in cls.__mro__[1:] for name in vars(base)}
        former |= {k: now for k, now in methods.items() if not (k in known or is_called(cls, k))}
    for name, now in former.items():
        if name in vars(cls) and now not in vars(cls):
            warnings.warn(
                f"{cls.__qualname__}.{name} is not called any more: override {now}",
                FutureWarning,
                stacklevel=3,
            )


def is_called(cls: type, name: str) -> bool:
    """Return whether another method of a class or its bases mentions a name."""
    members = [(key, member) for base in cls.__mro__ for key, member in vars(base).items()]
    functions = [(key, getattr(member, "__func__", member)) for key, member in members]
    return any(
        isinstance(function, FunctionType) and name in function.__code__.co_names and key != name
        for key, function in functions
    )


def all_names(former: str) -> list[str]:
    """Return the names that `from … import *` takes from a former module."""
    places = [import_module(f"{ROOT}.{place}") for place in places_of(former)]
    found = [name for place in places for name in vars(place) if not name.startswith("_")]
    renamed = (path.rpartition(".") for path in NAMES)
    return [*found, *(name for module, _, name in renamed if module == former)]


warned: set[str] = set()


def warn(former: str, name: str) -> None:
    """Warn about a former name, once per process, unless configs of old runs record it.

    Args:
        former: the former name, relative to the runtime, such as `core.collate.IGNORED`.
        name: the current name, relative to the runtime.
    """
    if former in RECORDED or former in warned or former.rpartition(".")[2].startswith("__"):
        return
    warned.add(former)
    warnings.warn(
        f"{ROOT}.{former} is now {ROOT}.{name}; the next minor version removes the former name",
        FutureWarning,
        stacklevel=3,
    )
