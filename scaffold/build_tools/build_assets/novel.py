"""The sample for language modeling: chapters of "Pride and Prejudice"."""

import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

TRAIN_CHAPTERS = slice(0, 38)
VALIDATION_CHAPTERS = slice(38, 42)


def write_novel(assets: Path, novel: str) -> None:
    """Write the training split, chapters 1 to 38, and the validation split, 39 to 42."""
    folder = assets / "language_modeling"
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train.txt": TRAIN_CHAPTERS, "validation.txt": VALIDATION_CHAPTERS}
    for name, part in parts.items():
        write_paragraphs(folder / name, chain.from_iterable(chapters(novel)[part]))


def chapters(novel: str) -> list[list[str]]:
    """Return the paragraphs of each chapter, a line each, without emphasis marks."""
    bodies = re.split(r"^Chapter \d+$", novel, flags=re.MULTILINE)[1:]
    return [
        [" ".join(paragraph.split()) for paragraph in body.replace("_", "").split("\n\n")]
        for body in bodies
    ]


def write_paragraphs(path: Path, paragraphs: Iterable[str]) -> None:
    """Write a paragraph per line, without empty ones and rows of asterisks."""
    kept = [paragraph for paragraph in paragraphs if re.search(r"\w", paragraph)]
    path.write_text("".join(f"{paragraph}\n" for paragraph in kept), "utf-8", newline="\n")
