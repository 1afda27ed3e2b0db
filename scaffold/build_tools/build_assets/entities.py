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


def either(words: Sequence[str]) -> str:
    """Return a pattern for one of the words, as a whole word."""
    return rf"(?:{'|'.join(map(re.escape, words))})(?!\w|-\w)"


NAME = rf"(?:{either(FORENAMES + SURNAMES + FAMILIES)}|de Bourgh\b)"
PERSON = (
    rf"(?:{either(TITLES)} )+(?:{NAME}(?: {NAME})*|{either(SURNAMES_AFTER_A_TITLE)})"
    rf"|{NAME}(?: {NAME})*(?: King\b)?"
)
PLACE = rf"(?:{either(PLACES)}|Lucas(?= Lodge))(?: {either(BUILDINGS)})?|{either(STREETS)} Street\b"
ENTITY = re.compile(rf"(?<!\w)(?:(?P<LOC>{PLACE})|(?P<PER>{PERSON}))")
WORD = re.compile(r"(?:Mr|Mrs|St)\.|'s\b|\w+(?:['-]\w+)*?(?='s\b)|\w+(?:['-]\w+)*|--|[^\w\s]")
BETWEEN_SENTENCES = re.compile(r"(?<!Mr\.)(?<!Mrs\.)(?<!St\.)(?<=[.!?])\s+(?=[A-Z])")
LENGTH = range(5, 30)
VALIDATION_ROWS = 200
# Of the sentences without a name, one in so many is kept.
NAMELESS = 15


def write_entities(assets: Path) -> None:
    """Write the sentences in the order of the novel; the last ones are to validate on."""
    novel = assets / "language_modeling"
    text = "".join((novel / name).read_text("utf-8") for name in ("train.txt", "validation.txt"))
    sentences = dict.fromkeys(split_sentences(text))
    rows = [row for row in map(labelled, sentences) if row and len(row["tokens"]) in LENGTH]
    nameless = [row for row in rows if set(row["ner_tags"]) == {"O"}]
    left_out = [id(row) for index, row in enumerate(nameless) if index % NAMELESS]
    kept = [row for row in rows if id(row) not in left_out]
    folder = assets / "token_classification"
    write_jsonl(folder / "train.jsonl", kept[:-VALIDATION_ROWS])
    write_jsonl(folder / "validation.jsonl", kept[-VALIDATION_ROWS:])


def split_sentences(text: str) -> Iterator[str]:
    """Yield the whole sentences of a text, and those of what is said in it."""
    for part in re.split(r'[\n"]', text):
        for sentence in BETWEEN_SENTENCES.split(part.strip()):
            if re.fullmatch(r"[A-Z].*[.!?]", sentence):
                yield sentence


def labelled(sentence: str) -> Row | None:
    """Return the words of a sentence with their tags, or None if a capital is not explained."""
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
    """Tell whether a word outside the names may be a part of one."""
    if word[0] in HALF_NAMES:
        return True
    return word.start() > 0 and word[0][0].isupper() and word[0] not in NO_NAMES
