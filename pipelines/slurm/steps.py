"""A build on SLURM: short jobs that go from stage to stage, and one array for each stage's parts.

    launch: arcorp build --executor slurm      on the login node: checks, submits the first step, returns
    step:   python -m pipelines.slurm DIR      a job: goes down the stages like any build; where many parts are
                                               missing it submits an array, and the next step after that array
    rank:   launch_pickled_pipeline            a job of the array: makes its share of the parts

A step plans a stage when what it depends on is sealed, so that no array's size has to be guessed; it makes itself what
one process makes (a tokenizer, a seal, a single part). Nobody waits in a job. The next step depends on the end of the
array, not on its success: it looks at the parts themselves, seals the stage if all are there, and else ends the build
with the ranks that failed and why. So no state that SLURM reports is ever taken for work done.

Of datatrove's executor this takes the pickled pipeline, the list of ranks and the array; docs/decisions/0018 says what
is replaced, and why.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.build import Result, build
from pipelines.console import Console
from pipelines.errors import Failure, UsageError, as_failure, failure
from pipelines.recipe import Recipe, SlurmOptions, input_paths, is_embedded
from pipelines.run import (
    ARRAY,
    FAILURE,
    SLURM,
    STATE,
    Context,
    Delegated,
    LocalRunner,
    Machines,
    Stage,
    Work,
    job_id,
    job_label,
    pipeline,
    queued_jobs,
    read_array,
    refuse_queued,
    stranded,
)
from pipelines.run.state import Launch, read_state
from pipelines.texts import directive, word
from sharding import seal

LAUNCH = f"{SLURM}/launch.json"
RANKS_PER_JOB = 4
"""For each CPU of a job, where there are that many: its imports cost a second, and it starts them once."""
PATIENCE = 120.0
"""Seconds a step waits for a lock: the launch that submitted it holds it for a moment longer."""


# -- submitting -------------------------------------------------------------------------------------------


def script(name: str, log: Path, options: SlurmOptions, command: str, **more: str) -> str:
    """The text of a job. It holds no environment variable's value: sbatch hands the environment on by itself.

    Every text in it is checked or quoted, but for `slurm.environment`, which is a line of the script. Raises
    UsageError.
    """
    given = {
        "job-name": name,
        "output": str(log),
        "open-mode": "append",
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "time": options.time,
        "mem": options.memory,
        "cpus-per-task": str(options.cpus),
        **more,
    }
    lines = []
    for key, value in given.items():
        if value is not None:
            try:
                lines.append(directive(key, value))
            except ValueError as error:
                raise UsageError(f"sbatch --{key} {value}: {error}") from None
    lines.append("#SBATCH --requeue" if options.requeue else "#SBATCH --no-requeue")
    activate = options.environment or f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'
    return "\n".join(["#!/bin/bash", *lines, activate, command, ""])


def submit(text: str, *arguments: str) -> str:
    """Hand a script to sbatch; returns the job's id. Raises Failure with what sbatch says."""
    done = subprocess.run(["sbatch", *arguments], input=text, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise Failure(f"sbatch refused the job: {said}; look at the recipe's section 'slurm'")
    return job_id(done.stdout)


def _submit_step(out: Path, options: SlurmOptions, after: list[str], *, to_train: bool = False) -> str:
    """Submit the next step of the build. It starts when the jobs in `after` have ended, however they ended."""
    log = out / SLURM / "step-%j.out"
    command = shlex.join(["exec", "python", "-m", "pipelines.slurm", str(out)])
    if to_train and options.train is not None:
        train = options.train
        given = {name: getattr(train, name) for name in ("time", "memory", "cpus")}
        options = options.model_copy(update={**given, "partition": train.partition or options.partition})
        more = {"nodes": str(train.nodes), "ntasks-per-node": "1", "signal": "B:USR1@120"}
        more |= {"gpus-per-node": str(train.gpus)} if train.gpus else {}
        text = script(job_label(out, "build"), log, options, f"{command} train", **more)
    else:
        text = script(job_label(out, "build"), log, options, command)
    when = [f"--dependency=afterany:{':'.join(after)}", "--kill-on-invalid-dep=yes"] if after else []
    return submit(text, *when)


# -- the login node ---------------------------------------------------------------------------------------


class LoginNode:
    """Looks at every stage, does nothing: stops the build at the first that has something to do."""

    def admit(self, out: Path) -> None:
        refuse_queued(out)

    def begin(self, stage: Stage) -> None:
        raise Delegated(stage.name)

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        raise AssertionError("nothing is planned on the login node")


@dataclass
class Launched:
    """What a launch did: the first job of the build, and where to look."""

    out: Path
    job: str

    @property
    def last_line(self) -> str:
        return f"job {self.job} builds {self.out}; to follow it: arcorp status {self.out} --watch"

    def to_json(self) -> dict[str, Any]:
        return {"out": str(self.out), "job": self.job}


def launch(recipe: Recipe, out: Path, until: str | None, restart: bool, console: Console) -> Launched | Result:
    """Submit a build, or what is left of it. Raises UsageError (no SLURM here), Failure (its jobs are queued)."""
    if shutil.which("sbatch") is None:
        raise UsageError("there is no sbatch here: run this on a login node of the cluster, or with --executor local")
    out = out.resolve()
    try:
        word(str(out))
    except ValueError as error:
        raise UsageError(f"{out}: {error} (choose another --out)") from None
    refuse_queued(out)
    context = Context(restart=restart, launcher=LoginNode(), machines=_machines(recipe.slurm))
    try:
        return build(_absolute(recipe), out, until, context, console)
    except Delegated:
        pass
    (out / SLURM).mkdir(parents=True, exist_ok=True)
    (out / FAILURE).unlink(missing_ok=True)
    asked = {"launch": uuid.uuid4().hex, "recipe": _absolute(recipe).canonical(), "until": until}
    seal.write_json(out / LAUNCH, asked)
    return Launched(out, _submit_step(out, recipe.slurm, []))


def _machines(options: SlurmOptions) -> Machines:
    return Machines(options.train.nodes if options.train else 1, options.scratch)


def _absolute(recipe: Recipe) -> Recipe:
    """Inputs by absolute paths: a job may start in another folder."""

    def absolute(path: str) -> str:
        return path if is_embedded(path) or "://" in path else os.path.abspath(path)  # noqa: PTH100 (keeps a glob)

    corpora = [
        one.model_copy(update={"input": [absolute(path) for path in input_paths(one)]}) for one in recipe.corpora
    ]
    return recipe.model_copy(update={"corpora": corpora})


# -- a step -----------------------------------------------------------------------------------------------


class Step:
    """Makes a single missing part itself, and submits an array for more."""

    def __init__(self, out: Path, launch: str, options: SlurmOptions, training: bool) -> None:
        self.out, self.launch, self.options, self.training = out, launch, options, training

    def admit(self, out: Path) -> None:
        """The jobs in the queue are those of this build: this one among them."""

    def begin(self, stage: Stage) -> None:
        if stage.name == "train" and self.options.train is not None and not self.training:
            raise Delegated(stage.name, to_train=True)

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        name = job_label(self.out, str(stage.folder.relative_to(self.out)).replace("/", "."))
        queued = sorted({job.array for job in queued_jobs(self.out) if job.name == name})
        if queued:  # this step was queued again after it had submitted the array
            raise Delegated(stage.name, queued)
        before = read_array(stage.folder)
        if before.get("launch") == self.launch:
            raise Failure(
                f"{stage.folder}: {stranded(stage.folder, before, missing, len(work.parts))}; "
                "run the same build again to go on"
            )
        if len(missing) == 1:
            try:
                LocalRunner().make(stage, work, missing, context)
            except Failure as error:
                where = stage.folder / STATE / "logs" / "logs" / f"task_{missing[0]:05d}.log"
                said = f"{stage.folder}: rank {missing[0]} of {len(work.parts)} failed: {error} (its log is {where})"
                raise failure(said, error.exit_code) from None
            return
        from pipelines.run.executor import SINGLE_THREADED
        from pipelines.slurm.array import Array, max_array_size  # datatrove takes half a second to import

        cpus, jobs = self.options.cpus, min(self.options.jobs, max_array_size())
        per_job = max(RANKS_PER_JOB * cpus, math.ceil(len(missing) / jobs))
        last = math.ceil(len(missing) / per_job) - 1
        threads = " ".join(f"{variable}={value}" for variable, value in SINGLE_THREADED.items())
        array = Array(pipeline(stage, work), missing, per_job, cpus, stage.folder)
        command = f"export {threads}\n{array.command}"
        log = stage.folder / SLURM / "%A_%a.out"
        job = array.launch(script(name, log, self.options, command, array=f"0-{last}"))
        record = {"launch": self.launch, "job": job, "ranks": missing, "per_job": per_job}
        seal.write_json(stage.folder / ARRAY, record)
        print(f"{stage.name}: {len(missing)} ranks in array {job}", file=sys.stderr)  # noqa: T201
        raise Delegated(stage.name, [job])


def _asked(out: Path) -> tuple[Launch, Recipe]:
    """What the build in `out` was asked to do, and its recipe. Raises UsageError for a record that can't be read."""
    asked: Launch | None = read_state(out / LAUNCH, Launch)
    try:
        if asked is not None:
            return asked, Recipe.model_validate(asked["recipe"])
        reason = "is not there"
    except ValidationError as error:
        reason = f"holds no recipe ({error.error_count()} of its keys are wrong)"
    raise UsageError(f"{out / LAUNCH} {reason}: launch the build again with --executor slurm")


def step(out: Path, training: bool) -> None:
    """Go on with the build from where it is, as far as this job can; `training`: it has the machines for that."""
    try:
        asked, recipe = _asked(out)
    except UsageError as error:
        Console().error(error)
        sys.exit(error.exit_code)
    options = recipe.slurm
    me = os.environ.get("SLURM_JOB_ID", "")
    if not training:  # what SLURM says of this job is not for those it submits
        for name in [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]:
            del os.environ[name]
    console = Console()
    launcher = Step(out, asked["launch"], options, training)
    machines = _machines(options)
    context = Context(options.cpus, progress=console.progress, launcher=launcher, patience=PATIENCE, machines=machines)
    try:
        build(recipe, out, asked["until"], context, console)
    except Delegated as handed:
        others = [job for job in queued_jobs(out) if job.name == job_label(out, "build") and job.id != me]
        if not others:
            _submit_step(out, options, handed.jobs, to_train=handed.to_train)
    except KeyboardInterrupt:  # the machine is wanted, or the time is up, and the trainer has saved
        if training:
            subprocess.run(["scontrol", "requeue", me], check=True)
        sys.exit(130)
    except Exception as error:
        known = as_failure(error) or Failure(f"{type(error).__name__}: {error}")
        seal.write_json(out / FAILURE, {"message": str(known), "exit_code": known.exit_code})
        console.error(known)
        if as_failure(error) is None:
            raise
        sys.exit(known.exit_code)
