"""The colours of the map: those of sources, or of languages where there is one source."""

import re

import pytest

from pipelines.html import language_colours
from pipelines.report import document_map

PLACES = [("news", "arb_Arab"), ("web", "arz_Arab"), ("web", "arb_Arab")]


def drawn(places):
    """The colours of the points, and the names in the legend."""
    points = [
        {
            "id": f"{n}",
            "source": source,
            "language": label,
            "title": "ع",
            "island": 0,
            "place": (0.5, 0.5),
            "shown": False,
        }
        for n, (source, label) in enumerate(places)
    ]
    (section,) = document_map.render(
        {"points": points, "islands": [{"words": ["x"], "centre": (0, 0), "radius": 0.1}]}
    )
    legend = section.content.partition('class="legend"')[2].partition("</ul>")[0]
    return re.findall(r'r="6" class="f(\d+)"', section.content), re.findall(r"</i>([^<]*)</li>", legend)


def test_points_have_the_colours_of_their_sources():
    colours, names = drawn(PLACES)
    assert names == ["web", "news"]
    assert colours == ["2", "1", "1"]


def test_points_of_one_source_have_the_colours_of_their_languages():
    colours, names = drawn([("web", label) for _, label in PLACES])
    expected = language_colours(["arb_Arab", "arz_Arab"])
    assert colours == [str(expected[label]) for _, label in PLACES]
    assert names == ["Modern Standard Arabic", "Egyptian Arabic"]


@pytest.mark.parametrize("figures", [{"points": [], "islands": []}])
def test_a_build_without_a_map_has_no_section(figures):
    assert document_map.render(figures) == []
