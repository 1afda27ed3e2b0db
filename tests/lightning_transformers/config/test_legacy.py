"""Overrides of lightning-transformers still work, or name their replacement."""

from pathlib import Path

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.config.legacy import HINTS, legacy_hint, pattern
from tests.helpers.slow import sampled

FILES = "dataset.train_file=train.csv dataset.validation_file=valid.csv"
GLUE = "task=nlp/text_classification dataset=nlp/text_classification/glue"
RACE = "task=nlp/multiple_choice dataset=nlp/multiple_choice/race"
EMOTION = "task=nlp/text_classification dataset=nlp/text_classification/emotion"
BACKBONE = "backbone.pretrained_model_name_or_path"
WORKS = [
    f"task=nlp/language_modeling dataset=nlp/language_modeling/wikitext {BACKBONE}=gpt2",
    RACE,
    f"task=nlp/multiple_choice dataset=nlp/multiple_choice/swag {BACKBONE}=roberta-base",
    "task=nlp/question_answering dataset=nlp/question_answering/squad",
    f"task=nlp/summarization dataset=nlp/summarization/cnn_dailymail {BACKBONE}=t5-base",
    "task=nlp/summarization dataset=nlp/summarization/xsum",
    EMOTION,
    "task=nlp/text_classification dataset=nlp/text_classification/xnli",
    GLUE,
    "task=nlp/token_classification dataset=nlp/token_classification/conll",
    f"task=nlp/translation dataset=nlp/translation/wmt16 {BACKBONE}=google/mt5-base",
    "task=nlp/translation dataset=nlp/translation/wmt16 dataset.dataset_config_name=de-en "
    "dataset.source_language=de dataset.target_language=en",
    f"{EMOTION} optimizer=rmsprop",
    f"{EMOTION} optimizer=sgd optimizer.momentum=0.99 trainer.precision=16",
    f"{EMOTION} trainer.max_epochs=4 training.batch_size=8",
    f"{EMOTION} training.run_test_after_fit=True",
    f"{EMOTION} trainer=deepspeed",
    f"task=nlp/language_modeling {FILES}",
    f"{GLUE} dataset.dataset_config_name=mnli dataset.validation_subset_name=validation_matched",
    f"+task=nlp/language_modeling dataset=nlp/language_modeling/wikitext {FILES}",
]
CHOSEN = {
    "dataset.whole_word_mask": "nlp/masked_language_modeling",
    "dataset.stride": "nlp/question_answering",
    "dataset.padding": "nlp/text_classification",
    "dataset.truncation": "nlp/text_classification",
    "dataset.label_column": "nlp/token_classification",
    "task.max_new_tokens": "nlp/summarization",
    "task.generate_in_validation": "nlp/summarization",
    "task.num_beams": "nlp/summarization",
}
"""Key that not every task has → a task that has it."""
HINTED = {
    "trainer=sharded": "trainer=fsdp",
    "trainer.gpus=2": "trainer.devices=2",
    "trainer.tpu_cores=8": "trainer.accelerator=tpu trainer.devices=8",
    "+trainer/logger=tensorboard": "logger=tensorboard",
    "+trainer/logger=wandb": "logger=wandb",
    "trainer.logger.save_dir=my_dir/": "logger=tensorboard logger.tensorboard.save_dir=my_dir/",
    "trainer.logger.project=mine": "logger=wandb logger.wandb.project=mine",
    "dataset.cfg.train_file=a.csv": "dataset.train_file=a.csv",
    "dataset.cfg.max_samples=10": "dataset.limit_train_samples=10",
    "dataset.cfg.train_val_split=null": None,
    "dataset.cfg.train_val_split=3": None,
    "dataset.cfg.train_val_split=0.2": "dataset.train_val_split=0.2",
    "dataset.cfg.wwm=null": None,
    "dataset.cfg.wwm=True": "dataset.whole_word_mask=true",
    "dataset.cfg.wwm=False": "dataset.whole_word_mask=false",
    "dataset.cfg.wwm=3": None,
    "dataset.cfg.truncation=only_first": "dataset.truncation=true",
    "dataset.truncation=do_not_truncate": "dataset.truncation=false",
    "dataset.cfg.padding=False": "dataset.padding=longest",
    "dataset.cfg.padding=max_length": "dataset.padding=max_length",
    "dataset.cfg.pad_to_max_length=True": "dataset.padding=max_length",
    "dataset.cfg.pad_to_max_length=False": "dataset.padding=longest",
    "dataset.cfg.doc_stride=129": "dataset.stride=129",
    "dataset.cfg.task_name=ner": "dataset.label_column=ner_tags",
    "dataset.cfg.output_dir=.": None,
    "task.cfg.use_stemmer=False": None,
    "task.cfg.val_target_max_length=143": "task.max_new_tokens=143",
    "task.cfg.val_target_max_length=null": None,
    "task.cfg.compute_generate_metrics=False": "task.generate_in_validation=False",
    "task.model_data_kwargs.num_labels=3": None,
    "+task.model_data_kwargs.dropout=0.1": "+backbone.config.dropout=0.1",
    "task.model_data_kwargs=x": None,
    "task.cfg.num_beams=4": "task.num_beams=4",
    "trainer.devices=null": "trainer.devices=auto",
    "trainer.accelerator=null": "trainer.accelerator=auto",
    "trainer.accelerator=ddp_cpu": "trainer.accelerator=cpu trainer.strategy=ddp",
    "trainer.accelerator=ddp": "trainer.strategy=ddp",
    "trainer.accelerator=ddp_sharded": "trainer=fsdp",
    "trainer.tpu_cores=null": None,
    "trainer.plugins=null": None,
    "trainer.plugins=ddp_sharded": "trainer=fsdp",
    "trainer.plugins=deepspeed": "trainer=deepspeed",
    "trainer.plugins.stage=3": "trainer=deepspeed trainer.strategy=deepspeed_stage_3",
    "trainer.plugins.cpu_offload=True": "trainer=deepspeed trainer.strategy="
    "deepspeed_stage_2_offload",
    "trainer.plugins.cpu_offload=False": None,
    "trainer.plugins.allgather_partitions=True": None,
    "trainer.max_steps=null": "trainer.max_steps=-1",
    "trainer.min_epochs=1": "+trainer.min_epochs=1",
    "trainer.min_steps=null": "+trainer.min_steps=null",
    "trainer.overfit_batches=0.0": "+trainer.overfit_batches=0.0",
    "tokenizer=autotokenizer": None,
    "tokenizer.pretrained_model_name_or_path=gpt2": "backbone.tokenizer_name_or_path=gpt2",
    "backbone=nlp/seq2seq": "backbone=nlp/t5-base",
    "training.lr=1e-3": "optimizer.lr=1e-3",
    "training.output_dir=here": "hydra.run.dir=here",
    "experiment_name=first": "hydra.run.dir=outputs/first",
    "ignore_warnings=False": None,
    "log=False": "logger=none",
    "log=True": None,
    "+trainer/logger=testtube": None,
    "+trainer/logger=sparsewandb": None,
    "trainer.logger=True": "logger=csv",
    "trainer.logger=null": "logger=none",
    "trainer.logger=wandb": "logger=wandb",
    "trainer.logger.offline=True": None,
    "+trainer/callbacks=sparseml": None,
    "+trainer.callbacks.recipe_path=r.yaml": None,
    "+trainer/callbacks=model_pruning": "callbacks=[default,pruning]",
    "+trainer/callbacks=none": "callbacks=none",
    "trainer.callbacks.foo=1": None,
    "trainer.checkpoint_callback=False": "~callbacks.checkpoint",
    "trainer.checkpoint_callback=True": None,
    "trainer.weights_save_path=here": "callbacks.checkpoint.dirpath=here",
    "trainer.progress_bar_refresh_rate=0": "+trainer.enable_progress_bar=false",
    "trainer.progress_bar_refresh_rate=20": "+callbacks.progress_bar.refresh_rate=20",
    "trainer.log_gpu_memory=all": "callbacks=[default,epoch_statistics]",
    "trainer.gpus=0": "trainer.accelerator=cpu",
    "trainer.num_processes=2": "trainer.accelerator=cpu trainer.devices=2",
    "trainer.auto_select_gpus=True": None,
    "trainer.distributed_backend=ddp": "trainer.strategy=ddp",
    "+trainer/plugins=sharded": "trainer=fsdp",
    "trainer=deepspeed_offload_stage_3": (
        "trainer=deepspeed trainer.strategy=deepspeed_stage_3_offload"
    ),
    "trainer=deepspeed_offload": "trainer=deepspeed trainer.strategy=deepspeed_stage_2_offload",
    "+trainer/plugins=deepspeed": "trainer=deepspeed",
    "optimizer=deepspeed/onebitadam": None,
    "trainer=tpus": "trainer.accelerator=tpu trainer.devices=8",
    "trainer=benchmark": "debug=benchmark",
    "trainer=sparseml": None,
    "trainer.resume_from_checkpoint=a.ckpt": "+checkpoint_path=a.ckpt",
    "trainer.amp_backend=native": None,
    "trainer.weights_summary=null": "+trainer.enable_model_summary=false",
    "trainer.weights_summary=top": "+trainer.enable_model_summary=true",
    "trainer.flush_logs_every_n_steps=5": "+logger.csv.flush_logs_every_n_steps=5",
    "trainer.replace_sampler_ddp=False": "+trainer.use_distributed_sampler=False",
    "trainer.terminate_on_nan=True": "trainer.detect_anomaly=True",
    "trainer.reload_dataloaders_every_epoch=True": "+trainer.reload_dataloaders_every_n_epochs=1",
    "trainer.track_grad_norm=2": None,
    "trainer.auto_lr_find=True": None,
    "trainer.move_metrics_to_cpu=True": None,
    "trainer.truncated_bptt_steps=2": None,
}
"""Override and its replacement, or None for a hint in words."""


