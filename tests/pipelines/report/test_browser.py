"""The pages in a real browser: silent console, no request, search, filter, values under the pointer, keyboard, joined
Arabic letters, no sideways scrolling, light and dark.
"""

import functools
import json
import re
import shutil

import pytest
from browser import DARK, LIGHT, left_behind, open_page, with_script

from pipelines import fertility, report

# The script runs in a copy of the page without its policy, which forbids scripts. The copy is in a frame, since a
# window cannot be as narrow as a telephone, and sends its measures to the page around the frame.
MEASURE = """
<script>
console.log("measuring");
for (const folded of document.querySelectorAll("details")) folded.open = true;
dispatchEvent(new Event("resize"));
const width = (paragraph) => {
  const range = document.createRange();
  range.selectNodeContents(paragraph);
  return range.getBoundingClientRect().width;
};
const joins = [...document.querySelectorAll(".tokens[dir=rtl], .losses[dir=rtl]")].map((paragraph) => {
  const pieces = [...paragraph.childNodes].map((piece) => piece.textContent);
  paragraph.style.whiteSpace = "pre";
  const cut = width(paragraph);
  paragraph.textContent = pieces.join("");
  const whole = width(paragraph);
  paragraph.textContent = pieces.join("\\u200c");
  const apart = width(paragraph);
  paragraph.textContent = pieces.join("");
  paragraph.style.whiteSpace = "";
  return {pieces: pieces.length, cut, whole, apart};
});
const root = document.documentElement;
const boxes = [...document.querySelectorAll(".scroll")];
parent.postMessage({
  inner: innerWidth, scroll: root.scrollWidth, client: root.clientWidth, joins,
  background: getComputedStyle(document.body).backgroundColor,
  wide: boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.tabIndex),
}, "*");
</script>
"""
FRAME = """
<!DOCTYPE html><meta charset="utf-8"><title>frame</title>
<script>
addEventListener("message", (event) => document.body.setAttribute("data-measured", JSON.stringify(event.data)));
</script>
<body><iframe src="measured.html" style="width: {width}px; height: 800px; border: 0"></iframe></body>
"""


@pytest.fixture(scope="module", params=["report", "fertility"])
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    if request.param == "report":
        return report.write_report(folder, request.getfixturevalue("figures"))
    compared = request.getfixturevalue("compared")
    return shutil.copy(compared.out / fertility.PAGE, folder / fertility.PAGE)


@pytest.fixture(scope="module")
def measure(page):
    """The page's measures at some width in a colour scheme, everything unfolded. Each is measured once."""

    @functools.cache
    def measured(width, scheme):
        page.with_name("measured.html").write_text(with_script(page.read_text(), MEASURE))
        frame = page.with_name("frame.html")
        frame.write_text(FRAME.replace("{width}", str(width)))
        dom, console = open_page(frame.as_uri(), "--virtual-time-budget=3000", scheme=scheme)
        assert len(console) == 1
        assert "measuring" in console[0]  # so that an empty console is a silent page, and not a lost log
        return left_behind(dom, "measured")

    return measured


def test_the_console_is_silent(page):
    dom, console = open_page(page.as_uri())
    assert console == []
    assert "</html>" in dom


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_scrolls_sideways(measure, width):
    measured = measure(width, LIGHT)
    assert measured["inner"] == width
    assert measured["scroll"] <= measured["client"]


def test_arabic_letters_join_across_tokens(measure):
    joins = measure(1440, LIGHT)["joins"]
    assert len(joins) >= 3
    for join in joins:  # a layout rounds each piece to a 64th of a pixel
        assert join["cut"] == pytest.approx(join["whole"], abs=join["pieces"] / 64 + 0.1)
    assert any(abs(join["apart"] - join["whole"]) > 3 for join in joins)


@pytest.mark.parametrize(("scheme", "darkest", "lightest"), [(DARK, 0, 120), (LIGHT, 600, 765)])
def test_dark_is_dark_and_light_is_light(measure, scheme, darkest, lightest):
    background = measure(1440, scheme)["background"]
    assert darkest <= sum(map(int, re.findall(r"\d+", background)[:3])) <= lightest


def test_tables_that_scroll_take_the_focus_of_the_keyboard(measure):
    wide = measure(390, LIGHT)["wide"]
    assert wide
    assert set(wide) == {0}


