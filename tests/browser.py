"""Pages in headless Chromium: the DOM after their scripts have run, and the lines of the console.

A test puts a script of its own into a copy of a page that has no policy against scripts (`with_script`). The script
leaves what it measures in an attribute of the body, which `left_behind` reads from the DOM.
"""

import html
import json
import re
import shutil
import subprocess
import tempfile
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DARK, LIGHT = 0, 1


def open_page(address: str, *flags: str, scheme: int = LIGHT) -> tuple[str, list[str]]:
    """Return the DOM of a page after it loaded, and the lines of the console. Skips the test without Chromium."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: the page was not opened in a browser")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--window-size=1600,900"]
        command += [f"--blink-settings=preferredColorScheme={scheme}", "--enable-logging=stderr", "--v=0"]
        command += [*flags, "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def with_script(page: str, script: str) -> str:
    """Return a page with a script at its end, and without the policy that forbids scripts."""
    before, end, after = re.sub(r"<meta http-equiv=[^>]*>", "", page).rpartition("</body>")
    return f"{before}{script}{end}{after}"


def left_behind(dom: str, name: str) -> Any:
    """Return the JSON value that a script put into the body's attribute `data-<name>`."""
    match = re.search(rf'data-{name}="([^"]*)"', dom)
    assert match, f"the script did not end:\n{dom[-2000:]}"
    return json.loads(html.unescape(match[1]))
