"""The sample for text classification: verses of the King James Bible and their type of book."""

import random
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from build_tools.build_assets.rows import write_csv

# The testament, and the numbers of the first and the last book in it.
LABELS = {
    "history": (1, 6, 12),
    "wisdom": (1, 20, 21),
    "gospel": (2, 1, 4),
    "letter": (2, 6, 26),
}
CHARACTERS = range(40, 111)
TRAIN_VERSES = 300
VALIDATION_VERSES = 60
# A passage of one verse and one paragraph.
QUERY = """
    SELECT Passage1 FROM Bible WHERE TestamentID = ? AND BookID BETWEEN ? AND ?
    AND IndexTypeID = 0 AND NumParagraphs = 1
"""


def write_bible(assets: Path, database: Path) -> None:
    """Write the same number of verses per label; `database` is the SQLite file."""
    rng = random.Random(0)
    train, validation = [], []
    with closing(sqlite3.connect(database)) as connection:
        for label, books in LABELS.items():
            verses = short_verses(connection, books)
            drawn = rng.sample(verses, TRAIN_VERSES + VALIDATION_VERSES)
            rows = [{"text": verse, "label": label} for verse in drawn]
            train += rows[:TRAIN_VERSES]
            validation += rows[TRAIN_VERSES:]
    folder = assets / "text_classification"
    write_csv(folder / "train.csv", rng.sample(train, len(train)))
    write_csv(folder / "validation.csv", rng.sample(validation, len(validation)))


def short_verses(connection: sqlite3.Connection, books: tuple[int, int, int]) -> list[str]:
    """Return the distinct verses with as many characters as in `CHARACTERS`, without their number.

    Args:
        connection: the database.
        books: the testament, and the numbers of the first and the last book.
    """
    passages = (re.sub(r"^\d+:\d+ ", "", text) for (text,) in connection.execute(QUERY, books))
    verses = {" ".join(passage.split()) for passage in passages}
    return sorted(verse for verse in verses if len(verse) in CHARACTERS)
