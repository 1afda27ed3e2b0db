"""The sample for summarization: short reports, and a sentence that summarizes each."""

import random
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

from build_tools.build_assets.rows import write_jsonl

TRAIN_ROWS = 800
VALIDATION_ROWS = 200

WORDS: Mapping[str, list[str]] = {
    "city": "London Paris Rome Vienna Madrid Oslo Dublin Prague Lisbon Athens".split(),
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "name": ["Miller", "Novak", "Rossi", "Garcia", "Jensen", "Kelly", "Weber", "Martin"],
    "number": ["two", "three", "four", "five", "six", "seven", "eight", "nine"],
    "street": ["Station Road", "Park Lane", "Mill Street", "Church Hill", "Bridge Street"],
}
# The texts of a type of report, and its summary; a word in braces is drawn once for both.
REPORTS = {
    "storm": (
        [
            "A heavy storm passed over {city} on {day}. Trees fell on {street}, and {number} "
            "houses lost their roofs. Nobody was hurt, the mayor said.",
            "On {day} strong winds reached {city}. The fire brigade drove out {number} times, most "
            "often to {street}, where trees blocked the way.",
        ],
        "A storm hit {city} on {day}.",
    ),
    "fire": (
        [
            "Firefighters were called to {street} in {city} on {day} night. The flames had spread "
            "from a kitchen. It took {number} hours to put them out.",
            "Smoke over {city}: on {day} a roof caught fire on {street}. All {number} people who "
            "live in the house were brought to safety.",
        ],
        "A house burned on {street} in {city}.",
    ),
    "match": (
        [
            "The home team of {city} had waited {number} weeks for a victory. On {day} it came at "
            "last, when {name} scored in the final minute.",
            "{number} thousand people came to see the match on {day}. {name} scored early, and the "
            "players of {city} defended the lead until the end.",
        ],
        "{city} won with a goal by {name}.",
    ),
    "museum": (
        [
            "After {number} years of work the new museum opened on {day}. Its director, {name}, "
            "welcomed the first visitors, who had queued across half of {city}.",
            "{city} has a new museum. On {day} {name} cut the ribbon, and {number} hundred people "
            "walked through its bright halls.",
        ],
        "{name} opened a museum in {city}.",
    ),
    "election": (
        [
            "The people of {city} voted on {day}. With {number} votes more than all the others "
            "together, {name} will move into the town hall.",
            "It was a long evening on {day}, but {number} minutes before midnight the result was "
            "certain: {name} is the new mayor of {city}.",
        ],
        "{name} was elected mayor of {city}.",
    ),
    "strike": (
        [
            "Travellers in {city} had to walk on {day}. The drivers of buses and trams stopped "
            "work for {number} hours and asked for higher wages.",
            "No bus and no tram left the depot on {day}. The union in {city} says that {number} "
            "more days without work may follow, if wages do not rise.",
        ],
        "Bus drivers in {city} went on strike on {day}.",
    ),
}


def write_reports(assets: Path) -> None:
    """Write the same number of reports per type; all texts are distinct."""
    rng = random.Random(0)
    kinds = cycle(REPORTS.values())
    reports: dict[str, str] = {}
    while len(reports) < TRAIN_ROWS + VALIDATION_ROWS:
        texts, summary = next(kinds)
        words = {slot: rng.choice(values) for slot, values in WORDS.items()}
        text = rng.choice(texts).format(**words)
        reports[text[0].upper() + text[1:]] = summary.format(**words)
    rows = [{"text": text, "summary": summary} for text, summary in reports.items()]
    folder = assets / "summarization"
    write_jsonl(folder / "train.jsonl", rows[:TRAIN_ROWS])
    write_jsonl(folder / "validation.jsonl", rows[TRAIN_ROWS:])
