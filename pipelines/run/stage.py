"""The one way in which a stage's output comes to be: parts, a lock, resume, a seal.

A stage is cut into parts (`pipelines.run.parts`) whose bounds depend on its inputs and options alone; each is made by
one rank of a datatrove pipeline. When all are there the stage finishes and its folder is sealed (`sharding.seal`).
What follows, for every stage alike:

- A killed run is resumed by running it again: sound parts are kept, the rest is made; the sealed folder is the
  same, byte for byte, as that of a run nobody disturbed, with any number of workers.
- Finished work is not done twice; a damaged or deleted part is made again, alone.
- Work of other options, inputs or code is never mixed in: the folder remembers what it is for, and refuses. A folder
  in which nothing was made yet refuses nothing.
- A folder or a file that arcorp did not make is neither overwritten nor removed (`pipelines.run.folders`).
- A second writer is refused (`pipelines.run.folder_lock`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipelines.errors import Failure, Incomplete, IntegrityError, UsageError
from pipelines.run import folders
from pipelines.run.folder_lock import STATE, lock
from pipelines.run.folders import FAULTS, PLAN
from pipelines.run.parts import Part, PartWriter, Sidecar, read_sidecar
from pipelines.run.proofs import Proofs
from pipelines.run.state import Unreadable, read_state
from sharding import seal
from sharding.seal import CountsByUnit, FileRecord, HashingFile, Manifest, Sealed


class Finish:
    """What a stage does once all its parts are there: files of the whole, counts, the summary."""

    def __init__(self, folder: Path, sidecars: list[Sidecar]) -> None:
        self.folder = folder
        self.sidecars = sidecars
        self.counts: CountsByUnit = seal.total(sidecar.counts for sidecar in sidecars)
        self.summary: dict[str, Any] = {}
        self.files: dict[str, FileRecord] = {}

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[HashingFile]:
        """A file of the whole that appears complete or not at all."""
        folders.note_written(self.folder, [name])
        with seal.atomic_file(self.folder / name) as file:
            yield file
        self.files[name] = file.record

    def write(self, name: str, data: bytes) -> None:
        with self.file(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def gather(self) -> Iterator[Path]:
        """A temporary folder for files of the whole; at the end they are moved into the stage's folder and sealed.

        Files whose records are in `files` by then are not hashed again.
        """
        temporary = self.folder / f"{seal.TEMPORARY}{os.getpid()}-gathered"
        temporary.mkdir()
        try:
            yield temporary
            names = sorted(path.relative_to(temporary).as_posix() for path in temporary.rglob("*") if path.is_file())
            folders.note_written(self.folder, names)
            for name in names:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).replace(self.folder / name)
                self.adopt(name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def adopt(self, name: str) -> None:
        """Take a file into the seal that another program wrote here. Made durable first: a seal says it is there."""
        path = self.folder / name
        with path.open("rb") as file:
            os.fsync(file.fileno())
        for above in path.relative_to(self.folder).parents:
            seal.sync_folder(self.folder / above)
        if name not in self.files:
            self.files[name] = seal.hash_file(path)


def _no_finish(finish: Finish) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """What there is to do for a stage, found out only if something is missing.

    parts: bounds depend on the stage's inputs and options alone.
    steps: datatrove steps that bring documents to `write`; each reads what belongs to its rank, the part's number.
    write: makes one part: (documents or None, part, writer); sets the writer's counts. Picklable.
    finish: runs in the main process once all parts are there.
    """

    parts: Sequence[Part] = ()
    steps: Sequence[Any] = ()
    write: Callable[[Any, Part, PartWriter], None] | None = None
    finish: Callable[[Finish], None] = _no_finish


@dataclass(frozen=True)
class Stage:
    """Everything that defines a stage's output. `options` and `inputs` are JSON, without paths.

    `before`: a stage whose sealed folder the work of this one reads, and nobody else; run first if there is work.
    `check`: called under the folder's lock before anything is made. Raises UsageError if inputs that the identity does
    not describe in full (foreign files) are not those that the parts in the folder were made of.
    """

    name: str
    version: int
    folder: Path
    options: dict[str, Any]
    inputs: dict[str, str]
    work: Callable[[], Work]
    before: Stage | None = None
    check: Callable[[], None] = lambda: None

    @property
    def identity(self) -> dict[str, Any]:
        """What the folder is for. Equal identities give equal bytes."""
        return {"stage": self.name, "version": self.version, "options": self.options, "inputs": self.inputs}

    def key(self, part: Part) -> str:
        return seal.digest_of({**self.identity, "part": part.name, "spec": part.spec})


@dataclass(frozen=True)
class Progress:
    """How far a stage is. `bytes` were written by this run, in `seconds`; `rank` is the last one done."""

    stage: str
    done: int
    parts: int
    rank: int | None = None
    made: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Launcher(Protocol):
    """Who makes the parts, and where."""

    def admit(self, out: Path) -> None:
        """Told of a build's folder once it is locked. Raises Failure if others are still at work on it."""

    def begin(self, stage: Stage) -> None:
        """Told of a stage that has something to do, before it is planned. May raise Delegated: another will do it."""

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        """Make the missing parts, or raise Delegated."""


