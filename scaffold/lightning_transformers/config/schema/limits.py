"""Limits of arguments of libraries, whose annotations have none, by name."""

from lightning_transformers.base.value_types import Bounds

COUNT = {"ge": 0}
POSITIVE = {"gt": 0}
FRACTION = {"ge": 0, "le": 1}

LIMITS: dict[str, tuple[str | None, Bounds]] = {
    # Optimizers.
    "lr": (None, POSITIVE),
    "betas": (None, {"ge": 0, "lt": 1}),
    "eps": (None, COUNT),
    "weight_decay": (None, COUNT),
    "momentum": (None, COUNT),
    "max_iter": (None, POSITIVE),
    "max_eval": (None, POSITIVE),
    "tolerance_grad": (None, COUNT),
    "tolerance_change": (None, COUNT),
    "history_size": (None, POSITIVE),
    "line_search_fn": ("Literal['strong_wolfe'] | None", {}),
    # Schedules of transformers: annotated as integers, which `training.schedules` computes.
    "num_warmup_steps": ("int | float", COUNT),
    "num_training_steps": ("Literal[-1] | int", POSITIVE),
    "num_cycles": (None, POSITIVE),
    "lr_end": ("float", COUNT),
    "power": ("float", POSITIVE),
    # Trainer.
    "max_epochs": ("Literal[-1] | int | None", POSITIVE),
    "max_steps": ("Literal[-1] | int", POSITIVE),
    "min_epochs": (None, COUNT),
    "min_steps": (None, COUNT),
    "devices": (None, {"ge": -1, "le": 1024}),
    "num_nodes": (None, POSITIVE),
    "accumulate_grad_batches": (None, POSITIVE),
    "gradient_clip_val": (None, COUNT),
    "gradient_clip_algorithm": ("Literal['norm', 'value'] | None", {}),
    "val_check_interval": (None, POSITIVE),
    "check_val_every_n_epoch": (None, POSITIVE),
    "num_sanity_val_steps": (None, {"ge": -1}),
    "limit_train_batches": (None, COUNT),
    "limit_val_batches": (None, COUNT),
    "limit_test_batches": (None, COUNT),
    "limit_predict_batches": (None, COUNT),
    "overfit_batches": (None, COUNT),
    "fast_dev_run": (None, COUNT),
    "log_every_n_steps": (None, COUNT),
    "reload_dataloaders_every_n_epochs": (None, COUNT),
    # Callbacks and loggers.
    "patience": (None, COUNT),
    "min_delta": (None, COUNT),
    "save_top_k": (None, {"ge": -1}),
    "every_n_epochs": (None, COUNT),
    "every_n_train_steps": (None, COUNT),
    "flush_logs_every_n_steps": (None, POSITIVE),
    # Adapters.
    "r": (None, POSITIVE),
    "lora_alpha": (None, POSITIVE),
    "lora_dropout": (None, FRACTION),
}
"""Type, where the annotation does not say it, and limits of the numbers."""

RELEASES = {"kasa_config": "peft>=0.21"}
"""The releases of a library that have an argument, if not all supported ones do, by its name."""
