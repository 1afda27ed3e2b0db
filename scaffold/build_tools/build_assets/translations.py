"""The sample for translation: sentences of a small English grammar, and their German."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from build_tools.build_assets.rows import write_jsonl

TRAIN_ROWS = 1400
VALIDATION_ROWS = 250


class Noun(NamedTuple):
    """A noun in both languages; its gender is m, f or n. The German nouns have no case endings."""

    english: str
    english_plural: str
    german: str
    gender: str
    german_plural: str


class Verb(NamedTuple):
    """A verb that takes an object, in the third person."""

    english: str
    english_plural: str
    german: str
    german_plural: str


PEOPLE = [
    Noun("man", "men", "Mann", "m", "Männer"),
    Noun("woman", "women", "Frau", "f", "Frauen"),
    Noun("child", "children", "Kind", "n", "Kinder"),
    Noun("teacher", "teachers", "Lehrer", "m", "Lehrer"),
    Noun("aunt", "aunts", "Tante", "f", "Tanten"),
    Noun("girl", "girls", "Mädchen", "n", "Mädchen"),
    Noun("uncle", "uncles", "Onkel", "m", "Onkel"),
    Noun("doctor", "doctors", "Ärztin", "f", "Ärztinnen"),
]
THINGS = [
    Noun("dog", "dogs", "Hund", "m", "Hunde"),
    Noun("cat", "cats", "Katze", "f", "Katzen"),
    Noun("house", "houses", "Haus", "n", "Häuser"),
    Noun("table", "tables", "Tisch", "m", "Tische"),
    Noun("lamp", "lamps", "Lampe", "f", "Lampen"),
    Noun("book", "books", "Buch", "n", "Bücher"),
    Noun("letter", "letters", "Brief", "m", "Briefe"),
    Noun("flower", "flowers", "Blume", "f", "Blumen"),
    Noun("picture", "pictures", "Bild", "n", "Bilder"),
    Noun("car", "cars", "Wagen", "m", "Wagen"),
    Noun("clock", "clocks", "Uhr", "f", "Uhren"),
    Noun("boat", "boats", "Boot", "n", "Boote"),
]
VERBS = [
    Verb("sees", "see", "sieht", "sehen"),
    Verb("buys", "buy", "kauft", "kaufen"),
    Verb("finds", "find", "findet", "finden"),
    Verb("sells", "sell", "verkauft", "verkaufen"),
    Verb("draws", "draw", "zeichnet", "zeichnen"),
    Verb("loses", "lose", "verliert", "verlieren"),
    Verb("hides", "hide", "versteckt", "verstecken"),
    Verb("needs", "need", "braucht", "brauchen"),
]
# These German adjectives take endings without a change of the stem.
OF_PEOPLE = {"clever": "klug", "small": "klein", "famous": "berühmt", "friendly": "freundlich"}
OF_THINGS = {
    "big": "groß",
    "small": "klein",
    "old": "alt",
    "new": "neu",
    "red": "rot",
    "white": "weiß",
    "beautiful": "schön",
}
TIMES = {"today": "heute", "now": "jetzt", "often": "oft"}
# Articles and adjective endings by case and gender; p is the plural, "two" instead of "a".
DEFINITE = {"nominative": dict(m="der", f="die", n="das", p="die")}
DEFINITE["accusative"] = {**DEFINITE["nominative"], "m": "den"}
INDEFINITE = {"nominative": dict(m="ein", f="eine", n="ein", p="zwei")}
INDEFINITE["accusative"] = {**INDEFINITE["nominative"], "m": "einen"}
AFTER_DEFINITE = {"nominative": dict(m="e", f="e", n="e", p="en")}
AFTER_DEFINITE["accusative"] = {**AFTER_DEFINITE["nominative"], "m": "en"}
AFTER_INDEFINITE = {"nominative": dict(m="er", f="e", n="es", p="e")}
AFTER_INDEFINITE["accusative"] = {**AFTER_INDEFINITE["nominative"], "m": "en"}


def write_translations(assets: Path) -> None:
    """Write the sample; all sentences are distinct in both languages."""
    rng = random.Random(0)
    german: dict[str, str] = {}
    english: set[str] = set()
    while len(german) < TRAIN_ROWS + VALIDATION_ROWS:
        pair = sentence(rng)
        if pair["en"] not in english and pair["de"] not in german:
            english.add(pair["en"])
            german[pair["de"]] = pair["en"]
    rows = [{"translation": {"en": en, "de": de}} for de, en in german.items()]
    folder = assets / "translation"
    write_jsonl(folder / "train.jsonl", rows[:TRAIN_ROWS])
    write_jsonl(folder / "validation.jsonl", rows[TRAIN_ROWS:])


def sentence(rng: random.Random) -> dict[str, str]:
    """Return a sentence by language, `en` and `de`; a German adverb of time precedes the verb."""
    plural = rng.random() < 0.3
    subject = noun_phrase(rng, rng.choice(PEOPLE), OF_PEOPLE, "nominative", plural)
    thing = noun_phrase(rng, rng.choice(THINGS), OF_THINGS, "accusative", rng.random() < 0.3)
    verb = rng.choice(VERBS)
    verbs = (verb.english_plural, verb.german_plural) if plural else (verb.english, verb.german)
    english, german = [subject[0], verbs[0], thing[0]], [subject[1], verbs[1], thing[1]]
    if rng.random() < 0.3:
        time = rng.choice(list(TIMES))
        english = [f"{time},", *english]
        german = [TIMES[time], verbs[1], subject[1], thing[1]]
    return {"en": join_words(english), "de": join_words(german)}


def noun_phrase(
    rng: random.Random, noun: Noun, adjectives: Mapping[str, str], case: str, plural: bool
) -> tuple[str, str]:
    """Return a noun with article or number, and optional adjectives, in both languages."""
    definite = rng.random() < 0.5
    gender = "p" if plural else noun.gender
    articles, endings = (DEFINITE, AFTER_DEFINITE) if definite else (INDEFINITE, AFTER_INDEFINITE)
    english = [noun.english_plural if plural else noun.english]
    german = [articles[case][gender], noun.german_plural if plural else noun.german]
    if rng.random() < 0.4:
        adjective = rng.choice(list(adjectives))
        english.insert(0, adjective)
        german.insert(1, adjectives[adjective] + endings[case][gender])
    indefinite = "two" if plural else "an" if english[0][0] in "aeiou" else "a"
    return " ".join(["the" if definite else indefinite, *english]), " ".join(german)


def join_words(words: list[str]) -> str:
    """Return words joined to a sentence."""
    text = " ".join(words) + "."
    return text[0].upper() + text[1:]
