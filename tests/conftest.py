"""Fixtures and settings of all tests: sample corpora, a small build, numbers of examples, the report of faults."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fasteners
import pytest
from builds import build
from hypothesis import settings

from examples import EXAMPLES

ROOT = Path(__file__).resolve().parents[1]
DRAWN = "ARCORP_EXAMPLES" in os.environ
"""`make test` tries the same examples each time: it fails for a change only. `make test-faults` draws new examples."""
settings.register_profile("arcorp", max_examples=EXAMPLES, deadline=None, derandomize=not DRAWN)
settings.load_profile("arcorp")

os.environ["TIKTOKEN_CACHE_DIR"] = ""  # tiktoken keeps files by their paths, and paths of temporary folders return

MEMORY, LEAST = Path("/dev/shm"), 6 << 30
if MEMORY.is_dir():
    state = os.statvfs(MEMORY)
    if state.f_bavail * state.f_frsize > LEAST and not state.f_flag & os.ST_NOEXEC:
        # pytest's temporary files, 2 GB: what is written durably waits for a disk longer than for all that is computed
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder that holds `data/` and `gold/`: real corpora in their native formats. `ARCORP_SAMPLES` names it.

    The corpora are not part of the repository. Tests that need them are skipped without them, and fail in CI.
    """
    root = Path(os.environ.get("ARCORP_SAMPLES", Path(__file__).resolve().parents[2] / "shared"))
    if (root / "data").is_dir():
        return root
    if os.environ.get("CI"):
        pytest.fail(f"CI must have the sample corpora, and {root / 'data'} is not there: set ARCORP_SAMPLES")
    pytest.skip(f"no sample corpora at {root}: set ARCORP_SAMPLES to the folder that holds data/")


def _once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first of pytest-xdist's workers that needs it has made."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, complete = shared / name, shared / f"{name}-complete"
    with fasteners.InterProcessLock(shared / f"{name}.lock"):
        if not complete.exists():
            make(folder)
            complete.touch()
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small build up to and with verify, made once for all workers of pytest-xdist. Copy it before changing it."""

    def make(folder: Path) -> None:
        assert build(folder / "demo", "--workers", "1") == 0

    return _once(tmp_path_factory, "built", make) / "demo"


@pytest.fixture(scope="session")
def trained(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same up to and with train, of eight steps. Copy it before changing it."""

    def make(folder: Path) -> None:
        shutil.copytree(built, folder / "demo")
        assert build(folder / "demo", "--workers", "1", until="train") == 0

    return _once(tmp_path_factory, "trained", make) / "demo"


@dataclass(frozen=True)
class Compiled:
    """Code that numba has compiled for a processor without extensions, and nothing else, in a cache of its own.

    environment: of processes that read it, and of other libraries' code for such a processor. printed: while it was
    compiled. files: names, one for each signature of a function.
    """

    environment: dict[str, str]
    printed: str
    files: frozenset[str]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """What `pipelines.kernels` compiles, made once for all workers."""
    environment = {
        "ATEN_CPU_CAPABILITY": "default",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NPY_DISABLE_CPU_FEATURES": "",
    }

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "pipelines.kernels"]
        cached = os.environ | environment | {"NUMBA_CACHE_DIR": str(folder / "cache")}
        done = subprocess.run(command, env=cached, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (folder / "printed").write_text(done.stderr)
        (folder / "files").write_text("\n".join(path.name for path in (folder / "cache").rglob("*.nbc")))

    folder = _once(tmp_path_factory, "compiled", make)
    environment["NUMBA_CACHE_DIR"] = str(folder / "cache")
    files = frozenset((folder / "files").read_text().splitlines())
    return Compiled(environment, (folder / "printed").read_text(), files)


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of the small build, to be damaged."""
    return Path(shutil.copytree(built, tmp_path / "demo"))


@pytest.fixture(scope="session")
def translators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Translation models from English into Arabic (tests/translation_models.py), made once for all workers.

    Folders in CTranslate2's format: `opus`, `several` and `nllb`. Copy one before changing it.
    """
    for package in ("ctranslate2", "sentencepiece", "sentencex"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'arcorp[translate]'")
    import translation_models

    return _once(tmp_path_factory, "translators", translation_models.make)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Record the faults that each test tries, and the number of examples of each property test."""
    for item in items:
        item.user_properties += [("fault", marker.args[0]) for marker in item.iter_markers("fault")]
        function = getattr(item, "function", None)
        if getattr(function, "is_hypothesis_test", False):
            item.user_properties.append(("times", function._hypothesis_internal_use_settings.max_examples))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Keep the figures of fuzzing (`make fuzz`); write the page of faults (`make test-faults`)."""
    from faults import list as faults

    if os.environ.get("ARCORP_FUZZ_SECONDS"):
        reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
        figures = [value for report in reports for name, value in report.user_properties if name == "fuzzed"]
        terminalreporter.write_line(f"wrote {faults.keep(figures)}")
    if not (path := os.environ.get("ARCORP_RELIABILITY")):
        return
    tried = []
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            properties = [*getattr(report, "user_properties", [])]
            times = dict(properties).get("times", 1)
            tried += [(value, times, outcome) for name, value in properties if name == "fault"]
    faults.write(Path(path), tried)
    terminalreporter.write_line(f"wrote {path}")
