"""Pictures of lines, boxes and texts, drawn as SVG for a page and as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFont

COLORS = {
    "ink": "#1f2328",
    "muted": "#656d76",
    "grid": "#d8dee4",
    "series-0": "#0969da",
    "series-1": "#bc4c00",
    "series-2": "#1a7f37",
    "series-3": "#8250df",
    "series-4": "#bf3989",
    "series-5": "#7d4e00",
}
"""The colors of a PNG by name; a page defines both its light and its dark ones."""
SERIES = [name for name in COLORS if name.startswith("series")]
SCALE, OVERSAMPLING = 2, 2
"""Pixels of a PNG per unit, and how many times finer it is drawn before it is reduced."""
LEGIBLE = 0.7
"""Share of a picture's width below which its texts are too small."""
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: Sequence[Point]
    color: str
    width: float = 1
    dashed: bool = False

    def svg(self) -> str:
        """Return the element."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)
        dashes = ' stroke-dasharray="4 4"' if self.dashed else ""
        return (
            f'<polyline points="{points}" fill="none" stroke="var(--{self.color})" '
            f'stroke-width="{self.width}" stroke-linejoin="round"{dashes}/>'
        )

    def draw(self, canvas: ImageDraw.ImageDraw, scale: int) -> None:
        """Draw the line."""
        points = [(x * scale, y * scale) for x, y in self.points]
        canvas.line(points, COLORS[self.color], round(self.width * scale), joint="curve")


@dataclass(frozen=True)
class Box:
    """A filled rectangle; `strength` from 0 to 1 is its opacity."""

    x: float
    y: float
    width: float
    height: float
    color: str
    strength: float = 1

    def svg(self) -> str:
        """Return the element."""
        return (
            f'<rect x="{self.x:.1f}" y="{self.y:.1f}" width="{self.width:.1f}" '
            f'height="{self.height:.1f}" fill="var(--{self.color})" '
            f'fill-opacity="{self.strength:.3f}"/>'
        )

    def draw(self, canvas: ImageDraw.ImageDraw, scale: int) -> None:
        """Draw the rectangle on white."""
        color = ImageColor.getrgb(COLORS[self.color])
        mixed = tuple(round(255 + self.strength * (part - 255)) for part in color)
        corners = (self.x, self.y, self.x + self.width, self.y + self.height)
        canvas.rectangle([corner * scale for corner in corners], fill=mixed)


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    color: str

    def svg(self) -> str:
        """Return the element."""
        return (
            f'<circle cx="{self.x:.1f}" cy="{self.y:.1f}" r="{self.radius}" '
            f'fill="var(--{self.color})"/>'
        )

    def draw(self, canvas: ImageDraw.ImageDraw, scale: int) -> None:
        """Draw the circle."""
        center = (self.x * scale, self.y * scale)
        canvas.circle(center, self.radius * scale, fill=COLORS[self.color])


@dataclass(frozen=True)
class Label:
    """A text whose baseline starts, has its middle, or ends at a point; `kind` is its CSS class."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    color: str = "muted"
    size: int = 11
    kind: str = ""

    def svg(self) -> str:
        """Return the element."""
        kind = f' class="{self.kind}"' if self.kind else ""
        return (
            f'<text x="{self.x:.1f}" y="{self.y:.1f}" fill="var(--{self.color})" '
            f'font-size="{self.size}" text-anchor="{self.anchor}"{kind}>{escape(self.text)}</text>'
        )

    def draw(self, canvas: ImageDraw.ImageDraw, scale: int) -> None:
        """Draw the text."""
        font = ImageFont.load_default(self.size * scale)
        place = (self.x * scale, self.y * scale)
        canvas.text(place, self.text, COLORS[self.color], font, anchor=ANCHORS[self.anchor])


@dataclass
class Picture:
    """Shapes on a canvas, which a narrow screen shrinks as far as the texts are legible."""

    title: str
    width: float
    height: float
    shapes: list[Line | Box | Dot | Label] = field(default_factory=list)

    def svg(self) -> str:
        """Return the picture as an SVG element, with colors that the page defines."""
        size = f"min-width: {LEGIBLE * self.width:.0f}px; max-width: {self.width:.0f}px"
        shapes = "\n".join(shape.svg() for shape in self.shapes)
        return (
            f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" style="{size}" '
            f'role="img" aria-label="{escape(self.title)}">\n{shapes}\n</svg>'
        )

    def save(self, file: Path) -> None:
        """Write the picture as PNG, with its title, in the light colors."""
        scale, top = SCALE * OVERSAMPLING, 24
        size = round(self.width), round(self.height) + top
        image = Image.new("RGB", (size[0] * scale, size[1] * scale), "white")
        Label(8, 16, self.title, color="ink", size=13).draw(ImageDraw.Draw(image), scale)
        body = Image.new("RGB", (size[0] * scale, (size[1] - top) * scale), "white")
        for shape in self.shapes:
            shape.draw(ImageDraw.Draw(body), scale)
        image.paste(body, (0, top * scale))
        file.parent.mkdir(parents=True, exist_ok=True)
        image.reduce(OVERSAMPLING).save(file)
