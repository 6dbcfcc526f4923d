"""A report of twelve dialects and six phases in a browser: no label overprints another, no column is cut, and each
dialect has a colour of its own with enough contrast, in light and dark, on a desk and on a telephone.

The page is that of a real build. Broken styles show that the measures see the faults that they are for.
"""

import json
import random
import re
from itertools import combinations
from pathlib import Path

import pytest
from browser import DARK, LIGHT, left_behind, open_page, with_script

from pipelines import cli

DIALECTS = (
    *("arb_Arab", "arz_Arab", "ary_Arab", "apc_Arab", "ars_Arab", "aeb_Arab"),
    *("acm_Arab", "afb_Arab", "arq_Arab", "ayl_Arab", "apd_Arab", "acw_Arab"),
)
PHASES = {"web-and-books": 8, "dialects": 5, "classical-prose-and-verse": 1, "books": 2, "questions": 1, "anneal": 1}
"""Steps by name. Some phases are narrow, and some names are long."""
WORDS = (
    "ذهب الولد إلى السوق مع أبيه صباحا واشترى خبزا وتمرا ثم عاد قبل الظهر وقال إن الطريق طويل والشمس حارة لكن الناس "
    "كلهم كانوا هناك يبيعون ويشترون ويتحدثون عن المطر والزرع والمدرسة الجديدة في القرية القريبة من النهر الكبير"
)
RECIPE = {
    "name": "dialects",
    "tokenizer": {"vocab_size": 400},
    "pack": {"row_tokens": 64, "validation": {"share": 0.1}},
    "mixture": {"by": "language", "rule": "inverse-frequency", "power": 0.5, "max_epochs": 50},
    "train": {"layers": 1, "width": 32, "heads": 2, "batch_rows": 16, "threads": 1, "warmup": 1, "eval": {"every": 6}},
}
WIDTHS = (400, 1280)

