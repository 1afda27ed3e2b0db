"""Write the schema of the packaged configs, and the reference that is made from it.

    python -m build_tools.build_schema

Run it after a change of `conf/`, of a class that it names, or of the version of a library; a test
compares the files with what this writes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from hydra.utils import get_object

from build_tools.release_templates import ROOT
from lightning_transformers.base.value_types import in_words
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.schema.check import BACKBONE, SHIPPED, SUPPLIED
from lightning_transformers.config.schema.keys import Cluster, Repeat, TopLevel, Training
from lightning_transformers.config.schema.signatures import Argument, Target, describe
from lightning_transformers.config.targets import targets

REFERENCE = ROOT / "docs/reference/config.md"
COMMENT = re.compile(r"^ *(\w+):.*  # (.+)$", re.MULTILINE)
HEAD = """# Keys of the config

`make schema` writes this page. `python train.py --help <key>` prints the same, with the value in
your config. A key that is not in the config is added with a plus: `+trainer.overfit_batches=1`. A
value of another type or beyond a limit is an error before anything is loaded.

`python -m lightning_transformers schema` writes `conf/schema.json` for editors with
yaml-language-server, such as VS Code with its YAML extension, and a first line that names it into
each YAML file of `conf/`. They then complete, explain and check keys, also those of your own
classes. Run it again after you declare a hyperparameter. `${…}` is allowed everywhere; set
`yaml.yamlVersion` to `1.1`, as Hydra reads the files.
"""


def main() -> None:
    """Write the files."""
    SHIPPED.write_text(schema_text(), encoding="utf-8")
    REFERENCE.write_text(reference_text(), encoding="utf-8")


def schema_text() -> str:
    """Return the content of `targets.json`."""
    found = {
        path: described(path, comments).model_dump(exclude_defaults=True)
        for path, (_, comments) in sorted(named_targets().items())
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def described(path: str, comments: Mapping[str, str]) -> Target:
    """Return the description of a class or function.

    Args:
        path: its import path.
        comments: meanings of arguments, which replace those of the docstring.
    """
    target = describe(get_object(path)).model_copy(deep=True)
    for key in target.arguments.keys() & comments.keys():
        target.arguments[key].meaning = comments[key]
    return target


def named_targets() -> dict[str, tuple[str, dict[str, str]]]:
    """Return the import paths in the packaged configs, without those of DeepSpeed.

    Returns:
        By path the first option that names it, and the comments beside the keys of all of them.
    """
    base = PACKAGED_CONFIGS / "backbone/nlp/default.yaml"
    found = {BACKBONE: ("backbone", comments_in([base]))}
    for file in sorted(PACKAGED_CONFIGS.rglob("*.yaml"), key=lambda f: (f.stem != "default", f)):
        option = file.relative_to(PACKAGED_CONFIGS).with_suffix("").as_posix()
        parents = [folder / "default.yaml" for folder in reversed(file.parents)]
        comments = comments_in([*filter(Path.is_file, parents), file])
        for _, mapping in targets("", yaml.safe_load(file.read_text("utf-8"))):
            path = mapping["_target_"]
            if path != "???" and not path.startswith("deepspeed."):
                first, known = found.get(path, (option, {}))
                found[path] = (first, comments | known)
    return found


def comments_in(files: Iterable[Path]) -> dict[str, str]:
    """Return the comment beside each key of config files; later files take precedence."""
    return {key: text for file in files for key, text in COMMENT.findall(file.read_text("utf-8"))}


def reference_text() -> str:
    """Return the content of `docs/reference/config.md`."""
    sections = [HEAD, "## Top level\n", table(describe(TopLevel).arguments)]
    for title, keys in (("training", Training), ("repeat", Repeat), ("cluster", Cluster)):
        sections += [f"## {title}\n", table(describe(keys).arguments)]
    groups: dict[str, dict[str, Target]] = {}
    for path, (option, comments) in named_targets().items():
        group, _, name = option.partition("/")
        title = f"`{group}={name}`: `{path}`" if name else f"`{path}`"
        groups.setdefault(group, {})[title] = described(path, comments)
    for group, found in sorted(groups.items()):
        sections.append(f"## {group}\n")
        common = common_arguments(found.values()) if group in ("dataset", "task") else {}
        if common:
            sections += [f"Keys of each {group}:\n", table(shown(group, common))]
        for title, target in found.items():
            own = {n: a for n, a in shown(group, target.arguments).items() if n not in common}
            sections += [f"### {title}\n", f"{target.meaning}\n", table(own)]
    return "\n".join(filter(None, sections))


def common_arguments(found: Iterable[Target]) -> dict[str, Argument]:
    """Return the arguments that all classes have."""
    first, *others = (target.arguments for target in found)
    return {name: each for name, each in first.items() if all(name in o for o in others)}


def shown(group: str, arguments: Mapping[str, Argument]) -> dict[str, Argument]:
    """Return the arguments that a config sets."""
    supplied = {*SUPPLIED.get(group, ()), "params", "optimizer" if group == "scheduler" else ""}
    return {name: each for name, each in arguments.items() if name not in supplied}


def table(arguments: Mapping[str, Argument]) -> str:
    """Return a table of arguments in Markdown."""
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for name, each in arguments.items():
        default = "" if each.required else f"`{json.dumps(each.default, ensure_ascii=False)}`"
        needed = each.requirement and f"needs {each.requirement}"
        meaning = "; ".join(filter(None, (each.meaning, needed)))
        cells = (f"`{name}`", in_words(each.type, each.bounds), default, meaning)
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n" if arguments else ""


if __name__ == "__main__":
    main()
