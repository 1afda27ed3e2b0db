"""Edits that users make to a generated module, and changes that templates make to it."""

import ast
import random
import re
from collections.abc import Callable

from tests.rendered import BASES, HOOKS, item, project_files, suitable

Edit = Callable[[str], str]


def rendered(random: random.Random) -> str:
    """Return a module with some hooks and recipes."""
    base = random.choice(BASES)
    mine = item("mine", base, random.sample(suitable(base), random.randint(0, 3)))
    mine.parts.extend(f"hooks/{hook}" for hook in random.sample(HOOKS, random.randint(1, 4)))
    return project_files(mine)["tasks/mine/model.py"]


def filled(text: str) -> str:
    return text.replace("        return super()", "        kept = 1\n        return super()", 1)


def own_members(text: str) -> str:
    member = "\n    def own(self) -> int:\n        return 1\n"
    return re.sub(r"(go below this line\.\n)", rf"\1{member}", text)


def own_field(text: str) -> str:
    return text.replace("    # New hooks", "    own_field: int = 3\n\n    # New hooks")


def own_code(text: str) -> str:
    return text.replace(
        "\n\nclass", '\nOWN = {"a": 1}\n\n\ndef own_code() -> int:\n    return 2\n\n\nclass'
    )


def own_import(text: str) -> str:
    text = re.sub(r'("""\n)\n', r"\1\nimport json\n\n", text, count=1)
    return text.replace("\n\nclass", "\nNAME = json.dumps({})\n\n\nclass")


def deleted(text: str) -> str:
    return text[: text.rindex("\n    def ")]


def reordered(text: str) -> str:
    head, *methods = re.split(r"\n(?=    def )", text)
    return "\n".join([head, *reversed([m.rstrip("\n") + "\n" for m in methods])])


def dos_quotes(text: str) -> str:
    return text.replace('"""', "'''")


def tabs(text: str) -> str:
    return re.sub(r"^(?: {4})+", lambda found: "\t" * (len(found[0]) // 4), text, flags=re.M)


def changed_value(text: str) -> str:
    return re.sub(r": float = [\d.]+", ": float = 0.75", text)


def docstring(text: str) -> str:
    return text.replace("with the overrides below", "of my own")


EDITS: list[Edit] = [
    *(deleted, reordered, filled, own_members, own_field, own_code, own_import),
    *(changed_value, docstring, dos_quotes, tabs),
]


def new_parameter(text: str) -> str:
    return re.sub(r"(def \w+\()self", r"\1self, extra: int", text, count=1)


def new_hook(text: str) -> str:
    text = re.sub(r'("""\n)\n', r"\1\nfrom collections.abc import Mapping\n\n", text, count=1)
    hook = "\n    def brand_new(self, state: Mapping[str, int]) -> None:\n        print(state)\n"
    return re.sub(r"(go below this line\.\n)", rf"\1{hook}", text)


def new_field(text: str) -> str:
    return text.replace("    # New hooks", "    brand_field: int = 1\n\n    # New hooks")


def new_default(text: str) -> str:
    return re.sub(r": (int|float) = [\d.]+", r": \1 = 42", text)


def new_statement(text: str) -> str:
    return re.sub(r"\n( +)return (\w+)\n", r"\n\1print(\2)\n\1return \2\n", text, count=1)


def new_docstrings(text: str) -> str:
    return text.replace("Return ", "Give back ").replace("overrides below", "methods below")


def moved_import(text: str) -> str:
    return text.replace("from torch import Tensor", "from torch.tensors import Tensor")


def removed_hook(text: str) -> str:
    return text[: text.rindex("\n    def ")]


CHANGES: list[Edit] = [
    *(new_parameter, new_hook, new_field, new_default, new_statement, new_docstrings),
    *(moved_import, removed_hook),
]


def case(seed: int) -> tuple[str, str, str]:
    """Return a file as rendered, as edited, and as rendered by changed templates."""
    rng = random.Random(seed)
    base = rendered(rng)
    ours, theirs = base, base
    # Layout comes last: the other edits look for the layout of templates.
    for edit in sorted(rng.sample(EDITS, rng.randint(1, 3)), key=EDITS.index):
        ours = edit(ours)
    for change in rng.sample(CHANGES, rng.randint(1, 2)):
        theirs = change(theirs)
    for text in (ours, theirs):
        ast.parse(text)
    return ours, base, theirs


def statements(text: str) -> set[str]:
    """Return the statements of a module that hold no others, whatever their layout."""
    simple = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return)
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, simple))
    return {" ".join(ast.unparse(node).split()) for node in nodes}
