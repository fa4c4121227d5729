"""Whether text can be read on a colour, by the contrast of WCAG 2 (its section 1.4.3). Pure."""

from __future__ import annotations

import re

WHITE = "#ffffff"
DARK = "#1b1f24"
"""The pages' own text on white."""
DARK_PAGE = "#15181c"
"""The pages' background in the dark scheme."""

READABLE = 4.5
"""Contrast that text of any size must have (level AA)."""
DISTINCT = 3.0
"""Contrast by which a button stands out from the page (1.4.11)."""

_COLOR = re.compile(r"#[0-9a-f]{6}")


def color(text: str) -> str:
    """A colour as ``#rrggbb``, in small letters. Raises ValueError."""
    found = text.strip().lower()
    if _COLOR.fullmatch(found) is None:
        raise ValueError("expected a colour such as #0b5cad")
    return found


def contrast(one: str, other: str) -> float:
    """Contrast of two colours ``#rrggbb``: 1 (the same) to 21 (black and white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink(background: str) -> str:
    """White or the pages' dark, whichever is read better on this colour."""
    return max((WHITE, DARK), key=lambda text: contrast(text, background))


def readable(text: str) -> str:
    """The colour, when white or dark text can be read on it. Raises ValueError."""
    found = color(text)
    best = contrast(ink(found), found)
    if best < READABLE:
        raise ValueError(
            f"neither white nor dark text can be read on it: contrast {best:.1f}, at least"
            f" {READABLE} is needed; take a darker or a lighter one"
        )
    return found


def _luminance(hexadecimal: str) -> float:
    red, green, blue = (int(hexadecimal[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