# The script is in a copy of the page without its policy. It uses the page as a reader does: it types, chooses, clicks.
USE = """
<script>
{
const shown = () => [...document.querySelectorAll(".sample:not([hidden])")].map((card) => ({
  text: card.textContent, source: card.dataset.source, language: card.dataset.language, reason: card.dataset.reason,
  open: card.closest("details").open,
}));
const put = (id, value) => {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event(id === "filter-text" ? "input" : "change"));
  return shown();
};
const used = {all: shown()};
const reset = () => document.querySelector(".filter button").click();
if (used.all.length > 0) {
  used.searched = put("filter-text", WORD);
  used.counter = document.getElementById("filter-count").textContent;
  reset();
  used.reset = shown().length;
  used.filtered = put("filter-language", used.all[0].language);
  reset();
  const link = document.querySelector("a[data-reason]");
  link.click();
  used.reason = link.dataset.reason;
  used.dropped = shown();
  used.target = decodeURIComponent(location.hash.slice(1));
  used.inTarget = [...document.querySelectorAll(".sample:not([hidden])")].every(
    (card) => card.closest(`[id="${used.target}"]`) !== null);
}
const plot = document.querySelector("svg.plot");
const hint = document.querySelector(".hint");
const curve = plot.querySelector("polyline");
plot.focus();
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
used.last = hint.textContent;
used.expected = curve.dataset.y.split("|").at(-1);
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
used.before = hint.textContent;
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
used.escaped = hint.hidden;
const box = plot.querySelector("svg").getBoundingClientRect();
plot.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + 1, clientY: box.top + 5}));
used.first = hint.textContent;
used.hidden = hint.hidden;
const text = document.querySelector(".losses[dir=rtl]");
if (text) {
  const tokens = [...text.querySelectorAll("[data-value]")];
  const key = (name) => text.dispatchEvent(new KeyboardEvent("keydown", {key: name}));
  tokens[1].dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
  used.losses = {values: tokens.map((token) => token.textContent + token.dataset.value), under: hint.textContent};
  key("ArrowLeft"); // the text runs from right to left
  used.losses.next = hint.textContent;
  key("Escape");
  used.losses.hidden = hint.hidden;
  used.losses.focus = text.tabIndex;
}
const map = document.querySelector("svg.map");
if (map) {
  const link = map.querySelector("a");
  link.querySelector("circle").dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
  used.map = {under: hint.textContent, title: link.getAttribute("aria-label")};
  map.dispatchEvent(new PointerEvent("pointerleave"));
  used.map.hidden = hint.hidden;
  link.dispatchEvent(new FocusEvent("focusin", {bubbles: true}));
  used.map.focused = hint.textContent;
  location.hash = link.getAttribute("href");
  dispatchEvent(new HashChangeEvent("hashchange"));
  used.map.open = document.querySelector(link.getAttribute("href")).closest("details").open;
}
used.requests = performance.getEntriesByType("resource").length;
document.body.setAttribute("data-used", JSON.stringify(used));
}
</script>
"""


@pytest.fixture(scope="module")
def used(page, figures):
    """What a reader sees who uses the search, the filters, the links of reasons, and the curves."""
    samples = figures["corpora"]["samples"]
    word = next(iter(samples.values()))["kept"][0]["text"].split()[0]
    copy = page.with_name("used.html")
    copy.write_text(with_script(page.read_text(), USE.replace("WORD", json.dumps(word))))
    dom, console = open_page(copy.as_uri())
    assert console == []
    return left_behind(dom, "used") | {"word": word}


def test_the_script_runs_under_its_policy(page):
    dom, console = open_page(page.as_uri())
    assert console == []
    assert 'class="hint"' in dom
    assert ('id="filter-text"' in dom) == ('class="sample"' in dom)


def test_nothing_is_requested(used):
    assert used["requests"] == 0


def test_documents_are_searched_and_filtered(used):
    if not used["all"]:
        pytest.skip("a comparison of tokenizers has no sample documents")
    assert 0 < len(used["searched"]) < len(used["all"])
    assert all(card["open"] for card in used["searched"])
    assert used["counter"].startswith(f"{len(used['searched'])} of {len(used['all'])} ")
    assert used["reset"] == len(used["all"])
    assert {card["language"] for card in used["filtered"]} == {used["all"][0]["language"]}
    assert len(used["filtered"]) < len(used["all"])


def test_a_reason_shows_the_documents_that_were_dropped_for_it(used):
    if not used["all"]:
        pytest.skip("a comparison of tokenizers has no sample documents")
    assert used["dropped"]
    assert {card["reason"] for card in used["dropped"]} == {used["reason"]}
    assert all(card["open"] for card in used["dropped"])
    assert used["inTarget"]


def test_curves_show_their_values_to_the_pointer_and_to_the_keyboard(used):
    assert used["expected"] in used["last"]
    assert used["before"] != used["last"]
    assert used["escaped"]
    assert not used["hidden"]
    assert used["first"] not in ("", used["last"])


def test_tokens_show_their_loss_to_the_pointer_and_to_the_keyboard(used):
    if not used["all"]:
        pytest.skip("a comparison of tokenizers has no losses")
    losses = used["losses"]
    assert [losses["under"], losses["next"]] == losses["values"][1:3]
    assert all(re.search(r"\d nats, .*probability .*%", value) for value in losses["values"])
    assert losses["hidden"]
    assert losses["focus"] == 0


def test_points_of_the_map_show_their_document_and_lead_to_it(used):
    if not used["all"]:
        pytest.skip("a comparison of tokenizers has no map")
    shown = used["map"]
    assert shown["title"] in shown["under"]
    assert shown["hidden"]
    assert shown["focused"] == shown["under"]
    assert shown["open"]
