"""The figures of the code base, before the reorganization and now.

    python benchmarks/house.py [ROOT] [--markdown]

ROOT is a checkout; the default is the one that this file belongs to. The figures of the code are
measured in ROOT. Test minutes and mutants take too long for that: they come from `house.yaml`, as
does the column "before", which this program measured in the commit before the reorganization.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import grimp
import yaml

HERE = Path(__file__).resolve().parent
PACKAGES = ("ltscaffold", "lightning_transformers")
NO_CODE = {
    getattr(tokenize, name)
    for name in ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENCODING", "ENDMARKER")
}
CLOSING = set(")]},:")
HEAD = "# The house: before and after\n\n    python benchmarks/house.py --markdown\n"
Imports = Mapping[str, set[str]]


def main() -> None:
    """Measure ROOT and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", nargs="?", type=Path, default=HERE.parent)
    parser.add_argument("--markdown", action="store_true", help="print the whole of house.md")
    options = parser.parse_args()
    recorded = yaml.safe_load((HERE / "house.yaml").read_text("utf-8"))
    found = measure(options.root.resolve())
    table = ["| figure | before | after | goal |", "|---|---|---|---|"]
    for key, row in recorded["figures"].items():
        after = len(found[key]) if key in found else row["after"]
        cells = ("–" if n is None else f"{n:,}" for n in (row["before"], after, row.get("goal")))
        table.append(f"| {row['name']} | {' | '.join(cells)} |")
    circles_now = [f"* Circle: {name}" for name in sorted({*found["circles"], *found["rooms"]})]
    head = [HEAD, recorded["text"]] if options.markdown else []
    print(*head, *table, *([""] if circles_now else []), *circles_now, sep="\n")


def measure(root: Path) -> dict[str, list[str]]:
    """Return the occurrences of each figure in a checkout; their number is the figure."""
    scaffold = root / "scaffold"
    modules = [path for name in PACKAGES for path in sorted((scaffold / name).rglob("*.py"))]
    folders = defaultdict(list)
    for path in modules:
        if path.name != "__init__.py":
            folders[path.parent].append(str(path))
    code = code_lines(modules)
    imports = imports_of(scaffold)
    return {
        "code": code,
        "tools": code_lines(set(scaffold.rglob("*.py")) - set(modules)),
        "config": text_lines(scaffold.rglob("*.yaml")),
        "templates": text_lines((root / "templates").rglob("*.jinja")),
        "folder": max(folders.values(), key=len),
        "module": max((path.read_text("utf-8").splitlines() for path in modules), key=len),
        "circles": circles(imports),
        "rooms": folder_circles(imports),
        "any": [line for line in code if re.search(r"\bAny\b", line)],
        "cast": [line for line in code if re.search(r"\bcast\(", line)],
        "ignore": [line for line in code if "type: ignore" in line],
    }


def code_lines(modules: Iterable[Path]) -> list[str]:
    """Return the lines on which code begins.

    That is a line on which a token starts, except of a comment, of a docstring or of an import; a
    line of closing brackets does not count, nor the later lines of a string.
    """
    found = []
    for text in (path.read_text("utf-8") for path in modules):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        numbers = {token.start[0] for token in tokens if token.type not in NO_CODE}
        numbers.difference_update(*map(passed_over, ast.walk(ast.parse(text))))
        found += [text.splitlines()[number - 1] for number in sorted(numbers)]
    return [line for line in found if set(line.strip()) - CLOSING]


def passed_over(node: ast.AST) -> range:
    """Return the line numbers of an import, or of the docstring that a definition has."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        if ast.get_docstring(node) is not None:
            return range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        return range(node.lineno, (node.end_lineno or 0) + 1)
    return range(0)


def text_lines(files: Iterable[Path]) -> list[str]:
    """Return the lines that are neither blank nor a comment of YAML or Jinja."""
    lines = [line for path in files for line in path.read_text("utf-8").split("\n")]
    return [line for line in lines if not re.match(r"\s*(#|\{#|$)", line)]


def imports_of(scaffold: Path) -> Imports:
    """Return the modules that each module imports, in functions and for type checkers included."""
    sys.path.insert(0, str(scaffold))
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def circles(imports: Imports) -> list[str]:
    """Return the strongly connected components of more than one node."""
    reached = {node: reachable(node, imports) for node in imports}
    found = {frozenset({m, *(n for n in reached[m] if m in reached[n])}) for m in imports}
    return sorted(", ".join(sorted(component)) for component in found if len(component) > 1)


def reachable(start: str, imports: Imports) -> set[str]:
    """Return the nodes that a chain of imports leads to."""
    seen: set[str] = set()
    waiting = set(imports[start])
    while waiting:
        node = waiting.pop()
        seen.add(node)
        waiting |= imports[node] - seen
    return seen


def folder_circles(imports: Imports) -> list[str]:
    """Return the circles between members of one folder: modules, and folders taken as a whole."""
    found = []
    for folder in sorted({module.rpartition(".")[0] for module in imports} - {""}):
        members: dict[str, set[str]] = defaultdict(set)
        depth = folder.count(".") + 2
        for module in (name for name in imports if name.startswith(f"{folder}.")):
            inside = [m for m in (module, *imports[module]) if m.startswith(f"{folder}.")]
            member, *targets = (".".join(name.split(".")[:depth]) for name in inside)
            members[member].update(targets)
        found += circles(members)
    return found


if __name__ == "__main__":
    main()
