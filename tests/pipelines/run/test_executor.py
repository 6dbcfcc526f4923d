"""Worker processes have the modules of `pipelines.preload` when they start."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path

from pipelines.run import Context, Part, Stage, Work, run_stage


def write(_, part, writer):
    with writer.file(".txt") as file:
        file.write(str("pipelines.preload" in sys.modules).encode())


def main():
    work = Work([Part("a", 0), Part("b", 1)], [], write)
    run_stage(Stage("loaded", 1, Path(sys.argv[1]), {}, {}, lambda: work), Context(workers=2))
"""


def _output(folder: Path, module: str) -> str:
    """Return the output of `main` of a module: workers import modules, and not the main one."""
    (folder / "stages.py").write_text(module)
    command = [sys.executable, "-c", "import stages; stages.main()", str(folder / "out")]
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_workers_start_with_the_preloaded_modules(tmp_path: Path) -> None:
    _output(tmp_path, SCRIPT)
    assert [(tmp_path / "out" / f"{name}.txt").read_text() for name in "ab"] == ["True", "True"]


BUSY = """
import sys
import time
from pathlib import Path

from pipelines.run import Context, Part, Stage, Stopwatch, Work, run_stage


def write(_, part, writer):
    end = time.process_time() + 0.4
    while time.process_time() < end:
        pass
    with writer.file(".txt") as file:
        file.write(b"x")


def main():
    watch = Stopwatch()
    work = Work([Part("a", 0), Part("b", 1)], [], write)
    run_stage(Stage("busy", 1, Path(sys.argv[1]), {}, {}, lambda: work), Context(workers=2))
    print(watch.processor_seconds)
"""


def test_the_processor_time_of_workers_is_counted(tmp_path: Path) -> None:
    """Two workers use 0.4 s each, on however many cores and however long it takes."""
    assert float(_output(tmp_path, BUSY)) >= 0.8
