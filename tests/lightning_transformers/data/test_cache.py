"""Processed rows are read from the cache in any process, unless rows, code or values changed."""

import copy
import importlib
import json
import os
import re
import sys
import threading
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from datasets.utils._dill import Pickler
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, GPT2Config, ViTImageProcessor

from build_tools.release_templates import ROOT
from lightning_transformers.base.digests import digest_of
from lightning_transformers.core import TransformerDataModule
from lightning_transformers.data import source_code
from lightning_transformers.data.cache import fingerprint
from lightning_transformers.data.source_code import module_sources, runtime_source
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from tests.helpers import warm
from tests.helpers.language_modeling import TOKENIZER

MODULE = '''
"""A data module of a project, with its own method for rows."""
import sys
from helpers import words
from lightning_transformers.data.loading import AnyDataset
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule

class OwnDataModule(LanguageModelingDataModule):
    keep: int = 3

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        short = self.map_rows(split, rows, self.shorten, column=self.text_column)
        return super().process_split(split, short)

    def shorten(self, columns, column):
        print("processing", file=sys.stderr)
        return {column: [" ".join(words(text)[: 10 * self.keep]) for text in columns[column]]}
'''
HELPERS = "def words(text):\n    return text.split()\n"
SCRIPT = """
import sys
from own import OwnDataModule
from tests.helpers.language_modeling import TOKENIZER
TOKENIZER(["x"] * int(sys.argv[2]), truncation=True, max_length=2)
values = {key: int(value) for key, value in (word.split("=") for word in sys.argv[3:])}
data = OwnDataModule(TOKENIZER, train_file="train.txt", validation_file="train.txt",
                     block_size=8, cache_dir=sys.argv[1], **values)
data.setup("fit")
print(data.dataset["train"]._fingerprint)
"""


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """Return a function that processes rows in a new process: the key, and whether it computed."""
    (tmp_path / "own.py").write_text(MODULE)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "train.txt").write_text("a few words in a line\n" * 50)
    calls = iter(range(1, 100))

    def process(*values: str) -> tuple[str, bool]:
        command = ("python", "-c", SCRIPT, tmp_path / "cache", next(calls), *values)
        paths = os.pathsep.join([str(tmp_path), str(ROOT / "scaffold"), str(ROOT)])
        done = warm.run(command, tmp_path, os.environ | {"PYTHONPATH": paths})
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), "processing" in done.stderr

    return process


def test_another_process_finds_what_a_generated_class_made(process: Any, tmp_path: Path) -> None:
    first, anew = process()
    assert anew
    assert process("batch_size=3", "num_workers=2") == (first, False)
    other, anew = process("keep=2")
    assert other != first
    assert anew
    (tmp_path / "helpers.py").write_text(HELPERS.replace("split()", "split(' ')"))
    edited, anew = process()
    assert edited not in (first, other)
    assert anew


ROWS = Dataset.from_dict({"text": ["one", "two"]})
ENDING = type(TOKENIZER).from_pretrained(TOKENIZER.name_or_path, eos_token="x")


def test_hashes_leave_the_pickler_of_datasets_as_it_is() -> None:
    assert Pickler.dispatch[frozenset].__module__ == "pickle"


def upper(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {"text": [text.upper() for text in columns["text"]]}


def cut(length: int, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {"text": [text[:length] for text in columns["text"]]}


def name_of(rows: Dataset = ROWS, function: Any = upper, **arguments: Any) -> str:
    return fingerprint(rows, function, arguments, TransformerDataModule)


def test_what_matters_makes_another_name() -> None:
    names = {
        name_of(),
        name_of(column="text"),
        name_of(column="body"),
        name_of(tokenizer=TOKENIZER),
        name_of(tokenizer=ENDING),
        name_of(Dataset.from_dict({"text": ["one", "three"]})),
        name_of(function=lambda columns: columns),
    }
    assert len(names) == 7
    assert name_of() == name_of()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model_input_names", ["input_ids"]),
        ("model_max_length", 9),
        ("padding_side", "left"),
        ("truncation_side", "left"),
        ("chat_template", "{{ messages }}"),
    ],
)
def test_a_setting_of_a_tokenizer_counts(setting: str, value: object) -> None:
    """Models with the same vocabulary differ in these: RoBERTa has no `token_type_ids`."""
    changed = copy.deepcopy(TOKENIZER)
    assert name_of(tokenizer=changed) == name_of(tokenizer=TOKENIZER)
    setattr(changed, setting, value)
    assert name_of(tokenizer=changed) != name_of(tokenizer=TOKENIZER)


