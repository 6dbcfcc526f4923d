"""docs/first-hour.md: every command in it is run, in order, and prints the output on the page.

The part on a cluster runs on a SLURM that is started here, and is left out where none is installed.
`ARCORP_FIRST_HOUR=write pytest tests/docs/test_first_hour.py` writes what is printed into the page.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.loopback import Loopback, missing_programs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-hour.md"
CLUSTER = "## A cluster\n"
BLOCK = re.compile(r"(<!-- yours will differ -->\n)?```console\n(.*?)```\n", re.DOTALL)


PROGRESS = re.compile(r"\w+: [\d,]+ of [\d,]+ |compiling, once")
VARYING = re.compile(r"\d[\d,]*\.\d+(e[-+]\d+)?|\b[0-9a-f]{64}\b")
RUN_BYTES = re.compile(r"^(run +train +\d+) +[\d,]+", re.MULTILINE)
"""The row of the trained run in a table of folders: the size includes losses, whose digits depend on the processor."""


def masked(text: str) -> str:
    """The text without what differs between machines: times, losses, hashes of floating-point results, their size.

    >>> masked("run   train   6  7,132,724  sound") == masked("run   train   6  7,132,717  sound")
    True
    """
    return VARYING.sub("#", RUN_BYTES.sub(r"\1 #", text))


def steps(block: str) -> list[tuple[str, str]]:
    """Return each command of a block with the output on the page."""
    parts = [step.partition("\n") for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, printed) for command, _, printed in parts]


@pytest.fixture
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback | None]:
    """None where its programs are not installed."""
    if missing_programs():
        yield None
        return
    loopback = Loopback(tmp_path_factory.mktemp("slurm"))
    try:
        loopback.start()
        yield loopback
    finally:
        loopback.stop()


@pytest.mark.slow
def test_every_command_of_the_first_hour_prints_the_output_on_the_page(tmp_path: Path, slurm: Loopback | None) -> None:
    page = PAGE.read_text("utf-8")
    assert CLUSTER in page
    environment = {**os.environ, **(slurm.environment if slurm else {})}
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }

    def run(command: str) -> str:
        shell = ["bash", "-o", "pipefail", "-c", command]
        done = subprocess.run(
            shell, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.stdout.replace(str(tmp_path), "/shared/hour")

    compile_now = "from pipelines.kernels import compile_once; compile_once(Console())"
    run(f"python -c 'from pipelines.console import Console; {compile_now}'")  # else a line of the first build
    wrong: list[str] = []

    def tried(block: re.Match[str]) -> str:
        outputs = []
        for command, expected in steps(block[2]):
            lines = [line for line in run(command).splitlines() if not PROGRESS.match(line)]
            printed = "".join(f"{line.rstrip()}\n" for line in lines)
            outputs.append(f"$ {command}\n{printed}")
            if not block[1] and masked(printed) != masked(expected):
                wrong.append(f"$ {command}\n--- on the page\n{expected}--- printed\n{printed}")
        return f"{block[1] or ''}```console\n{''.join(outputs)}```\n"

    here, heading, there = page.partition(CLUSTER)
    anew = BLOCK.sub(tried, here) + heading + (BLOCK.sub(tried, there) if slurm else there)
    if os.environ.get("ARCORP_FIRST_HOUR") == "write":
        PAGE.write_text(anew, encoding="utf-8")
    else:
        assert not wrong, "\n".join(wrong)


def test_the_size_of_a_run_is_masked_in_the_tables_of_the_page() -> None:
    """The size includes losses in decimal, which differ in their last digits between processors."""
    page = PAGE.read_text("utf-8")
    rows = re.findall(r"^run .* train .*$", page, re.MULTILINE)
    assert rows
    for row in rows:
        assert masked(row) == masked(re.sub(r"\d,\d+,\d+", "7,000,001", row)) != row
