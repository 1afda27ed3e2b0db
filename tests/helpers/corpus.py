"""Data files like those of users, and models small enough to train in a second."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

ANIMALS = ("cat", "dog", "hen")
THINGS = ("mat", "log")
TEXTS = [f"The {animal} sat on the {thing}." for animal in ANIMALS for thing in THINGS] * 20


def write_csv(path: Path, texts: Sequence[str] = TEXTS, column: str = "text") -> Path:
    """Write a csv file with a row number and a column of texts."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["number", column])
        writer.writerows(enumerate(texts))
    return path


def write_jsonl(path: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write a file with a JSON object a line."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def write_json(path: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write a file with a JSON array of objects."""
    path.write_text(json.dumps([{"text": text} for text in texts]))
    return path


def write_txt(path: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write a file with a text a line."""
    path.write_text("\n".join(texts) + "\n")
    return path


WRITERS = {"csv": write_csv, "json": write_json, "jsonl": write_jsonl, "txt": write_txt}