class Delegated(Exception):
    """Not a failure: what there is to do was given to these jobs, and the build goes on when they have ended.

    `to_train`: it is the trainer's turn, on machines of its own.
    """

    def __init__(self, stage: str, jobs: Sequence[str] = (), *, to_train: bool = False) -> None:
        super().__init__(f"{stage} was handed on")
        self.stage, self.jobs, self.to_train = stage, list(jobs), to_train


def largest_first(parts: Sequence[Part], ranks: Sequence[int]) -> list[int]:
    """Ranks in the order in which workers take them: no worker ends with a giant while the others have nothing left.

    >>> largest_first([Part("a", bytes=3), Part("b", bytes=9), Part("c", bytes=3)], [0, 1, 2])
    [1, 0, 2]
    """
    return sorted(ranks, key=lambda rank: -parts[rank].bytes)


class LocalRunner:
    """Makes parts in processes of this machine."""

    def admit(self, out: Path) -> None:
        from pipelines.run.slurm_queue import refuse_queued

        refuse_queued(out)

    def begin(self, stage: Stage) -> None:
        pass

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        from pipelines.run.executor import LocalExecutor

        executor = LocalExecutor(
            pipeline(stage, work), len(work.parts), context.workers, stage.folder / STATE / "logs"
        )
        began = time.monotonic()
        kept = len(work.parts) - len(missing)
        made = written = 0
        context.progress(Progress(stage.name, kept, len(work.parts)))

        def step(rank: int) -> None:
            nonlocal made, written
            made += 1
            sidecar = json.loads((stage.folder / f"{work.parts[rank].name}.json").read_bytes())
            written += sum(size for size, _ in sidecar["files"].values())
            seconds = time.monotonic() - began
            context.progress(Progress(stage.name, kept + made, len(work.parts), rank, made, written, seconds))

        executor.run_ranks(largest_first(work.parts, missing) if context.workers > 1 else missing, step)


@dataclass(frozen=True)
class Machines:
    """Where training runs: on how many machines of this job, and from which folder of their own disks."""

    nodes: int = 1
    scratch: str | None = None


@dataclass(frozen=True)
class Context:
    """How to run. Nothing here may change a byte of the result unsaid: the seal of a run tells its ranks, which are
    those of all machines. `patience`: seconds to wait for a lock; `say` receives a line for the user."""

    workers: int = 1
    restart: bool = False
    progress: Callable[[Progress], None] = lambda progress: None
    launcher: Launcher = field(default_factory=LocalRunner)
    patience: float = 0
    machines: Machines = Machines()
    say: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class Outcome:
    """What `run` did: the sealed folder, how many parts it made and kept, and which damaged files it mended."""

    sealed: Sealed
    idle: bool
    made: int = 0
    kept: int = 0
    mended: list[str] = field(default_factory=list)


