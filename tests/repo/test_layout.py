"""The code base keeps the rules of its layout, and each rule finds its counterexample.

A rule is a function from the root of a checkout to its findings, one line each. It holds in this
checkout, and finds one thing in a counterexample that is written into a temporary folder.
"""

import ast
import re
import runpy
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT

PACKAGES = ("ltscaffold", "lightning_transformers")
DATA_FOLDERS = {"assets", "conf"}
RUNTIME = "scaffold/lightning_transformers"
# The modules that may use private parts of Lightning, behind one test that names each of them.
PRIVATE_LIGHTNING = {
    f"{RUNTIME}/config/launcher.py",
    f"{RUNTIME}/training/lightning_internals.py",
}
# Modules that change sys.argv, and the reason.
ARGV_EXCEPTIONS = {
    f"{RUNTIME}/__main__.py": "the program takes its first argument for the name of a command",
    f"{RUNTIME}/base/traces/guard.py": "it runs another program, which finds its own arguments",
    f"{RUNTIME}/cli.py": "a job on a cluster runs a copy of the script, and records its name",
    f"{RUNTIME}/runs/rerun_command.py": "Lightning starts processes by the command line, elsewhere",
}
# Modules that may call a function at import, and the reason.
REGISTERED = {
    f"{RUNTIME}/__init__.py": "a finder maps the import paths of former versions",
}
# The subpackages that generated code may import, or name in a config.
PUBLIC = {"callbacks", "cli", "conf", "recipes", "task", "testing"}

HOUSE = runpy.run_path(str(ROOT / "benchmarks/house.py"))

Rule = Callable[[Path], Iterator[str]]
COUNTEREXAMPLES: list[tuple[Rule, dict[str, str]]] = []


def broken_by(files: dict[str, str]) -> Callable[[Rule], Rule]:
    """Declare a rule, with the files of a tree that breaks it once."""

    def declare(rule: Rule) -> Rule:
        COUNTEREXAMPLES.append((rule, files))
        return rule

    return declare


