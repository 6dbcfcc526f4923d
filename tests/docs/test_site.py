"""The docs site: builds strictly, asks nothing of the network, and fits a telephone and a desk in a real browser."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe import serious_faults
from browser import left_behind, open_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index",
    "index.ar",
    "benchmarks",
    "glossary",
    "troubleshooting",
    "concepts",
    "commands",
    "recipe",
    "sources",
    "recipes/index",
    "recipes/autoresearch-v2",
    "how-to/share",
)
WIDTHS = (390, 1440)

MEASURE = """
<script>
addEventListener("load", () => parent.postMessage({
  page: location.pathname, inner: innerWidth, client: document.documentElement.clientWidth,
  scroll: document.documentElement.scrollWidth,
}, "*"));
</script>
"""
FRAME = """
<!DOCTYPE html><meta charset="utf-8"><title>frame</title>
<body><script>
console.log("measuring");
const sizes = [];
addEventListener("message", (message) => {
  if (!message.data.page) return;
  sizes.push(message.data);
  document.body.setAttribute("data-measured", JSON.stringify(sizes));
});
for (const page of PAGES) for (const width of WIDTHS) {
  const frame = document.createElement("iframe");
  frame.src = page + ".html";
  frame.style = `width: ${width}px; height: 800px; border: 0`;
  document.body.append(frame);
}
</script>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly: a broken link or anchor ends it."""
    out = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return out


def test_every_page_of_docs_is_there(site):
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / (name.with_stem("index") if path.stem == "README" else name)).is_file(), path


def test_no_page_loads_anything_from_elsewhere(site):
    for path in site.rglob("*.html"):
        for tag in re.findall(r"<(?:link|script|img|iframe|source)\b[^>]*>", path.read_text("utf-8")):
            if 'rel="canonical"' in tag or "rel=canonical" in tag:
                continue
            assert not re.search(r"""(?:href|src)=["']?(?:https?:)?//""", tag), f"{path}: {tag}"
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:", path.read_text("utf-8")), path


def test_pages_fit_a_telephone_and_a_desk_and_their_console_is_silent(site, tmp_path):
    copy = Path(shutil.copytree(site, tmp_path / "site"))
    for name in PAGES:
        page = copy / f"{name}.html"
        page.write_text(page.read_text("utf-8").replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    frame = FRAME.replace("PAGES", json.dumps(PAGES)).replace("WIDTHS", json.dumps(WIDTHS))
    (copy / "frame.html").write_text(frame, encoding="utf-8")
    handler = functools.partial(_Quiet, directory=str(copy))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/frame.html"
        dom, console = open_page(address, "--virtual-time-budget=20000")
    finally:
        server.shutdown()
        server.server_close()
    assert len(console) == 1, console
    assert "measuring" in console[0]  # so that an empty log means silence, not deafness
    measured = left_behind(dom, "measured")
    assert {(size["page"], size["inner"]) for size in measured} == {(f"/{p}.html", w) for p in PAGES for w in WIDTHS}
    for size in measured:
        assert size["scroll"] <= size["client"], size


@pytest.mark.parametrize("name", ["index", "index.ar", "benchmarks"])
def test_a_page_has_no_serious_fault_of_accessibility(site, name):
    assert serious_faults(site / f"{name}.html") == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
