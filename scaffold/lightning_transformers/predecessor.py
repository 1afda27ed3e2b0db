"""Names of lightning-transformers, which had the same import name, and what replaces them.

Tables only: `former_paths` answers imports with them, base classes warn about methods, and
`ltscaffold check` finds both in the source. Keys of a config are in `config.legacy`.
"""

import re
from collections.abc import Mapping

TASK_METHODS: Mapping[str, str] = {
    "_step": "shared_step",
    "common_step": "shared_step",
    "compute_generate_metrics": "metric_inputs",
    "compute_metrics": "configure_metrics",
    "compute_warmup": "build_scheduler",
    "initialize_model": "build_model",
    "initialize_model_specific_parameters": "build_model",
    "tokenize_labels": "metric_inputs",
}
"""Method of a task → the method to override now."""
DATA_METHODS: Mapping[str, str] = {
    "_prepare_labels": "label_values",
    "_select_samples": "select_samples",
    "_setup_input_fields": "process_split",
    "convert_to_features": "process_split",
    "convert_to_train_features": "process_split",
    "convert_to_validation_features": "process_split",
    "load_and_prepare_metrics": "configure_metrics of the task",
    "num_classes": "model_data_kwargs",
    "postprocess_func": "merge_predictions of the task",
    "prepare_labels": "model_data_kwargs",
    "preprocess": "clean_row",
    "source_target_column_names": "pair_columns",
    "tokenize_function": "process_split",
}
"""Method of a data module → the method to override now."""
LIGHTNING_RAISES: Mapping[str, str] = {
    f"{stage}_epoch_end": f"on_{name}_epoch_end"
    for stage, name in (("training", "train"), ("validation", "validation"), ("test", "test"))
}
"""Method of a task for which Lightning raises an error → the method to override."""

_CALLBACKS = "lightning_transformers.callbacks"
_CORE = "lightning_transformers.core"
_BUILD = "lightning_transformers.runs.build"
_SEQ2SEQ = "lightning_transformers.task.shared.seq2seq"
MODULES: Mapping[str, str] = {
    "callbacks.sparseml": f"{_CALLBACKS}.MagnitudePruning (callbacks=[default,pruning])",
    "cli.predict": "lightning_transformers.predict, a function (python predict.py)",
    "cli.train": "lightning_transformers.train, a function (python train.py)",
    "core.callback": f"{_CALLBACKS}.EpochStatistics (callbacks=[default,epoch_statistics])",
    "core.config": f"{_CORE}: annotated attributes of TaskTransformer and TransformerDataModule",
    "core.finetuning": f"{_CALLBACKS}.FreezeEmbeddings and GradualUnfreezing, or task.freeze",
    "core.instantiator": f"{_BUILD}: build_data, build_model and build_trainer",
    "core.iterable": f"{_CORE}.TransformerDataModule with dataset.streaming=true",
    "core.loggers": "pytorch_lightning.loggers.WandbLogger (logger=wandb)",
    "core.model": f"{_CORE}.TaskTransformer",
    "core.nlp": (
        f"{_CORE}.TaskTransformer (HFTransformer) and TransformerDataModule (HFDataModule), "
        f"{_SEQ2SEQ}.Seq2SeqTransformer and Seq2SeqDataModule, {_CALLBACKS}.FreezeEmbeddings"
    ),
    "core.seq2seq.config": f"{_SEQ2SEQ}: annotated attributes of Seq2SeqDataModule",
    "core.seq2seq.data": f"{_SEQ2SEQ}.Seq2SeqDataModule",
    "core.seq2seq.finetuning": f"{_CALLBACKS}.FreezeEmbeddings",
    "core.seq2seq.model": f"{_SEQ2SEQ}.Seq2SeqTransformer",
    "core.seq2seq.utils": f"{_SEQ2SEQ}.Seq2SeqCollator",
    "core.utils": "lightning_transformers.config.app.suppress_library_warnings",
    "plugins": "lightning_transformers.export (python export.py)",
    "utilities": "trainer=fsdp and trainer=deepspeed: lightning_transformers.models.sharding",
}
"""Module or package → where its names are now, relative to the runtime."""
IN_TASK = re.compile(r"(task\.\w+\.(\w+))\.(config|datasets|metric|utils)\b.*")
"""Modules of a task that its package replaces."""
NAMES: Mapping[str, str] = {
    "core.LitTransformer": f"{_CORE}.TaskTransformer",
    "core.TransformersBaseFinetuning": f"{_CALLBACKS}.FreezeEmbeddings or GradualUnfreezing",
    **{
        f"task.nlp.{task}.{name}{data}": f"lightning_transformers.task.nlp.{task}.{data}, with "
        f"dataset=nlp/{task}/{option}"
        for task, data, options in (
            ("multiple_choice", "MultipleChoiceDataModule", {"Race": "race", "Swag": "swag"}),
            (
                "summarization",
                "SummarizationDataModule",
                {"CNNDailyMail": "cnn_dailymail", "Xsum": "xsum"},
            ),
            ("translation", "TranslationDataModule", {"WMT16": "wmt16"}),
        )
        for name, option in options.items()
    },
}
"""Name in a package that still exists → its present name."""


def replacement(path: str) -> str | None:
    """Return where the names of a module or package of lightning-transformers are now, or None.

    Args:
        path: relative to the runtime, such as `core.nlp.seq2seq`.
    """
    if found := IN_TASK.fullmatch(path):
        return f"lightning_transformers.{found[1]} (data: dataset=nlp/{found[2]}/<name>)"
    parents = (path[: dot.start()] for dot in re.finditer(r"\.|$", path))
    return next((MODULES[parent] for parent in parents if parent in MODULES), None)
