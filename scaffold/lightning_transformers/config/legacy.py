"""Replacements for overrides of the former lightning-transformers."""

import re
from collections.abc import Collection

NO_SPARSEML = "no longer supported (SparseML is unmaintained): use callbacks=[default,pruning]"
LEAVE_OUT = "no longer supported: remove it"

HINTS = {
    # Data, task and tokenizer: keys that were nested.
    "dataset.(cfg.)?max_samples=*": "now dataset.limit_train_samples=*",
    "dataset.(cfg.)?(train_val_split|mlm_probability|line_by_line|wwm)=null": LEAVE_OUT,
    "dataset.cfg.train_val_split=[1-9]*": (
        "no longer a number of rows: set dataset.train_val_split=<fraction>"
    ),
    "dataset.(cfg.)?wwm=(true|1)": "now dataset.whole_word_mask=true",
    "dataset.(cfg.)?wwm=(false|0)": "now dataset.whole_word_mask=false",
    "dataset.(cfg.)?wwm=*": "now dataset.whole_word_mask=<true or false>",
    "dataset.(cfg.)?truncation=do_not_truncate": "now dataset.truncation=false",
    "dataset.(cfg.)?truncation=(only_|longest_)*": "now dataset.truncation=true",
    "dataset.(cfg.)?padding=(true|false|do_not_pad)": "now dataset.padding=longest",
    "dataset.(cfg.)?pad_to_max_length=true": "now dataset.padding=max_length",
    "dataset.(cfg.)?pad_to_max_length=*": "now dataset.padding=longest",
    "dataset.(cfg.)?doc_stride=*": "now dataset.stride=*",
    "dataset.(cfg.)?task_name=*": "now dataset.label_column=*_tags",
    "dataset.(cfg.)?output_dir=*": LEAVE_OUT,
    "dataset.cfg.*": "now dataset.*",
    "task.(cfg.)?(use_stemmer|n_gram|smooth)=*": LEAVE_OUT,
    "task.(cfg.)?val_target_max_length=null": LEAVE_OUT,
    "task.(cfg.)?val_target_max_length=*": "now task.max_new_tokens=*",
    "task.(cfg.)?compute_generate_metrics=*": "now task.generate_in_validation=*",
    "task.(cfg.)?model_data_kwargs.num_labels=*": "no longer supported: set dataset.labels=[…]",
    "task.(cfg.)?model_data_kwargs.*": "now +backbone.config.*",
    "task.(cfg.)?model_data_kwargs=*": LEAVE_OUT,
    "task.cfg.*": "now task.*",
    "tokenizer=autotokenizer": LEAVE_OUT,
    "tokenizer.pretrained_model_name_or_path=*": "now backbone.tokenizer_name_or_path=*",
    "optimizer=deepspeed/onebitadam": "no longer part of DeepSpeed: use optimizer=deepspeed/adamw",
    "backbone=nlp/seq2seq": "now backbone=nlp/t5-base",
    # Run.
    "training.lr=*": "now optimizer.lr=*",
    "training.output_dir=*": "now hydra.run.dir=*",
    "experiment_name=*": "now hydra.run.dir=outputs/*",
    "ignore_warnings=*": "no longer supported: set the environment variable PYTHONWARNINGS=ignore",
    # Loggers: now the group `logger`.
    "log=false": "now logger=none",
    "log=*": "no longer supported: choose a logger with logger=<option>",
    "trainer/logger=testtube": "no longer supported: use logger=csv or logger=tensorboard",
    "trainer/logger=sparsewandb": "no longer supported: use logger=wandb",
    "trainer/logger=*": "now logger=*",
    "trainer.logger=true": "now logger=csv",
    "trainer.logger=(false|null)": "now logger=none",
    "trainer.logger=*": "now logger=*",
    "trainer.logger.project=*": "now logger=wandb logger.wandb.project=*",
    "trainer.logger.save_dir=*": "now logger=tensorboard logger.tensorboard.save_dir=*",
    "trainer.logger.*": "now logger.<csv, tensorboard or wandb>.*",
    # Callbacks: now the group `callbacks`, each under a name.
    "trainer/callbacks=sparseml": NO_SPARSEML,
    "trainer.callbacks.(output_dir|recipe_path)=*": NO_SPARSEML,
    "trainer/callbacks=(model_pruning|lottery_ticket)": "now callbacks=[default,pruning]",
    "trainer/callbacks=*": "now callbacks=*",
    "trainer.callbacks*": "now callbacks.<name>*",
    "trainer.checkpoint_callback=false": "now ~callbacks.checkpoint",
    "trainer.checkpoint_callback=*": LEAVE_OUT,
    "trainer.weights_save_path=*": "now callbacks.checkpoint.dirpath=*",
    "trainer.progress_bar_refresh_rate=0": "now +trainer.enable_progress_bar=false",
    "trainer.progress_bar_refresh_rate=*": "now +callbacks.progress_bar.refresh_rate=*",
    "trainer.log_gpu_memory=*": "now callbacks=[default,epoch_statistics]",
    # Devices and strategies.
    "trainer.gpus=(0|null|none)": "now trainer.accelerator=cpu",
    "trainer.gpus=*": "now trainer.devices=*",
    "trainer.devices=null": "now trainer.devices=auto",
    "trainer.accelerator=null": "now trainer.accelerator=auto",
    "trainer.accelerator=ddp_cpu": "now trainer.accelerator=cpu trainer.strategy=ddp",
    "trainer.accelerator=(ddp|ddp2|ddp_spawn|dp|horovod)": "now trainer.strategy=ddp",
    "trainer.accelerator=(ddp_sharded|ddp_sharded_spawn)": "now trainer=fsdp",
    "trainer.tpu_cores=(null|none)": LEAVE_OUT,
    "trainer.tpu_cores=*": "now trainer.accelerator=tpu trainer.devices=*",
    "trainer.num_processes=*": "now trainer.accelerator=cpu trainer.devices=*",
    "trainer.auto_select_gpus=*": LEAVE_OUT,
    "trainer.distributed_backend=*": "now trainer.strategy=*",
    "trainer.plugins=null": LEAVE_OUT,
    "trainer.plugins=(sharded|ddp_sharded)": "now trainer=fsdp",
    "trainer.plugins=deepspeed": "now trainer=deepspeed",
    "trainer.plugins.stage=*": "now trainer=deepspeed trainer.strategy=deepspeed_stage_*",
    "trainer.plugins.cpu_offload=true": (
        "now trainer=deepspeed trainer.strategy=deepspeed_stage_2_offload"
    ),
    "trainer.plugins.cpu_offload=*": LEAVE_OUT,
    "trainer.plugins.[a-z]*": "no longer supported: choose trainer=deepspeed or trainer=fsdp",
    "trainer(/plugins)?=sharded": "now trainer=fsdp",
    "trainer(/plugins)?=deepspeed_offload_stage_3": (
        "now trainer=deepspeed trainer.strategy=deepspeed_stage_3_offload"
    ),
    "trainer(/plugins)?=deepspeed_offload": (
        "now trainer=deepspeed trainer.strategy=deepspeed_stage_2_offload"
    ),
    "trainer/plugins=deepspeed": "now trainer=deepspeed",
    "trainer=tpus": "now trainer.accelerator=tpu trainer.devices=8",
    "trainer=benchmark": "now debug=benchmark",
    "trainer=sparseml": NO_SPARSEML,
    # Former arguments of Lightning's Trainer.
    "trainer.resume_from_checkpoint=*": "now +checkpoint_path=*",
    "trainer.(amp_backend|amp_level)=*": LEAVE_OUT,
    "trainer.max_steps=null": "now trainer.max_steps=-1",
    "trainer.min_epochs=*": "now +trainer.min_epochs=*",
    "trainer.min_steps=*": "now +trainer.min_steps=*",
    "trainer.overfit_batches=*": "now +trainer.overfit_batches=*",
    "trainer.weights_summary=(null|none|false)": "now +trainer.enable_model_summary=false",
    "trainer.weights_summary=*": "now +trainer.enable_model_summary=true",
    "trainer.flush_logs_every_n_steps=*": "now +logger.csv.flush_logs_every_n_steps=*",
    "trainer.replace_sampler_ddp=*": "now +trainer.use_distributed_sampler=*",
    "trainer.terminate_on_nan=*": "now trainer.detect_anomaly=*",
    "trainer.reload_dataloaders_every_epoch=true": (
        "now +trainer.reload_dataloaders_every_n_epochs=1"
    ),
    "trainer.track_grad_norm=*": (
        "no longer supported: log the norm in the hook on_before_optimizer_step"
    ),
    "trainer.(auto_lr_find|auto_scale_batch_size)=*": (
        "no longer supported: set optimizer.lr and training.batch_size, or sweep over them with -m"
    ),
    "trainer.(move_metrics_to_cpu|process_position|prepare_data_per_node)=*": LEAVE_OUT,
    "trainer.(truncated_bptt_steps|reload_dataloaders_every_epoch)=*": LEAVE_OUT,
}
"""Former override → replacement, after `now`, or why it is unsupported. The first match wins.

A dot is literal; a star matches any text, which replaces the star in the second column.
"""


