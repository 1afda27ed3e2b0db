"""Edits of users and changes of templates, each with what must hold where it was applied."""

import re
from collections.abc import Callable
from functools import reduce

from tests.helpers.merge_edits import (
    METHOD,
    black_79,
    branches,
    docstring,
    dos_quotes,
    filled,
    moved_imports,
    own_import,
    remarks,
    split_imports,
    tabs,
)
from tests.helpers.merge_module import Namespace, instance, own_class

Rewrite = Callable[[str], str]
Holds = Callable[[Namespace], object]


def sub(old: str, new: str) -> Rewrite:
    """Return a rewrite of the first occurrence of a text."""

    def rewrite(text: str) -> str:
        if old not in text:
            raise LookupError(old)
        return text.replace(old, new, 1)

    return rewrite


def both(*rewrites: Rewrite) -> Rewrite:
    """Return a rewrite that does several, one after the other."""
    return lambda text: reduce(lambda done, rewrite: rewrite(done), rewrites, text)


def every(old: str, new: str) -> Rewrite:
    return lambda text: re.sub(old, new, text)


def below(code: str) -> Rewrite:
    return lambda text: text + code


def runs(namespace: Namespace) -> object:
    return own_class(namespace)


def notes(namespace: Namespace) -> list[str]:
    """Return the keys that `blend` notes."""
    made = instance(namespace)
    made.blend(2.0)
    return [key for key, _ in vars(made).get("notes", [])]


HELPER = 'def rounded(value: float) -> float:\n    """Return a rounded value."""\n'
HELPER_BODY = "    digits = 2\n    return round(value, digits)\n"
DOUBLED = "def doubled(value: float) -> float:\n    return value * 2\n"
NOTE_B = '        self.note("b", b)\n'
TRY = "try:\n    import fastlib\nexcept ImportError:\n    fastlib = None\n"
LOOP = "        for i in range(3):\n            total += i\n"
WEIGHT = "    def _weight(self) -> float:\n        return 0.25\n\n"
WEIGHTED = "\n    def weighted(self) -> float:\n        return self._weight() * 4\n"
TITLE = '    @property\n    def title(self) -> str:\n        """The title."""\n'


def fields_moved(text: str) -> str:
    moved = "    depth: int = 2\n    ratio: float = 0.5\n    area = ratio * depth\n"
    return sub("    ratio: float = 0.5\n    depth: int = 2\n", moved)(text)


def helper_moved(text: str) -> str:
    return sub(f"{HELPER}{HELPER_BODY}\n\n", "")(text) + f"\n\n{HELPER}{HELPER_BODY}"


def class_renamed(text: str) -> str:
    found = re.search(r"^class (\w+)", text, re.MULTILINE)
    assert found is not None
    return text.replace(f"class {found[1]}(", f"class Own{found[1]}(")


def methods_reversed(text: str) -> str:
    head, rest = text.split("\n\n\ndef finished", 1)
    first, *methods = re.split(METHOD, head)
    return "\n\n".join([first, *reversed(methods)]) + f"\n\n\ndef finished{rest}"


def methods_swapped(text: str) -> str:
    """Move `_weight` above `blend`."""
    return sub("    def blend(", f"{WEIGHT}    def blend(")(sub(WEIGHT, "")(text))


