"""Files as people have them are read as they are written."""

import bz2
import gzip
import json
import logging
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.data.complete import complete_stream
from lightning_transformers.data.loading import AnyDataset, DatasetReader, load_files
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.reader import faults_of, places_of

ROWS = [{"text": f"text {number}", "label": str(number % 2)} for number in range(4)]
CSV = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS)


def load(names: Any, streaming: bool = False, **options: Any) -> AnyDataset:
    """Return the rows of files in the working directory."""
    reader = DatasetReader("cache", streaming)
    rows = load_files({"train": names}, reader, lambda _: ReadOptions(**options))["train"]
    return complete_stream("train", rows, {}, "error") if streaming else rows


def rows_of(name: str, content: str | bytes, **options: Any) -> list[dict[str, Any]]:
    """Return the rows of a file with some content."""
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(load(name, **options))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.CSV", "\ufeff" + CSV),
        ("a.csv", CSV.replace("\n", "\r\n\r\n")),
        ("a.csv", CSV.replace(",", ";")),
        ("a.csv", CSV.replace(",", "|")),
        ("a.csv", "sep=;\r\n" + CSV.replace(",", ";")),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("a.csv.zst", pa.compress(CSV.encode(), "zstd", asbytes=True)),
        ("a.csv.bz2", bz2.compress(CSV.encode())),
        ("a.jsonl", "\n\n".join(map(json.dumps, ROWS))),
        ("a.ndjson", "\n".join(map(json.dumps, ROWS))),
        ("a.json", json.dumps(ROWS)),
        ("a.json", json.dumps({"version": 1, "data": ROWS}, indent=2)),
        ("a.json", json.dumps({k: {str(n): r[k] for n, r in enumerate(ROWS)} for k in ROWS[0]})),
        ("a.json", json.dumps({str(n): row for n, row in enumerate(ROWS)})),
        ("a.json", json.dumps({f"row {n}": row for n, row in enumerate(ROWS)})),
        (
            "a.json",
            json.dumps({k: {f"row {n}": r[k] for n, r in enumerate(ROWS)} for k in ROWS[0]}),
        ),
        ("a.jsonl", "\n".join(map(json.dumps, ROWS)).encode("utf-16-le")),
        (
            "a.json",
            json.dumps({"columns": [*ROWS[0]], "data": [list(row.values()) for row in ROWS]}),
        ),
    ],
)
def test_each_way_to_write_rows(name: str, content: str | bytes, project: Path) -> None:
    assert rows_of(name, content) == ROWS


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_of_an_archive(streaming: bool, project: Path) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("__MACOSX/a.csv", "x")
        archive.writestr("b.csv", "text,label\n" + "".join(CSV.splitlines(True)[3:]))
        archive.writestr("a.csv", "".join(CSV.splitlines(True)[:3]))
    assert list(load("a.zip", streaming)) == ROWS
    assert list(load("*.zip", streaming)) == list(load(["a.zip/a.csv", "a.zip/b.csv"])) == ROWS


@pytest.mark.parametrize("names", ["corpus", "corpus/*.txt", "corpus/**/*.txt", ["corpus"]])
@pytest.mark.parametrize("streaming", [False, True])
def test_files_in_their_order(names: Any, streaming: bool, project: Path) -> None:
    for name in ("b.txt", "a.txt", ".hidden.txt", "c.txt"):
        (project / "corpus").mkdir(exist_ok=True)
        (project / "corpus" / name).write_text(f"{name[0]}1\n{name[0]}2\n")
    texts = [row["text"] for row in load(names, streaming)]
    assert texts == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert [row["text"] for row in load(["corpus/c.txt", "corpus/a.txt"], streaming)][::2] == [
        "c1",
        "a1",
    ]


def test_a_stream_of_files_resumes_at_its_row(project: Path) -> None:
    for name in "ab":
        Path(f"{name}.csv").write_text("text\n" + "".join(f"{name}{n}\n" for n in range(5)))
    rows = load(["a.csv", "b.csv"], streaming=True)
    seen = iter(rows)
    before = [next(seen) for _ in range(7)]
    state = rows.state_dict()
    rest = load(["a.csv", "b.csv"], streaming=True)
    rest.load_state_dict(state)
    assert [*before, *rest] == list(load(["a.csv", "b.csv"]))


def test_files_of_several_types_are_refused(project: Path) -> None:
    Path("corpus").mkdir()
    Path("corpus/a.txt").write_text("a\n")
    Path("corpus/b.csv").write_text(CSV)
    for name in ("corpus", "corpus/*"):
        with pytest.raises(ConfigurationError, match=r"several types \(\.csv, \.txt\)") as caught:
            load(name)
        load(str(caught.value).split("'")[-2])


