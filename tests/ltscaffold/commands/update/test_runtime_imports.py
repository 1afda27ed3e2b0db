"""The codemod of the runtime's names preserves the meaning of code, for any form of import."""

import os
import warnings
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lightning_transformers import former_paths
from lightning_transformers.former_paths import MODULES, NAMES, ROOT
from ltscaffold.commands.update import codemods
from ltscaffold.commands.update.codemods import changed_lines
from ltscaffold.commands.update.runtime_imports import follow_imports
from ltscaffold.commands.update.runtime_names import follow_targets, former_mentions, places

PROGRAMS = int(os.environ.get("LTSCAFFOLD_PROGRAMS", "40"))
CASES = {
    "a public name": (
        "from lightning_transformers.core.task import TaskTransformer",
        "from lightning_transformers import TaskTransformer",
    ),
    "a name without a public path": (
        "from lightning_transformers.core.backbone import load_tokenizer",
        "from lightning_transformers.models.backbone import load_tokenizer",
    ),
    "a module that is a function now": (
        "from lightning_transformers.train import train, train_from_config as f  # mine",
        "from lightning_transformers import train\n"
        "from lightning_transformers.runs.train import train_from_config as f  # mine",
    ),
    "a function that was a module": (
        "from lightning_transformers import train\ntrain.train_from_config",
        "from lightning_transformers.runs import train\ntrain.train_from_config",
    ),
    "an alias of a module": (
        "import lightning_transformers.core.losses as s\ns.token_losses, vars(s)",
        "import lightning_transformers.training.loss as s\ns.token_losses, vars(s)",
    ),
    "an alias of a divided module": (
        "class A:\n    from lightning_transformers.core import labels, task\n"
        "    s = lambda self: (self.labels.LabelEncoder, vars(self.labels))",
        "class A:\n    import lightning_transformers.core.labels as labels\n"
        "    from lightning_transformers.core import task\n"
        "    s = lambda self: (self.labels.LabelEncoder, vars(self.labels))",
    ),
    "an alias of a module with a renamed name": (
        "from lightning_transformers.core import metrics as m",
        "import lightning_transformers.core.metrics as m",
    ),
    "an alias of the package": (
        "import lightning_transformers as t\nt.core.labels.distinct, t.train.train, t.train.other",
        "import lightning_transformers as t, lightning_transformers.data.labels\n"
        "lightning_transformers.data.labels.distinct_values, t.train, t.train.other",
    ),
    "an unknown name of a module that is a function now": (
        "import lightning_transformers.train as t\nt.set_aside",
        "import lightning_transformers.runs.train as t\nt.set_aside",
    ),
    "a dotted import of a divided module": (
        "import lightning_transformers.core.labels\nvars(lightning_transformers.core.labels)",
        None,
    ),
    "all names of a module with a renamed name": (
        "from lightning_transformers.core.metrics import *\n\n\nclass A(Precise): ...",
        None,
    ),
    "a name in a string": (
        "from lightning_transformers.core.sources import Rows\n"
        "Mine: TypeAlias = 'Rows | None'\nz: Rows",
        "from lightning_transformers.data.loading import AnyDataset as Rows\n"
        "Mine: TypeAlias = 'Rows | None'\nz: Rows",
    ),
    "a function with other arguments now": (
        "from lightning_transformers.build import load, load_checkpoint\n"
        "import lightning_transformers.build\nlightning_transformers.build.load(A, 'a.ckpt')",
        "from lightning_transformers.build import load\n"
        "from lightning_transformers.runs.build import load_checkpoint\n"
        "import lightning_transformers.build\nlightning_transformers.build.load(A, 'a.ckpt')",
    ),
    "a dotted import": (
        "import os, lightning_transformers.core.collate, sys\n"
        "x = lightning_transformers.core.collate.IGNORED.real",
        "import os, lightning_transformers.data.collators, sys\n"
        "x = lightning_transformers.data.collators.IGNORE_INDEX.real",
    ),
    "several lines": (
        "if True:\n    from lightning_transformers.core.task import (\n"
        "        # the base\n        TaskTransformer as Base,  # noqa\n        Batch,\n    )\n",
        "if True:\n    from lightning_transformers import (\n"
        "        # the base\n        TaskTransformer as Base,  # noqa\n        Batch,\n    )\n",
    ),
    "several lines, several modules": (
        "from lightning_transformers.core.metrics import (\n    Perplexity,  # one\n    Records,\n)"
        "\nRecords",
        "from lightning_transformers.recipes import (\n    Perplexity,  # one\n)\n"
        "from lightning_transformers.training.metrics import (\n    TextMetric as Records,\n)"
        "\nRecords",
    ),
    "a shared line": (
        "if 1: from lightning_transformers.core.metrics import Perplexity, Precise; x = Precise",
        "if 1: from lightning_transformers.recipes import Perplexity; "
        "from lightning_transformers.training.metrics import KeepFloat64 as Precise; x = Precise",
    ),
    "all names": (
        "from lightning_transformers.core.text import *",
        "from lightning_transformers.data.texts import *\n"
        "from lightning_transformers.task.shared.text import *",
    ),
    "a renamed name": (
        "from lightning_transformers.core.collate import IGNORED\nx = IGNORED",
        "from lightning_transformers.data.collators import IGNORE_INDEX as IGNORED\nx = IGNORED",
    ),
    "two imports of a name": (
        "try:\n    from lightning_transformers.core.metrics import Precise\n"
        "except ImportError:\n    Precise = None\nPrecise",
        "try:\n    from lightning_transformers.training.metrics import KeepFloat64 as Precise\n"
        "except ImportError:\n    Precise = None\nPrecise",
    ),
    "a name of another package": (
        "from lightning_transformers.core.losses import Tensor\r\nTensor\r\n",
        "from torch import Tensor\r\nTensor\r\n",
    ),
    "a comment above several modules": (
        "from lightning_transformers.train import (  # one\n"
        "    # two\n    train,\n    Callable,\n)",
        "from lightning_transformers import (\n    train,  # one  # two\n)\n"
        "from collections.abc import (\n    Callable,\n)",
    ),
    "a global name": (
        "def f():\n    global Precise\n"
        "    from lightning_transformers.core.metrics import Precise\n    return Precise",
        "def f():\n    global Precise\n"
        "    from lightning_transformers.training.metrics import KeepFloat64 as Precise\n"
        "    return Precise",
    ),
    "present and strange names": (
        "import lightning_transformers\nfrom lightning_transformers import train, cli\n"
        "from lightning_transformers.recipes import Lion\nimport lightning_transformers_x.core\n"
        "from .core.task import TaskTransformer\n"
        "train(lightning_transformers.train, cli.train)",
        None,
    ),
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_form(before: str, after: str | None) -> None:
    assert follow_imports(before) == (before if after is None else after)
    assert follow_imports(follow_imports(before)) == follow_imports(before)
    assert codemods.follow_imports(before) == follow_imports(before)


def test_targets_in_yaml() -> None:
    text = (
        "a: {x: {_target_: %s}, _target_: '%s'}  # mine\n# _target_: %s\n"
        "b:\n  '_target_':   %s.y\n_target_: %s"
    )
    former, now = f"{ROOT}.core.metrics.Precise", f"{ROOT}.training.metrics.KeepFloat64"
    assert follow_targets(text % ((former,) * 5)) == text % (now, now, former, now, now)
    assert follow_targets(text % ((now,) * 5)) == text % ((now,) * 5)


def test_former_paths_that_are_left_are_found() -> None:
    text = f"'{ROOT}.core.losses'\n# {ROOT}.core.losses\n'{ROOT}.core.task', '{ROOT}.train'\n"
    assert [*former_mentions(text)] == [(1, f"{ROOT}.core.losses is {ROOT}.training.loss now")]


def test_a_former_module_that_is_left_is_found() -> None:
    text = f"import {ROOT}.core.labels as s\nfrom {ROOT}.build import load\n"
    assert [*former_mentions(text)] == [
        (1, f"{ROOT}.core.labels is {ROOT}.data.labels and {ROOT}.task.shared.labels now"),
        (
            2,
            f"{ROOT}.build is {ROOT}.runs.build, its load(cls, path) "
            f"{ROOT}.load(path, task_class=cls) now",
        ),
    ]


def test_changed_lines_are_those_of_the_second_text() -> None:
    changes = [*changed_lines("a\nb\nc\n d\ne\n", "a\nB\nnew\nc\n  D\ne\n")]
    assert changes == ["2: b → B new", "5: d → D"]


@cache
def members() -> list[str]:
    """Return former and public paths: of the names that are others now, and of a few more."""
    modules = [f"{ROOT}.{module}" for module in MODULES]
    modules += [f"{ROOT}.core.{name}" for name in ("adapters", "freezing", "layers", "metrics")]
    modules += [f"{ROOT}.core.task", f"{ROOT}.callbacks.weight_noise", f"{ROOT}.manifest.git"]
    paths = [f"{ROOT}.{path}" for path in NAMES]
    for module in modules:
        for place in map(import_module, places(module)):
            values = vars(place).items()
            own = [name for name, value in values if is_defined_in(place.__name__, value)]
            paths += [f"{module}.{name}" for name in own[:3]]
    return paths


def is_defined_in(module: str, value: object) -> bool:
    return getattr(value, "__module__", None) == module


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import the runtime outside of Hypothesis, which wants no random numbers drawn in it."""
    members()


USES = (
    "found.append({use})\n",
    "found.append(f'{{{use} is not None}} {name}')  # {name}\n",
    "def used(x={use}, *, {name}=2):\n    return x, {name}\n\n\nfound.append(used({name}=3))\n",
    "found.append([{use} for _ in '1'] + [{name} for {name} in 'own'])\n",
    "class Own:\n    {name} = {use}\n\n\nfound.append(Own.{name})\n",
    "class Own:\n    {name}: int = 3\n    mine = lambda _: {use}\n\n\nfound.append(Own.mine(1))\n",
    "found.append((lambda {name}: [{name}])('own'))\n",
    "def used():\n    {name} = 'own'\n    return {name}\n\n\nfound.append(used())\n",
    "def used():\n    def inner():\n        return {use}\n    return inner()\n\n\n"
    "found.append(used())\n",
    "def used(x: {use} = 1):\n    return x\n\n\nfound.append([*used.__annotations__.values()])\n",
)
PLACES = (
    "{load}\n{uses}",
    "if True: import os; {line}; found.append({use})\n{uses}",
    "try:\n{indented}\nexcept ImportError:\n    raise\n{uses}",
    "def loaded():\n{indented}\n    return {use}, [{use}]\n\n\nfound.append(loaded())\n",
    "class Loaded:\n{indented}\n    mine = {use}\n\n\nfound.append(Loaded.mine)\n",
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Return a module that collects what its imports give, and names of its own spelled alike."""
    blocks = ["found = []\n"]
    for number in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(members()))
        module, _, name = path.rpartition(".")
        parent, _, leaf = module.rpartition(".")
        alias = draw(st.sampled_from(["", f"other_{number}", "IGNORE_INDEX"]))
        suffix = f" as {alias}" * bool(alias)
        forms = [
            (f"from {module} import {name}{suffix}", alias or name, alias or name),
            (f"from {parent} import {leaf}{suffix}", alias or leaf, f"{alias or leaf}.{name}"),
            (f"import {module} as m", "m", f"m.{name}"),
            (f"import {module}", ROOT, path),
        ]
        line, bound, use = draw(st.sampled_from(forms))
        begin, _, imported = line.rpartition("import ")
        load = line
        if begin and draw(st.booleans()):
            load = f"{begin}import (  # mine\n    {imported},  # {name}\n)"
        uses = "".join(draw(st.lists(st.sampled_from(USES), max_size=3)))
        block = draw(st.sampled_from(PLACES)).replace("{uses}", uses)
        indented = "\n".join(f"    {each}" for each in load.split("\n"))
        blocks.append(block.format(load=load, line=line, indented=indented, use=use, name=bound))
    return "\n\n".join(blocks)


@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
@example(
    "import lightning_transformers.build as m\nfound = [m.load]\n"
    "import lightning_transformers.core.adapters as m\nfound.append(m.add_lora)\n"
)
def test_code_gets_the_same_objects(code: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        before = found_by(code)
    after = codemods.follow_imports(code)
    assert follow_imports(after) == after
    former_paths.warned.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert found_by(after) == before, after
    mentioned = "\n".join(message for _, message in former_mentions(after))
    left = {f"{ROOT}.{name.rpartition('.')[0]} is " for name in former_paths.warned}
    assert [former for former in left if former not in mentioned] == []
    assert after.count("# mine") == code.count("# mine")


def found_by(code: str) -> Any:
    """Return the value of `found` after a program has run."""
    namespace: dict[str, Any] = {"__name__": "own"}
    exec(compile(code, "own", "exec"), namespace)
    return namespace["found"]
