"""Hooks that Lightning no longer calls, from its upgrade guides.

https://lightning.ai/docs/pytorch/stable/upgrade/migration_guide.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ltscaffold.project.python_code import methods
from ltscaffold.record.component_types import CALLBACK, DATASET, TASK
from ltscaffold.writing.plan import SourceLocation


@dataclass(frozen=True)
class RemovedHook:
    """What became of a hook: the version of Lightning that dropped it, and what to override."""

    since: str
    instead: str


_EPOCHS = {
    "on_epoch_start": RemovedHook("1.8", "on_train_epoch_start"),
    "on_epoch_end": RemovedHook("1.8", "on_train_epoch_end"),
    "on_pretrain_routine_start": RemovedHook("1.8", "on_fit_start"),
    "on_pretrain_routine_end": RemovedHook("1.8", "on_fit_start"),
}
_LOADERS = {
    f"on_{stage}_dataloader": RemovedHook("1.7", f"{stage}_dataloader")
    for stage in ("train", "val", "test", "predict")
}
_STEPS = {"training": "train", "validation": "validation", "test": "test"}
REMOVED_HOOKS: Mapping[str, Mapping[str, RemovedHook]] = {
    TASK.name: {
        **{f"{s}_epoch_end": RemovedHook("2.0", f"on_{on}_epoch_end") for s, on in _STEPS.items()},
        **{f"{s}_step_end": RemovedHook("2.0", f"on_{on}_batch_end") for s, on in _STEPS.items()},
        "on_hpc_save": RemovedHook("1.8", "on_save_checkpoint"),
        "on_hpc_load": RemovedHook("1.8", "on_load_checkpoint"),
        **_EPOCHS,
        **_LOADERS,
    },
    DATASET.name: {
        "on_save_checkpoint": RemovedHook("1.8", "state_dict"),
        "on_load_checkpoint": RemovedHook("1.8", "load_state_dict"),
        **_LOADERS,
    },
    CALLBACK.name: {
        "on_batch_start": RemovedHook("1.8", "on_train_batch_start"),
        "on_batch_end": RemovedHook("1.8", "on_train_batch_end"),
        "on_configure_sharded_model": RemovedHook("1.8", "setup"),
        "on_init_start": RemovedHook("1.8", "setup"),
        "on_init_end": RemovedHook("1.8", "setup"),
        "on_keyboard_interrupt": RemovedHook("1.7", "on_exception"),
        **_EPOCHS,
    },
}
"""By component type and name of the hook."""


def removed_hooks(
    path: str, code: bytes | None, kinds: Mapping[str, str]
) -> Iterator[SourceLocation]:
    """Yield the methods of classes that Lightning used to call.

    Args:
        path: the file, as the locations are to name it.
        code: its content; what is no Python gives nothing.
        kinds: the component types by the names of their classes.
    """
    for class_name, method in methods(code):
        hook = REMOVED_HOOKS.get(kinds.get(class_name, ""), {}).get(method.name)
        if hook is not None:
            fact = f"Lightning has not called {method.name} since {hook.since}"
            yield SourceLocation(path, method.lineno, f"{fact}: override {hook.instead}")