def modules(root: Path, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Iterate over the modules below some folders: the path from the root, and the syntax tree."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))


def package_folders(root: Path) -> Iterator[Path]:
    """Iterate over the folders of both packages that hold code."""
    for package in PACKAGES:
        below = (root / "scaffold" / package).rglob("*.py")
        for folder in sorted({path.parent for path in below}):
            if not DATA_FOLDERS & set(folder.relative_to(root / "scaffold").parts):
                yield folder


@broken_by({f"{RUNTIME}/data/__init__.py": '"""Data."""\n', f"{RUNTIME}/data/loading.py": ""})
def each_room_has_a_contract(root: Path) -> Iterator[str]:
    """A room's docstring says in some lines what belongs there; that of a folder inside, in one."""
    for folder in package_folders(root):
        face = folder / "__init__.py"
        text = ast.get_docstring(ast.parse(face.read_text("utf-8"))) if face.exists() else None
        is_room = folder.parent.parent == root / "scaffold"
        if not text or (is_room and "\n" not in text):
            yield f"{face.relative_to(root)} needs a docstring{' of several lines' * is_room}"


@broken_by({f"{RUNTIME}/data/m{number}.py": "" for number in range(15)})
def a_folder_has_at_most_14_modules(root: Path) -> Iterator[str]:
    for folder in package_folders(root):
        count = sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        if count > 14:
            yield f"{folder.relative_to(root)} has {count} modules"


@broken_by({f"{RUNTIME}/data/long.py": "pass\n" * 501})
def a_module_has_at_most_500_lines(root: Path) -> Iterator[str]:
    for path in sorted((root / "scaffold").rglob("*.py")):
        count = len(path.read_text("utf-8").splitlines())
        if count > 500:
            yield f"{path.relative_to(root)} has {count} lines"


@broken_by({f"{RUNTIME}/forward.py": '"""Old place."""\nimport os\nx = os.x\n__all__ = ["x"]\n'})
def no_module_only_forwards(root: Path) -> Iterator[str]:
    for path, tree in modules(root, *(f"scaffold/{package}" for package in PACKAGES)):
        if not path.endswith("/__init__.py") and tree.body and all(map(forwards, tree.body)):
            yield f"{path} only forwards"


def forwards(node: ast.stmt) -> bool:
    """Return whether a statement only imports, renames or documents."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant()):
            return True
        case ast.Assign([ast.Name("__all__")]) | ast.Assign(value=ast.Name() | ast.Attribute()):
            return True
        case ast.If(ast.Name("TYPE_CHECKING")):
            return True
    return False


@broken_by({"tests/a/test_two.py": "from tests.a.test_one import helper\n"})
def no_test_is_imported(root: Path) -> Iterator[str]:
    for path, tree in modules(root, "tests"):
        for node, names in imports(tree):
            if any(part.startswith("test_") for name in names for part in name.split(".")):
                yield f"{path}:{node.lineno} imports a test"


def imports(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, list[str]]]:
    """Iterate over the imports of a module, with the dotted names that each may import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield node, [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            yield node, [f"{node.module or ''}.{alias.name}" for alias in node.names]


@broken_by({"tests/ltscaffold/old_room/test_it.py": "", "scaffold/ltscaffold/cli/app.py": ""})
def folders_of_tests_mirror_the_packages(root: Path) -> Iterator[str]:
    for package in PACKAGES:
        tests = root / "tests" / package
        for folder in sorted({path.parent for path in tests.rglob("test_*.py")}):
            mirrored = root / "scaffold" / package / folder.relative_to(tests)
            if not mirrored.is_dir():
                yield f"{folder.relative_to(root)} mirrors no folder"


@broken_by({f"{RUNTIME}/testing.py": "import sys\nprint(sys.argv)\nsys.argv[1:] = []\n"})
def the_runtime_leaves_argv_alone(root: Path) -> Iterator[str]:
    for path, tree in modules(root, RUNTIME):
        if path not in ARGV_EXCEPTIONS:
            for node in ast.walk(tree):
                if "sys.argv" in map(ast.unparse, changed(node)):
                    yield f"{path}:{node.lineno} changes sys.argv"


def changed(node: ast.AST) -> Iterator[ast.expr]:
    """Iterate over what a statement assigns to, or an expression may change by a method."""
    match node:
        case ast.Assign(targets) | ast.Delete(targets):
            yield from (t.value if isinstance(t, ast.Subscript) else t for t in targets)
        case ast.AugAssign(target) | ast.AnnAssign(target):
            yield target
        case ast.Call(ast.Attribute(value, "append" | "extend" | "insert" | "pop" | "remove")):
            yield value


@broken_by(
    {f"{RUNTIME}/callbacks/x.py": "def f(self, trainer):\n    trainer.fit_loop._x = self._x\n"}
)
def private_parts_of_lightning_stay_in_two_modules(root: Path) -> Iterator[str]:
    for path, tree in modules(root, RUNTIME):
        if path not in PRIVATE_LIGHTNING:
            for node in ast.walk(tree):
                for name in private_lightning(node):
                    yield f"{path}:{node.lineno} uses {name}"


def private_lightning(node: ast.AST) -> Iterator[str]:
    """Iterate over the private names of Lightning that a node uses.

    These are imports from its packages, and attributes of an object that is named after a part of
    it, read with a dot or by getattr and its like.
    """
    match node:
        case ast.ImportFrom(str(module), names) if module.startswith(("pytorch_lightning", "lig")):
            dotted = [f"{module}.{alias.name}" for alias in names]
            yield from (name for name in dotted if "._" in name)
        case ast.Attribute(owner, name) | ast.Call(
            ast.Name("getattr" | "setattr" | "hasattr"), [owner, ast.Constant(str(name)), *_]
        ):
            words = ast.unparse(owner).split(".")
            parts = ("trainer", "loop", "strategy", "connector", "fetcher", "observer")
            if name[0] == "_" and name[:2] != "__" and words[-1].endswith(parts):
                yield f"{words[-1]}.{name}"


@broken_by(
    {f"{RUNTIME}/data/m.py": "class D:\n    def prepare_data(self):\n        self.rows = load()\n"}
)
def prepare_data_assigns_no_state(root: Path) -> Iterator[str]:
    """Lightning calls it on one process only, and forbids assigning state in it."""
    for path, tree in modules(root, RUNTIME):
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name == "prepare_data":
                for node in ast.walk(function):
                    if any(ast.unparse(target).startswith("self.") for target in changed(node)):
                        yield f"{path}:{node.lineno} assigns state"


@broken_by(
    {
        f"{RUNTIME}/task/nlp/t/data.py": "def f(self):\n    return self.trainer.lightning_module\n",
        f"{RUNTIME}/runs/train.py": "def f(trainer):\n    return trainer.lightning_module\n",
    }
)
def data_modules_do_not_read_the_model(root: Path) -> Iterator[str]:
    for path, tree in modules(root, f"{RUNTIME}/data", f"{RUNTIME}/core", f"{RUNTIME}/task"):
        if "/data/" in path or path.endswith("/data.py"):
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and node.attr == "lightning_module":
                    yield f"{path}:{node.lineno} reads the model through its trainer"


@broken_by({f"{RUNTIME}/core/task.py": "def f(self):\n    self.trainer.datamodule.seed = 1\n"})
def no_one_sets_an_attribute_of_the_data(root: Path) -> Iterator[str]:
    for path, tree in modules(root, RUNTIME):
        for node in ast.walk(tree):
            if any("datamodule." in ast.unparse(target) for target in changed(node)):
                yield f"{path}:{node.lineno} changes the data module"


@broken_by({f"{RUNTIME}/config/x.py": 'register("oc.env")\nif __name__ == "__main__":\n    x()\n'})
def nothing_is_registered_at_import(root: Path) -> Iterator[str]:
    for path, tree in modules(root, RUNTIME):
        for node in tree.body:
            calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            if calls and path not in REGISTERED:
                yield f"{path}:{node.lineno} calls a function at import"


@broken_by(
    {
        "generated_examples/x/m.py": "from lightning_transformers.recipes import Lion\n",
        "templates/hooks/h.jinja": '{% set imports = {"lightning_transformers.data": ["x"]} %}',
    }
)
def generated_code_imports_public_modules(root: Path) -> Iterator[str]:
    for path, text in generated_code(root):
        for name in re.findall(r"\blightning_transformers\.(\w+)", text):
            if name not in PUBLIC:
                yield f"{path} names lightning_transformers.{name}"


@broken_by(
    {
        "generated_examples/x/m.py": "from lightning_transformers import Batch, train\n",
        "templates/recipes/r.jinja": '{% set imports = {"lightning_transformers": ["Row"]} %}',
    }
)
def generated_code_imports_names_that_exist(root: Path) -> Iterator[str]:
    statement = re.compile(r"from (lightning_transformers[\w.]*) import \(?([\w,\s]+?)\)?\n(?! )")
    mapping = re.compile(r'"(lightning_transformers[\w.]*)": \[([^\]]*)\]')
    for path, text in generated_code(root):
        for module, names in statement.findall(text) + mapping.findall(text):
            for name in re.findall(r"\w+", names):
                if not hasattr(import_module(module), name):
                    yield f"{path} imports {name} of {module}"


def generated_code(root: Path) -> Iterator[tuple[Path, str]]:
    """Iterate over generated Python files and templates: the path from the root, and the text."""
    for path in sorted([*root.glob("generated_examples/*/**/*.py"), *root.glob("templates/**/*")]):
        if path.suffix in (".py", ".jinja"):
            yield path.relative_to(root), path.read_text("utf-8")


def named(rule: Rule | dict[str, str]) -> str:
    """Return the name of a rule; its counterexample has none."""
    return rule.__name__ if callable(rule) else ""


@pytest.mark.parametrize("rule", [rule for rule, _ in COUNTEREXAMPLES], ids=named)
def test_rule_holds(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize(("rule", "files"), COUNTEREXAMPLES, ids=named)
def test_rule_finds_a_counterexample(rule: Rule, files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert len(list(rule(tmp_path))) == 1


def test_there_is_no_import_circle() -> None:
    imports_of_modules = HOUSE["imports_of"](ROOT / "scaffold")
    assert HOUSE["circles"](imports_of_modules) == []
    assert HOUSE["folder_circles"](imports_of_modules) == []


def test_circles_are_found() -> None:
    chain = {"p.a.x": {"p.b.y"}, "p.b.y": {"p.c"}, "p.b.z": set(), "p.c": set()}
    assert HOUSE["circles"](chain) == HOUSE["folder_circles"](chain) == []
    between_folders = chain | {"p.b.z": {"p.a.x"}}
    assert HOUSE["circles"](between_folders) == []
    assert HOUSE["folder_circles"](between_folders) == ["p.a, p.b"]
    between_modules = chain | {"p.c": {"p.a.x"}}
    assert HOUSE["circles"](between_modules) == ["p.a.x, p.b.y, p.c"]


def test_code_lines_are_counted(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""One\n\nmore."""\n\nimport os\nfrom sys import (\n    argv,\n)\n\n'
        "# A comment.\nlisted = [  # 1\n    argv,  # 2\n]\ntext = '''3\nno line of its own'''\n"
    )
    assert len(HOUSE["code_lines"]([module])) == 3
