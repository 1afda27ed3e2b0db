"""The sections of an evaluation: what the users of a task look at, found by its columns."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lightning_transformers.base.run_folder import PROBABILITY
from lightning_transformers.reports.charts import calibration, confusion_matrix, scatter
from lightning_transformers.reports.parts import (
    Facts,
    Part,
    Section,
    Table,
    Thumbnail,
    Word,
    Words,
)
from lightning_transformers.reports.run_files import Evaluation
from lightning_transformers.reports.scores import (
    best_threshold,
    calibration_bins,
    calibration_error,
    class_scores,
    quarters,
    slices,
)

SHOWN = 20
"""Rows of a table of examples, and classes of a confusion matrix."""
SHOWN_INPUTS = 3
FEW_VALUES = range(2, 13)
"""Numbers of distinct values with which a column gives slices."""
SLICED = 6
"""Columns that give slices."""
CLASS_HEAD = ("class", "rows", "predicted", "precision", "recall", "F1")
OUTSIDE = "O"
IMAGE = "image"
NAMES = ("label", "prediction", "score", "loss")
"""Columns of the evaluation in a table of examples."""

Thumbnails = Callable[[int], Thumbnail | None]


def evaluation_sections(found: Evaluation, thumbnail: Thumbnails | None) -> list[Section]:
    """Return the sections of an evaluation.

    Args:
        found: the recorded predictions.
        thumbnail: returns a small picture of a row by its index, for rows with images.
    """
    examples = Examples(found, thumbnail)
    sections = [section_of(found, examples)]
    if sliced := slice_tables(found, row_scores(found)):
        sections.append(
            Section("Slices", ["Rows by the value of a column, the worst first.", *sliced])
        )
    if found.has("loss") and not (found.has("label") and has_worst_rows(found)):
        worst = by(found.column("loss"), reverse=True)
        names = ("loss",) if found.has("prompt") else NAMES  # few rows have a continuation
        sections.append(Section("Highest loss", [examples.table("Highest loss", worst, names)]))
    return [section for section in sections if section.parts]


def has_worst_rows(found: Evaluation) -> bool:
    """Return whether the section of the kind of task has the rows with the highest loss."""
    return isinstance(found.column("label")[0], float) or bool(words_of(found))


def section_of(found: Evaluation, examples: "Examples") -> Section:
    """Return the section of the kind of task that the columns belong to."""
    if not found.has("label", "prediction"):
        return Section("Predictions")
    label = next((value for value in found.column("label") if value is not None), None)
    if found.classes:
        return several_labels(found) if isinstance(label, list) else classes(found, examples)
    if found.has("exact_match"):
        return answers(found, examples)
    if isinstance(label, list):
        return tags(found, examples) if words_of(found) else tokens(found)
    if isinstance(label, float):
        return numbers(found, examples)
    return texts(found, examples)


def classes(found: Evaluation, examples: "Examples") -> Section:
    """Return accuracy, confusion matrix, a table of classes, calibration, and confident errors."""
    labels, predictions = found.column("label"), found.column("prediction")
    hits, scores = hits_of(found), found.column("score")
    bins = calibration_bins(scores, hits)
    counts = Counter(zip(labels, predictions, strict=True))
    names = found.classes
    parts: list[Part] = [
        Facts(
            {
                "rows": len(labels),
                "accuracy": sum(hits) / len(hits),
                "calibration error": calibration_error(bins),
            },
            large=True,
        )
    ]
    if len(names) <= SHOWN:
        parts.append(confusion_matrix("Confusion matrix", names, counts))
    parts.append(calibration("Calibration: share of correct predictions", bins))
    scored = class_scores(([v] for v in labels), ([v] for v in predictions), names)
    parts.append(Table("Classes", CLASS_HEAD, scored, folded=len(names) > 2 * SHOWN))
    mixed = [(pair, n) for pair, n in counts.most_common() if pair[0] != pair[1]][:SHOWN]
    rows = [(*pair, n) for pair, n in mixed]
    folded = len(names) <= SHOWN  # the matrix shows them
    parts.append(Table("Most frequent errors", ("label", "prediction", "rows"), rows, folded))
    wrong = [n for n in by(scores, reverse=True) if not hits[n]]
    parts.append(examples.table("Most confident errors", wrong))
    head = ("probability", "rows", "mean probability", "accuracy")
    ranges = [(f"{b.low:.1f}–{b.high:.1f}", b.rows, b.confidence, b.accuracy) for b in bins]
    parts.append(Table("Calibration", head, ranges, folded=True))
    return Section("Predictions", parts)


def several_labels(found: Evaluation) -> Section:
    """Return tables of the labels of a multi-label classification, and of their thresholds."""
    labels, predictions = found.column("label"), found.column("prediction")
    scored = class_scores(labels, predictions, found.classes)
    facts = {"rows": len(labels), "all labels right": fraction(hits_of(found))}
    head, thresholds = ("label", *CLASS_HEAD[1:]), []
    for name in found.classes:
        pairs = zip(found.column(PROBABILITY + name), labels, strict=True)
        best = best_threshold([(probability, name in given) for probability, given in pairs])
        thresholds.append((name, *(best or (None,) * 4)))
    return Section(
        "Predictions",
        [
            Facts(facts, large=True),
            Table("Labels, predicted above a probability of 0.5", head, scored),
            Table(
                "Thresholds with the highest F1 on these rows",
                ("label", "threshold", *CLASS_HEAD[3:]),
                thresholds,
            ),
        ],
    )


def answers(found: Evaluation, examples: "Examples") -> Section:
    """Return exact match and F1, and the worst answers."""
    f1, exact = found.column("f1"), found.column("exact_match")
    facts = {"rows": len(f1), "exact match": sum(exact) / len(exact), "F1": sum(f1) / len(f1)}
    scores = found.column("score")
    worst = sorted(range(len(f1)), key=lambda n: (f1[n], -scores[n]))
    worst = [n for n in worst if f1[n] < 100]
    table = examples.table("Worst answers, the most confident first", worst, (*NAMES, "f1"))
    return Section("Answers", [Facts(facts, large=True), table])


def tags(found: Evaluation, examples: "Examples") -> Section:
    """Return a table of entities, or of other tags, and the sentences with the most errors."""
    labels, predictions = found.column("label"), found.column("prediction")
    scores = row_scores(found) or []
    has_entities = any(tag[:2] in ("B-", "I-") for row in labels for tag in row)
    head: tuple[str, ...] = ("tag", "words", *CLASS_HEAD[2:])
    parts_of: Callable[[list[str]], Iterable[Any]] = enumerated_tags
    if has_entities:
        from seqeval.metrics.sequence_labeling import get_entities  # imports scikit-learn

        head, parts_of = ("entity", "entities", *CLASS_HEAD[2:]), get_entities
    scored = class_scores(map(parts_of, labels), map(parts_of, predictions))
    facts = {"sentences": len(labels), "sentences without error": fraction(s == 1 for s in scores)}
    sentences = words_of(found) or []
    wrong = [n for n in by(scores) if scores[n] < 1][:SHOWN]
    rows = [
        (
            marked(sentences[n], labels[n], predictions[n], has_entities),
            errors_in(labels[n], predictions[n]),
        )
        for n in wrong
    ]
    return Section(
        "Entities" if has_entities else "Tags",
        [
            Facts(facts, large=True),
            Table("Entities" if has_entities else "Tags", head, scored),
            Table(
                "Worst sentences (label → prediction of wrong words)",
                ("sentence", "wrong words"),
                rows,
            ),
        ],
    )


def enumerated_tags(row: list[str]) -> list[tuple[str, int]]:
    """Return tags with their places."""
    return [(tag, place) for place, tag in enumerate(row)]


def errors_in(labels: Sequence[str], predictions: Sequence[str]) -> int:
    """Return the number of wrong tags."""
    return sum(a != b for a, b in zip(labels, predictions, strict=True))


def marked(
    words: Sequence[str], labels: Sequence[str], predictions: Sequence[str], has_entities: bool
) -> Words:
    """Return the words of a sentence with tags, of words outside of entities only wrong ones."""
    return Words(
        [
            Word(word)
            if label == prediction and (not has_entities or label == OUTSIDE)
            else Word(word, label, prediction)
            for word, label, prediction in zip(words, labels, predictions, strict=True)
        ]
    )


def tokens(found: Evaluation) -> Section:
    """Return the accuracy of masked tokens, and the most frequent errors."""
    labels, predictions = found.column("label"), found.column("prediction")
    pairs = [
        pair for row in zip(labels, predictions, strict=True) for pair in zip(*row, strict=True)
    ]
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1]).most_common(SHOWN)
    facts = {"masked tokens": len(pairs), "accuracy": fraction(a == b for a, b in pairs)}
    head, rows = ("label", "prediction", "tokens"), [(*pair, count) for pair, count in wrong]
    return Section(
        "Predictions", [Facts(facts, large=True), Table("Most frequent errors", head, rows)]
    )


def numbers(found: Evaluation, examples: "Examples") -> Section:
    """Return predicted numbers beside the labels, and the largest errors."""
    pairs = list(zip(found.column("label"), found.column("prediction"), strict=True))
    errors = [abs(label - prediction) for label, prediction in pairs]
    facts = {"rows": len(pairs), "mean absolute error": sum(errors) / len(errors)}
    worst = examples.table("Largest errors", by(errors, reverse=True))
    return Section(
        "Predictions", [Facts(facts, large=True), scatter("Predictions and labels", pairs), worst]
    )


def texts(found: Evaluation, examples: "Examples") -> Section:
    """Return outputs beside references, at equal distances in the evaluated rows."""
    outputs = found.column("prediction")
    present = [n for n, output in enumerate(outputs) if output is not None]
    every = max(1, len(present) // SHOWN)
    caption = "Outputs beside references"
    prompt = ["prompt"] if found.has("prompt") else None
    table = examples.table(caption, present[::every], NAMES[:2], prompt)
    empty = sum(not outputs[n].strip() for n in present)
    facts = {"outputs": len(present), "empty outputs": empty}
    return Section("Outputs", [Facts(facts, large=True), table])


class Examples:
    """Tables of single rows.

    Args:
        found: the recorded predictions.
        thumbnail: returns a small picture of a row by its index, for rows with images.
    """

    def __init__(self, found: Evaluation, thumbnail: Thumbnails | None) -> None:
        self.found, self.thumbnail = found, thumbnail
        same = {name for name in found.inputs if found.has("label") and repeats_label(found, name)}
        inputs = [name for name in found.inputs if name not in same]
        inputs.sort(key=lambda name: -length_of(found, name))
        others = [name for name in inputs[1:] if not is_within(found, name, inputs[0])]
        self.inputs = [*inputs[:1], *others][:SHOWN_INPUTS]

    def table(
        self,
        caption: str,
        numbers: Sequence[int],
        names: Sequence[str] = NAMES,
        inputs: Sequence[str] | None = None,
    ) -> Table:
        """Return a table of the first of some rows.

        Args:
            caption: the caption.
            numbers: indices of the rows.
            names: columns of the evaluation to show, as far as they exist.
            inputs: columns of the data to show; None: those with the longest texts.
        """
        chosen = list(numbers[:SHOWN])
        shown = [*(self.inputs if inputs is None else inputs), *filter(self.found.has, names)]
        pictured = [] if self.thumbnail is None else [IMAGE]
        shown = [name for name in shown if name not in pictured]
        rows = [
            [*self._pictures(number), *(row[name] for name in shown)]
            for number, row in zip(chosen, self.found.rows(chosen), strict=True)
        ]
        return Table(caption, [*pictured, *shown], rows).without_empty_columns()

    def _pictures(self, number: int) -> list[Thumbnail | None]:
        return [] if self.thumbnail is None else [self.thumbnail(number)]


def slice_tables(found: Evaluation, scores: Sequence[float] | None) -> list[Table]:
    """Return a table for each column with few values, and for the lengths of the longest text."""
    losses = found.column("loss") if found.has("loss") else None
    tables = []
    for name, values in sliced_columns(found):
        rows = slices(values, scores, losses)
        shown = [(row.value, row.rows, row.score, row.loss) for row in rows]
        table = Table(name, (name, "rows", "score", "loss"), shown)
        tables.append(table.without_empty_columns())
    return tables[:SLICED]


def sliced_columns(found: Evaluation) -> Iterable[tuple[str, Sequence[Any]]]:
    """Yield the name and the values of each column that gives slices."""
    if found.classes and not isinstance(found.column("label")[0], list):
        yield "label", found.column("label")
    for name in found.inputs:
        values = found.column(name)
        is_simple = all(isinstance(value, str | int | bool | None) for value in values)
        if is_simple and len(set(values)) in FEW_VALUES and not repeats_label(found, name):
            yield name, values
    if longest := max(found.inputs, key=lambda name: length_of(found, name), default=None):
        sizes = [length(value) for value in found.column(longest)]
        unit = "words" if isinstance(found.column(longest)[0], list) else "characters"
        if length_of(found, longest) and (name_of := quarters(sizes)):
            yield f"{unit} of {longest}", [name_of(size) for size in sizes]


def row_scores(found: Evaluation) -> list[float] | None:
    """Return the score of each row from 0 to 1, None for outputs without one."""
    if found.has("f1"):
        return [value / 100 for value in found.column("f1")]
    if not found.has("label", "prediction"):
        return None
    pairs = list(zip(found.column("label"), found.column("prediction"), strict=True))
    if found.classes:
        return [float(hit) for hit in hits_of(found)]
    if all(isinstance(part, list) for pair in pairs for part in pair):
        return [1 - errors_in(*pair) / max(1, len(pair[0])) for pair in pairs]
    return None


def hits_of(found: Evaluation) -> list[bool]:
    """Return whether each prediction is the label."""
    pairs = zip(found.column("label"), found.column("prediction"), strict=True)
    return [label == prediction for label, prediction in pairs]


def words_of(found: Evaluation) -> list[list[str]] | None:
    """Return the words of each sentence: the column with a word per tag."""
    labels = found.column("label")
    if not isinstance(labels[0], list):
        return None
    for name in found.inputs:
        rows = [v.split() if isinstance(v, str) else v for v in found.column(name)]
        if not repeats_label(found, name) and all(
            isinstance(row, list)
            and len(row) == len(tags)
            and all(isinstance(word, str) for word in row)
            for row, tags in zip(rows, labels, strict=True)
        ):
            return rows
    return None


def repeats_label(found: Evaluation, name: str) -> bool:
    """Return whether a column holds the label, as the data have it, in any case of letters."""
    if not found.has("label"):
        return False
    given, labels = found.column(name), found.column("label")
    if isinstance(labels[0], list):
        return labels == [v.split() if isinstance(v, str) else v for v in given]
    pairs = zip(given, labels, strict=True)
    return all(str(a).strip().casefold() == str(b).casefold() for a, b in pairs)


def is_within(found: Evaluation, name: str, other: str) -> bool:
    """Return whether each value of a column is a part of the text in another column."""
    pairs = zip(found.column(name), found.column(other), strict=True)
    return all(
        part is None or (isinstance(part, str) and isinstance(whole, str) and part in whole)
        for part, whole in pairs
    )


def length(value: Any) -> int:
    """Return the length of a text or a list, 0 of other values."""
    return len(value) if isinstance(value, str | list) else 0


def length_of(found: Evaluation, name: str) -> float:
    """Return the mean length of the first values of a column."""
    values = found.column(name)[:100]
    return sum(map(length, values)) / max(1, len(values))


def by(values: Sequence[float | None], reverse: bool = False) -> list[int]:
    """Return the indices of the values that exist, in ascending or descending order."""
    present = [number for number, value in enumerate(values) if value is not None]
    return sorted(present, key=lambda n: values[n] or 0.0, reverse=reverse)


def fraction(hits: Iterable[bool]) -> float:
    """Return the share of hits."""
    found = list(hits)
    return sum(found) / max(1, len(found))
