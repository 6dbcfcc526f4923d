"""The page: whole HTML that requests nothing from the network, shows text as text, and sets Arabic right to left."""

import base64
import copy
import hashlib
import re
import shutil
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.html import Bar, Label, Line, Markup, Piece, Stack, charts, plural, size, tag
from pipelines.report import gather, render
from sharding.seal import Sealed
from tests.pipelines.report.reading import Page

HOSTILE = '</p></title></style><script>alert(1)</script><img src=x onerror="alert(2)">\'"&amp;\x00\x1b\ud800'
ARABIC = re.compile("[\u0620-\u064a]")


@pytest.fixture(scope="module")
def html(figures) -> str:
    return render(figures)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_nothing_is_fetched_and_one_script_runs(page, html):
    for element in page.elements:
        assert element.name not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {name for name in element.attributes if name.startswith("on") or name in ("src", "srcset", "data")}
        assert element.attributes.get("href", "#").startswith("#")
    assert "url(" not in html
    assert "@import" not in html
    policies = [element for element in page.elements if "http-equiv" in element.attributes]
    assert [policy.attributes["http-equiv"] for policy in policies] == ["Content-Security-Policy"]
    policy = policies[0].attributes["content"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    (script,) = (text for text, parents in page.texts if parents and parents[-1].name == "script")
    assert policy.endswith(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'")
    assert not re.search(r"fetch\(|XMLHttp|WebSocket|sendBeacon|import\(|Storage|cookie|innerHTML|eval\(", script)


def test_every_link_has_its_section(page):
    links = [element for element in page.elements if element.name == "a"]
    anchors = [link.attributes["href"][1:] for link in links if link.parents[-1].name == "nav"]
    assert {link.attributes["href"][1:] for link in links} <= {
        element.attributes["id"] for element in page.elements if "id" in element.attributes
    }
    assert anchors == [element.attributes["id"] for element in page.elements if element.name == "section"]
    documents = {"sources", "corpora", "documents", "map", "duplicates", "provenance"}
    assert set(anchors) == documents | {"mixing", "tokenizer", "packing", "rows", "training", "losses", "samples"}


def test_the_page_is_small(html):
    assert len(html.encode()) < 500_000


def test_arabic_is_in_elements_with_a_direction_and_english_is_not(page):
    arabic = [parents for text, parents in page.texts if ARABIC.search(text)]
    assert len(arabic) > 20
    for parents in arabic:
        nearest = next(element for element in reversed(parents) if "dir" in element.attributes)
        assert nearest.name != "html"
        assert nearest.attributes["dir"] in ("rtl", "auto") or "code" in nearest.attributes["class"].split()
    right_to_left = [element for element in page.elements if element.attributes.get("dir") == "rtl"]
    assert right_to_left
    assert all(element.attributes["lang"] == "ar" for element in right_to_left)
    assert page.elements[0].attributes == {"lang": "en", "dir": "ltr"}


def test_token_views_join_to_their_passages(figures, page):
    shown: dict[int, str] = {}
    for text, parents in page.texts:
        for parent in parents:
            if "tokens" in (parent.attributes.get("class") or "").split():
                shown[id(parent)] = shown.get(id(parent), "") + text
    views = [pieces for passages in figures["tokenizer"]["views"].values() for pieces in passages]
    assert list(shown.values()) == ["".join(piece for piece, _ in pieces) for pieces in views]


def test_every_chart_has_a_title_and_a_description(page):
    drawn = [element for element in page.elements if "chart" in (element.attributes.get("class") or "").split()]
    assert len(drawn) >= 12
    for chart in drawn:
        named = {element.name for element in page.elements if chart in element.parents}
        assert {"title", "desc"} <= named
        assert chart.attributes["role"] == "img"


def hostile(value):
    """The same figures with every string made hostile."""
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_hostile_text_is_letters_on_the_page(figures, page):
    changed = hostile(copy.deepcopy(figures))
    changed["made_from"] = figures["made_from"]
    changed["packing"]["dtype"] = "<u2"
    changed["sources"]["corpora"][0]["bad"] = [HOSTILE]
    changed["sources"]["corpora"][0]["read"]["documents"]["dropped"] = {HOSTILE: 1}
    changed["shares"]["by"] = "language"
    html = render(changed)
    attacked = Page(html)
    assert {element.name for element in attacked.elements} == {element.name for element in page.elements} | {
        "ul",
        "li",
        "ol",
    }
    assert not any(name.startswith("on") for element in attacked.elements for name in element.attributes)
    assert "alert(1)" in "".join(text for text, _ in attacked.texts)
    html.encode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", html)


@given(st.text(), st.text())
def test_text_is_read_back_from_markup_unchanged(content, attribute):
    clean = str.maketrans(dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], "\ufffd"))
    for kept in "\t\n\r":
        clean.pop(ord(kept))
    page = Page(tag("p", content, title=attribute))
    assert "".join(text for text, _ in page.texts) == content.translate(clean)
    assert page.elements[0].attributes["title"] == attribute.translate(clean)