@pytest.mark.parametrize("command", WORKS)
def test_documented_command_passes_the_checks(command: str, tmp_path: Path) -> None:
    config = compose([*command.split(), f"training.run_dir={tmp_path}"])
    check_config(config)


@pytest.mark.parametrize(("typed", "instead"), sampled(HINTED.items(), [*HINTED.items()][::3]))
def test_hint_says_what_to_type(typed: str, instead: str | None, tmp_path: Path) -> None:
    said = legacy_hint(typed)
    assert said is not None
    assert said.startswith(typed.lstrip("+"))
    if instead is None:
        assert " is no longer " in said or "<" in said
        return
    assert said.endswith(f" is now {instead}")
    task = CHOSEN.get(instead.partition("=")[0], "nlp/language_modeling")
    typed_now = [f"task={task}", "dataset.dataset_name=sample", *instead.split()]
    config = compose([*typed_now, f"training.run_dir={tmp_path}"])
    try:
        check_config(config)
    except ConfigurationError as error:
        assert "is not installed" in str(error)  # noqa: PT017


def test_every_hint_is_tested() -> None:
    """Each line of the table is the first that matches one of the overrides above."""
    reached = set()
    for typed in HINTED:
        matching = (line for line in HINTS if pattern(line).fullmatch(typed.lstrip("+")))
        reached.add(next(matching))
    assert reached == {*HINTS}


def test_todays_spelling_gets_no_hint() -> None:
    for command in WORKS:
        assert not any(legacy_hint(override) for override in command.split())