def test_files_with_other_columns_and_types(project: Path) -> None:
    Path("a.jsonl").write_text('{"n": null, "deep": [{"x": 1}]}\n')
    Path("b.jsonl").write_text('{"n": 1, "deep": [{"y": "z"}]}\n')
    Path("c.jsonl").write_text('{"n": "text", "more": true}\n')
    assert list(load(["a.jsonl", "b.jsonl", "c.jsonl"])) == [
        {"n": None, "deep": [{"x": 1, "y": None}], "more": None},
        {"n": "1", "deep": [{"x": None, "y": "z"}], "more": None},
        {"n": "text", "deep": None, "more": True},
    ]


def test_cells_are_text(project: Path) -> None:
    content = 'a,b,,a\n01,3.50,true,"x\ny"\n,"",NA,2020-01-01\nshort\n'
    assert rows_of("a.csv", content) == [
        {"a": "01", "b": "3.50", "Unnamed: 2": "true", "a.1": "x\ny"},
        {"a": None, "b": None, "Unnamed: 2": "NA", "a.1": "2020-01-01"},
        {"a": "short", "b": None, "Unnamed: 2": None, "a.1": None},
    ]


@pytest.mark.parametrize("end", ["", "\n", "\n\n \n"])
def test_a_blank_line_of_one_column_is_an_empty_cell(end: str, project: Path) -> None:
    (project / "a.csv").write_text(f'\ntext\none\n\n \n"two\nlines"{end}')
    rows = load("a.csv")
    assert [row["text"] for row in rows] == ["one", None, None, "two\nlines"]
    assert places_of(rows, range(4)) == [(0, 3), (0, 4), (0, 5), (0, 6)]


def test_values_of_json_keep_their_types_unless_they_differ(project: Path) -> None:
    lines = [
        {"date": "2020-01-01", "n": 1, "mixed": 0, "tokens": ["a", 1], "big": 2**70},
        {"date": "2020-01-02", "n": 2.5, "mixed": "spam", "tokens": [], "big": 1},
        {"n": float("nan"), "parts": [{"x": "a"}, {"x": ["b"]}]},
    ]
    assert rows_of("a.jsonl", "\n".join(map(json.dumps, lines))) == [
        {
            "date": "2020-01-01",
            "n": 1.0,
            "mixed": "0",
            "tokens": ["a", "1"],
            "big": str(2**70),
            "parts": None,
        },
        {"date": "2020-01-02", "n": 2.5, "mixed": "spam", "tokens": [], "big": "1", "parts": None},
        {
            "date": None,
            "n": None,
            "mixed": None,
            "tokens": None,
            "big": None,
            "parts": lines[2]["parts"],
        },
    ]