def test_only_markup_is_inserted_as_it_is():
    assert tag("p", Markup("<b>bold</b>"), "<i>") == "<p><b>bold</b>&lt;i&gt;</p>"
    assert tag("rect", x=1.50, hidden=True, rx=None) == '<rect x="1.5" hidden></rect>'


@pytest.mark.parametrize("places", [["run"], ["run", "verified", "dataset", "tokens", "tokenizer", "unique"]])
def test_an_unfinished_build_has_a_page_of_the_stages_that_have_run(own, places):
    for name in places:
        shutil.rmtree(own / name)
    page = Page(render(gather(own)))
    sections = {element.attributes["id"] for element in page.elements if element.name == "section"}
    assert "training" not in sections
    assert {"sources", "provenance"} <= sections


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (15_400, "15.4 kB"), (999_600, "1 MB"), (2.5e15, "2,500 TB")],
)
def test_sizes_have_three_digits_and_the_unit_that_takes_them(number, shown):
    assert size(number) == shown.replace(" ", "\u202f")


# -- charts -----------------------------------------------------------------------------------------------

VALUES = st.floats(0, 1e9, allow_nan=False) | st.integers(0, 10**12)


def percents(page: Page, attribute: str) -> list[float]:
    values = [element.attributes[attribute] or "" for element in page.elements if attribute in element.attributes]
    return [float(value[:-1]) for value in values if value.endswith("%")]


@given(st.lists(st.lists(VALUES, max_size=4), max_size=5))
def test_bars_are_as_long_as_their_values_and_leave_space_for_numbers(groups):
    labelled = [(Label("name", "note"), [Bar(value, "v", "h") for value in group]) for group in groups]
    page = Page(charts.bars("t", "d", labelled))
    widths, values = percents(page, "width"), [value for group in groups for value in group]
    assert len(widths) == len(values)
    assert all(0 <= width <= 80 for width in widths)
    most = max(values, default=0) or 1
    for width, value in zip(widths, values, strict=True):
        assert width == pytest.approx(max(80 * value / most, 0.15), abs=0.02)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=1, max_size=4))
def test_stacked_bars_and_phases_fill_their_box_and_no_more(rows):
    drawn = [Stack("name", [Piece(value, "h", 1) for value in row], "note", 1 + len(row)) for row in rows]
    for page in (Page(charts.stacks("t", "d", drawn)), Page(charts.timeline("t", "d", drawn))):
        ends = [
            float(element.attributes["x"][:-1]) + float(element.attributes["width"][:-1])
            for element in page.elements
            if element.name in ("rect", "svg") and (element.attributes.get("x") or "").endswith("%")
        ]
        assert max(ends) <= 100.01


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(-1e6, 1e6)), min_size=1, max_size=50))
def test_curves_stay_within_their_axes(points):
    points = sorted(points)
    band = [(y - 1, y + 1) for _, y in points]
    marks = [(0, "before the first"), (points[0][0], "first"), (10**7, "beyond the last")]
    page = Page(charts.lines("t", "d", [Line("curve", points, band=band, dots=True)], marks=marks))
    drawn = [element.attributes["points"] for element in page.elements if "points" in element.attributes]
    assert len(drawn) == 2
    for x, y in (pair.split(",") for points in drawn for pair in (points or "").split()):
        assert -0.1 <= float(x) <= 1000.1
        assert -0.1 <= float(y) <= 1000.1
    assert all(0 <= percent <= 100 for name in ("x", "x1", "x2", "cx") for percent in percents(page, name))
    assert not [text for text, _ in page.texts if text == "beyond the last"]
    assert 2 <= sum(element.attributes.get("class") == "grid" for element in page.elements) <= 8