ELSEWHERE = {
    "max_length": ("block_size", "max_source_length"),
    "block_size": ("max_length",),
    "stride": (),
    "padding": (),
    "truncation": (),
}
"""Key of `dataset` that some tasks lack → keys of the same meaning, of which a task has one."""
INTERPOLATIONS = {
    "training.lr": "optimizer.lr",
    "training.output_dir": "training.run_dir",
    "experiment_name": "training.run_dir",
}
"""Key that an interpolation named → its present name."""


def legacy_hint(override: str, dataset: Collection[str] | None = None) -> str | None:
    """Return the replacement for an override of lightning-transformers, or None if it has none.

    Args:
        override: such as `trainer.gpus=2`, with or without a leading `+` or `~`.
        dataset: the keys of the chosen dataset, if they are known: a key that it lacks is replaced
            as in `ELSEWHERE`.
    """
    override = override.lstrip("+~")
    for line, instead in HINTS.items():
        start = re.split(r"[^\w./]", line, maxsplit=1)[0]  # spares most patterns their compilation
        match = override.lower().startswith(start) and pattern(line).fullmatch(override)
        if match:
            hint = instead.replace("*", match[match.lastindex or 0])
            return f"{override} is {_of_dataset(hint, dataset) if dataset else hint}"
    return None


