"""Charts as pictures: curves, a confusion matrix, calibration, numbers beside numbers."""

import math
from collections.abc import Mapping, Sequence

from lightning_transformers.reports.picture import SERIES, Box, Dot, Label, Line, Picture, Point
from lightning_transformers.reports.scores import Bin

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 34
"""Margins around the plotted area."""
MANY_POINTS = 400
CELL = 44


class Axes:
    """The plotted area of a picture, with a grid and its numbers.

    Args:
        picture: the picture, to which the grid is added.
        x: lowest and highest value of the horizontal axis.
        y: those of the vertical axis.
        name: name of the horizontal axis.
    """

    def __init__(self, picture: Picture, x: Point, y: Point, name: str) -> None:
        self.picture, self.x, self.y = picture, widened(x), widened(y)
        bottom, right = picture.height - BOTTOM, picture.width - RIGHT
        for value in ticks(*self.y):
            height = self.place(self.x[0], value)[1]
            picture.shapes += [
                Line([(LEFT, height), (right, height)], "grid"),
                Label(LEFT - 6, height + 4, number(value), "end"),
            ]
        for value in ticks(*self.x):
            across = self.place(value, self.y[0])[0]
            picture.shapes.append(Label(across, bottom + 16, number(value), "middle"))
        picture.shapes.append(Label((LEFT + right) / 2, picture.height - 4, name, "middle"))

    def place(self, x: float, y: float) -> Point:
        """Return the point of the picture for two values."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        wide, high = self.picture.width - LEFT - RIGHT, self.picture.height - TOP - BOTTOM
        return LEFT + across * wide, TOP + (1 - up) * high


def curves(title: str, series: Mapping[str, Sequence[Point]], name: str = "step") -> Picture | None:
    """Return lines through points, with a legend if there are several; None without points.

    Args:
        title: the title.
        series: points of finite values by name.
        name: name of the horizontal axis.
    """
    found = {key: thinned(points) for key, points in series.items() if points}
    if not found:
        return None
    legend = 18 * math.ceil(len(found) / 2) if len(found) > 1 else 0
    plot = Picture(title, WIDTH, HEIGHT)
    everything = [point for points in found.values() for point in points]
    xs, ys = zip(*everything, strict=True)
    axes = Axes(plot, (min(xs), max(xs)), (min(ys), max(ys)), name)
    for index, (key, points) in enumerate(found.items()):
        color = SERIES[index % len(SERIES)]
        places = [axes.place(*point) for point in points]
        plot.shapes.append(Line(places, color, 1.8))
        if len(points) <= 30:
            plot.shapes += [Dot(x, y, 2.4, color) for x, y in places]
        if legend:
            x, y = LEFT + index % 2 * (WIDTH - LEFT) / 2, HEIGHT + 14 + 18 * (index // 2)
            shown = key if len(key) <= 20 else f"{key[:19]}…"
            plot.shapes += [Box(x, y - 8, 10, 8, color), Label(x + 15, y, shown, color="ink")]
    plot.height += legend
    return plot


def confusion_matrix(
    title: str, classes: Sequence[str], counts: Mapping[tuple[str, str], int]
) -> Picture:
    """Return the numbers of rows by label and prediction, darker for a larger share of the label.

    Args:
        title: the title.
        classes: names of the classes.
        counts: number of rows by label and prediction.
    """
    names = [name if len(name) <= 14 else f"{name[:13]}…" for name in classes]
    left, top = 7 * max(map(len, names)) + 30, 44
    size = CELL * len(names)
    picture = Picture(title, max(left + size + 10, 220), top + size + 10)
    middle = left + size / 2
    picture.shapes.append(Label(middle, 12, "prediction", "middle"))
    picture.shapes.append(Label(2, top - 6, "label"))
    for index, name in enumerate(names):
        place = CELL * (index + 0.5)
        narrow = name if len(name) <= 7 else f"{name[:6]}…"
        picture.shapes.append(Label(left + place, top - 6, narrow, "middle", "ink", 10))
        picture.shapes.append(Label(left - 8, top + place + 4, name, "end", "ink"))
    for row, label in enumerate(classes):
        total = sum(counts.get((label, other), 0) for other in classes)
        for column, predicted in enumerate(classes):
            count = counts.get((label, predicted), 0)
            share = count / total if total else 0
            color = "series-0" if label == predicted else "series-1"
            x, y = left + CELL * column, top + CELL * row
            picture.shapes += [
                Box(x + 1, y + 1, CELL - 2, CELL - 2, color, 0.06 + 0.54 * share),
                Label(x + CELL / 2, y + CELL / 2 + 4, str(count), "middle", "ink", 12, "count"),
            ]
    return picture


def calibration(title: str, bins: Sequence[Bin]) -> Picture:
    """Return the share of correct predictions by their probability, beside the diagonal."""
    picture = Picture(title, WIDTH, 260)
    axes = Axes(picture, (0, 1), (0, 1), "probability of the prediction")
    for part in bins:
        x, y = axes.place(part.low, part.accuracy)
        right, bottom = axes.place(part.high, 0)
        picture.shapes.append(Box(x + 1, y, right - x - 2, bottom - y, "series-0", 0.55))
    picture.shapes.append(Line([axes.place(0, 0), axes.place(1, 1)], "muted", dashed=True))
    return picture


def scatter(title: str, points: Sequence[Point]) -> Picture:
    """Return predicted numbers beside the labels, with the diagonal."""
    picture = Picture(title, WIDTH, 260)
    values = [value for point in points for value in point]
    span = (min(values), max(values))
    axes = Axes(picture, span, span, "label")
    low, high = axes.x
    picture.shapes.append(
        Line([axes.place(low, low), axes.place(high, high)], "muted", dashed=True)
    )
    picture.shapes += [Dot(*axes.place(*point), 2, "series-0") for point in thinned(points)]
    return picture


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return at most `MANY_POINTS` points at equal distances, with the last one."""
    step = math.ceil(len(points) / MANY_POINTS)
    return [*points[:-1:step], points[-1]] if points else []


def widened(span: Point) -> Point:
    """Return a range that is not empty."""
    low, high = span
    if low == high:
        around = abs(low) * 0.1 or 1
        return low - around, high + around
    return low, high


def ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers in a range."""
    size = 10 ** math.floor(math.log10(high - low))
    step = next(s for s in (size / 5, size / 2, size, 2 * size) if (high - low) / s <= 5)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """Return a number of an axis, short."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k" if abs(value) < 1_000_000 else f"{value / 1e6:g}M"
    return f"{value:.4g}"
