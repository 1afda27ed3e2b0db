"""Pages that are generated from the code: commands, bases, hooks, recipes, callbacks, Python."""

import inspect
import re
import tempfile
from collections.abc import Mapping
from functools import partial
from html import escape
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import typer.main
import yaml

import lightning_transformers
from build_tools.build_schema import comments_in, table
from build_tools.release_templates import TEMPLATES
from lightning_transformers import callbacks, predecessor, recipes
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.legacy import HINTS
from lightning_transformers.config.schema.signatures import describe
from ltscaffold.cli.app import app
from ltscaffold.cli.static_completion import commands_of
from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
from ltscaffold.commands.inspect.listing import hook_rows, rows
from ltscaffold.record.component_types import CALLBACK, DATASET, TASK
from ltscaffold.templating.catalog import Catalog
from ltscaffold.writing.transaction import apply

CATALOG = Catalog(TEMPLATES)
OPTIONS = "    options:\n      heading_level: {}\n"


def pages() -> dict[str, str]:
    """Return the text of each generated page by its path in the site."""
    return {
        "reference/cli.md": command_page(),
        "reference/bases.md": bases_page(),
        "reference/hooks.md": hooks_page(),
        "reference/recipes.md": recipes_page(),
        "reference/shell.md": shell_page(),
        "reference/callbacks.md": callbacks_page(),
        "reference/api.md": api_page(),
        "reference/former-keys.md": former_keys_page(),
    }


def command_page() -> str:
    """Return the page of all options, from the commands themselves."""
    root = typer.main.get_command(app)
    lines = [
        "# Options of each command",
        "",
        "Generated from the program: `ltscaffold <command> --help` prints the same.",
        "[The commands](commands.md) explains what they do.",
    ]
    for name, command in commands_of(root, "ltscaffold"):
        if hasattr(command, "commands"):  # a group
            continue
        context = command.context_class(command, info_name=name)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        lines += ["", f"## {name}", "", str(command.help).strip(), "", f"```text\n{usage}\n```"]
        options = [parameter_row(each, context) for each in command.params]
        lines += ["", "| argument or option | meaning | default |", "|---|---|---|", *options]
    return "\n".join(lines) + "\n"


def parameter_row(parameter: Any, context: Any) -> str:
    """Return the row of an argument or option in the table of a command."""
    help_text = str(getattr(parameter, "help", None) or "")
    shown = getattr(parameter, "show_default", None)
    default = shown if isinstance(shown, str) else parameter.get_default(context)
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{parameter.make_metavar(context)}`"
    plain = "" if default in (None, False, (), []) else f"`{default}`"
    return f"| {names} | {help_text} | {plain} |".replace("`.`", "the working directory")


def bases_page() -> str:
    """Return the page of the bases, with the classes that a task or dataset is based on."""
    lines = [
        "# Bases",
        "",
        "The tasks that `new-task NAME --base BASE` builds on. Each can be trained as it is.",
        "[Tasks](tasks.md) has their columns, predictions and metrics.",
    ]
    for name in CATALOG.names("base"):
        entry = CATALOG.entry("base", name)
        module = import_module(entry["module"])
        data = entry["task_class"].replace("Transformer", "DataModule")
        unsuitable = sorted({*CATALOG.names("recipe")} - {*CATALOG.recipes_for(name)})
        but = ", except " + ", ".join(f"`{recipe}`" for recipe in unsuitable) if unsuitable else ""
        lines += [
            "",
            f"## {name}",
            "",
            f"{entry['summary']} `+task={entry['group']}/{name}`; all recipes fit{but}.",
            "",
            *(block(getattr(module, each), 3) for each in (entry["task_class"], data)),
        ]
    return "\n".join(lines) + "\n"


def hooks_page() -> str:
    """Return the page of the hooks of tasks, data modules and callbacks."""
    lines = [
        "# Hooks",
        "",
        "The methods that `--hook NAME` generates as stubs, for `new-task`, `new-dataset`,",
        "`new-callback` and `add`. Any other method of the class can be overridden by hand.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for component_type in (TASK, DATASET, CALLBACK):
            lines += ["", f"## Hooks of a {component_type.name}", ""]
            lines += ["| hook | when | effect |", "|---|---|---|"]
            for row in hook_rows(Path(folder), component_type.name):
                signature = f"{row['name']}{row['signature']}"
                lines.append(f"| `{signature}` | {row['when']} | {row['summary']} |")
    return "\n".join(lines) + "\n"


def shell_page() -> str:
    """Return the page of the parts of a project's shell."""
    lines = [
        "# Parts of the shell",
        "",
        "Files around the code of a project: `ltscaffold new-project PATH --with PART`, or",
        "`ltscaffold add-shell PART`. They are updated and merged as every component.",
        "",
        "| part | files |",
        "|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), "shell"):
            lines.append(f"| `{row['name']}` | {row['summary']} |")
    return "\n".join(lines) + "\n"


def recipes_page() -> str:
    """Return the page of the recipes, each with its hyperparameters and the code it writes."""
    lines = [
        "# Recipes",
        "",
        "Ready-made customizations of a task: `ltscaffold new-task NAME --base BASE --recipe",
        "RECIPE`, or `ltscaffold add NAME --recipe RECIPE`. The code is yours to edit.",
    ]
    for name in CATALOG.names("recipe"):
        entry = CATALOG.entry("recipe", name)
        base = next(b for b in PREFERRED if name in CATALOG.recipes_for(b))
        lines += ["", f"## {name}", "", entry["summary"]]
        fields = entry["fields"]
        if fields:
            lines += ["", "| hyperparameter | type | default | meaning |", "|---|---|---|---|"]
            lines += [
                f"| `{key}` | `{field['type']}` | `{field['default']}` | {field['comment']} |"
                for key, field in fields.items()
            ]
        for other, reason in entry.get("conflicts", {}).items():
            lines += ["", f"Not together with `{other}`: {reason}."]
        for other, reason in entry.get("unsuitable", {}).items():
            lines += ["", f"Not for `{other}`: {reason}."]
        lines += ["", f"For `{base}` it writes:", "", f"```python\n{recipe_code(name, base)}```"]
    return "\n".join(lines) + "\n"