def test_where_a_tokenizer_came_from_does_not_matter(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    moved = AutoTokenizer.from_pretrained(tmp_path)
    assert moved.name_or_path != TOKENIZER.name_or_path
    assert name_of(tokenizer=moved) == name_of(tokenizer=TOKENIZER)


def test_earlier_calls_of_a_tokenizer_do_not_matter() -> None:
    before = name_of(tokenizer=TOKENIZER)
    TOKENIZER(["x"], truncation=True, max_length=3, padding="max_length")
    assert name_of(tokenizer=TOKENIZER) == before


def test_the_rules_of_a_tokenizer_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = copy.deepcopy(TOKENIZER)
    tokenizer.add_tokens("<parsed once>")
    parsed: list[str] = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: parsed.append(text) or loads(text))
    assert name_of(tokenizer=tokenizer) == name_of(tokenizer=tokenizer)
    assert sum("<parsed once>" in text for text in parsed) == 1


def test_whether_a_tokenizer_splits_special_tokens_counts() -> None:
    changed = copy.deepcopy(TOKENIZER)
    changed.backend_tokenizer.encode_special_tokens = True
    assert name_of(tokenizer=changed) != name_of(tokenizer=TOKENIZER)


class Words:
    """A tokenizer rule in Python, which `tokenizers` cannot serialize."""

    def pre_tokenize(self, text: Any) -> None:
        text.split(lambda _, part: part.split(" ", "removed"))


def test_rules_of_a_tokenizer_may_be_in_python() -> None:
    changed = copy.deepcopy(TOKENIZER)
    changed.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Words())
    assert name_of(tokenizer=changed) != name_of(tokenizer=TOKENIZER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"One": "Two", "Two": "four"}, {"Two": "four", "One": "Two"}),
        ({1: "a"}, {"1": "a"}),
        ({1: "a", "b": "c"}, {1: "a", "b": "d"}),
        ({("a", "b"): "c"}, {("a", "b"): "d"}),
        ([{"a": {1: 2}}], [{"a": {"1": 2}}]),
        ({"a", "b"}, {"a", "c"}),
        ([{"a"}], [{"b"}]),
    ],
)
def test_keys_and_their_order_count(one: Any, other: Any) -> None:
    assert name_of(pairs=one) == name_of(pairs=copy.deepcopy(one)) != name_of(pairs=other)


def test_all_that_a_module_imports_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sizes.py").write_text("LENGTH = 3\n")
    (package / "rows.py").write_text(
        "import numpy\n\ndef cut(columns):\n    from .sizes import LENGTH\n    return columns\n"
    )
    function = importlib.import_module("mine.rows").cut
    assert list(module_sources("mine.rows")) == ["mine.rows", "mine.sizes"]
    before = name_of(function=function)
    (package / "sizes.py").write_text("LENGTH = 4\n")
    assert name_of(function=function) != before


def test_runtime_is_one_part_with_all_of_its_modules() -> None:
    found = module_sources("lightning_transformers.data.packing")
    assert found == {"lightning_transformers": digest_of(runtime_source())}
    assert "\ndef tokenize_and_pack(" in runtime_source()
    assert "\ndef first_party_file(" in runtime_source()


CLEANERS = """
from transformers import TokenizersBackend
def clean(text):
    return text.strip()
class Cleaner:
    pass
class OwnTokenizer(TokenizersBackend):
    pass
"""


def with_each(clean: Any) -> Any:
    return lambda columns: {"text": [clean(text) for text in columns["text"]]}


GIVEN: dict[str, Any] = {
    "a function": lambda cleaners: {"function": upper, "clean": cleaners.clean},
    "an object": lambda cleaners: {"function": upper, "clean": cleaners.Cleaner()},
    "a class": lambda cleaners: {"function": upper, "clean": [cleaners.Cleaner]},
    "a tokenizer": lambda cleaners: {
        "function": upper,
        "tokenizer": cleaners.OwnTokenizer.from_pretrained(TOKENIZER.name_or_path),
    },
    "an attribute": lambda cleaners: {"function": Own(TOKENIZER, {"a": cleaners.clean}).encode},
    "a closure": lambda cleaners: {"function": with_each(cleaners.clean)},
}


