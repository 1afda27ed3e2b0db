"""The sample for question answering: short fictional articles, and questions about them."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from build_tools.build_assets.rows import Row, write_jsonl

TRAIN_CONTEXTS = 186
VALIDATION_CONTEXTS = 54
QUESTIONS_PER_CONTEXT = 4
SENTENCES_PER_CONTEXT = 3
UNANSWERABLE = 0.15

TOWNS = (
    "Graz Leeds Porto Turin Bergen Gdansk Lyon Bristol Utrecht Basel Aarhus Cork "
    "Seville Verona Ghent Tartu Malmo Bonn Trieste Dundee Nantes Split Odense Krakow "
    "Perth Oxford Dresden Riga"
).split()
PORTS = "Porto Bergen Gdansk Bristol Aarhus Cork Trieste Dundee Split Riga Lisbon Hull".split()
WOMEN = "Clara Ines Marta Helen Ruth Nora Greta Alice Sofia Emma Judith Laura Agnes Hilda".split()
MEN = "Karl Peter Hugo Oscar Tom Victor Simon Paul David Martin Felix Andrew Leo Jonas".split()
SURNAMES = (
    "Hoffmann Keller Moreau Jensen Novak Byrne Costa Lindgren Weber Hughes Marino Vos "
    "Fischer Doyle Petrov Lang Santos Berg Walsh Klein"
).split()
FILLERS = {
    "town": TOWNS,
    "man": [f"{first} {last}" for first in MEN for last in SURNAMES],
    "woman": [f"{first} {last}" for first in WOMEN for last in SURNAMES],
    "number": [str(number) for number in range(3, 99)],
    "month": "January February March April May June July August September October".split(),
    "subject": "physics law botany history medicine music chemistry Latin painting geology".split(),
    "job": (
        "doctor teacher painter baker lawyer nurse printer gardener librarian surveyor"
    ).split(),
    "spot": ["harbour", "town hall", "river", "market", "north gate", "station", "old bridge"],
    "port": PORTS,
    "days": [str(number) for number in range(3, 15)],
    "stone": ["granite", "marble", "brick", "sandstone", "limestone", "oak", "timber", "slate"],
    "theme": "jazz poetry film puppet dance folk chess theatre kite flower".split(),
    "goods": "shoes clocks paper candles bicycles violins gloves chairs pianos ropes".split(),
    "ship": "Aurora Falcon Minerva Swallow Hercules Victoria Neptune Marigold Orion Gull".split(),
}


@dataclass(frozen=True)
class Topic:
    """The sentences of articles of one type.

    Attributes:
        slots: the name of each slot in the sentences, and the filler that it takes.
        sentences: in the order of the article; each can be said in several ways.
        questions: what is asked for each slot, in several ways.
    """

    slots: Mapping[str, str]
    sentences: tuple[tuple[str, ...], ...]
    questions: Mapping[str, tuple[str, ...]]


def person(name: str, pronoun: str) -> Topic:
    """Return the topic of a life; the pronoun begins a sentence."""
    he = pronoun.lower()
    return Topic(
        slots={
            "name": name,
            "birthplace": "town",
            "birth": "year",
            "subject": "subject",
            "university": "town",
            "job": "job",
            "workplace": "town",
            "death": "year",
        },
        sentences=(
            (
                "{name} was born in {birthplace} in {birth}.",
                "{name} was born in {birth} in {birthplace}.",
            ),
            (
                f"{pronoun} studied {{subject}} in {{university}}.",
                f"In {{university}} {he} studied {{subject}}.",
            ),
            (
                f"{pronoun} worked as a {{job}} in {{workplace}}.",
                f"Later {he} was a {{job}} in {{workplace}}.",
            ),
            (f"{pronoun} died in {{death}}.", f"In {{death}} {he} died."),
        ),
        questions={
            "birthplace": ("Where was {name} born?", f"In which town was {he} born?"),
            "birth": ("When was {name} born?", f"In which year was {he} born?"),
            "subject": ("What did {name} study?", f"Which subject did {he} study?"),
            "university": ("Where did {name} study?", f"In which town did {he} study?"),
            "job": ("What did {name} work as?", f"What was {he} by profession?"),
            "workplace": ("Where did {name} work?", f"In which town did {he} work?"),
            "death": ("When did {name} die?", f"In which year did {he} die?"),
        },
    )


TOPICS = (
    person("woman", "She"),
    person("man", "He"),
    Topic(
        slots={
            "town": "town",
            "spot": "spot",
            "architect": "man",
            "built": "year",
            "stone": "stone",
            "height": "number",
            "fire": "year",
        },
        sentences=(
            ("The tower of {town} stands near the {spot}.",),
            (
                "{architect} built it of {stone} in {built}.",
                "It was built in {built} by {architect} of {stone}.",
            ),
            ("It is {height} metres high.", "Its height is {height} metres."),
            ("A fire damaged it in {fire}.", "In {fire} it was damaged by a fire."),
        ),
        questions={
            "spot": ("Near what does the tower stand?", "What stands near the tower?"),
            "architect": ("Who built the tower?", "By whom was the tower built?"),
            "built": ("When was the tower built?", "In which year was it built?"),
            "stone": ("What was the tower built of?", "Of what was it built?"),
            "height": ("How high is the tower?", "How many metres high is it?"),
            "fire": ("When was there a fire?", "In which year did a fire damage it?"),
        },
    ),
    Topic(
        slots={
            "town": "town",
            "theme": "theme",
            "month": "month",
            "founder": "woman",
            "founded": "year",
            "days": "days",
            "guests": "town",
        },
        sentences=(
            ("The {theme} festival of {town} takes place in {month}.",),
            ("{founder} founded it in {founded}.", "It was founded in {founded} by {founder}."),
            ("It lasts {days} days.", "The visitors stay for {days} days."),
            ("Most guests come from {guests}.", "Many of the guests live in {guests}."),
        ),
        questions={
            "town": ("Where does the festival take place?", "In which town is the festival?"),
            "month": ("In which month is the festival?", "Which month is it held in?"),
            "founder": ("Who founded the festival?", "By whom was it founded?"),
            "founded": ("When was the festival founded?", "In which year was it founded?"),
            "days": ("How long does it last?", "How many days does the festival last?"),
            "guests": ("Where do the guests come from?", "From which town are the guests?"),
        },
    ),
    Topic(
        slots={
            "goods": "goods",
            "town": "town",
            "owner": "man",
            "opened": "year",
            "workers": "number",
            "closed": "year",
            "moved": "town",
        },
        sentences=(
            (
                "{owner} opened a factory in {town} in {opened}.",
                "In {opened} {owner} opened a factory in {town}.",
            ),
            (
                "Its {workers} workers made {goods}.",
                "It made {goods} and had {workers} workers.",
            ),
            ("It moved to {moved} later.", "Then it was moved to {moved}."),
            ("It closed in {closed}.", "In {closed} it was closed."),
        ),
        questions={
            "owner": ("Who opened the factory?", "By whom was the factory opened?"),
            "town": ("Where was the factory opened?", "In which town did it open?"),
            "opened": ("When was the factory opened?", "In which year did it open?"),
            "workers": ("How many workers were there?", "How many people worked there?"),
            "goods": ("What did the factory make?", "What was made there?"),
            "moved": ("Where did the factory move to?", "To which town was it moved?"),
            "closed": ("When was the factory closed?", "In which year did it close?"),
        },
    ),
    Topic(
        slots={
            "ship": "ship",
            "port": "port",
            "goal": "port",
            "captain": "man",
            "crew": "number",
            "cargo": "goods",
            "month": "month",
            "sunk": "year",
        },
        sentences=(
            (
                "The ship {ship} sailed from {port} to {goal} in {month}.",
                "In {month} the ship {ship} left {port} for {goal}.",
            ),
            (
                "{captain} commanded its crew of {crew} men.",
                "Its captain was {captain}, and the crew were {crew} men.",
            ),
            ("It carried {cargo}.", "Its cargo was {cargo}."),
            ("It sank in {sunk}.", "In {sunk} it sank."),
        ),
        questions={
            "port": ("Where did the ship start?", "From which port did it sail?"),
            "goal": ("Where did the ship go?", "To which port did it sail?"),
            "month": ("In which month did the ship leave?", "Which month did it sail in?"),
            "captain": ("Who commanded the ship?", "Who was the captain of the {ship}?"),
            "crew": ("How many men were on board?", "How large was the crew?"),
            "cargo": ("What did the ship carry?", "What was the cargo of the {ship}?"),
            "sunk": ("When did the ship sink?", "In which year did the {ship} sink?"),
        },
    ),
)


def write_questions(assets: Path) -> None:
    """Write articles about each topic in turn, each with several questions."""
    rng = random.Random(0)
    folder = assets / "question_answering"
    for split, contexts in (("train", TRAIN_CONTEXTS), ("validation", VALIDATION_CONTEXTS)):
        rows = [
            row for number in range(contexts) for row in article(rng, TOPICS[number % len(TOPICS)])
        ]
        numbered = [{"id": f"{split}-{number}", **row} for number, row in enumerate(rows)]
        write_jsonl(folder / f"{split}.jsonl", numbered)


def article(rng: random.Random, topic: Topic) -> Iterator[Row]:
    """Yield questions about a new article; some have no answer in it."""
    values = draw_values(rng, topic.slots)
    first, *others = topic.sentences
    drawn = rng.sample(others, SENTENCES_PER_CONTEXT - 1)
    chosen = [first, *(ways for ways in others if ways in drawn)]
    context, starts = fill_template(" ".join(rng.choice(ways) for ways in chosen), values)
    known = [slot for slot in topic.questions if slot in starts]
    unknown = [slot for slot in topic.questions if slot not in starts]
    asked = rng.sample(known, min(QUESTIONS_PER_CONTEXT, len(known)))
    if rng.random() < UNANSWERABLE * QUESTIONS_PER_CONTEXT:
        asked[0] = rng.choice(unknown)
    for slot in asked:
        found = slot in starts
        yield {
            "context": context,
            "question": rng.choice(topic.questions[slot]).format(**values),
            "answers": {
                "text": [values[slot]] if found else [],
                "answer_start": [starts[slot]] if found else [],
            },
        }


def draw_values(rng: random.Random, slots: Mapping[str, str]) -> dict[str, str]:
    """Return a distinct value per slot, the years in order."""
    values: dict[str, str] = {}
    year = rng.randint(1780, 1880)
    for slot, filler in slots.items():
        if filler == "year":
            values[slot] = str(year)
            year += rng.randint(30, 80)
        else:
            free = [value for value in FILLERS[filler] if value not in values.values()]
            values[slot] = rng.choice(free)
    return values


def fill_template(template: str, values: Mapping[str, str]) -> tuple[str, dict[str, int]]:
    """Return the text of a template, and the offset of each slot in it."""
    text, starts = "", {}
    for literal, slot, _, _ in Formatter().parse(template):
        text += literal
        if slot:
            starts[slot] = len(text)
            text += values[slot]
    return text, starts
