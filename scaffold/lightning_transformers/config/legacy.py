"""What to type today for what the command line of lightning-transformers took."""

import re

NO_SPARSEML = (
    "is gone with SparseML, which is no longer maintained: callbacks=[default,pruning] prunes "
    "by magnitude"
)
LEAVE_OUT = "is gone: leave it out"

HINTS: tuple[tuple[str, str], ...] = (
    # Data, task and tokenizer: their keys are no longer nested.
    (r"dataset\.(?:cfg\.)?max_samples=(.*)", r"is now dataset.limit_train_samples=\1"),
    (r"dataset\.cfg\.(.+)", r"is now dataset.\1"),
    (r"task\.cfg\.(.+)", r"is now task.\1"),
    (r"tokenizer=autotokenizer", LEAVE_OUT),
    (
        r"tokenizer\.pretrained_model_name_or_path=(.*)",
        r"is now backbone.tokenizer_name_or_path=\1",
    ),
    (r"optimizer=deepspeed/onebitadam", "is gone from DeepSpeed: write optimizer=deepspeed/adamw"),
    (r"backbone=nlp/seq2seq", "is now backbone=nlp/t5-base"),
    # The run.
    (r"training\.lr=(.*)", r"is now optimizer.lr=\1"),
    (r"training\.output_dir=(.*)", r"is now hydra.run.dir=\1"),
    (r"experiment_name=(.*)", r"is now hydra.run.dir=outputs/\1"),
    (r"ignore_warnings=.*", "is gone: set the environment variable PYTHONWARNINGS=ignore"),
    # Loggers: a group of their own, and none of them behind a switch.
    (r"log=(?i:false)", "is now logger=none"),
    (r"log=.*", "is gone: a run logs into logger=csv, unless another logger is given"),
    (r"trainer/logger=testtube", "is gone with test-tube: write logger=csv or logger=tensorboard"),
    (r"trainer/logger=sparsewandb", "is gone with SparseML: write logger=wandb"),
    (r"trainer/logger=(.*)", r"is now logger=\1"),
    (r"trainer\.logger=(?i:true)", "is now logger=csv"),
    (r"trainer\.logger=(?i:false|null)", "is now logger=none"),
    (r"trainer\.logger=(\w+)", r"is now logger=\1"),
    (r"trainer\.logger\.project=(.*)", r"is now logger=wandb logger.wandb.project=\1"),
    (
        r"trainer\.logger\.save_dir=(.*)",
        r"is now logger=tensorboard logger.tensorboard.save_dir=\1",
    ),
    (r"trainer\.logger\.(.*)", r"is now logger.<csv, tensorboard or wandb>.\1"),
    # Callbacks: a group of their own, each under a name.
    (r"trainer/callbacks=sparseml", NO_SPARSEML),
    (r"trainer\.callbacks\.(?:output_dir|recipe_path)=.*", NO_SPARSEML),
    (r"trainer/callbacks=(?:model_pruning|lottery_ticket)", "is now callbacks=[default,pruning]"),
    (r"trainer/callbacks=(.*)", r"is now callbacks=\1"),
    (r"trainer\.callbacks(.*)", r"is now callbacks.<name>\1"),
    (r"trainer\.checkpoint_callback=(?i:false)", "is now ~callbacks.checkpoint"),
    (r"trainer\.checkpoint_callback=.*", LEAVE_OUT),
    (r"trainer\.weights_save_path=(.*)", r"is now callbacks.checkpoint.dirpath=\1"),
    (
        r"trainer\.progress_bar_refresh_rate=0",
        "is now ~callbacks.progress_bar +trainer.enable_progress_bar=false",
    ),
    (
        r"trainer\.progress_bar_refresh_rate=(.*)",
        r"is now +callbacks.progress_bar.refresh_rate=\1",
    ),
    (r"trainer\.log_gpu_memory=.*", "is now callbacks=[default,epoch_statistics]"),
    # Devices and strategies.
    (r"trainer\.gpus=(?:0|(?i:null|none))", "is now trainer.accelerator=cpu"),
    (r"trainer\.gpus=(.*)", r"is now trainer.devices=\1"),
    (r"trainer\.tpu_cores=(.*)", r"is now trainer.accelerator=tpu trainer.devices=\1"),
    (r"trainer\.num_processes=(.*)", r"is now trainer.accelerator=cpu trainer.devices=\1"),
    (r"trainer\.auto_select_gpus=.*", LEAVE_OUT),
    (r"trainer\.distributed_backend=(.*)", r"is now trainer.strategy=\1"),
    (r"trainer(?:/plugins)?=sharded", "is now trainer=fsdp"),
    (
        r"trainer(?:/plugins)?=deepspeed_offload_stage_3",
        "is now trainer=deepspeed trainer.strategy=deepspeed_stage_3_offload",
    ),
    (
        r"trainer(?:/plugins)?=deepspeed_offload",
        "is now trainer=deepspeed trainer.strategy=deepspeed_stage_2_offload",
    ),
    (r"trainer/plugins=deepspeed", "is now trainer=deepspeed"),
    (r"trainer=tpus", "is now trainer.accelerator=tpu trainer.devices=8"),
    (r"trainer=benchmark", "is now debug=benchmark"),
    (r"trainer=sparseml", NO_SPARSEML),
    # What else Lightning's Trainer took.
    (r"trainer\.resume_from_checkpoint=(.*)", r"is now +checkpoint_path=\1"),
    (r"trainer\.(?:amp_backend|amp_level)=.*", "is now trainer.precision=16-mixed"),
    (
        r"trainer\.weights_summary=(?i:null|none|false)",
        "is now +trainer.enable_model_summary=false",
    ),
    (r"trainer\.weights_summary=.*", "is now +trainer.enable_model_summary=true"),
    (r"trainer\.flush_logs_every_n_steps=(.*)", r"is now +logger.csv.flush_logs_every_n_steps=\1"),
    (r"trainer\.replace_sampler_ddp=(.*)", r"is now +trainer.use_distributed_sampler=\1"),
    (r"trainer\.terminate_on_nan=(.*)", r"is now trainer.detect_anomaly=\1"),
    (
        r"trainer\.reload_dataloaders_every_epoch=(?i:true)",
        "is now +trainer.reload_dataloaders_every_n_epochs=1",
    ),
    (
        r"trainer\.track_grad_norm=.*",
        "is gone: generate the hook on_before_optimizer_step, and log the norm there",
    ),
    (
        r"trainer\.(?:auto_lr_find|auto_scale_batch_size)=.*",
        "is gone: give optimizer.lr and training.batch_size, or sweep over them with -m",
    ),
    (
        r"trainer\.(?:move_metrics_to_cpu|process_position|prepare_data_per_node"
        r"|truncated_bptt_steps|reload_dataloaders_every_epoch)=.*",
        LEAVE_OUT,
    ),
)
"""Pattern of an override, and what is said after it; what follows `is now` is to be typed."""


def hint(override: str) -> str | None:
    """Return what to type in place of an override of the predecessor, or None for any other.

    Args:
        override: such as `trainer.gpus=2`; a plus before it is of no account.
    """
    override = override.lstrip("+~")
    for pattern, instead in HINTS:
        if match := re.fullmatch(pattern, override):
            return f"{override} {match.expand(instead)}"
    return None