def run_stage(stage: Stage, context: Context) -> Outcome:
    """Bring a stage's folder to its sealed end, doing only what is missing.

    Raises UsageError (the folder is another's, or can't be written), IntegrityError (mending gave other bytes),
    Failure (another writer), and what the stage's own code raises.
    """
    folders.claim(stage.folder, folders.STAGE)
    with seal.naming(stage.folder), lock(stage.folder, patience=context.patience):
        folders.refuse_links(stage.folder)
        folders.refuse_manifest(stage.folder)
        if context.restart:
            _start_over(stage, context)
        _remember(stage)
        stage.check()
        proofs = Proofs(stage.folder)
        manifest, faulty = _look(stage, proofs)
        proofs.save()
        if manifest and not faulty:
            return Outcome(Sealed(stage.folder, stage.name), idle=True)
        context.launcher.begin(stage)
        if manifest:  # unsealed before anything is touched: a half-mended folder must not look whole
            (stage.folder / seal.MANIFEST).unlink()
        seal.remove_temporaries(stage.folder)
        if stage.before is not None:
            run_stage(stage.before, context)
        work = stage.work()
        missing = [rank for rank, part in enumerate(work.parts) if not _done(stage, part, proofs, faulty)]
        proofs.save()
        if missing:
            _note_plan(stage, work, missing)
            context.launcher.make(stage, work, missing, context)
        digest = _seal(stage, work)
        (stage.folder / STATE / FAULTS).unlink(missing_ok=True)
        if manifest and manifest.digest != digest:
            raise IntegrityError(
                f"{stage.folder} was made again where it was damaged, but not to the same bytes (digest "
                f"{manifest.digest[:16]}, now {digest[:16]}): its inputs or the installed libraries have changed since"
            )
        sealed = Sealed(stage.folder, stage.name)
        return Outcome(sealed, False, len(missing), len(work.parts) - len(missing), faulty)


def preview(stage: Stage) -> dict[str, Any]:
    """What `run` would find and do, without touching anything."""
    try:
        manifest = seal.read_manifest(stage.folder)
        state = "done" if not seal.find_faults(stage.folder, manifest, full=False) else "damaged: would be mended"
    except seal.SealError:
        state = "unfinished: would go on" if (stage.folder / STATE).is_dir() else "not begun"
    return {"stage": stage.name, "folder": str(stage.folder), "state": state, **stage.options, "inputs": stage.inputs}


def note_faults(folder: Path, files: list[str]) -> None:
    """Remember damaged files for the next run of the stage, which can't see a flipped bit by size and time."""
    seal.write_json(folder / STATE / FAULTS, files)


def _start_over(stage: Stage, context: Context) -> None:
    """Remove what the folder's records name. Raises UsageError for another stage's work, or an input of this one."""
    there = folders.stage_of(stage.folder)
    if there not in (None, stage.name) and folders.files_of(stage.folder)[0]:
        raise UsageError(
            f"{stage.folder} is the folder of stage '{there}', and this is '{stage.name}': choose another --out"
        )
    with contextlib.suppress(seal.SealError):
        if seal.read_manifest(stage.folder).digest in stage.inputs.values():
            raise UsageError(
                f"{stage.folder} is an input of this stage, and --restart would remove it: choose another --out"
            )
    if others := folders.clear(stage.folder):
        context.say(folders.kept(stage.folder, others))