USER_EDITS: dict[str, tuple[Rewrite, Holds]] = {
    "stub filled": (filled, runs),
    "branches in a stub": (branches, runs),
    "methods reversed": (methods_reversed, runs),
    "method deleted": (sub(WEIGHTED, ""), lambda n: "weighted" not in vars(own_class(n))),
    "own import": (own_import, lambda n: n["NAME"] == "{}"),
    "imports split": (split_imports, runs),
    "imports moved": (moved_imports, runs),
    "remarks": (remarks, runs),
    "docstring": (docstring, runs),
    "formatted": (black_79, runs),
    "other quotes": (dos_quotes, runs),
    "tabs": (tabs, runs),
    "two spaces": (every(r"(?m)^(?: {4})+", lambda m: m[0][::2]), runs),  # type: ignore[arg-type]
    "own method": (
        sub("    def note(", "    def own(self) -> int:\n        return 77\n\n    def note("),
        lambda n: instance(n).own() == 77,
    ),
    "helper of two spaces": (
        sub(HELPER, f"def own(x):\n  return x + 5\n\n\n{HELPER}"),
        lambda n: n["own"](1) == 6,
    ),
    "helper of tabs": (
        sub(HELPER, f"def own(x):\n\treturn x + 5\n\n\n{HELPER}"),
        lambda n: n["own"](1) == 6,
    ),
    "small class above": (
        sub(HELPER, f"class Own:\n  size = 3\n\n\n{HELPER}"),
        lambda n: n["Own"].size == 3,
    ),
    "field value": (sub("ratio: float = 0.5", "ratio: float = 0.25"), runs),
    "own field": (sub("    depth: int", "    own: int = 4\n    depth: int"), runs),
    "fields moved": (
        fields_moved,
        lambda n: own_class(n).area == own_class(n).depth * own_class(n).ratio,
    ),
    "fields on a line": (
        sub(
            "ratio: float = 0.5\n    depth: int = 2", "ratio: float = 0.5; own: int = 4; depth = 2"
        ),
        lambda n: own_class(n).own == 4,
    ),
    "constant": (sub("LIMIT = 5", "LIMIT = 7"), lambda n: n["LIMIT"] == 7),
    "own constant of a constant": (
        sub("TABLE = {", "OWN = WIDTH + LIMIT\nTABLE = {"),
        lambda n: n["OWN"] == n["WIDTH"] + n["LIMIT"],
    ),
    "two targets": (sub("LIMIT = 5", "LIMIT = OWN = 5"), lambda n: n["OWN"] == 5),
    "table": (
        sub('    "b": 2,\n', '    "b": 2,\n    "own": 9,\n'),
        lambda n: n["TABLE"]["own"] == 9,
    ),
    "statement changed": (
        sub("c = a + b\n", "c = a + b + 100\n"),
        lambda n: instance(n).blend(2) >= 100,
    ),
    "statement first": (sub("        a = scale", "        x = x * 10\n        a = scale"), runs),
    "statement commented out": (sub(NOTE_B, f"        # {NOTE_B.strip()}\n"), runs),
    "loop": (
        sub("total += i\n", "total += i * 10\n"),
        lambda n: instance(n).total()["total"] >= 30,
    ),
    "overloads": (
        both(
            sub(
                "from collections import OrderedDict\n",
                "from collections import OrderedDict\nfrom typing import overload\n",
            ),
            sub(
                "    def blend(",
                "    @overload\n    def blend(self, x: int) -> float: ...\n\n"
                "    @overload\n    def blend(self, x: float) -> float: ...\n\n    def blend(",
            ),
        ),
        lambda n: instance(n).blend(2) is not None,
    ),
    "own setter": (
        sub(
            "    @traced\n",
            "    @title.setter\n    def title(self, value: str) -> None:\n"
            '        self.__dict__["own"] = value\n\n    @traced\n',
        ),
        lambda n: setattr(instance(n), "title", "x") is None,
    ),
    "own name of an import": (
        sub(DOUBLED, f'def mean(x):\n    return "mine"\n\n\n{DOUBLED}'),
        lambda n: n["mean"](3) == "mine",
    ),
    "own constant of an import": (
        sub("LIMIT = 5", "handlers = [1]\nLIMIT = 5"),
        lambda n: n["handlers"] == [1],
    ),
    "own member calls a helper": (
        sub(
            "    def note(",
            "    def own(self) -> float:\n        return doubled(3)\n\n    def note(",
        ),
        lambda n: instance(n).own() == 6,
    ),
    "own member calls a member": (
        sub(
            "    def note(",
            "    def own(self) -> float:\n        return self._weight() + 1\n\n    def note(",
        ),
        lambda n: instance(n).own() > 1,
    ),
    "own member reads a field": (
        sub(
            "    def note(",
            "    def own(self) -> float:\n        return self.ratio + 1\n\n    def note(",
        ),
        lambda n: instance(n).own() > 1,
    ),
    "import renamed": (
        both(sub("import clip, ", "import clip as own_clip, "), sub("= clip(", "= own_clip(")),
        lambda n: "own_clip" in n,
    ),
    "class renamed": (
        class_renamed,
        lambda n: own_class(n).__name__.startswith("Own"),
    ),
    "own decorator": (
        both(
            sub("scale, traced", "registered, scale, traced"),
            sub("\nclass", "\n@registered\nclass"),
        ),
        lambda n: own_class(n).registered,
    ),
    "own base": (
        both(sub("import clip, ", "import Mixin, clip, "), every(r"(\nclass \w+\()", r"\1Mixin, ")),
        lambda n: own_class(n).mixed,
    ),
    "method in a branch": (
        sub(
            WEIGHT,
            "    if LIMIT:\n\n        def _weight(self) -> float:\n            return 5.0\n\n",
        ),
        lambda n: instance(n)._weight() == 5,
    ),
    "helper moved": (helper_moved, runs),
    "helper used": (
        sub("    return rounded(x) * 2\n", "    return doubled(x) + WIDTH\n"),
        lambda n: n["finished"](1) >= 2,
    ),
    "exports": (
        sub("LOG =", '__all__ = ["LIMIT", "clip", "doubled", "finished", "rounded"]\n\nLOG ='),
        lambda n: all(name in n for name in n["__all__"]),
    ),
    "own try": (
        sub(
            "try:\n    import",
            "try:\n    OWN = 1\nexcept ValueError:\n    OWN = 2\n\ntry:\n    import",
        ),
        lambda n: n["OWN"] == 1,
    ),
    "methods moved": (methods_swapped, runs),
    "registry below": (
        below("\n\nREGISTRY = [doubled, finished]\n"),
        lambda n: n["REGISTRY"] == [n["doubled"], n["finished"]],
    ),
}


