"""The keys for arguments of transformers' scripts, which users type out of habit.

`docs/migration/run-scripts.md` explains each; a test compares the page with this table.
"""

KEYS = {
    # TrainingArguments
    "per_device_train_batch_size": "training.batch_size",
    "per_device_eval_batch_size": "training.batch_size",
    "gradient_accumulation_steps": "trainer.accumulate_grad_batches",
    "learning_rate": "optimizer.lr",
    "weight_decay": "optimizer.weight_decay",
    "adam_beta1": "optimizer.betas",
    "adam_beta2": "optimizer.betas",
    "adam_epsilon": "optimizer.eps",
    "optim": "optimizer",
    "max_grad_norm": "trainer.gradient_clip_val",
    "num_train_epochs": "trainer.max_epochs",
    "max_steps": "trainer.max_steps",
    "lr_scheduler_type": "scheduler",
    "warmup_steps": "scheduler.num_warmup_steps",
    "warmup_ratio": "scheduler.num_warmup_steps",
    "logging_steps": "trainer.log_every_n_steps",
    "eval_strategy": "trainer.val_check_interval",
    "eval_steps": "trainer.val_check_interval",
    "save_steps": "callbacks.autosave.minutes",
    "save_strategy": "callbacks.autosave.minutes",
    "save_total_limit": "+callbacks.checkpoint.save_top_k",
    "load_best_model_at_end": "training.select",
    "metric_for_best_model": "training.select",
    "greater_is_better": "training.select",
    "resume_from_checkpoint": "resume",
    "output_dir": "hydra.run.dir",
    "run_name": "hydra.run.dir",
    "seed": "training.seed",
    "data_seed": "dataset.seed",
    "fp16": "trainer.precision=16-mixed",
    "bf16": "trainer.precision=bf16-mixed",
    "torch_compile": "callbacks=[default,compile]",
    "gradient_checkpointing": "callbacks=[default,gradient_checkpointing]",
    "dataloader_num_workers": "training.num_workers",
    "group_by_length": "dataset.group_by_length",
    "label_smoothing_factor": "task.label_smoothing",
    "report_to": "logger",
    "push_to_hub": "hub_id",
    "hub_model_id": "hub_id",
    "deepspeed": "trainer=deepspeed",
    "fsdp": "trainer=fsdp",
    "use_cpu": "trainer.accelerator=cpu",
    "no_cuda": "trainer.accelerator=cpu",
    "predict_with_generate": "task.generate_in_validation",
    "generation_num_beams": "task.num_beams",
    "generation_max_length": "task.max_new_tokens",
    "early_stopping_patience": "callbacks.early_stopping.patience",
    # arguments of models and data
    "model_name_or_path": "backbone.pretrained_model_name_or_path",
    "tokenizer_name": "backbone.tokenizer_name_or_path",
    "config_overrides": "+backbone.config",
    "config_name": "+backbone.config",
    "model_revision": "backbone.revision",
    "trust_remote_code": "backbone.trust_remote_code",
    "torch_dtype": "backbone.dtype",
    "dataset_name": "dataset.dataset_name",
    "dataset_config_name": "dataset.dataset_config_name",
    "train_file": "dataset.train_file",
    "validation_file": "dataset.validation_file",
    "test_file": "dataset.test_file",
    "validation_split_percentage": "dataset.train_val_split",
    "max_seq_length": "dataset.max_length",
    "block_size": "dataset.block_size",
    "max_source_length": "dataset.max_source_length",
    "max_target_length": "dataset.max_target_length",
    "source_prefix": "dataset.prefix",
    "pad_to_max_length": "dataset.padding=max_length",
    "max_train_samples": "dataset.limit_train_samples",
    "max_eval_samples": "dataset.limit_val_samples",
    "preprocessing_num_workers": "dataset.preprocessing_num_workers",
    "overwrite_cache": "dataset.load_from_cache_file=false",
    "streaming": "dataset.streaming",
    "text_column_name": "dataset.text_column",
    "label_column_name": "dataset.label_column",
    "doc_stride": "dataset.stride",
    "n_best_size": "dataset.n_best_size",
    "max_answer_length": "dataset.max_answer_length",
    "source_lang": "dataset.source_language",
    "target_lang": "dataset.target_language",
    "line_by_line": "dataset.line_by_line",
    "mlm_probability": "dataset.mlm_probability",
}
"""Argument → key, or whole override where the value follows from the argument."""


def present_key(name: str) -> str:
    """Return ` (did you mean 'x'?)` for the name of an argument, or an empty string.

    Args:
        name: the last part of an unknown key.
    """
    return f" (did you mean '{KEYS[name]}'?)" if name in KEYS else ""