def shown_texts(page: Page) -> list[str]:
    return [text for text, parents in page.texts if parents and parents[-1].name == "text"]


@given(st.lists(st.tuples(st.text("name ", min_size=1, max_size=30), st.integers(1, 400)), min_size=1, max_size=8))
def test_names_of_phases_are_never_printed_over_each_other(phases):
    names = [f"{name}{number}" for number, (name, _) in enumerate(phases)]
    stacks = [Stack(name, [Piece(1, "h", 1)], width=width) for name, (_, width) in zip(names, phases, strict=True)]
    whole = sum(width for _, width in phases)
    starts = [sum(width for _, width in phases[:number]) for number in range(len(phases))]
    drawn = (
        Page(charts.timeline("t", "d", stacks)),
        Page(charts.lines("t", "d", [Line("c", [(0, 1), (whole, 2)])], marks=list(zip(starts, names, strict=True)))),
    )
    for page in drawn:
        texts, listed = shown_texts(page), [text for text, parents in page.texts if parents[-1].name == "li"]
        beside = [name for name in names if name in texts]
        assert (beside, listed) in ((names, []), ([], names))
        for name, (_, width) in zip(beside, phases, strict=False):
            assert len(name) * charts.LETTER <= charts.NARROW * width / whole


@given(st.integers(1, 10**9))
def test_ticks_are_never_printed_over_each_other(most):
    page = Page(charts.lines("t", "d", [Line("c", [(0, 1), (most, 2)])], x_name="bytes"))
    spans = []
    for element in page.elements:
        x = element.attributes.get("x") or ""
        if element.name == "text" and x.endswith("%") and "dx" not in element.attributes:
            (label,) = [text for text, parents in page.texts if parents and parents[-1] is element]
            width, place = len(label) * 6.5, 3 * float(x[:-1])
            left = place - width if element.attributes["text-anchor"] == "end" else place - width / 2
            if label != "bytes":  # the unit, which is under the ticks
                spans.append((left, left + width))
    assert spans
    for (_, right), (left, _) in pairwise(sorted(spans)):
        assert right < left


def test_a_label_is_cut_before_its_note():
    name = "a name of a source that is much longer than a telephone is wide, and longer still"
    page = Page(charts.bars("t", "d", [(Label(name, "12,345 of 67,890"), [Bar(1, "1", "h")])]))
    shown = next(text for text in shown_texts(page) if text.startswith("a name"))
    assert shown.endswith("…")
    assert (len(shown) + len("12,345 of 67,890")) * charts.LETTER <= charts.NARROW
    assert name in [text for text, parents in page.texts if parents[-1].name == "title"]


def test_curves_carry_their_values_for_the_pointer():
    page = Page(charts.lines("t", "d", [Line("loss", [(1, 4.5), (1000, 3.25)])], show="{:.2f}".format))
    (curve,) = [element for element in page.elements if element.name == "polyline"]
    assert curve.attributes["data-x"] == "1|1,000"
    assert curve.attributes["data-y"] == "4.50|3.25"
    assert len((curve.attributes["points"] or "").split()) == 2


def test_charts_of_nothing_are_empty_pictures():
    for draw in (charts.bars, charts.stacks, charts.timeline, charts.lines):
        chart = draw("t", "d", [])
        assert {element.name for element in Page(chart).elements} <= {"svg", "title", "desc", "text"}


def test_a_plural_is_that_of_its_number():
    assert [plural(1, "source"), plural(1200, "source")] == ["1 source", "1,200 sources"]
    assert [plural(1, "process", "processes"), plural(2, "process", "processes")] == ["1 process", "2 processes"]


def test_rows_show_the_documents_they_are_made_of(figures, page):
    assert figures["rows"]
    assert sum(len(row["pieces"]) for row in figures["rows"]) > 0
    for row in figures["rows"]:
        assert row["segments"] >= len(row["pieces"])
        for piece in row["pieces"]:
            assert any(piece["id"] == text for text, parents in page.texts if parents and parents[-1].name == "code")


def test_clusters_of_duplicates_are_those_of_the_metadata(own):
    figures = gather(own)["duplicates"]
    dropped = Sealed(own / "unique").manifest.counts["documents"].dropped
    copies = sum(dropped.get(reason, 0) for reason in ("exact duplicate", "near duplicate"))
    assert copies
    assert figures["documents"] - sum(figures["clusters"]) == copies
