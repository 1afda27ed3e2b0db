"""Replacements for overrides of the former lightning-transformers."""

import re

NO_SPARSEML = "no longer supported (SparseML is unmaintained): use callbacks=[default,pruning]"
LEAVE_OUT = "no longer supported: remove it"

HINTS = {
    # Data, task and tokenizer: keys that were nested.
    "dataset.(cfg.)?max_samples=*": "now dataset.limit_train_samples=*",
    "dataset.cfg.*": "now dataset.*",
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
    "trainer.progress_bar_refresh_rate=0": (
        "now ~callbacks.progress_bar +trainer.enable_progress_bar=false"
    ),
    "trainer.progress_bar_refresh_rate=*": "now +callbacks.progress_bar.refresh_rate=*",
    "trainer.log_gpu_memory=*": "now callbacks=[default,epoch_statistics]",
    # Devices and strategies.
    "trainer.gpus=(0|null|none)": "now trainer.accelerator=cpu",
    "trainer.gpus=*": "now trainer.devices=*",
    "trainer.tpu_cores=*": "now trainer.accelerator=tpu trainer.devices=*",
    "trainer.num_processes=*": "now trainer.accelerator=cpu trainer.devices=*",
    "trainer.auto_select_gpus=*": LEAVE_OUT,
    "trainer.distributed_backend=*": "now trainer.strategy=*",
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
    "trainer.(amp_backend|amp_level)=*": "now trainer.precision=16-mixed",
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


def legacy_hint(override: str) -> str | None:
    """Return the replacement for an override of lightning-transformers, or None if it has none.

    Args:
        override: such as `trainer.gpus=2`, with or without a leading `+` or `~`.
    """
    override = override.lstrip("+~")
    for line, instead in HINTS.items():
        if match := pattern(line).fullmatch(override):
            return f"{override} is {instead.replace('*', match[match.lastindex or 0])}"
    return None


def pattern(line: str) -> re.Pattern[str]:
    """Return the regular expression for a key of `HINTS`.

    Groups in parentheses do not capture; the star captures any text except a mapping `{…}`.
    """
    expression = line.replace("(", "(?:").replace(".", r"\.").replace("*", r"((?!{).*)")
    return re.compile(expression, re.IGNORECASE)
