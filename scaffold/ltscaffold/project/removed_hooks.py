"""Hooks that Lightning no longer calls, from its migration guides.

https://lightning.ai/docs/pytorch/stable/upgrade/migration_guide.html
"""

from collections.abc import Iterator, Mapping

from ltscaffold.project.python_code import methods
from ltscaffold.record.component_types import CALLBACK, DATASET, TASK
from ltscaffold.writing.plan import SourceLocation

_EPOCHS = {
    "on_epoch_start": ("1.8", "on_train_epoch_start"),
    "on_epoch_end": ("1.8", "on_train_epoch_end"),
    "on_pretrain_routine_start": ("1.8", "on_fit_start"),
    "on_pretrain_routine_end": ("1.8", "on_fit_start"),
}
_LOADERS = {
    f"on_{stage}_dataloader": ("1.7", f"{stage}_dataloader")
    for stage in ("train", "val", "test", "predict")
}
_STEPS = {"training": "train", "validation": "validation", "test": "test"}
REMOVED_HOOKS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    TASK.name: {
        **{f"{step}_epoch_end": ("2.0", f"on_{on}_epoch_end") for step, on in _STEPS.items()},
        **{f"{step}_step_end": ("2.0", f"on_{on}_batch_end") for step, on in _STEPS.items()},
        "on_hpc_save": ("1.8", "on_save_checkpoint"),
        "on_hpc_load": ("1.8", "on_load_checkpoint"),
        **_EPOCHS,
        **_LOADERS,
    },
    DATASET.name: {
        "on_save_checkpoint": ("1.8", "state_dict"),
        "on_load_checkpoint": ("1.8", "load_state_dict"),
        **_LOADERS,
    },
    CALLBACK.name: {
        "on_batch_start": ("1.8", "on_train_batch_start"),
        "on_batch_end": ("1.8", "on_train_batch_end"),
        "on_configure_sharded_model": ("1.8", "setup"),
        "on_init_start": ("1.8", "setup"),
        "on_init_end": ("1.8", "setup"),
        "on_keyboard_interrupt": ("1.7", "on_exception"),
        **_EPOCHS,
    },
}
"""By component type and hook: the Lightning version that removed it, the hook to override."""


def removed_hooks(
    path: str, code: bytes | None, component_types: Mapping[str, str]
) -> Iterator[SourceLocation]:
    """Yield the methods that override a removed hook.

    Args:
        path: the file, for the locations.
        code: the content of the file; None or a syntax error yields nothing.
        component_types: the component type of each class by its name.
    """
    for class_name, method in methods(code):
        hooks = REMOVED_HOOKS.get(component_types.get(class_name, ""), {})
        if method.name in hooks:
            since, instead = hooks[method.name]
            fact = f"Lightning has not called {method.name} since {since}"
            yield SourceLocation(path, method.lineno, f"{fact}; override {instead}")
