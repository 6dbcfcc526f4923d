"""Worker processes start with the modules of `pipelines.preload`, are counted, and do not lose Ctrl-C."""

import subprocess
import sys
from pathlib import Path

import pytest

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


PRESSED = """
import os
import signal
import threading
import time

from pipelines.run.executor import uninterrupted


def press():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0)
    os.killpg(os.getpid(), signal.SIGINT)
    pressed.set()


pressed = threading.Event()


def main():
    threading.Thread(target=press, daemon=True).start()
    try:
        while not pressed.is_set():  # the first time starts the server; a busy machine may miss it
            with uninterrupted():
                pass
        time.sleep(5)
        print("lost")
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.fault(2)
def test_ctrl_c_while_the_server_of_workers_starts_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "pressed.py").write_text(PRESSED)
    command = [sys.executable, "-c", "import pressed; pressed.main()"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, start_new_session=True)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
