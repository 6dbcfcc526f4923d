"""Runs in every Python process of a cluster test: sets small parts, and injects the faults of the test.

`ARCORP_TEST_FAULTS` holds words `<folder>/<part>=<fault>`. The fault `raise` raises an error, `kill` kills the process
during writing, and `hang` waits there until the file `ARCORP_TEST_RELEASE` exists. `train=hang` makes the trainer wait
once, after its first checkpoint, until it receives a signal.
"""

import os
import signal
import sys
import time
from pathlib import Path

import corpora.reading

for module in (corpora.reading, corpora.reading.formats, corpora.reading.parquet):
    module.SLICE = int(os.environ.get("ARCORP_TEST_SLICE", 1 << 14))  # bytes of text in a part: ten of a small file

from pipelines.run import parts  # noqa: E402

FAULTS = dict(word.split("=") for word in os.environ.get("ARCORP_TEST_FAULTS", "").split())


class Sabotaged(parts.PartWriter):
    def file(self, suffix):
        fault = FAULTS.get(f"{self._folder.name}/{self._part.name}")
        if fault == "raise":
            raise ValueError(f"{self._part.name} was made to fail")
        if fault in ("kill", "hang"):
            (self._folder / f".tmp-{os.getpid()}-{self._part.name}").write_bytes(b"half a file")
            (self._folder / f"{self._part.name}{suffix}").write_bytes(b"half a file, and no sidecar")
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "hang":
            release = Path(os.environ["ARCORP_TEST_RELEASE"])
            release.with_suffix(".hangs").touch()
            while not release.exists():
                time.sleep(0.05)
        return super().file(suffix)


if FAULTS:
    parts.PartWriter = Sabotaged


def hang_in_training(hangs: Path) -> None:
    from training import checkpoint

    save = checkpoint.save

    def sabotaged(*given):
        saved = save(*given)
        if not hangs.exists():
            signals = []
            theirs = signal.getsignal(signal.SIGUSR1)
            signal.signal(signal.SIGUSR1, lambda *arguments: (signals.append(arguments), theirs(*arguments)))
            hangs.touch()
            while not signals:
                time.sleep(0.05)
            signal.signal(signal.SIGUSR1, theirs)
        return saved

    checkpoint.save = sabotaged


if "train" in FAULTS and any(word.endswith("training/train.py") for word in sys.orig_argv) and "RANK" in os.environ:
    hang_in_training(Path(os.environ["ARCORP_TEST_RELEASE"]).with_suffix(".hangs"))
