"""Coverage-guided fuzzing of `parsers.py` by atheris: `python -m tests.faults.guided` (`make fuzz`).

Each parser runs in a process of its own for `ARCORP_FUZZ_SECONDS`. Inputs that reached new code are kept under
`ARCORP_FUZZ_CORPUS` (out/fuzz), and a later run begins with them. Inputs that ended otherwise than in a sentence are
kept there too, under `wrong/`. Figures are added to benchmarks/results/fuzz-DATE.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
SECONDS = int(float(os.environ.get("ARCORP_FUZZ_SECONDS", "600")))
CORPUS = Path(os.environ.get("ARCORP_FUZZ_CORPUS", ROOT / "out" / "fuzz")).resolve()
OURS = ["corpora", "tokenization", "sharding", "pipelines", "training"]
NOTED_EVERY = 0.5  # seconds between two writes of the figures: libFuzzer ends the process itself


def fuzz(name: str) -> None:
    """Fuzz one parser until the time is over. Ends the process."""
    import atheris

    with atheris.instrument_imports(include=OURS):
        from faults.parsers import prepared
    own = CORPUS / name.replace(" ", "-")
    kept, wrong, figures = own / "corpus", own / "wrong", own / "figures.json"
    kept.mkdir(parents=True, exist_ok=True)
    wrong.mkdir(exist_ok=True)
    data, attempt = prepared(name, own / "folder")
    assert attempt(data), "a sound file"
    (kept / "sound").write_bytes(data)
    begun = noted = time.monotonic()
    totals = {"parser": f"{name}, guided", "seconds": 0.0, "examples": 0, "read": 0, "wrong": 0, "slowest": 0.0}

    def attempt_bytes(data: bytes) -> None:
        nonlocal noted
        before = time.monotonic()
        try:
            totals["read"] += attempt(data)
        except Exception as error:
            totals["wrong"] += 1
            stem = hashlib.sha256(data).hexdigest()[:16]
            (wrong / stem).write_bytes(data)
            (wrong / f"{stem}.txt").write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
        now = time.monotonic()
        totals["examples"] += 1
        totals["slowest"] = round(max(totals["slowest"], now - before), 2)
        totals["seconds"] = round(now - begun, 1)
        if now - noted > NOTED_EVERY:
            noted = now
            figures.write_text(json.dumps(totals), encoding="utf-8")

    limits = [f"-max_total_time={SECONDS}", "-max_len=65536", "-rss_limit_mb=0", "-timeout=120", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={wrong}/", str(kept)], attempt_bytes)
    atheris.Fuzz()


def main(names: list[str]) -> int:
    """Fuzz the parsers, one process after the other, and keep the figures. Returns how many were found wrong."""
    from faults import list as faults
    from faults.parsers import PARSERS

    failed = 0
    for name in names or PARSERS:
        figures = CORPUS / name.replace(" ", "-") / "figures.json"
        figures.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, __file__, "--one", name], cwd=ROOT)
        if not figures.exists():
            sys.stderr.write(f"{name}: ended with {done.returncode} before anything was tried\n")
            failed += 1
            continue
        totals = json.loads(figures.read_bytes())
        totals["wrong"] += done.returncode not in (0, 77)
        failed += totals["wrong"] > 0
        path = faults.keep([totals])
        sys.stderr.write(f"{name}: {totals['examples']:,} tries, {totals['wrong']} wrong; wrote {path}\n")
    return min(failed, 100)


if __name__ == "__main__":
    sys.exit(fuzz(sys.argv[2]) if sys.argv[1:2] == ["--one"] else main(sys.argv[1:]))
