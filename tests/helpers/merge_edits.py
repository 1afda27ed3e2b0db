"""Edits that users make to a generated module, and changes that templates make to it."""

import re
import subprocess
from collections.abc import Callable

Edit = Callable[[str], str]
METHOD = r"\n\n(?=    (?:@|def ))"


def below_docstring(text: str, lines: str) -> str:
    """Return a module with lines below the docstring of its class, and below the marker of 1.x."""
    return re.sub(
        r'(\nclass [^:]+:\n    """(?:.|\n)*?"""\n)(\n?)',
        lambda found: f"{found[1]}\n{lines}{found[2]}",
        text,
        count=1,
    )


def below_fields(text: str, member: str) -> str:
    """Return a module with a method above the others of its class."""
    if "go below this line" in text:
        return re.sub(r"(go below this line\.\n)", rf"\1{member}", text)
    place = re.search(METHOD, text)
    if place is None:
        return text + member
    return f"{text[: place.start() + 1]}{member}{text[place.start() + 1 :]}"


def before_super(text: str, statements: str) -> str:
    """Return a module with statements in the first body that returns the result of super()."""
    return text.replace("\n        return super()", f"\n{statements}        return super()", 1)


def filled(text: str) -> str:
    return before_super(text, "        kept = 1\n")


def own_members(text: str) -> str:
    member = "\n    def own(self) -> int:\n        return 1\n"
    return below_fields(text, member)


def own_field(text: str) -> str:
    return below_docstring(text, "    own_field: int = 3\n")


def own_code(text: str) -> str:
    return text.replace(
        "\n\nclass", '\nOWN = {"a": 1}\n\n\ndef own_code() -> int:\n    return 2\n\n\nclass'
    )


def own_import(text: str) -> str:
    text = re.sub(r'("""\n)\n', r"\1\nimport json\n\n", text, count=1)
    return text.replace("\n\nclass", "\nNAME = json.dumps({})\n\n\nclass")


def deleted(text: str) -> str:
    return "\n\n".join(re.split(METHOD, text)[:-1] or [text]).rstrip("\n") + "\n"


def reordered(text: str) -> str:
    head, *methods = re.split(METHOD, text.rstrip("\n"))
    return "\n\n".join([head, *reversed(methods)]) + "\n"


def decorated(text: str) -> str:
    return text.replace("    def ", "    @own_decorator\n    def ", 1).replace(
        "\n\nclass", "\n\ndef own_decorator(method):\n    return method\n\n\nclass"
    )


def split_imports(text: str) -> str:
    return re.sub(
        r"^from (\S+) import (\w+), (\w+)$",
        r"from \1 import \3\nfrom \1 import \2",
        text,
        flags=re.MULTILINE,
    )


def moved_imports(text: str) -> str:
    found = re.search(r"(?:^from .* import \w.*\n)+", text, re.MULTILINE)
    lines = sorted(found[0].splitlines(True), reverse=True) if found else []
    return text.replace(found[0], "".join(lines)) if found else text


def remarks(text: str) -> str:
    return text.replace("\n    def ", "\n    # Mine.\n    def ").replace(
        "\n        return", "\n        # so\n        return"
    )


def branches(text: str) -> str:
    body = """        if batch_of_mine := [1]:
            for each in batch_of_mine:
                assert each
        else:
            raise ValueError("mine")
"""
    return before_super(text, body)


def black_79(text: str) -> str:
    command = ["ruff", "format", "--isolated", "--line-length", "79", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def dos_quotes(text: str) -> str:
    return text.replace('"""', "'''")


def tabs(text: str) -> str:
    return re.sub(r"^(?: {4})+", lambda found: "\t" * (len(found[0]) // 4), text, flags=re.M)


def changed_value(text: str) -> str:
    return re.sub(r": float = [\d.]+", ": float = 0.75", text)


def docstring(text: str) -> str:
    return re.sub(r'(?<=\n    """)[^\n"]+', "Mine, and nobody else's.", text, count=1)


EDITS: list[Edit] = [
    *(deleted, reordered, filled, own_members, own_field, own_code, own_import),
    *(decorated, split_imports, moved_imports, remarks, branches),
    *(changed_value, docstring, black_79, dos_quotes, tabs),
]


def new_parameter(text: str) -> str:
    return re.sub(r"(def \w+\()self", r"\1self, extra: int", text, count=1)


def new_hook(text: str) -> str:
    text = re.sub(r'("""\n)\n', r"\1\nfrom collections.abc import Mapping\n\n", text, count=1)
    hook = "\n    def brand_new(self, state: Mapping[str, int]) -> None:\n        print(state)\n"
    return below_fields(text, hook)


def new_field(text: str) -> str:
    return below_docstring(text, "    brand_field: int = 1\n")


def new_default(text: str) -> str:
    return re.sub(r": (int|float) = [\d.]+", r": \1 = 42", text)


def new_statement(text: str) -> str:
    return re.sub(r"\n( +)return (\w+)\n", r"\n\1print(\2)\n\1return \2\n", text, count=1)


def new_docstrings(text: str) -> str:
    return text.replace("Return ", "Give back ").replace("language model", "model of language")


def moved_import(text: str) -> str:
    return text.replace("from torch import Tensor", "from torch.tensors import Tensor")


def removed_hook(text: str) -> str:
    return deleted(text)


def new_return(text: str) -> str:
    return re.sub(r"(def \w+\([^)]*\)) -> [^:]+:", r"\1 -> object:", text, count=1)


def new_decorator(text: str) -> str:
    return text.replace("    def ", "    @staticmethod\n    def ", 1)


def new_base(text: str) -> str:
    return re.sub(r"(class \w+\(\w+)\)", r"\1, metaclass=type)", text)


CHANGES: list[Edit] = [
    *(new_parameter, new_hook, new_field, new_default, new_statement, new_docstrings),
    *(moved_import, removed_hook, new_return, new_decorator, new_base),
]


def own_key(text: str) -> str:
    return text + "\n# Mine.\nown_key: {a: 1}\n"


def own_option(text: str) -> str:
    return text.replace("defaults:\n", "defaults:\n  - own: option\n")


def own_value(text: str) -> str:
    return re.sub(r"^(\w+: )(\d\S*)", r"\g<1>17", text, flags=re.MULTILINE)


def last_key_deleted(text: str) -> str:
    return re.sub(r"^\w+: \S.*\n(?=#|\Z)", "", text, count=1, flags=re.MULTILINE)


def remarked(text: str) -> str:
    return re.sub(r"^(_target_: \S+)$", r"\1  # mine", text, flags=re.MULTILINE)


def spread(text: str) -> str:
    return re.sub(r"^(\w+:)(.*)", r"\n\1 \2", text, flags=re.MULTILINE)


YAML_EDITS: list[Edit] = [own_key, own_option, own_value, last_key_deleted, remarked, spread]


def key_added(text: str) -> str:
    return text.replace("# Your own", "brand_key: 1  # new\n# Your own")


def group_added(text: str) -> str:
    return text.replace("defaults:\n", "defaults:\n  - brand: option\n")


def value_changed(text: str) -> str:
    return re.sub(r"^(\w+: )(\d\S*)", r"\g<1>42", text, flags=re.MULTILINE)


def target_moved(text: str) -> str:
    return re.sub(r"_target_: tasks", "_target_: tasks.moved", text)


def key_removed(text: str) -> str:
    return re.sub(r"^\w+: \d.*\n", "", text, count=1, flags=re.MULTILINE)


YAML_CHANGES: list[Edit] = [key_added, group_added, value_changed, target_moved, key_removed]
