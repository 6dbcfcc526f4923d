"""Colours of series: twenty that differ to any eye, light and dark, and one colour for each language on all pages.

The colours were chosen by search: each keeps a contrast of 3 to 1 with the surfaces of its scheme (WCAG 2.2, 1.4.11),
and the smallest distance between any two is as large as was found, in OKLab (Ottosson 2020), to the full eye and to
protanopes, deuteranopes and tritanopes (Machado, Oliveira and Fernandes 2009). The tests compute both again.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

LIGHT = (
    *("#006e5a", "#c37800", "#6e5ad2", "#e6557d", "#2d915f", "#3c87fa", "#91000a", "#a55082", "#b964d7", "#874b32"),
    *("#5a1e6e", "#c34b0f", "#144b0a", "#7d4b9b", "#5a4669", "#788c96", "#460f96", "#9169af", "#730046", "#5037b4"),
)
DARK = (
    *("#7ddcc3", "#c39b23", "#5a73d2", "#f07887", "#b9fac3", "#5a9bb9", "#c3504b", "#f0a087", "#b487eb", "#fac887"),
    *("#a55aa5", "#be780a", "#c3be37", "#00beb9", "#827878", "#829b5f", "#a0afff", "#becdff", "#f0eb6e", "#55ffff"),
)
GREY = ("#85837c", "#8a929a")
"""Colour 0, of what is compared with: light, dark."""

COLOURS = len(LIGHT)
INK = COLOURS + 1
"""The colour of all series together: that of text."""
MANY = -1
"""In a legend: the bars have the colours of their languages."""

FIXED = (
    *("arb_Arab", "arz_Arab", "eng_Latn", "ary_Arab", "apc_Arab", "ars_Arab", "aeb_Arab", "acm_Arab", "afb_Arab"),
    *("arq_Arab", "ayl_Arab", "apd_Arab", "acw_Arab", "fas_Arab", "urd_Arab", "fra_Latn"),
)
"""Languages with a colour of their own, in the order of the colours."""


def colours_of(names: Iterable[str]) -> dict[str, int]:
    """Return the colour of each of several series, in order; those beyond the last colour share it."""
    return {name: min(number, COLOURS) for number, name in enumerate(names, 1)}


def language_colours(labels: Iterable[str]) -> dict[str, int]:
    """Return the colour of each language, in the order of `labels`, the same wherever the same languages are shown.

    A language without a colour of its own takes the one that its label hashes to, or the next that is free.
    """
    labels = list(dict.fromkeys(labels))
    chosen = {label: FIXED.index(label) + 1 for label in labels if label in FIXED}
    for label in sorted(set(labels) - chosen.keys()):
        first = crc32(label.encode(errors="surrogatepass"))
        slots = [(first + step) % COLOURS + 1 for step in range(COLOURS)]
        chosen[label] = next((slot for slot in slots if slot not in chosen.values()), slots[0])
    return {label: chosen[label] for label in labels}


def style() -> str:
    """Return the style sheet of the colours: `f3` fills with the third colour, `s3` strokes with it."""
    light, dark = (
        " ".join(f"--c{number}: {colour};" for number, colour in enumerate((grey, *colours, "var(--ink)")))
        for grey, colours in zip(GREY, (LIGHT, DARK), strict=True)
    )
    classes = "".join(
        f".f{n} {{ fill: var(--c{n}); background: var(--c{n}); }} .s{n} {{ stroke: var(--c{n}); }}\n"
        for n in range(INK + 1)
    )
    return f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{classes}"
