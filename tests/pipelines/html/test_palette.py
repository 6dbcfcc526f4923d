"""The colours of series: contrast with the page, distance from each other to any eye, one colour for each language."""

import itertools
import re
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.html.palette import COLOURS, DARK, FIXED, GREY, LIGHT, language_colours, style

# OKLab (Ottosson 2020); simulated dichromats in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
EYES = {
    "all cones": np.eye(3),
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
JUST_NOTICEABLE = 0.02
"""In OKLab, between patches side by side."""


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(colour: str, surface: str) -> float:
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (colour, surface))
    return (high + 0.05) / (low + 0.05)


def seen(colour: str, eye: str) -> np.ndarray:
    return np.array(LAB) @ np.cbrt(np.array(CONES) @ np.clip(np.array(EYES[eye]) @ linear(colour), 0, 1))


def variables(scheme: int) -> dict[str, str]:
    """The colours of the page's style sheet by name, of the light or the dark scheme."""
    css = resources.files("pipelines.html").joinpath("page.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", blocks[scheme]))


@pytest.mark.parametrize(("scheme", "colours"), [(0, LIGHT), (1, DARK)])
def test_every_colour_has_a_contrast_of_three_to_one_with_both_surfaces(scheme, colours):
    page = variables(scheme)
    for colour in (*colours, GREY[scheme]):
        assert min(contrast(colour, page[surface]) for surface in ("paper", "raised")) >= 3


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_has_a_contrast_of_four_and_a_half_to_one(scheme):
    page = variables(scheme)
    for ink, surface in itertools.product(("ink", "soft", "accent"), ("paper", "raised")):
        assert contrast(page[ink], page[surface]) >= 4.5


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_twenty_colours_differ_to_every_eye(colours, eye):
    assert len(colours) == 20
    for first, second in itertools.combinations(colours, 2):
        assert np.linalg.norm(seen(first, eye) - seen(second, eye)) > 3 * JUST_NOTICEABLE


LABELS = st.sampled_from(FIXED) | st.text(max_size=6)


@given(st.sets(LABELS, max_size=COLOURS), st.randoms())
def test_languages_differ_in_colour_and_keep_it_in_any_order(labels, random):
    order = sorted(labels)
    random.shuffle(order)
    colours = language_colours(order)
    assert list(colours) == order
    assert len(set(colours.values())) == len(labels)
    assert all(1 <= colour <= COLOURS for colour in colours.values())
    assert colours == language_colours(sorted(labels))
    assert all(colours[label] == FIXED.index(label) + 1 for label in labels if label in FIXED)


def test_more_languages_than_colours_have_some_colour():
    colours = language_colours([f"x{number}" for number in range(3 * COLOURS)])
    assert set(colours.values()) == {*range(1, COLOURS + 1)}


def test_every_colour_has_its_classes():
    css = style()
    for number in range(COLOURS + 2):
        assert f".f{number} " in css
        assert f".s{number} " in css
        assert css.count(f"--c{number}:") == 2