def _remember(stage: Stage) -> None:
    """Note what the folder is for, or refuse if it holds work for something else."""
    before = folders.read_record(stage.folder, folders.STAGE)
    if before is None:
        with contextlib.suppress(seal.SealError):  # sealed elsewhere and brought here without its state
            manifest = seal.read_manifest(stage.folder)
            before = {key: manifest.to_json()[key] for key in stage.identity}
    now = json.loads(seal.canonical(stage.identity))
    if before not in (None, now) and folders.files_of(stage.folder)[0]:
        raise UsageError(
            f"{stage.folder} holds other work: {difference(before, stage.identity)}; "
            "choose another --out, or --restart to start over"
        )
    if folders.read_record(stage.folder, folders.STAGE) != now:
        seal.write_json(stage.folder / STATE / folders.STAGE, stage.identity)


def difference(before: Any, now: Any, where: str = "") -> str:
    """The first place in which two JSON values differ, in words.

    >>> difference({"options": {"vocab_size": 8192}}, {"options": {"vocab_size": 4096}})
    'options.vocab_size was 8192, now 4096'
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                return difference(before.get(key), now.get(key), f"{where}.{key}".lstrip("."))
    if where.startswith("inputs."):
        return f"its input '{where[7:]}' was {_short(before)}, now {_short(now)}"
    return f"{where} was {_short(before)}, now {_short(now)}"


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _look(stage: Stage, proofs: Proofs) -> tuple[Manifest | None, list[str]]:
    """The manifest, if there is a sound one, and the files that are not as it says, hashed unless proven."""
    try:
        manifest = seal.read_manifest(stage.folder)
    except seal.Unsealed:
        return None, []
    except seal.Damaged:
        (stage.folder / seal.MANIFEST).unlink()  # the sidecars still tell what is sound
        return None, []
    try:
        noted = read_state(stage.folder / STATE / FAULTS, list[str]) or []
    except Unreadable:
        noted = list(manifest.files)  # which files were damaged is lost: all are hashed
    proofs.distrust(noted)
    faulty = {fault.file for fault in proofs.faults(manifest)}
    return manifest, sorted(faulty if len(noted) == len(manifest.files) else {*faulty, *noted})


def _done(stage: Stage, part: Part, proofs: Proofs, faulty: Sequence[str]) -> bool:
    return read_sidecar(stage.folder, part, stage.key(part), proofs, faulty) is not None


def pipeline(stage: Stage, work: Work) -> list[Any]:
    """The datatrove steps of a rank, the commit of its part last."""
    from pipelines.run.executor import CommitPart

    return [*work.steps, CommitPart(stage.folder, work.parts, [stage.key(part) for part in work.parts], work.write)]


def _note_plan(stage: Stage, work: Work, missing: list[int]) -> None:
    plan = {"parts": [part.name for part in work.parts], "missing": missing, "began": time.time()}
    seal.write_json(stage.folder / STATE / PLAN, plan)


def _seal(stage: Stage, work: Work) -> str:
    """Finish the stage and write its manifest. Returns the digest."""
    sidecars = []
    proofs = Proofs(stage.folder)
    for part in work.parts:
        sidecar = read_sidecar(stage.folder, part, stage.key(part), proofs)
        if sidecar is None:
            raise Incomplete(f"{stage.folder}: {part.name} is missing; run again to go on")
        sidecars.append(sidecar)
    finish = Finish(stage.folder, sidecars)
    work.finish(finish)
    files = dict(finish.files)
    for sidecar in sidecars:
        files.update(sidecar.files)
        files[sidecar.name] = seal.hash_file(stage.folder / sidecar.name)
    manifest = Manifest(stage.name, stage.version, stage.options, stage.inputs, finish.counts, files, finish.summary)
    try:
        digest = seal.write_manifest(stage.folder, manifest)
    except seal.Damaged as error:
        raise Failure(f"{error} (a bug in stage '{stage.name}')") from None
    for name in [*finish.files, *(sidecar.name for sidecar in sidecars)]:  # files of parts were noted by their writers
        proofs.note(name, files[name])
    proofs.save()
    return digest