def method(code: str) -> Rewrite:
    """Return a rewrite that adds a method to the class."""
    return sub("    @property\n    def title", f"{code}\n    @property\n    def title")


TEMPLATE_CHANGES: dict[str, tuple[Rewrite, Holds]] = {
    "submodule imported": (
        both(
            sub("import logging\n", "import logging\nimport logging.handlers\n"),
            method(
                "    def queue(self) -> object:\n        return logging.handlers.QueueHandler\n"
            ),
        ),
        lambda n: instance(n).queue(),
    ),
    "submodule in place of the package": (
        both(
            sub("import logging\n", "import logging.handlers\n"),
            method(
                "    def queue(self) -> object:\n        return logging.handlers.QueueHandler\n"
            ),
        ),
        lambda n: instance(n).queue(),
    ),
    "name of the submodule imported": (
        both(
            sub("import logging\n", "import logging\nfrom logging import handlers\n"),
            method("    def queue(self) -> object:\n        return handlers.QueueHandler\n"),
        ),
        lambda n: instance(n).queue(),
    ),
    "name imported": (
        both(
            sub("counted, scale", "counted, mean, scale"),
            method("    def average(self) -> float:\n        return mean([1, 3])\n"),
        ),
        lambda n: instance(n).average() == 2,
    ),
    "import moved": (
        sub(
            "from zoolib import clip, counted, scale, traced\n",
            "from zoolib import counted, traced\nfrom zoolib2 import clip, scale\n",
        ),
        lambda n: n["scale"](2, 3) == -6,
    ),
    "constants reordered": (
        sub("LIMIT = 5\nWIDTH = LIMIT * 2\n", "WIDTH = 12\nLIMIT = WIDTH // 2\n"),
        lambda n: n["WIDTH"] == 12 and n["LIMIT"] == 6,
    ),
    "constant added above": (
        sub("LIMIT = 5\n", "HALF = 2\nLIMIT = HALF + 3\n"),
        lambda n: n["LIMIT"] == 5 and n["HALF"] == 2,
    ),
    "constant changed": (sub("LIMIT = 5", "LIMIT = 9"), lambda n: n["LIMIT"] == 9),
    "constant renamed": (every(r"\bWIDTH\b", "BREADTH"), lambda n: n["BREADTH"] == n["LIMIT"] * 2),
    "helper calls a later one at import": (
        both(
            sub(DOUBLED, ""),
            sub("WIDTH = LIMIT * 2\n", f"\n\n{DOUBLED}\n\nWIDTH = doubled(LIMIT)\n"),
        ),
        lambda n: n["WIDTH"] == 2 * n["LIMIT"],
    ),
    "class decorated": (
        both(
            sub(HELPER, "def named(cls):\n    cls.named = 1\n    return cls\n\n\n" + HELPER),
            sub("\nclass", "\n@named\nclass"),
        ),
        lambda n: own_class(n).named == 1,
    ),
    "decorator moved above the class": (
        both(
            sub("\n\ndef finished(x: float) -> float:\n    return rounded(x) * 2\n", ""),
            sub(HELPER, f"def finished(x):\n    return x\n\n\n{HELPER}"),
            sub("\nclass", "\n@finished\nclass"),
        ),
        lambda n: callable(n["finished"]),
    ),
    "decorators reordered": (
        sub("    @traced\n    @counted\n", "    @counted\n    @traced\n"),
        lambda n: own_class(n).total.marks == ("traced", "counted"),
    ),
    "decorator added": (
        sub("    def blend(", "    @traced\n    def blend("),
        lambda n: own_class(n).blend.marks == ("traced",),
    ),
    "parameter": (
        sub("def blend(self, x: float)", "def blend(self, x: float, extra: int = 0)"),
        lambda n: "extra" in own_class(n).blend.__code__.co_varnames,
    ),
    "statement changed": (
        sub("b = clip(a, LIMIT)\n", "b = clip(a, LIMIT) + 1000\n"),
        lambda n: instance(n).blend(2) >= 1000,
    ),
    "statement inserted": (
        sub("        c = a + b", "        b = b + 1000\n        c = a + b"),
        lambda n: instance(n).blend(2) >= 1000,
    ),
    "statements extracted": (
        both(
            sub(
                "        a = scale(x, self.ratio)\n        b = clip(a, LIMIT)\n",
                "        a, b = self.parts(x)\n",
            ),
            method(
                "    def parts(self, x: float) -> tuple[float, float]:\n"
                "        a = scale(x, self.ratio)\n        return a, clip(a, LIMIT) + 1000\n"
            ),
        ),
        lambda n: instance(n).blend(2) >= 1000,
    ),
    "statement removed": (sub(NOTE_B, ""), lambda n: "b" not in notes(n)),
    "statement repeated": (
        sub(
            '        self.note("a", a)\n', '        self.note("z", a)\n        self.note("a", a)\n'
        ),
        lambda n: "z" in notes(n),
    ),
    "statements reordered": (
        sub(
            '        self.note("a", a)\n        c = a + b\n' + NOTE_B,
            "        c = a + b\n" + NOTE_B + '        self.note("a", a)\n',
        ),
        lambda n: notes(n)[:1] != ["a"],
    ),
    "local renamed": (
        both(
            sub("        a = scale(x, self.ratio)", "        scaled = scale(x, self.ratio)"),
            sub("clip(a, LIMIT)", "clip(scaled, LIMIT)"),
            sub('"a", a)', '"a", scaled)'),
            sub("c = a + b", "c = scaled + b"),
        ),
        lambda n: "scaled" in own_class(n).blend.__code__.co_varnames,
    ),
    "fields reordered": (
        sub(
            "    ratio: float = 0.5\n    depth: int = 2\n",
            "    depth: int = 2\n    ratio: float = depth / 8\n",
        ),
        lambda n: own_class(n).ratio == own_class(n).depth / 8,
    ),
    "field split": (
        sub("    ratio: float = 0.5\n", "    low: float = 0.1\n    ratio: float = low * 5\n"),
        lambda n: own_class(n).ratio == 0.5 and own_class(n).low,
    ),
    "field renamed": (
        both(every(r"self\.ratio", "self.rate"), sub("ratio: float", "rate: float")),
        lambda n: own_class(n).rate == 0.5,
    ),
    "field changed": (sub("depth: int = 2", "depth: int = 3"), lambda n: own_class(n).depth == 3),
    "base added": (
        both(
            sub("import clip, ", "import Mixin, clip, "), every(r"(\nclass \w+\(\w+)", r"\1, Mixin")
        ),
        lambda n: own_class(n).mixed,
    ),
    "helper moved": (
        both(
            sub(f"{HELPER}{HELPER_BODY}\n\n", ""),
            below(f"\n\n{HELPER}    return round(value, 3)\n"),
        ),
        lambda n: n["rounded"](0.12345) == 0.123,
    ),
    "helper removed": (
        both(
            sub(f"{HELPER}{HELPER_BODY}\n\n", ""),
            sub("return rounded(x) * 2", "return round(x, 2) * 2"),
        ),
        lambda n: n["finished"](1) == 2 and "rounded" not in n,
    ),
    "unused helper removed": (sub(f"\n\n{DOUBLED}", ""), lambda n: "doubled" not in n),
    "helper renamed": (every(r"\brounded\b", "shortened"), lambda n: n["finished"](1) == 2),
    "member removed": (
        both(sub(WEIGHT, ""), sub("self._weight() * 4", "1.0")),
        lambda n: "_weight" not in vars(own_class(n)),
    ),
    "member renamed": (
        every(r"\b_weight\b", "_share"),
        lambda n: instance(n)._share() == 0.25,
    ),
    "member made a property": (
        both(
            sub("    def _weight(", "    @property\n    def _weight("),
            sub("self._weight()", "self._weight"),
        ),
        lambda n: instance(n)._weight == 0.25,
    ),
    "branch": (sub('MODE = "big"', 'MODE = "huge"'), lambda n: n["MODE"] == "huge"),
    "condition": (sub("if LIMIT > 3", "if LIMIT > 4"), lambda n: n["MODE"] == "big"),
    "try changed": (sub("fastlib = None", "fastlib = False"), lambda n: n["fastlib"] is False),
    "try removed": (sub(f"\n{TRY}", ""), lambda n: "fastlib" not in n),
    "table": (sub('    "b": 2,\n', '    "b": 2,\n    "c": 3,\n'), lambda n: n["TABLE"]["c"] == 3),
    "property to method": (
        sub(TITLE, TITLE.replace("    @property\n", "")),
        lambda n: callable(instance(n).title),
    ),
    "loop": (sub("range(3)", "range(4)"), lambda n: instance(n).total()["total"] >= 7),
    "import dropped": (
        both(
            sub("from collections import OrderedDict\n", ""),
            sub("OrderedDict[str, int]", "dict[str, int]"),
            sub("OrderedDict(total=", "dict(total="),
        ),
        lambda n: type(instance(n).total()) is dict,
    ),
    "future": (
        sub("import logging\n", "from __future__ import annotations\n\nimport logging\n"),
        lambda n: isinstance(own_class(n).__annotations__["ratio"], str),
    ),
    "made static": (
        both(
            sub("    def weighted(self)", "    @staticmethod\n    def weighted()"),
            sub("return self._weight() * 4", "return 1.0"),
        ),
        lambda n: own_class(n).weighted() == 1.0,
    ),
    "method added": (
        method(
            '    def brand(self) -> str:\n        """Return a brand."""\n        return "new"\n'
        ),
        lambda n: instance(n).brand() == "new",
    ),
    "class split": (
        both(
            sub("\n\n\nclass", "\n\n\nclass Shared:\n    shared = 1\n\n\nclass"),
            every(r"(\nclass (?!Shared)\w+\(\w+)", r"\1, Shared"),
        ),
        lambda n: own_class(n).shared == 1,
    ),
}
