"""Losses of single tokens on the page: legible without the script, by tint, legend, title and table."""

import re
from importlib import resources

import pytest

from pipelines.html.page import render_page
from pipelines.report import losses

PIECES = [["ذه", 1, 0.2], ["ب ", 2, 3.0], ["الولد", 1, 8.25], [" إلى", 1, None]]
DOCUMENT = {"stratum": "news", "language": "arb_Arab", "row": 3, "pieces": PIECES}


def test_a_token_has_the_tint_of_its_loss_and_its_values_in_a_title():
    (section,) = losses.render([DOCUMENT], "", "")
    spans = re.findall(r'<span class="(\w+)"(?: title="([^"]*)")?>([^<]*)</span>', section.content)
    assert [text for *_, text in spans] == [text for text, *_ in PIECES]
    assert [kind for kind, *_ in spans] == ["l0", "l2", "l5", "prompt"]
    assert ["nats" in title for _, title, _ in spans] == [True, True, True, False]
    assert "8.25 nats" in spans[2][1]
    assert "2 tokens" in spans[1][1]
    assert 'dir="rtl"' in section.content


def test_every_tint_is_in_the_legend_and_in_the_style():
    (section,) = losses.render([DOCUMENT], "", "")
    page = render_page(title="", kicker="", lead=[], sections=[section], foot="")
    for level in range(len(losses.LEVELS) + 1):
        assert f'<i class="l{level}">' in section.content
        assert f".l{level} {{" in page


def test_text_is_readable_on_every_tint():
    style = resources.files("pipelines.html").joinpath("page.css").read_text("utf-8")
    light, dark = style.split("prefers-color-scheme: dark", 1)
    for scheme in (light, dark):
        tint = dict(re.findall(r"--(\w+): #([0-9a-f]{6,8});", scheme.split("}")[0] if scheme is dark else scheme))
        ink, raised = (channels(tint[name]) for name in ("ink", "raised"))
        for level in range(1, len(losses.LEVELS) + 1):
            *colour, alpha = channels(tint[f"l{level}"])
            mixed = [alpha * over + (1 - alpha) * under for over, under in zip(colour, raised, strict=True)]
            high, low = sorted((luminance(ink), luminance(mixed)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (level, tint[f"l{level}"])


def channels(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in range(0, len(colour), 2)]


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_tokens_with_the_highest_loss_are_listed():
    (section,) = losses.render([DOCUMENT], "", "")
    table = section.content.partition("<tbody>")[2]
    assert list(re.findall(r"<p[^>]*>([^<]*)</p>", table)) == ["الولد", "ب ", "ذه"]


@pytest.mark.parametrize("pieces", [[], [["x", 1, None]]])
def test_a_document_without_targets_is_shown_without_numbers(pieces):
    (section,) = losses.render([{**DOCUMENT, "language": None, "pieces": pieces}], "", "")
    assert "<table" not in section.content


def test_markup_in_a_token_is_inert():
    (section,) = losses.render([{**DOCUMENT, "pieces": [["<script>", 1, 1.0]]}], "", "")
    assert "<script>" not in section.content


def test_a_run_without_losses_has_no_section():
    assert losses.render([], "", "") == []
