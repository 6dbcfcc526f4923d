"""axe-core in Chromium: the faults of accessibility of a page.

axe-core is fetched by npm into a cache, once; ARCORP_AXE names a copy of axe.min.js instead. Tests skip, with the
reason, where there is neither or no Chromium.
"""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

VERSION = "4.14.1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
RUN = """
<script>
for (const folded of document.querySelectorAll("details")) folded.open = true;
axe.run(document, {resultTypes: ["violations"]}).then((result) => {
  const faults = result.violations.filter((fault) => ["serious", "critical"].includes(fault.impact));
  document.body.setAttribute("data-axe", JSON.stringify(faults.map((fault) =>
    `${fault.id}: ${fault.nodes.length} x ${fault.nodes[0].html.slice(0, 200)} ${fault.nodes[0].failureSummary}`)));
});
</script>
"""


@cache
def _source() -> str:
    given = os.environ.get("ARCORP_AXE")
    if given:
        return Path(given).read_text("utf-8")
    npm = shutil.which("npm")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / f"arcorp-tests/axe-{VERSION}"
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.is_file():
        if npm is None:
            pytest.skip("no npm on PATH and no ARCORP_AXE: accessibility was not checked")
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"axe-core@{VERSION}"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(command, capture_output=True, timeout=600, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"axe-core could not be fetched ({type(error).__name__}): accessibility was not checked")
    return script.read_text("utf-8")


def serious_faults(page: Path, *, dark: bool = False) -> list[str]:
    """Return the serious and critical faults of a page that opens from disk, everything unfolded."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: accessibility was not checked")
    text = re.sub(r"<meta http-equiv=[^>]*>", "", page.read_text("utf-8"))
    script = _source().replace("</script", "<\\/script")
    copy = page.with_name(f"axe-{page.name}")
    before, end, after = text.rpartition("</body>")
    copy.write_text(f"{before}<script>{script}</script>{RUN}{end}{after}", encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900", scheme]
        command += ["--virtual-time-budget=30000", "--dump-dom", copy.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    match = re.search(r'data-axe="([^"]*)"', done.stdout)
    assert match, "axe-core did not end"
    faults: list[str] = json.loads(html.unescape(match[1]))
    return faults
