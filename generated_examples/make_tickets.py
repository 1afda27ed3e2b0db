"""Write the tickets of the project `tickets`, the same ones each time.

    python ../make_tickets.py

writes `tickets.csv`, about 3,000 rows to train on, and `new_tickets.csv`, 200 rows without a
category to predict on, into the working directory. They are as an office exports them: cp1252,
fields between semicolons, empty cells, line breaks in cells, categories in several spellings, few
tickets of some categories, and two categories (`billing` and `refund`) that are hard to tell apart.
"""

import csv
import random
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("number", "channel", "subject", "message", "category")
MONEY = ("invoice", "amount", "card", "charged", "€ 49,00", "£ 20")
CATEGORIES = {
    "login": (45, ("password", "sign in", "locked out", "reset link", "two-factor code")),
    "bug": (25, ("error 500", "crashes", "blank page", "freezes", "broken button")),
    "billing": (15, (*MONEY, "VAT number", "yearly plan")),
    "refund": (8, (*MONEY, "money back", "cancelled order")),
    "feature": (5, ("dark mode", "export to Excel", "please add", "would be nice")),
    "security": (2, ("phishing", "vulnerability", "leaked data")),
}
"""Share in percent, and what tickets are about, by category."""
OPENINGS = (
    "Hello,",
    "Grüße aus Köln –",
    "Bonjour,",
    "Hi team…",
    "URGENT!!!",
    "As I said “before”:",
)
SENTENCES = (
    "the {} does not work since {}",
    "I have a question about the {}; it started {}",
    "could you look at the {}? I wrote {} already",
    "again the {}, as {}",
)
TIMES = (
    "yesterday",
    "Monday",
    "the update",
    "last week",
    "the new café opened",
    "I don’t know when",
)
ENDINGS = ("Thanks!", "Please hurry.", "\nSent from my phone", "", "Best, José")


def main() -> None:
    """Write both files."""
    write(Path("tickets.csv"), tickets(3000, seed=0))
    write(Path("new_tickets.csv"), tickets(200, seed=1), COLUMNS[:-1])


def tickets(number: int, seed: int) -> list[dict[str, str]]:
    """Return tickets by column, of which some are blank or have no category."""
    generator = random.Random(seed)
    shares = [share for share, _ in CATEGORIES.values()]
    return [
        ticket(row, generator.choices([*CATEGORIES], shares)[0], generator) for row in range(number)
    ]


def ticket(number: int, category: str, generator: random.Random) -> dict[str, str]:
    """Return a ticket of a category by column."""
    _, topics = CATEGORIES[category]
    sentence = generator.choice(SENTENCES)
    body = sentence.format(generator.choice(topics), generator.choice(TIMES))
    message = f"{generator.choice(OPENINGS)} {body}. {generator.choice(ENDINGS)}"
    subject = generator.choice((generator.choice(topics), "Question", "", "  "))
    if generator.random() < 0.02:
        subject, message = "", " "
    spelled = generator.choices((category, f"{category} ", category.title(), ""), (80, 8, 10, 2))
    channel = generator.choice(("mail", "chat", ""))
    return dict(zip(COLUMNS, (f"T-{number:05}", channel, subject, message, *spelled), strict=True))


def write(path: Path, rows: list[dict[str, str]], columns: Sequence[str] = COLUMNS) -> None:
    """Write columns of tickets as a csv file in cp1252, with fields between semicolons."""
    with path.open("w", encoding="cp1252", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
