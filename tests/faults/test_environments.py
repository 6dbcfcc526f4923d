"""Bytes do not depend on the processor, cores, locale, time zone, home, umask or hash seed.

Each environment builds the small demo up to `pack` in a separate process. Every byte of every sealed folder, manifests
included, is compared with the build of this process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builds import SETTINGS, tree
from faults.parsers import prepared

from pipelines.cli.flags import CORES

ROOT = Path(__file__).resolve().parents[2]
OLD = "an old processor, C locale, one core"
ENVIRONMENTS = {
    OLD: {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "77"},
    "ASCII files, Turkish, no terminal, no home": {
        "LC_ALL": "C",
        "LANG": "tr_TR.ISO-8859-9",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONWARNDEFAULTENCODING": "1",
        "PYTHONWARNINGS": "error::EncodingWarning:pipelines,error::EncodingWarning:corpora",
        "TERM": "dumb",
        "TZ": "America/St_Johns",
        "HOME": "/nonexistent",
        "XDG_CACHE_HOME": "/nonexistent",
        "USER": "مستخدم",
    },
}
BUILD = """
import os, sys
os.umask(int(sys.argv[1], 8))
if sys.argv[2] == "one" and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from pipelines import cli
sys.exit(cli.run(sys.argv[3:]))
"""


@pytest.mark.fault(47)
@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_another_machine_gives_the_same_bytes(built, compiled, tmp_path, where):
    out = tmp_path / "demo"
    umask_and_cores, processor = ["0002", "all"], {}
    if where == OLD:
        umask_and_cores, processor = ["0077", "one"], compiled.environment
    arguments = ["build", "demo", "--out", str(out), "--until", "pack", *SETTINGS]
    command = [sys.executable, "-c", BUILD, *umask_and_cores, *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, **ENVIRONMENTS[where], **processor},
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    expected = {name: digest for name, digest in tree(built).items() if not name.startswith("verified/")}
    assert tree(out) == expected


@pytest.mark.fault(47)
def test_workers_are_as_many_as_this_process_may_use():
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system does not report the cores of a process")
    assert len(os.sched_getaffinity(0)) == CORES
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from pipelines.cli import flags; "
    code += "print(flags.CORES)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.fault(47)
@pytest.mark.parametrize("command", [["sources"], ["recipes"], ["doctor"], ["tokenizer", "show", "TOKENIZER", "كتاب"]])
def test_a_terminal_without_arabic_is_printed_to_all_the_same(command, tmp_path):
    """An output that can't show a character shows its number; nothing ends in a UnicodeEncodeError."""
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"}
    prepared("tokenizer.json", tmp_path)
    words = [str(tmp_path / "tokenizer-json") if word == "TOKENIZER" else word for word in command]
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "pipelines.cli", *words],
        env={**os.environ, **ascii_alone},
        cwd=ROOT,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"a bug" not in done.stderr
