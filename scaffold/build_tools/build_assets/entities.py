"""The sample for token classification: sentences of the novel, their persons and places marked.

The marks are made by the lists below, which hold every name of the chapters, so they are a silver
standard. A sentence with a capital that no list explains is left out, and so is one in which a
title or a surname that is also a word stands without what makes it a name.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from build_tools.build_assets.rows import Row, write_jsonl

TITLES = ["Mr.", "Mrs.", "Miss", "Lady", "Lord", "Sir", "Colonel", "Captain"]
FORENAMES = (
    "Elizabeth Eliza Lizzy Jane Lydia Kitty Catherine Mary Charlotte Maria Caroline "
    "Louisa Charles Georgiana Anne George William Lewis Fitzwilliam Harriet"
).split()
SURNAMES = (
    "Darcy Bingley Bennet Collins Wickham Lucas Hurst Gardiner Phillips Forster "
    "Jenkinson Denny Jones Carter Robinson Younge Morris Watson Nicholls Metcalf "
    "Dawson Grantley Pratt Chamberlayne"
).split()
FAMILIES = "Bennets Bingleys Lucases Gardiners Phillipses Hursts Collinses Harringtons".split()
SURNAMES_AFTER_A_TITLE = ["Long", "King", "Hill", "Webbs", "Pope"]
PLACES = (
    "Netherfield Longbourn Rosings Meryton London Hertfordshire Hunsford Pemberley "
    "Derbyshire Kent Brighton England Cheapside Ramsgate Lambton Westerham Matlock "
    "Chatsworth Dovedale Oxford Blenheim Warwick Kenilworth Birmingham Cambridge "
    "Liverpool Scotland"
).split()
BUILDINGS = ["Park", "House", "Parsonage", "Lodge", "Street"]
STREETS = ["Gracechurch", "Grosvenor"]
HALF_NAMES = {*TITLES, *BUILDINGS, *STREETS}
NO_NAMES = (
    "I Oh God Heaven Christmas Michaelmas Easter Monday Tuesday Wednesday Friday "
    "Saturday Sunday January February March May June July October November"
).split()


def any_of(words: Sequence[str]) -> str:
    """Return a pattern that matches any of the words, as a whole word."""
    return rf"(?:{'|'.join(map(re.escape, words))})(?!\w|-\w)"


NAME = rf"(?:{any_of(FORENAMES + SURNAMES + FAMILIES)}|de Bourgh\b)"
PERSON = (
    rf"(?:{any_of(TITLES)} )+(?:{NAME}(?: {NAME})*|{any_of(SURNAMES_AFTER_A_TITLE)})"
    rf"|{NAME}(?: {NAME})*(?: King\b)?"
)
PLACE = rf"(?:{any_of(PLACES)}|Lucas(?= Lodge))(?: {any_of(BUILDINGS)})?|{any_of(STREETS)} Street\b"
ENTITY = re.compile(rf"(?<!\w)(?:(?P<LOC>{PLACE})|(?P<PER>{PERSON}))")
WORD = re.compile(r"(?:Mr|Mrs|St)\.|'s\b|\w+(?:['-]\w+)*?(?='s\b)|\w+(?:['-]\w+)*|--|[^\w\s]")
BETWEEN_SENTENCES = re.compile(r"(?<!Mr\.)(?<!Mrs\.)(?<!St\.)(?<=[.!?])\s+(?=[A-Z])")
LENGTH = range(5, 30)
VALIDATION_ROWS = 200
# One in this many sentences without a name is kept.
NAMELESS = 15


def write_entities(assets: Path) -> None:
    """Write the sentences in the order of the novel; the last ones are the validation split."""
    novel = assets / "language_modeling"
    text = "".join((novel / name).read_text("utf-8") for name in ("train.txt", "validation.txt"))
    sentences = dict.fromkeys(split_sentences(text))
    rows = [row for row in map(tag_words, sentences) if row and len(row["tokens"]) in LENGTH]
    nameless = [row for row in rows if set(row["ner_tags"]) == {"O"}]
    left_out = [id(row) for index, row in enumerate(nameless) if index % NAMELESS]
    kept = [row for row in rows if id(row) not in left_out]
    folder = assets / "token_classification"
    write_jsonl(folder / "train.jsonl", kept[:-VALIDATION_ROWS])
    write_jsonl(folder / "validation.jsonl", kept[-VALIDATION_ROWS:])


def split_sentences(text: str) -> Iterator[str]:
    """Yield the complete sentences of a text, and those within quotation marks."""
    for part in re.split(r'[\n"]', text):
        for sentence in BETWEEN_SENTENCES.split(part.strip()):
            if re.fullmatch(r"[A-Z].*[.!?]", sentence):
                yield sentence


def tag_words(sentence: str) -> Row | None:
    """Return the words of a sentence with their tags, or None if a capitalized word is unknown."""
    tags = {}
    for entity in ENTITY.finditer(sentence):
        begin = "B"
        for word in WORD.finditer(sentence, *entity.span()):
            tags[word.start()] = f"{begin}-{entity.lastgroup}"
            begin = "I"
    words = list(WORD.finditer(sentence))
    if any(is_unexplained(word) for word in words if word.start() not in tags):
        return None
    return {
        "tokens": [word[0] for word in words],
        "ner_tags": [tags.get(word.start(), "O") for word in words],
    }


def is_unexplained(word: re.Match[str]) -> bool:
    """Return whether a capitalized word may be a part of an unknown name."""
    if word[0] in HALF_NAMES:
        return True
    return word.start() > 0 and word[0][0].isupper() and word[0] not in NO_NAMES