def test_parquet_of_pandas(project: Path) -> None:
    table = pa.table(
        {"text": pa.array(["a", "b", "a"]).dictionary_encode(), "__index_level_0__": [0, 1, 5]}
    )
    pq.write_table(table, "a.parquet")
    assert list(load("a.parquet")) == [{"text": "a"}, {"text": "b"}, {"text": "a"}]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Un café crème à Genève, l'été dernier"),
        ("cp1252", "Grüße aus München, schöne Straße"),
        ("cp1251", "Привет мир, как дела, хорошо"),
        ("gb18030", "今天天气很好，明天也会是晴天。"),
        ("utf-16", "Un café"),
        ("utf_16_le", "Un café"),
        ("utf-8-sig", "Un café"),
    ],
)
def test_encodings(encoding: str, text: str, project: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    content = f'text;label\n"{text}";1\n{"plain;0" + chr(10)}'
    assert rows_of("a.csv", content.encode(encoding))[0] == {"text": text, "label": "1"}
    (line,) = caplog.messages
    assert line.startswith("read 'a.csv' with ")
    assert "delimiter ';'" in line
    assert (f"encoding {encoding}" in line) == (encoding != "utf-8-sig")
    list(load("a.csv"))
    assert caplog.messages == [line, line], "also from the cache"


@pytest.mark.parametrize(
    "more", ["", "The invoice for the new printer has arrived; the amount is too high; "]
)
def test_a_symbol_has_the_same_encoding_in_each_file(more: str, project: Path) -> None:
    """In cp1250 it is a letter, the more likely one in some texts."""
    text = f"{more}pay £ 20"
    assert rows_of("a.csv", f"text\n{text}\n£ 20\n".encode("cp1252"))[0]["text"] == text
    polish = "To kosztuje 20 zł, a dzień był piękny. Łąka, żaba."
    assert rows_of("a.txt", polish.encode("cp1250"))[0]["text"] == polish


def test_the_dialect_can_be_set(project: Path) -> None:
    content = "text:label\nŁódź:1\n".encode("iso8859-2")
    rows = rows_of("a.csv", content, delimiter=":", encoding="iso8859-2")
    assert rows == [{"text": "Łódź", "label": "1"}]
    with pytest.raises(ConfigurationError, match=r"dataset\.encoding=klingon is not an encoding"):
        load("a.csv", encoding="klingon")
    with pytest.raises(ConfigurationError, match=r"cannot read 'a\.csv': .*set dataset\.encoding"):
        load("a.csv", encoding="utf-8")


def test_quotes_of_a_tsv_may_belong_to_the_text(project: Path) -> None:
    rows = rows_of("a.tsv", 'text\tlabel\n"quoted" or not\t1\n"open\t0\nplain\t1\n')
    assert [row["text"] for row in rows] == ['"quoted" or not', '"open', "plain"]
    rows = rows_of("b.tsv", 'text\tlabel\n"two\nlines"\t1\n')
    assert [row["text"] for row in rows] == ["two\nlines"]


@pytest.mark.parametrize(
    ("unit", "texts"),
    [
        ("line", ["one", "two", "", "", "three"]),
        ("paragraph", ["one\ntwo", "three"]),
        ("file", ["one\ntwo\n\n\nthree\n"]),
    ],
)
def test_units_of_text(unit: str, texts: list[str], project: Path) -> None:
    rows = rows_of("a.txt", "\ufeffone\r\ntwo\r\n\r\n\r\nthree\r\n", text_unit=unit)
    assert [row["text"] for row in rows] == texts


CONLL = (
    "# id 1 domain=en\n# newdoc\nthe _ _ O\n# a remark\n# _ _ B-X\n\n-DOCSTART- O\n\n"
    "# _ _ O\nran _ _ O\n"
)
CONLLU = "".join(
    f"{line}\n"
    for line in (
        "# text = vámonos al mar",
        "1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_",
        "1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_",
        "2\tal mar\tmar\tNOUN\t_\t_\t1\tobj\t_\t_",
    )
)


@pytest.mark.parametrize(
    ("name", "content", "sentences"),
    [
        ("a.conll", CONLL, [(["the", "#"], ["O", "B-X"]), (["#", "ran"], ["O", "O"])]),
        ("a.txt", CONLL, [(["the", "#"], ["O", "B-X"]), (["#", "ran"], ["O", "O"])]),
        ("a.conllu", CONLLU, [(["vamos", "al mar"], ["VERB", "NOUN"])]),
        ("a.conll", "New York\tB-X\n \t\nin\t O\n", [(["New York"], ["B-X"]), (["in"], ["O"])]),
    ],
)
def test_words_with_tags(
    name: str, content: str, sentences: list[tuple[list[str], list[str]]], project: Path
) -> None:
    rows = rows_of(name, content, text_unit="sentence", word_columns=("words", "tags"))
    assert [(row["words"], row["tags"]) for row in rows] == sentences


def test_a_replaced_file_is_read_again(project: Path) -> None:
    """Unpacked archives, `cp -p` and `rsync -t` keep the time of a file."""
    file = Path("a.csv")
    for text in ("old", "new"):
        file.write_text(f"text\n{text}\n")
        os.utime(file, (0, 0))
        assert load("a.csv")[0] == {"text": text}
    Path("other.csv").write_text("text\nold\n")
    files = set(Path("cache/files").iterdir())
    assert load("other.csv")[0] == {"text": "old"}
    assert set(Path("cache/files").iterdir()) == files, "the same content is cached once"


BAD = {
    "a.csv": ("text,label\n\na,1\nb,c,d\n\ne,0\n", "'a.csv' line 4 has 3 fields, more fields"),
    "a.jsonl": ('{"text": "a"}\n{"text": \n\n[1]\n{"text": "e"}\n', "'a.jsonl' line 2 is not JSON"),
    "b.jsonl": (
        '{"text": "a"}\n{"text": "\\ud83d"}\n7\n{"text": "e"}\n',
        "'b.jsonl' line 2 is not JSON (half of a surrogate pair)",
    ),
    "a.conll": ("a O\n\nb\n\ne O\n", "'a.conll' line 3 has 1 fields"),
    "a.json": ('[{"text": "a"}, 7, {"text": "e"}]', "'a.json' row 2 is not an object"),
}


@pytest.mark.parametrize("name", BAD)
def test_rows_that_cannot_be_read(name: str, project: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    content, message = BAD[name]
    with pytest.raises(ConfigurationError) as caught:
        rows_of(name, content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    first = "tokens" if name == "a.conll" else "text"
    dropped = [row[first] for row in load(name, on_bad_row="drop")]
    assert dropped in (["a", "e"], [["a"], ["e"]])
    assert "dropped" in caplog.messages[0]
    assert message in caplog.messages[0]
    rows = load(name, on_bad_row="fill")
    filled = [row[first] for row in rows]
    assert [filled[0], filled[-1]] == dropped
    assert not any(filled[1:-1])
    assert len(filled) > 2
    faults = faults_of(rows)
    assert [*faults] == [*range(1, len(filled) - 1)]
    assert message in faults[1]
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        list(load(name, streaming=True))
    assert [row[first] for row in load(name, streaming=True, on_bad_row="drop")] == dropped
    assert "dropped" in caplog.messages[-1]


def test_a_guess_on_many_files_is_one_line(project: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    for number in range(30):
        Path(f"{number:02}.csv").write_text(CSV.replace(",", ";"))
    load("*.csv")
    (line,) = caplog.messages
    assert line.startswith("read '00.csv', '01.csv', ")
    assert line.endswith("… with delimiter ';'")


def test_a_file_of_bad_rows_has_none(project: Path) -> None:
    for how in ("drop", "fill"):
        with pytest.raises(
            ConfigurationError, match=r"^'a\.jsonl' has no rows: 'a\.jsonl' line 1 is"
        ):
            rows_of("a.jsonl", "{\n{\n", on_bad_row=how)


def test_commas_in_a_single_column_have_a_remedy(project: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rows_of("a.csv", "text\nHello, you\n")
    (override,) = re.findall("or set '(.+?)': ", str(caught.value))
    given = compose(["task=nlp/text_classification", override]).dataset.delimiter
    assert list(load("a.csv", delimiter=given)) == [{"text": "Hello, you"}]


@pytest.mark.parametrize(
    ("number", "head"),
    [(5, "'a.csv' "), (9, "9 rows, the first 5: "), (1001, "1000 rows or more, the first 5: ")],
)
def test_an_error_lists_up_to_five_rows(
    number: int, head: str, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(ConfigurationError) as caught:
        rows_of("a.csv", "text,label\n" + "a,b,c\n" * number + "a,b\n" * 2000)
    assert str(caught.value).startswith(head)
    with pytest.raises(ConfigurationError, match=f"^{head}"):
        next(iter(load("a.csv", streaming=True)))
    load("a.csv", on_bad_row="drop")
    for message in (str(caught.value), caplog.messages[-1]):
        assert [n for n in range(1, 12) if f"line {n} " in message] == [2, 3, 4, 5, 6]
        assert (" …" in message) == (number > 5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", 'text,label\nx,"a\ny,b\n', "quote that is not closed"),
        ("a.csv.gz", b"no gzip", "cannot read 'a.csv.gz'"),
        ("a.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:-20], "cannot read 'a.csv.gz'"),
        ("a.zip", b"no zip", "cannot read 'a.zip'"),
        ("a.parquet", b"no parquet", "cannot read 'a.parquet'"),
        ("a.json", "{", "cannot read 'a.json'"),
        ("a.jsonl", "", "'a.jsonl' has no rows"),
        ("a.json", "{}", "'a.json' has no rows"),
        ("a.json", "[" * 9999, "cannot read 'a.json'"),
        ("memory://none.csv", b"", "cannot read the train file 'memory://none.csv': not found"),
        (
            "s3://bucket/a.csv",
            b"",
            "'s3://bucket/a.csv': Install s3fs to access S3: pip install s3fs",
        ),
    ],
)
def test_files_that_cannot_be_read(
    name: str, content: str | bytes, message: str, project: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _ = load(name) if "://" in name else rows_of(name, content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("delimiter", [";;", "tab", ""])
def test_a_delimiter_is_one_character(delimiter: str, project: Path) -> None:
    assert rows_of("a.csv", CSV.replace(",", "\t"), delimiter="\\t") == ROWS
    with pytest.raises(ConfigurationError, match=f"dataset.delimiter={delimiter} is not"):
        load("a.csv", delimiter=delimiter)


def test_a_url_that_has_no_version_is_read_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    for text in ("old", "new"):
        with fsspec.open("memory://read-again.csv", "w") as stream:
            stream.write(f"text\n{text}\n")
        assert load("memory://read-again.csv")[0] == {"text": text}


def test_a_url(project: Path) -> None:
    rows_of("a.csv", CSV)
    url = f"file://{project.resolve()}/a.csv"
    assert list(load(url, streaming=True)) == ROWS