MEASURE = """
<script>
for (const folded of document.querySelectorAll("details")) folded.open = true;
dispatchEvent(new Event("resize"));
const page = document.documentElement.clientWidth;
const scrolled = [...document.querySelectorAll(".scroll")];
const texts = [], cut = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement;
  if (!node.textContent.trim() || parent.closest("script, style, title, desc, select")) continue;
  const text = node.textContent.trim().slice(0, 40);
  const range = document.createRange();
  range.selectNodeContents(node);
  const box = parent.closest(".scroll")?.getBoundingClientRect();
  const inner = parent.closest("svg svg")?.getBoundingClientRect(); // a phase, which clips what it holds
  for (const {left, right, top, bottom} of range.getClientRects()) {
    if (inner && right > inner.right + 1) cut.push(`${text}: wider than its phase`);
    if (!box && (left < -1 || right > page + 1)) cut.push(`${text}: beyond the page`);
    const seen = {text, left: Math.max(left, box?.left ?? left), right: Math.min(right, box?.right ?? right)};
    const edge = (bottom - top) / 4; // lines of letters with tall boxes may touch
    if (seen.right - seen.left > 1) texts.push({...seen, top: top + edge, bottom: bottom - edge});
  }
}
for (const box of scrolled) {
  const scrolls = getComputedStyle(box).overflowX === "auto" && box.tabIndex === 0;
  if (box.scrollWidth > box.clientWidth && !scrolls) cut.push(`${box.getAttribute("aria-label")}: does not scroll`);
  for (const cell of box.querySelectorAll("td, th")) {
    if (cell.scrollWidth > cell.clientWidth + 1) cut.push(`${cell.textContent.slice(0, 40)}: wider than its column`);
  }
}
texts.sort((a, b) => a.top - b.top);
const overprinted = [];
texts.forEach((one, index) => {
  for (let next = index + 1; next < texts.length && texts[next].top < one.bottom; next++) {
    const other = texts[next];
    const shared = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    if (shared > 2) overprinted.push([one.text, other.text]);
  }
});
const colours = {};
for (const item of document.querySelectorAll(".legend li")) {
  const name = item.textContent.replace(/ \\(.*/, "");
  (colours[name] ??= []).push(getComputedStyle(item.firstElementChild).backgroundColor);
}
parent.postMessage({
  name: location.pathname.split("/").pop(), width: innerWidth, texts: texts.length, overprinted, cut,
  scrolling: scrolled.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.getAttribute("aria-label")),
  colours, paper: getComputedStyle(document.body).backgroundColor,
}, "*");
</script>
"""
FRAMES = """
<!DOCTYPE html><meta charset="utf-8"><title>frames</title><body><script>
const all = [];
addEventListener("message", (event) => {
  all.push(event.data);
  document.body.setAttribute("data-measured", JSON.stringify(all));
});
for (const [name, width] of PAGES) {
  const frame = document.createElement("iframe");
  frame.src = name;
  frame.style = `width: ${width}px; height: 800px; border: 0`;
  document.body.append(frame);
}
</script></body>
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a build with a corpus for each dialect, trained in six phases. Its own page, in seconds."""
    folder = tmp_path_factory.mktemp("dialects")
    chance = random.Random(1)
    for label in DIALECTS:
        texts = (" ".join(chance.choices(WORDS.split(), k=chance.randrange(20, 90))) for _ in range(40))
        lines = [json.dumps({"id": f"{number}", "text": text}) for number, text in enumerate(texts)]
        (folder / f"{label}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    recipe = RECIPE | {
        "corpora": [{"source": "jsonl", "input": f"{label}.jsonl", "language": label} for label in DIALECTS],
        "phases": [{"name": name, "steps": steps} for name, steps in PHASES.items()],
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    build = ["build", str(folder / "recipe.yaml"), "--out", str(folder / "out"), "--workers", "1", "--format", "quiet"]
    assert cli.run(build) == 0
    return (folder / "out" / "report.html").read_text("utf-8")


def measure(pages: dict[str, str], folder: Path, scheme: int) -> dict[tuple[str, int], dict]:
    """What is seen on each of several pages, at each width, everything unfolded."""
    for name, page in pages.items():
        (folder / name).write_text(with_script(page, MEASURE), encoding="utf-8")
    frames = [(name, width) for name in pages for width in WIDTHS]
    (folder / "frames.html").write_text(FRAMES.replace("PAGES", json.dumps(frames)), encoding="utf-8")
    dom, console = open_page((folder / "frames.html").as_uri(), "--virtual-time-budget=10000", scheme=scheme)
    assert console == []
    seen = {(each["name"], each["width"]): each for each in left_behind(dom, "measured")}
    assert set(seen) == set(frames)
    return seen


@pytest.fixture(scope="module", params=[LIGHT, DARK], ids=["light", "dark"])
def seen(request: pytest.FixtureRequest, report: str, tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict]:
    """The report by width."""
    measured = measure({"page.html": report}, tmp_path_factory.mktemp("seen"), request.param)
    return {width: each for (_, width), each in measured.items()}


def luminance(colour: str) -> float:
    """The relative luminance of rgb(r, g, b), as WCAG 2.2 defines it."""
    values = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return sum(part * value for part, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def dialects_of(seen: dict) -> dict[str, set[str]]:
    """The colours of each dialect in all legends of a page."""
    return {name: set(colours) for name, colours in seen["colours"].items() if name.endswith("Arabic")}


def faults_of(seen: dict) -> set[str]:
    """The kinds of faults of a page at one width."""
    faults = {kind for kind in ("overprinted", "cut") if seen[kind]}
    colours = dialects_of(seen)
    if any(first & second for first, second in combinations(colours.values(), 2)):
        faults.add("same colour")
    if any(contrast(colour, seen["paper"]) < 3 for each in colours.values() for colour in each):
        faults.add("contrast")
    return faults


@pytest.mark.parametrize("width", WIDTHS)
def test_no_label_overprints_another_and_no_column_is_cut(seen: dict[int, dict], width: int) -> None:
    assert seen[width]["texts"] > 500
    assert seen[width]["overprinted"] == []
    assert seen[width]["cut"] == []


def test_all_columns_are_in_sight_on_a_desk(seen: dict[int, dict]) -> None:
    wide = [columns for columns in seen[1280]["scrolling"] if "Libyan Arabic" not in columns]  # a column a dialect
    assert wide == []
    assert seen[400]["scrolling"]


def test_twelve_dialects_have_twelve_colours_with_a_contrast_of_three_to_one(seen: dict[int, dict]) -> None:
    for each in seen.values():
        colours = dialects_of(each)
        assert len(colours) == len(DIALECTS)
        assert all(len(own) == 1 for own in colours.values())  # the same on all charts
        assert len(set.union(*colours.values())) == len(DIALECTS)
        assert min(contrast(colour, each["paper"]) for own in colours.values() for colour in own) >= 3


BROKEN = {
    ".chart text { font-size: 26px; }": {"overprinted", "cut"},
    ".scroll { overflow: hidden; }": {"cut"},
    "td { max-width: 2rem; overflow: hidden; white-space: nowrap; }": {"cut"},
    ":root { --c5: var(--c2); }": {"same colour"},
    ":root { --c4: var(--raised); }": {"contrast"},
}
"""Styles, and the faults that they make."""


def test_the_faults_of_broken_styles_are_found(report: str, tmp_path: Path) -> None:
    styles = dict(enumerate(BROKEN))
    pages = {f"{number}.html": report.replace("</style>", f"{style}</style>", 1) for number, style in styles.items()}
    measured = measure(pages, tmp_path, LIGHT)
    for number, style in styles.items():
        faults = faults_of(measured[f"{number}.html", 400]) | faults_of(measured[f"{number}.html", 1280])
        assert BROKEN[style] <= faults, style