@pytest.mark.parametrize("given", GIVEN)
def test_the_module_of_what_is_given_counts(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cleaners", raising=False)
    (tmp_path / "cleaners.py").write_text(CLEANERS)
    values = GIVEN[given](importlib.import_module("cleaners"))
    before = name_of(**values)
    assert name_of(**values) == before
    (tmp_path / "cleaners.py").write_text(CLEANERS.replace("strip", "lower"))
    assert name_of(**values) != before


def test_the_release_of_an_installed_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Like an installed project: `pip` records digests of its files."""
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    record = tmp_path / "site-packages" / "installed-1.0.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    (record.parent.parent / "installed.py").write_text("def f(columns):\n    return columns\n")
    function = importlib.import_module("installed").f

    def name(version: str, digest: str) -> str:
        (record.parent / "METADATA").write_text(f"Name: installed\nVersion: {version}\n")
        record.write_text(f"installed.py,sha256={digest},9\ninstalled-1.0.dist-info/METADATA,,\n")
        for cached in (source_code.release_of, source_code.distributions):
            cached.cache_clear()
        return name_of(function=function)

    assert name("1.0", "a") == name("1.0", "a")
    assert len({name("1.0", "a"), name("1.1", "a"), name("1.0", "b")}) == 3


def test_releases_of_what_makes_tokens_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = name_of()
    monkeypatch.setattr(source_code, "release_of", lambda package: f"another {package}")
    assert name_of() != before


def test_a_script_is_the_same_in_a_process_that_was_spawned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"

    def name(module: str, text: str) -> str:
        script.write_text(text)
        main = ModuleType(module)
        main.__file__ = str(script)
        monkeypatch.setitem(sys.modules, "__main__", main)
        monkeypatch.setitem(sys.modules, module, main)
        exec(compile(text, script, "exec"), vars(main))
        return name_of(function=main.f)

    text = "WORDS = ['a']\ndef f(columns):\n    return WORDS\n"
    first = name("__main__", text)
    assert name("__mp_main__", text) == first
    assert name("__mp_main__", text.replace("a", "b")) != first


def test_a_module_that_is_imported_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that a function imports from, and that would train if it were executed."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "script.py").write_text("raise RuntimeError('it runs')\nfrom scripted import x\n")
    (tmp_path / "scripted").mkdir()
    (tmp_path / "scripted" / "__init__.py").write_text("raise RuntimeError('it runs')\n")
    (tmp_path / "scripted" / "x.py").write_text("")
    (tmp_path / "lazy.py").write_text("def f(columns):\n    from script import main\n")
    assert list(module_sources("lazy")) == ["lazy", "script", "scripted", "scripted.x"]
    assert not {"script", "scripted"} & sys.modules.keys()


def test_a_relative_import_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "alone.py").write_text(
        "try:\n    from .helper import x\nexcept ImportError:\n    from helper import x\n"
    )
    assert list(module_sources("alone")) == ["alone", "helper"]


def test_imports_of_a_module_that_runs_as_the_main_one_are_relative_to_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ours").mkdir()
    for file, text in {"__init__": "", "sizes": "", "run": "from .sizes import x\n"}.items():
        (tmp_path / "ours" / f"{file}.py").write_text(text)
    main = ModuleType("__main__")
    main.__file__, main.__package__ = str(tmp_path / "ours" / "run.py"), "ours"
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert list(module_sources("__main__")) == ["__main__", "ours.sizes"]


CELLS = {
    "helper": "def clean(text):\n    return text.strip()\n",
    "class": """
from mended import words
from tests.lightning_transformers.data.test_cache import LanguageModelingDataModule

def encode(columns):
    return {"text": [words(clean(text)) for text in columns["text"]]}

class Typed(LanguageModelingDataModule):
    keep: int = 3

    def prepare(self, text):
        return clean(text)[: self.keep]

    def encode(self, columns):
        return {"text": [self.prepare(text) for text in columns["text"]]}
""",
}


@pytest.mark.parametrize("kind", ["function", "method"])
def test_what_a_notebook_holds_counts(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mended", raising=False)
    (tmp_path / "mended.py").write_text("def words(text):\n    return text.split()\n")

    def name(cell: str = "", old: str = "", new: str = "") -> str:
        """Return the key in a new kernel, after one cell was edited."""
        notebook = ModuleType("__main__")
        monkeypatch.setitem(sys.modules, "__main__", notebook)
        for name, text in CELLS.items():
            exec(text.replace(old, new) if name == cell else text, vars(notebook))
        function = notebook.encode if kind == "function" else notebook.Typed(TOKENIZER).encode
        return name_of(function=function)

    first = name()
    assert name() == first
    assert name("helper", "text.strip()", "text.lower()") != first
    if kind == "method":
        assert name("class", "[: self.keep]", "[self.keep :]") != first
    (tmp_path / "mended.py").write_text("def words(text):\n    return text.split(' ')\n")
    assert name() != first


class Own(LanguageModelingDataModule):
    """A user's data module, whose method for rows uses all its attributes."""

    def __init__(self, processor: Any, words: Any = None, other: Any = None) -> None:
        super().__init__(processor)
        self.words = words
        self.other = other

    def encode(self, columns: Any) -> Any:
        return self.processor(columns["text"])


def test_what_a_method_has_from_its_object_counts() -> None:
    objects = [Own(TOKENIZER), Own(ENDING), Own(TOKENIZER, words={"a": 1}), Own(TOKENIZER, "b")]
    objects += [Own(TOKENIZER, other=TOKENIZER), Own(TOKENIZER, other=ENDING)]
    objects += [Own(ViTImageProcessor(size=size)) for size in (16, 32)]
    assert len({name_of(function=own.encode) for own in objects}) == len(objects)
    again = Own(ViTImageProcessor(size=16), other=threading.Lock())
    assert name_of(function=again.encode) == name_of(function=objects[-2].encode)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a"}, {"b"}),
        ([frozenset("a")], [frozenset("b")]),
        (re.compile("a"), re.compile("b")),
        (Path("a"), Path("b")),
        (b"a", b"b"),
        (str.lower, str.upper),
        ({"f": partial(cut, 1)}, {"f": partial(cut, 2)}),
        ({("a", "b"): 1}, {("a", "b"): 2}),
        ([TOKENIZER], [ENDING]),
        ({"a": TOKENIZER}, {"a": ENDING}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_attributes_of_many_kinds_count(one: Any, other: Any) -> None:
    first = name_of(function=Own(TOKENIZER, one).encode)
    assert first == name_of(function=Own(TOKENIZER, copy.deepcopy(one)).encode)
    assert first != name_of(function=Own(TOKENIZER, other).encode)


def test_attributes_of_other_kinds_do_not_count() -> None:
    own = Own(TOKENIZER, {"a": [threading.Lock()]}, [])
    own.other.append(own.other)
    assert name_of(function=own.encode) == name_of(function=Own(TOKENIZER).encode)
    mixed = Own(TOKENIZER, other=["a", threading.Lock()])
    assert name_of(function=mixed.encode) == name_of(function=Own(TOKENIZER).encode)


def test_a_data_module_may_have_its_own_methods_as_attributes() -> None:
    def with_attribute(name: str) -> Any:
        own = Own(TOKENIZER)
        own.words = [own.encode, lambda columns: getattr(own, name)(columns)]
        return own.encode

    assert name_of(function=with_attribute("a")) == name_of(function=with_attribute("a"))
    assert name_of(function=with_attribute("a")) != name_of(function=with_attribute("b"))


def test_what_is_known_of_the_model_counts() -> None:
    def name(**settings: Any) -> str:
        own = Own(TOKENIZER)
        own.model_config = GPT2Config(**settings)
        return name_of(function=own.encode)

    assert name(n_positions=2) != name(n_positions=4)
    assert name(n_positions=2) == name(n_positions=2, name_or_path="elsewhere")


def a_lambda(word: str) -> Any:
    return (lambda columns: columns) if word == "a" else (lambda columns: {})


def a_branch(word: str) -> Any:
    if word == "a":

        def clean(columns: Any) -> Any:
            return columns
    else:

        def clean(columns: Any) -> Any:
            return {}

    return clean


def a_default(word: str) -> Any:
    def clean(columns: Any, *, word: str = word) -> Any:
        return word

    return clean


def a_method(word: str) -> Any:
    class Made(Own):
        def encode(self, columns: Any) -> Any:
            return super().encode(columns) or word

    return Made(TOKENIZER).encode


def a_method_that_is_called(word: str) -> Any:
    class Made(Own):
        def clean(self, text: str) -> str:
            return word

    return Made(TOKENIZER).encode


def a_class(word: str) -> Any:
    class Made(Own):
        known = (word,)

    return Made(TOKENIZER).encode


@pytest.mark.parametrize(
    "make", [a_lambda, a_branch, a_default, a_method, a_method_that_is_called, a_class]
)
def test_what_a_function_makes_has_a_name_of_its_own(make: Any) -> None:
    assert name_of(function=make("a")) == name_of(function=make("a"))
    assert name_of(function=make("a")) != name_of(function=make("b"))


def names_with_sets() -> list[str]:
    """Return keys of values with sets, which Python orders differently in each process."""
    words = ["one", "two", "three", "four", "five", "six"]
    functions = [
        lambda columns: [text in {"one", "two", "three", "four", "five"} for text in columns],
        Own(TOKENIZER, {*words}).encode,
        Own(TOKENIZER, [frozenset(words)]).encode,
        partial(cut, {frozenset(words[:3]), frozenset(words)}),
    ]
    made = Cut(frozenset(words))  # type: ignore[arg-type]
    return [*(name_of(function=function) for function in functions), name_of(made=made)]


def test_names_are_the_same_in_another_process() -> None:
    code = f"from {__name__} import names_with_sets; print(hash('seed'), *names_with_sets())"
    paths = os.pathsep.join(sys.path)
    done = warm.run(["python", "-c", code], Path.cwd(), os.environ | {"PYTHONPATH": paths})
    seed, *names = done.stdout.split()
    assert seed != str(hash("seed"))
    assert names == names_with_sets()


def test_a_function_that_knows_a_data_module_has_a_lasting_name() -> None:
    def within(own: Own) -> Any:
        return lambda columns: own.encode(columns)

    one, other = Own(TOKENIZER), Own(TOKENIZER)
    other.lock = threading.Lock()
    assert name_of(function=within(one)) == name_of(function=within(other))
    assert name_of(function=within(one)) != name_of(function=within(Own(TOKENIZER, words=1)))


class Cut:
    """A callable object."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __call__(self, columns: dict[str, list[str]]) -> dict[str, list[str]]:
        return {"text": [text[: self.length] for text in columns["text"]]}


def test_objects_that_can_be_called_have_names() -> None:
    functions = [Cut(1), Cut(2), Cut(2).__call__, partial(cut, 1), partial(cut, 2)]
    functions += [partial(cut, length=2), partial(Cut(1)), len, dict]
    names = [name_of(function=function) for function in functions]
    assert len({*names}) == len(functions) - 1, "an object is as its method __call__"
    assert names == [name_of(function=function) for function in functions]


def test_what_has_no_hash_is_processed_anew() -> None:
    generator = (x for x in ())
    assert name_of(generator=generator) != name_of(generator=generator)


def test_plain_datasets_names_a_method_by_all_that_its_object_has() -> None:
    def plain(function: Any) -> str:
        return str(ROWS.map(function, batched=True)._fingerprint)

    class Own(LanguageModelingDataModule):
        def shorten(self, columns: Any) -> Any:
            return columns

    one, other = Own(TOKENIZER), Own(TOKENIZER)
    one.seen, other.seen = SimpleNamespace(rows=1), SimpleNamespace(rows=2)
    assert plain(one.shorten) != plain(other.shorten)
    assert name_of(function=one.shorten) == name_of(function=other.shorten)


def shout(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    HEARD.append(len(columns["text"]))
    return {"text": [text.upper() for text in columns["text"]]}


HEARD: list[int] = []


def test_what_comes_of_rows_in_memory_is_found_again(tmp_path: Path) -> None:
    def shouted(split: str = "train") -> tuple[list[str], list[int]]:
        HEARD.clear()
        data = LanguageModelingDataModule(TOKENIZER, cache_dir=str(tmp_path))
        rows = data.map_rows(split, Dataset.from_dict({"text": ["one", "two"]}), shout)
        return rows["text"][:], HEARD[:]

    assert shouted("predict") == (["ONE", "TWO"], [2])
    assert not list(tmp_path.iterdir()), "inputs to predict on are not kept"
    assert shouted() == (["ONE", "TWO"], [2])
    assert shouted() == (["ONE", "TWO"], [])


def test_each_number_of_workers_has_rows_of_its_own(tmp_path: Path) -> None:
    """Each worker packs its own shard."""
    file = tmp_path / "train.txt"
    file.write_text("a few words in a line\n" * 10)

    def lengths(workers: int | None) -> list[int]:
        data = LanguageModelingDataModule(
            TOKENIZER,
            train_file=str(file),
            validation_file=str(file),
            block_size=64,
            packing="blocks",
            preprocessing_num_workers=workers,
            cache_dir=str(tmp_path),
        )
        data.setup("fit")
        assert data.dataset is not None
        return [len(row) for row in data.dataset["train"]["input_ids"]]

    assert (lengths(None), lengths(2), lengths(None)) == ([64, 16], [40, 40], [64, 16])