def former_key(key: str, value: str, dataset: Collection[str] | None = None) -> str | None:
    """Return the replacement for a key that a config has, or None.

    None also for a key that an override adds with a plus, as its hint says.

    Args:
        key: dotted key, such as `trainer.gpus`.
        value: its value, as an override has it.
        dataset: as in `legacy_hint`.
    """
    hint = legacy_hint(f"{key}={value}", dataset)
    return None if hint and hint.endswith(f" now +{key}={value}") else hint


def _of_dataset(hint: str, known: Collection[str]) -> str:
    """Return a hint with the key of a dataset that has the keys `known`."""
    start, _, rest = hint.partition("now dataset.")
    name, equals, value = rest.partition("=")
    if start or not equals or name in known:
        return hint
    if name not in ELSEWHERE:
        return f"now +dataset.{rest}"
    return next((f"now dataset.{n}={value}" for n in ELSEWHERE[name] if n in known), LEAVE_OUT)


def pattern(line: str) -> re.Pattern[str]:
    """Return the regular expression for a key of `HINTS`.

    Groups in parentheses do not capture; the star captures any text except a mapping `{…}`.
    """
    expression = line.replace("(", "(?:").replace(".", r"\.").replace("*", r"((?!{).*)")
    return re.compile(expression, re.IGNORECASE)