PREFERRED = ("text_classification", "language_modeling", "summarization")
"""The bases on which a recipe is shown, the first that it fits."""


def recipe_code(recipe: str, base: str) -> str:
    """Return the module of a task with one recipe."""
    with tempfile.TemporaryDirectory() as folder:
        new = NewComponent(TASK, "my_task", base, (), (recipe,))
        apply(Path(folder), partial(plan_new_component, Path(folder), new))
        return (Path(folder) / "tasks/my_task/model.py").read_text("utf-8")


def callbacks_page() -> str:
    """Return the page of the callbacks that a config selects by name."""
    lines = [
        "# Callbacks",
        "",
        "`callbacks=[default,early_stopping]` selects them by name; `default` is",
        "`checkpoint`, `autosave`, `loss_curve`, `progress_bar`, `final_validation` and `run_log`.",
        "Keys: `callbacks.<name>.<key>=<value>`.",
    ]
    for file in sorted((PACKAGED_CONFIGS / "callbacks").glob("*.yaml")):
        for name, keys in (yaml.safe_load(file.read_text("utf-8")) or {}).items():
            if name == "defaults" or not isinstance(keys, dict):
                continue
            description = describe_callback(keys["_target_"], file)
            lines += ["", f"## {name}", "", f"`{keys['_target_']}`", "", description]
    return "\n".join(lines) + "\n"


def describe_callback(target: str, file: Path) -> str:
    """Return the meaning of a callback and the table of the keys that its option sets."""
    module, _, name = target.rpartition(".")
    described = describe(getattr(import_module(module), name)).model_copy(deep=True)
    comments = comments_in([file])
    for key in described.arguments.keys() & comments.keys():
        described.arguments[key].meaning = comments[key]
    shown = {key: described.arguments[key] for key in comments if key in described.arguments}
    return "\n\n".join(filter(None, [described.meaning, table(shown)])).rstrip()


def former_keys_page() -> str:
    """Return the page of keys, methods and modules of lightning-transformers, from its tables."""
    lines = [
        "# Former keys, methods and modules",
        "",
        "The names of lightning-transformers, and the present ones.",
        "",
        "## Keys",
        "",
        "Overrides of lightning-transformers and their present spelling. `*` is any value, the",
        "same on both sides; `(a|b)` is either. The first row that fits counts.",
        "",
        "| former | present |",
        "|---|---|",
    ]
    for former, hint in HINTS.items():
        replaced = hint.startswith("now ")
        present = f"`{hint[4:]}`" if replaced else escape(hint).replace("*", r"\*")
        lines.append(f"| `{former}` | {present} |")
    for title, names in FORMER_NAMES.items():
        lines += ["", f"## {title}", "", "| former | present |", "|---|---|"]
        lines += [f"| `{former}` | {escape(present)} |" for former, present in names.items()]
    return "\n".join(lines) + "\n"


FORMER_NAMES = {
    "Methods of a task": predecessor.TASK_METHODS,
    "Methods of a data module": predecessor.DATA_METHODS,
    "Modules": predecessor.MODULES,
}


def api_page() -> str:
    """Return the page of the public classes and functions, which mkdocstrings fills in."""
    lines = [
        "# Public names in Python",
        "",
        "[Use it from Python](../how-to/python.md) shows them in use.",
    ]
    for title, module in PUBLIC.items():
        lines += ["", f"## {title}", "", f"From `{module.__name__}`."]
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found) or inspect.isfunction(found):
                lines += ["", block(found, 3)]
    return "\n".join(lines) + "\n"


PUBLIC: Mapping[str, ModuleType] = {
    "Train, evaluate, predict, export": lightning_transformers,
    "Callbacks": callbacks,
    "Functions for recipes": recipes,
}


def block(found: object, level: int) -> str:
    """Return the directive with which mkdocstrings documents a class or function.

    Args:
        found: the class or function.
        level: the level of its heading.
    """
    path = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
    if not re.fullmatch(r"[\w.]+", path):
        raise SystemExit(f"{found!r} has no import path")
    return f"::: {path}\n" + OPTIONS.format(level)
