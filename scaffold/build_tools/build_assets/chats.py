"""The sample of conversations with a clerk, and their chat template."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from build_tools.build_assets.rows import Row, write_jsonl

TRAIN_ROWS = 400
VALIDATION_ROWS = 100

# Each turn ends with the end-of-sequence token, at which generation stops.
CHAT_TEMPLATE = r"""{%- for message in messages -%}
{{- ('' if loop.first else '\n') + '### ' + message['role'] + '\n' -}}
{{- message['content'] + eos_token -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '\n### assistant\n' -}}
{%- endif -%}
"""

CITIES = "London Paris Rome Vienna Madrid Oslo Dublin Prague Lisbon Athens".split()
HOURS = "six seven eight nine ten eleven".split()
PLATFORMS = "one two three four".split()
SUBJECTS = "gardens music horses ships history painting physics cooking birds travel".split()
FLOORS = "first second third".split()
NUMBERS = "zero one two three four five six seven eight nine ten".split()
COUNTRIES = {
    "France": "Paris",
    "Italy": "Rome",
    "Austria": "Vienna",
    "Spain": "Madrid",
    "Norway": "Oslo",
    "Ireland": "Dublin",
    "Portugal": "Lisbon",
    "Greece": "Athens",
}


def station(rng: random.Random) -> tuple[str, str]:
    """Return a question to the clerk of a station, and the answer."""
    number = rng.randrange(len(CITIES))
    city, hour = CITIES[number], HOURS[number % len(HOURS)]
    platform = PLATFORMS[number % len(PLATFORMS)]
    question = rng.choice(
        ["When does the train to {} leave?", "I want to go to {}.", "{}, please."]
    )
    answer = f"The train to {city} leaves at {hour} from platform {platform}."
    return question.format(city), answer


def library(rng: random.Random) -> tuple[str, str]:
    """Return a question to a librarian, and the answer."""
    number = rng.randrange(len(SUBJECTS))
    subject, floor = SUBJECTS[number], FLOORS[number % len(FLOORS)]
    question = rng.choice(["Where are the books on {}?", "Have you anything on {}?", "And on {}?"])
    return question.format(subject), f"The books on {subject} are on the {floor} floor."


def school(rng: random.Random) -> tuple[str, str]:
    """Return a question to a teacher, and the answer."""
    if rng.random() < 0.5:
        country, city = rng.choice(list(COUNTRIES.items()))
        return f"What is the capital of {country}?", f"The capital of {country} is {city}."
    one, two = rng.randrange(6), rng.randrange(5)
    words = f"{NUMBERS[one]} and {NUMBERS[two]}"
    return f"What are {words}?", f"{words.capitalize()} are {NUMBERS[one + two]}."


CLERKS = {
    "You are the clerk of a station.": station,
    "You are a librarian.": library,
    "You are a teacher.": school,
}


def conversation(rng: random.Random) -> Row:
    """Return one or two questions to a clerk with answers, half of the time with a system turn."""
    system, ask = rng.choice(list(CLERKS.items()))
    messages = [{"role": "system", "content": system}] if rng.random() < 0.5 else []
    for question, answer in (ask(rng) for _ in range(rng.randint(1, 2))):
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages}


def distinct_conversations(rng: random.Random) -> Iterator[Row]:
    """Yield distinct conversations."""
    seen = set()
    while True:
        row = conversation(rng)
        text = json.dumps(row)
        if text not in seen:
            seen.add(text)
            yield row


def write_chats(assets: Path) -> None:
    """Write the conversations; the splits share none."""
    stream = distinct_conversations(random.Random(0))
    rows: Sequence[Row] = [next(stream) for _ in range(TRAIN_ROWS + VALIDATION_ROWS)]
    write_jsonl(assets / "chat" / "train.jsonl", rows[:TRAIN_ROWS])
    write_jsonl(assets / "chat" / "validation.jsonl", rows[TRAIN_ROWS:])
