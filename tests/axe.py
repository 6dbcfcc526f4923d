"""axe-core in Chromium: the faults of accessibility of a page.

axe-core is fetched by npm into a cache, once; ARCORP_AXE names a copy of axe.min.js instead. Tests skip, with the
reason, where there is neither or no Chromium.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from browser import CHROMIUM, DARK, LIGHT, left_behind, open_page, with_script

VERSION = "4.14.1"
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
    script = _source().replace("</script", "<\\/script")
    copy = page.with_name(f"axe-{page.name}")
    copy.write_text(with_script(page.read_text("utf-8"), f"<script>{script}</script>{RUN}"), encoding="utf-8")
    flags = ["--window-size=1280,900", "--virtual-time-budget=30000"]
    dom, _ = open_page(copy.as_uri(), *flags, scheme=DARK if dark else LIGHT)
    faults: list[str] = left_behind(dom, "axe")
    return faults
