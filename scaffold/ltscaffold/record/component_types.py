"""Component types: how tasks, datasets, callbacks and shells differ for the generator."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ComponentType:
    """A type of component.

    Attributes:
        name: name of the type, as in the record.
        suffix: suffix of the class name.
        hooks: folder of its hooks' template fragments; a shell has no hooks, and a fragment of its
            own.
        option: path of its config in the config group; a format string over the fields of a
            component; empty: it has neither config nor code.
        usage: arguments of `python train.py` that use a component; also a format string.
        since: the first version of the templates that has it.
        folder: folder of the package with the modules of the components; empty: each component
            has a package.
        references: regular expressions that match a component's config in other configs; group 1
            precedes OPTION.
        reserved_names: names that a component cannot have: options of the runtime, imported
            classes.
    """

    name: str
    suffix: str
    hooks: str
    option: str
    usage: str
    since: str
    folder: str = ""
    references: tuple[str, ...] = (r"((?<![\w.-]))OPTION(?![\w/-])",)
    reserved_names: frozenset[str] = frozenset()

    @property
    def loop_variable(self) -> str:
        """The variable that template paths loop over, such as `lts_tasks`."""
        return f"lts_{self.name}s"

    def class_name(self, name: str) -> str:
        """Return the name of a component's class: `MyTaskTransformer` for a task `my_task`."""
        return "".join(word.capitalize() for word in name.split("_")) + self.suffix

    def fragment(self, hook: str) -> str:
        """Return the template fragment of a hook, such as `data_hooks/setup`."""
        return f"{self.hooks}/{hook}"


CALLBACK_BASE = "Callback"
"""The base that a callback records; no component can have this name."""
SHELL_BASE = "Project"
"""The base that a shell records: files around the code of a project, such as its CI."""
CHAINING_SINCE = "v1.1.0"
"""The first version of the templates in which a task can be based on a task of the project."""

TASK = ComponentType(
    "task", "Transformer", "hooks", "{group}/{name}", "+task={group}/{name}", "v1.0.0"
)
DATASET = ComponentType(
    "dataset",
    "DataModule",
    "data_hooks",
    "{group}/{base}/{name}",
    "+task={group}/{base} dataset={group}/{base}/{name}",
    "v1.1.0",
    "data_modules",
    reserved_names=frozenset(
        {"beans", "chat", "cifar10", "cnn_dailymail", "conll", "emotion", "glue", "race"}
    )
    | {"sample", "squad", "squad_v2", "swag", "wikitext", "wmt16", "xnli", "xsum"},
)
CALLBACK = ComponentType(
    "callback",
    "",
    "callback_hooks",
    "{name}",
    "+task=nlp/language_modeling 'callbacks=[default,{name}]'",
    "v1.1.0",
    "callbacks",
    references=(  # its name alone may be any word
        r"(\bcallbacks[./])OPTION(?![\w-])",
        r"(\bcallbacks:[ \t]*(?:\[(?:[^]\n]*[ ,])?)?)OPTION(?=[ \t]*(?:[],]|#|$))",
        r"(\bcallbacks:[ \t]*\n(?:[ \t]+.*\n)*?[ \t]+(?:- )?)OPTION(?=[ \t]*:?[ \t]*(?:#.*)?$)",
    ),
    reserved_names=frozenset(
        {"any", "autosave", "batch", "callback", "lightning_module", "optimizer"}
    )
    | {"trainer", "checkpoint", "compile", "early_stopping", "ema_weights", "epoch_statistics"}
    | {"final_validation", "run_log"}
    | {"freeze_embeddings", "gradient_checkpointing", "gradual_unfreezing", "loss_curve"}
    | {"lr_monitor", "none", "progress_bar", "pruning", "tensor", "throughput", "weight_noise"},
)
SHELL = ComponentType("shell", "", "shell", "", "", "v2.0.0")
COMPONENT_TYPES: Mapping[str, ComponentType] = {
    each.name: each for each in (TASK, DATASET, CALLBACK, SHELL)
}
