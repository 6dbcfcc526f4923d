"""A verified copy of a dataset on the machine's own disk.

    python -m pipelines.stages.copy_to_scratch DATASET SCRATCH

Every byte is hashed as it is copied and compared with the seal. The copy appears complete or not at all. An existing
copy is read in full before it is used, since other programs may have changed it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from pipelines.console import Console
from pipelines.errors import Failure, IntegrityError, as_failure
from pipelines.run import files_of
from sharding import seal
from sharding.layout import SCHEDULE

CHUNK = 8 << 20


def scratch_path(dataset: Path, scratch: str) -> Path:
    """Return the path of the copy of a dataset. Environment variables in `scratch` are expanded on this machine."""
    digest = seal.read_manifest(dataset).digest
    return Path(os.path.expandvars(scratch)) / f"arcorp-{digest[:16]}"


def copy(dataset: Path, scratch: str, schedule: str = SCHEDULE) -> Path:
    """Copy a sealed dataset and one of its schedules to scratch, unless a sound copy exists. Returns its path.

    Raises IntegrityError if the dataset differs from its seal, Failure if the copy can't be written.
    """
    manifest = seal.read_manifest(dataset)
    target = scratch_path(dataset, scratch)
    if target.is_symlink():
        raise Failure(f"{target} is a symbolic link: remove it, or choose another slurm.scratch")
    if target.exists():
        with contextlib.suppress(seal.SealError):
            existing = seal.read_manifest(target)
            if existing.digest == manifest.digest and not seal.find_faults(target, existing, full=True):
                _copy_schedule(dataset, target, schedule)
                return target
        _remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    size = sum(record.bytes for _, record in manifest.stored())
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise Failure(
            f"{target.parent} has {free:,} bytes free, and {dataset} needs {size:,}: choose another slurm.scratch"
        )
    with seal.atomic_folder(target) as folder:
        for name, record in manifest.stored():
            with (dataset / name).open("rb") as source, seal.atomic_file(folder / name) as file:
                while chunk := source.read(CHUNK):
                    file.write(chunk)
            if file.record != record:
                raise IntegrityError(f"{dataset / name} differs from its seal: run arcorp verify {dataset}")
        shutil.copyfile(dataset / seal.MANIFEST, folder / seal.MANIFEST)
    _copy_schedule(dataset, target, schedule)
    return target


def _remove(target: Path) -> None:
    """Remove a damaged copy. Raises Failure if it holds files that its manifest does not name."""
    _, others = files_of(target)
    if others or not target.is_dir():
        raise Failure(
            f"{target} holds files that arcorp did not copy there ({[*others, target.name][0]}): move it away"
        )
    shutil.rmtree(target)


def _copy_schedule(dataset: Path, target: Path, schedule: str) -> None:
    with seal.atomic_file(target / schedule) as file:
        file.write((dataset / schedule).read_bytes())


if __name__ == "__main__":
    try:
        print(copy(Path(sys.argv[1]), *sys.argv[2:]))  # noqa: T201
    except Exception as error:
        failure = as_failure(error)
        if failure is None:
            raise
        Console().error(failure)
        sys.exit(failure.exit_code)
