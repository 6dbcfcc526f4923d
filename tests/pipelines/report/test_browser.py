"""The pages in a real browser: a silent console, no sideways scrolling, joined Arabic letters, light and dark."""

import functools
import html
import json
import re
import shutil
import subprocess

import pytest

from pipelines import fertility, report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# The script runs in a copy of the page without its policy, which forbids scripts. The copy is in a frame, since a
# window cannot be as narrow as a telephone, and sends its measures to the page around the frame.
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
addEventListener("message", (event) => document.body.setAttribute("data-measured", JSON.stringify(event.data)));
</script>
<body><iframe src="measured.html" style="width: {width}px; height: 800px; border: 0"></iframe></body>
"""


DARK, LIGHT = 0, 1


@pytest.fixture(scope="module", params=["report", "fertility"])
def page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    if request.param == "report":
        return report.write_report(folder, request.getfixturevalue("figures"))
    compared = request.getfixturevalue("compared")
    return shutil.copy(compared.out / fertility.PAGE, folder / fertility.PAGE)


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Open a page; returns the DOM after it loaded, and the lines of the browser's console."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: the page was not opened in a browser")

    def open_page(path, *flags):
        profile = tmp_path_factory.mktemp("profile")
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--window-size=1600,900"]
        command += ["--enable-logging=stderr", "--v=0", *flags, "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return open_page


@pytest.fixture(scope="module")
def measure(browse, page):
    """The page's measures at some width in a colour scheme, everything unfolded. Each is measured once."""

    @functools.cache
    def measured(width, scheme):
        text = re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text())
        page.with_name("measured.html").write_text(text.replace("</body>", f"{MEASURE}</body>"))
        frame = page.with_name("frame.html")
        frame.write_text(FRAME.replace("{width}", str(width)))
        scheme_flag = f"--blink-settings=preferredColorScheme={scheme}"
        dom, console = browse(frame, "--virtual-time-budget=3000", scheme_flag)
        assert len(console) == 1
        assert "measuring" in console[0]  # so that an empty console is a silent page, and not a lost log
        match = re.search(r'data-measured="([^"]*)"', dom)
        assert match
        return json.loads(html.unescape(match[1]))

    return measured


def test_the_console_is_silent(browse, page):
    dom, console = browse(page)
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
