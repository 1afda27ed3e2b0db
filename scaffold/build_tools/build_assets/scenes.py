"""The sample for multiple choice: the next action of a person, given the last one."""

import random
from pathlib import Path

from build_tools.build_assets.rows import Row, write_jsonl

ALTERNATIVES = 4
GROUPS = {"train": 180, "validation": 50}
PEOPLE = {
    "she": ["Anna", "Clara", "Emma", "Helen"],
    "he": ["Adam", "Ben", "Oscar", "Tom"],
}
# Beginnings of the first sentence; the splits share none.
OPENINGS = {
    "train": ["{name}", "On Monday {name}"],
    "validation": ["Later {name}", "Today {name}"],
}
QUESTIONS = ["Then {pronoun}", "Soon {pronoun}", "After that {pronoun}"]
# Actions, and the actions that may follow each of them.
SCENES = {
    "kitchen": (
        [
            "put the soup on the stove",
            "peeled the potatoes",
            "chopped the onions",
            "heated the oven",
        ],
        [
            "tasted the sauce.",
            "added salt and pepper.",
            "beat the eggs in a bowl.",
            "laid the table for dinner.",
        ],
    ),
    "garden": (
        [
            "fetched the spade",
            "raked the leaves",
            "looked at the roses",
            "filled the watering can",
        ],
        [
            "pulled out the weeds.",
            "mowed the lawn.",
            "picked ripe strawberries.",
            "watered the flower bed.",
        ],
    ),
    "concert": (
        [
            "sat down at the piano",
            "took the violin out of its case",
            "walked onto the stage",
            "joined the choir",
        ],
        [
            "played a slow waltz.",
            "sang the first verse.",
            "hummed the melody.",
            "got long applause.",
        ],
    ),
    "football": (
        [
            "laced up the boots",
            "ran onto the pitch",
            "got the ball from a team mate",
            "pulled on the team shirt",
        ],
        [
            "scored the first goal.",
            "took the penalty.",
            "argued with the referee.",
            "was shown a yellow card.",
        ],
    ),
    "illness": (
        [
            "went to the doctor",
            "had a high fever",
            "woke with a bad cough",
            "lay in the sick bed",
        ],
        [
            "swallowed two pills.",
            "was given an injection.",
            "was examined by the nurse.",
            "drank the bitter medicine.",
        ],
    ),
    "winter": (
        [
            "waxed the skis",
            "pulled the sledge up the hill",
            "put on a scarf and mittens",
            "stepped onto the frozen pond",
        ],
        [
            "built a snowman.",
            "threw a snowball.",
            "slipped on the ice.",
            "shovelled the path.",
        ],
    ),
}


def write_scenes(assets: Path) -> None:
    """Write rows in groups: no ending, length or position is correct more often than another."""
    rng = random.Random(0)
    for split, groups in GROUPS.items():
        rows: dict[str, Row] = {}
        while len(rows) < ALTERNATIVES * groups:
            new = {f"{row['context']} {row['choices']}": row for row in group(rng, split)}
            if not new.keys() & rows.keys():
                rows |= new
        shuffled = rng.sample(list(rows.values()), len(rows))
        write_jsonl(assets / "multiple_choice" / f"{split}.jsonl", shuffled)


def group(rng: random.Random, split: str) -> list[Row]:
    """Return rows with the same choices, each of which is correct once."""
    scenes = rng.sample(list(SCENES.values()), ALTERNATIVES)
    beginnings = [rng.choice(beginnings) for beginnings, _ in scenes]
    endings = [rng.choice(endings) for _, endings in scenes]
    labels = rng.sample(range(ALTERNATIVES), ALTERNATIVES)
    rows: list[Row] = []
    for label, beginning, ending in zip(labels, beginnings, endings, strict=True):
        choices = rng.sample(endings, ALTERNATIVES)
        choices.remove(ending)
        choices.insert(label, ending)
        pronoun = rng.choice(list(PEOPLE))
        name = rng.choice(PEOPLE[pronoun])
        rows.append(
            {
                "context": f"{rng.choice(OPENINGS[split]).format(name=name)} {beginning}.",
                "question": rng.choice(QUESTIONS).format(pronoun=pronoun),
                "choices": choices,
                "label": label,
            }
        )
    return rows
