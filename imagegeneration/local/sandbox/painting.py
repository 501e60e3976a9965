"""The pictures of the sandbox: calm landscapes and abstracts, each drawn from a seed and marked SANDBOX.

The same seed and size give the same pixels: only `random()` of a seeded generator is used, whose sequence
Python keeps stable. Edges are drawn at twice the size and reduced, which makes them smooth.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
Size = tuple[int, int]

SUPERSAMPLING = 2
CURVE_STEPS = 96
"""Points of a curve across the picture: more make no visible difference at any size that the sandbox accepts."""


@dataclass(frozen=True)
class Palette:
    """Colours that go together: the sky from top to horizon, its light, and the land from far to near."""

    top: Color
    horizon: Color
    light: Color
    far: Color
    near: Color


PALETTES: Sequence[Palette] = (
    Palette((49, 60, 112), (247, 176, 148), (255, 226, 183), (170, 119, 142), (43, 34, 70)),  # dusk
    Palette((118, 176, 214), (250, 232, 205), (255, 250, 232), (150, 180, 186), (28, 72, 78)),  # clear morning
    Palette((14, 22, 54), (63, 90, 140), (232, 238, 250), (58, 80, 126), (9, 14, 34)),  # moonlight
    Palette((244, 158, 104), (253, 221, 158), (255, 246, 214), (214, 118, 84), (92, 36, 44)),  # desert
    Palette((176, 208, 200), (240, 244, 226), (255, 255, 246), (146, 184, 160), (24, 66, 54)),  # forest mist
    Palette((88, 66, 130), (244, 160, 190), (255, 220, 222), (158, 98, 150), (46, 24, 66)),  # lilac
    Palette((26, 92, 122), (142, 208, 200), (240, 252, 236), (74, 148, 158), (10, 46, 66)),  # lagoon
    Palette((196, 208, 222), (246, 240, 234), (255, 252, 246), (168, 182, 200), (58, 74, 98)),  # winter
)


def paint(seed: bytes, size: Size) -> Image.Image:
    """Return an RGB picture of `size` pixels that depends only on `seed` and `size`."""
    chance = random.Random(seed)
    palette = PALETTES[int(chance.random() * len(PALETTES))]
    motifs = (_hills, _hills, _waves, _orbs)
    picture = motifs[int(chance.random() * len(motifs))](chance, palette, size)
    _mark(picture)
    return picture


def inset(picture: Image.Image, given: Sequence[Image.Image]) -> None:
    """Paste the given images into the upper right of the picture, framed, each whole and small."""
    width, height = picture.size
    side = max(8, min(width // 3, width // (len(given) + 1))) if given else 0
    margin = max(2, side // 16)
    right = width - margin
    for image in reversed(given):
        small = image.copy()
        small.thumbnail((side - 2 * margin, min(side, height // 2) - 2 * margin))
        frame = Image.new("RGB", (small.width + margin, small.height + margin), (250, 250, 250))
        frame.paste(small, (margin // 2, margin // 2))
        right -= frame.width
        picture.paste(frame, (right, margin))
        right -= margin


def sketch(picture: Image.Image, number: int) -> Image.Image:
    """Return a preview of the picture, number `number` (from 0): the later, the sharper."""
    coarse = picture.copy()
    coarse.thumbnail((12 * 2**number, 12 * 2**number))
    rough = coarse.resize(picture.size, Image.Resampling.BICUBIC)
    _mark(rough)
    return rough


def _hills(chance: random.Random, palette: Palette, size: Size) -> Image.Image:
    """Return a sun or moon behind ridges that grow darker the nearer they are."""
    picture = _gradient(palette.top, palette.horizon, size)
    horizon = _between(chance, 0.42, 0.58)
    _sun(picture, chance, palette, horizon)
    layers = 4 + int(chance.random() * 3)
    for layer in range(layers):
        depth = layer / (layers - 1)
        ridge = _Curve(chance, level=horizon + (0.98 - horizon) * depth * 0.85, swing=0.035 + 0.05 * depth)
        color = _mix(palette.far, palette.near, depth**0.8)
        # Mist lies in the valleys: each ridge fades towards the horizon's colour at its foot.
        fill = _gradient(color, _mix(color, palette.horizon, 0.3 * (1 - depth)), size)
        picture.paste(fill, mask=ridge.area_below(size))
    return picture


def _waves(chance: random.Random, palette: Palette, size: Size) -> Image.Image:
    """Return translucent bands of colour that flow over each other."""
    picture = _gradient(palette.horizon, palette.top, size)
    colors = (palette.light, palette.far, palette.horizon, palette.near, palette.top)
    bands = 5 + int(chance.random() * 3)
    for band in range(bands):
        level = 0.12 + 0.8 * band / bands
        curve = _Curve(chance, level=level, swing=_between(chance, 0.05, 0.11))
        color = _mix(colors[band % len(colors)], palette.near, 0.5 * band / bands)
        mask = curve.area_below(size).point([round(value * 0.62) for value in range(256)])
        picture.paste(color, mask=mask)
    return picture


def _orbs(chance: random.Random, palette: Palette, size: Size) -> Image.Image:
    """Return soft spheres, large and small, over a quiet ground."""
    picture = _gradient(_mix(palette.top, palette.near, 0.25), palette.horizon, size)
    short = min(size)
    for number in range(9):
        radius = int(short * (_between(chance, 0.2, 0.34) if number < 3 else _between(chance, 0.04, 0.13)))
        center = (int(size[0] * _between(chance, 0.08, 0.92)), int(size[1] * _between(chance, 0.08, 0.85)))
        lit = _mix(palette.light, palette.horizon, chance.random())
        shade = _mix(palette.far, palette.near, chance.random())
        ball = _gradient(lit, shade, (2 * radius, 2 * radius))
        mask = _disc(radius).point([round(value * 0.86) for value in range(256)])
        picture.paste(ball, (center[0] - radius, center[1] - radius), mask)
    return picture


def _sun(picture: Image.Image, chance: random.Random, palette: Palette, horizon: float) -> None:
    width, height = picture.size
    radius = int(min(picture.size) * _between(chance, 0.05, 0.11))
    x, y = int(width * _between(chance, 0.2, 0.8)), int(height * horizon * _between(chance, 0.35, 0.95))
    reach = radius * 5
    halo = Image.radial_gradient("L").point([round(max(0, 1 - value / 181) ** 2 * 150) for value in range(256)])
    picture.paste(palette.light, (x - reach, y - reach), halo.resize((2 * reach, 2 * reach)))
    picture.paste(palette.light, (x - radius, y - radius), _disc(radius))


class _Curve:
    """A gently swinging line across the picture; `level` and `swing` are shares of its height."""

    def __init__(self, chance: random.Random, *, level: float, swing: float) -> None:
        self._level = level
        frequencies = (_between(chance, 0.5, 1.2), _between(chance, 1.6, 2.8), _between(chance, 4.0, 7.0))
        self._terms = [
            (swing * share, frequency * math.tau, chance.random() * math.tau)
            for share, frequency in zip((0.62, 0.29, 0.09), frequencies, strict=True)
        ]

    def area_below(self, size: Size) -> Image.Image:
        """Return a smooth mask of everything below the line."""
        width, height = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
        line = [(width * step / CURVE_STEPS, height * self._at(step / CURVE_STEPS)) for step in range(CURVE_STEPS + 1)]
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon([*line, (width, height), (0, height)], fill=255)
        return mask.reduce(SUPERSAMPLING)

    def _at(self, x: float) -> float:
        return self._level + sum(swing * math.sin(rate * x + phase) for swing, rate, phase in self._terms)


def _disc(radius: int) -> Image.Image:
    side = 2 * radius * SUPERSAMPLING
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    return mask.reduce(SUPERSAMPLING)


def _gradient(top: Color, bottom: Color, size: Size) -> Image.Image:
    column = Image.new("RGB", (1, size[1]))
    column.putdata([_mix(top, bottom, row / size[1]) for row in range(size[1])])
    return column.resize(size, Image.Resampling.NEAREST)


def _mix(one: Color, other: Color, share: float) -> Color:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _between(chance: random.Random, low: float, high: float) -> float:
    return low + (high - low) * chance.random()


def _mark(picture: Image.Image) -> None:
    """Write SANDBOX on a dark plate in the lower left corner, large enough to be read on a thumbnail."""
    short = min(picture.size)
    font = ImageFont.load_default(max(8, short // 17))
    margin, padding, spacing = short // 28, short // 40, short // 130
    letters = [(letter, font.getlength(letter)) for letter in "SANDBOX"]
    ascent = font.getbbox("SANDBOX")
    width = int(sum(advance for _, advance in letters) + spacing * (len(letters) - 1)) + 2 * padding
    height = int(ascent[3] - ascent[1]) + 2 * padding
    left, top = margin, picture.height - margin - height
    plate = Image.new("L", (width, height))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, width - 1, height - 1), radius=height // 4, fill=165)
    picture.paste((12, 14, 24), (left, top), plate)
    draw, x = ImageDraw.Draw(picture), float(left + padding)
    for letter, advance in letters:
        draw.text((x, top + padding - ascent[1]), letter, font=font, fill=(255, 255, 255))
        x += advance + spacing
