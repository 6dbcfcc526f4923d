"""What every test may ask for: the sample corpora, found where `ARCORP_SAMPLES` says, and one small build."""

import os
import shutil
from pathlib import Path

import pytest
from builds import build


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder that holds `data/` and `gold/`: real corpora in their native formats.

    They are not part of the repository; without them the tests that need them are skipped, but never in CI.
    """
    root = Path(os.environ.get("ARCORP_SAMPLES", Path(__file__).resolve().parents[2] / "shared"))
    if (root / "data").is_dir():
        return root
    if os.environ.get("CI"):
        pytest.fail(f"CI must have the sample corpora, and {root / 'data'} is not there: set ARCORP_SAMPLES")
    pytest.skip(f"no sample corpora at {root}: set ARCORP_SAMPLES to the folder that holds data/")


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A small build up to and with verify. Shared: copy it before changing it."""
    out = tmp_path_factory.mktemp("built") / "demo"
    assert build(out, "--workers", "1") == 0
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of the small build to do harm to."""
    return Path(shutil.copytree(built, tmp_path / "demo"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let reports say which faults a test tries, and how often: a property test as often as it has examples."""
    for item in items:
        item.user_properties += [("fault", marker.args[0]) for marker in item.iter_markers("fault")]
        function = getattr(item, "function", None)
        if getattr(function, "is_hypothesis_test", False):
            item.user_properties.append(("times", function._hypothesis_internal_use_settings.max_examples))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Keep what fuzzing found (`make fuzz`); write the page of faults where asked to (`make test-faults`)."""
    from faults import list as faults

    if os.environ.get("ARCORP_FUZZ_SECONDS"):
        reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
        found = [value for report in reports for name, value in report.user_properties if name == "fuzzed"]
        terminalreporter.write_line(f"wrote {faults.keep(found)}")
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
