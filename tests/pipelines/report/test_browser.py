"""The pages in a real browser: no complaint on its console, no sideways scrolling, Arabic letters joined."""

import html
import json
import re
import shutil
import subprocess

import pytest

from pipelines.fertility import PAGE, write_fertility
from pipelines.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# Runs in a copy of the page without its policy, which would rightly forbid it. The copy stands in a frame, since a
# window can't be as narrow as a telephone, and tells the page around it.
MEASURE = """
<script>
console.log("measuring");
for (const folded of document.querySelectorAll("details")) folded.open = true;
const width = (paragraph) => {
  const range = document.createRange();
  range.selectNodeContents(paragraph);
  return range.getBoundingClientRect().width;
};
const joins = [...document.querySelectorAll(".tokens[dir=rtl]")].map((paragraph) => {
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
parent.postMessage({
  inner: innerWidth, scroll: root.scrollWidth, client: root.clientWidth, joins,
  background: getComputedStyle(document.body).backgroundColor,
}, "*");
</script>
"""
FRAME = """
<!DOCTYPE html><meta charset="utf-8"><title>frame</title>
<script>
addEventListener("message", (told) => document.body.setAttribute("data-measured", JSON.stringify(told.data)));
</script>
<body><iframe src="measured.html" style="width: {width}px; height: 800px; border: 0"></iframe></body>
"""


@pytest.fixture(scope="module", params=["report", "fertility"])
def page(request, finished, tmp_path_factory):
    own = shutil.copytree(finished, tmp_path_factory.mktemp("page") / "demo")
    if request.param == "report":
        return write_report(own)
    shutil.copytree(own / "tokenizer", own / "another")
    names = [str(own / "tokenizer"), str(own / "another")]
    write_fertility(names, [own / "unique"], own / "out", None, [300, 500])
    return own / "out" / PAGE


@pytest.fixture
def browse(tmp_path):
    """Open a page of some width; returns the DOM after it loaded, and the browser's log."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: the page was not opened in a browser")

    def open_page(path, width, *flags):
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900"]
        command += ["--enable-logging=stderr", "--v=0", *flags, "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return open_page


@pytest.fixture
def measure(browse, page):
    """The page's measures at some width, everything unfolded."""

    def measured(width, *flags):
        text = re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text())
        page.with_name("measured.html").write_text(text.replace("</body>", f"{MEASURE}</body>"))
        frame = page.with_name("frame.html")
        frame.write_text(FRAME.replace("{width}", str(width)))
        dom, console = browse(frame, 1600, "--virtual-time-budget=3000", *flags)
        assert len(console) == 1
        assert "measuring" in console[0]  # so that an empty log means silence, not deafness
        found = re.search(r'data-measured="([^"]*)"', dom)
        assert found
        return json.loads(html.unescape(found[1]))

    return measured


def test_the_console_is_silent(browse, page):
    dom, console = browse(page, 1440)
    assert console == []
    assert "</html>" in dom


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_scrolls_sideways(measure, width):
    found = measure(width)
    assert found["inner"] == width
    assert found["scroll"] <= found["client"]


def test_arabic_letters_join_across_tokens(measure):
    joins = measure(1440)["joins"]
    assert len(joins) >= 3
    for one in joins:  # a layout rounds each piece to a 64th of a pixel
        assert one["cut"] == pytest.approx(one["whole"], abs=one["pieces"] / 64 + 0.1)
    assert any(abs(one["apart"] - one["whole"]) > 3 for one in joins)


@pytest.mark.parametrize(("scheme", "darkest", "lightest"), [(0, 0, 120), (1, 600, 765)])
def test_dark_is_dark_and_light_is_light(measure, scheme, darkest, lightest):
    background = measure(1440, f"--blink-settings=preferredColorScheme={scheme}")["background"]
    assert darkest <= sum(map(int, re.findall(r"\d+", background)[:3])) <= lightest
