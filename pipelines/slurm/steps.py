"""A build on SLURM: short jobs, the steps, run the stages in order; one array makes the parts of each stage.

    launch: arcorp build --executor slurm      on the login node: checks, submits the first step, returns
    step:   python -m pipelines.slurm DIR      a job: runs the stages like any build; if many parts of a stage are
                                               missing it submits an array, and the next step to run after it
    rank:   launch_pickled_pipeline            a job of the array: makes some of the parts

A step plans a stage when its inputs are sealed, so the size of an array is known when it is submitted. The step itself
does the work of a single process (a tokenizer, a seal, a single part). No job waits for another. The next step depends
on the end of the array, not on its success: it checks the parts, seals the stage if all exist, and else ends the build
with the failed ranks and the reason. So a job state that SLURM reports never counts as finished work.

The pickled pipeline, the list of ranks and the array are those of datatrove's executor; docs/decisions/0018 lists what
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
from pipelines.run.state_files import LAUNCH, LOG
from pipelines.texts import directive, word
from sharding import seal

RANKS_PER_JOB = 4
"""Minimal number of ranks for each CPU of a job, if that many are missing: a job spends a second on imports."""
PATIENCE = 120.0
"""Seconds that a step waits for a lock, since the launch that submitted it still holds it for a moment."""


# -- submitting -------------------------------------------------------------------------------------------


def script(name: str, log: Path, options: SlurmOptions, command: str, **more: str) -> str:
    """Return the script of a job. It contains no value of an environment variable: sbatch passes the environment on.

    All texts in it are checked or quoted, except `slurm.environment`, which is a line of the script. `more`: further
    options of sbatch. Raises UsageError for an invalid value.
    """
    values = {
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
    for key, value in values.items():
        if value is not None:
            try:
                lines.append(directive(key, value))
            except ValueError as error:
                raise UsageError(f"sbatch --{key} {value}: {error}") from None
    lines.append("#SBATCH --requeue" if options.requeue else "#SBATCH --no-requeue")
    activate = options.environment or f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'
    return "\n".join(["#!/bin/bash", *lines, activate, command, ""])


def submit(text: str, *arguments: str) -> str:
    """Submit a script with sbatch. Returns the job's id. Raises Failure with the message of sbatch."""
    done = subprocess.run(["sbatch", *arguments], input=text, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise Failure(f"sbatch refused the job: {reason}; check the section 'slurm' of the recipe")
    return job_id(done.stdout)


def _submit_step(out: Path, options: SlurmOptions, after: list[str], *, to_train: bool = False) -> str:
    """Submit the next step of the build. It starts when the jobs `after` have ended, successful or not.

    to_train: run it on the training machines. Returns the job's id.
    """
    log = out / SLURM / "step-%j.out"
    command = shlex.join(["exec", "python", "-m", "pipelines.slurm", str(out)])
    if to_train and options.train is not None:
        train = options.train
        limits = {name: getattr(train, name) for name in ("time", "memory", "cpus")}
        options = options.model_copy(update={**limits, "partition": train.partition or options.partition})
        more = {"nodes": str(train.nodes), "ntasks-per-node": "1", "signal": "B:USR1@120"}
        more |= {"gpus-per-node": str(train.gpus)} if train.gpus else {}
        text = script(job_label(out, "build"), log, options, f"{command} train", **more)
    else:
        text = script(job_label(out, "build"), log, options, command)
    dependency = [f"--dependency=afterany:{':'.join(after)}", "--kill-on-invalid-dep=yes"] if after else []
    return submit(text, *dependency)


# -- the login node ---------------------------------------------------------------------------------------


class LoginNode:
    """Runs no work: raises Delegated at the first stage that has missing work."""

    def admit(self, out: Path) -> None:
        refuse_queued(out)

    def begin(self, stage: Stage) -> None:
        raise Delegated(stage.name)

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        raise AssertionError("nothing is planned on the login node")


@dataclass
class Launched:
    """The result of a launch: the build's folder and the id of its first job."""

    out: Path
    job: str

    @property
    def last_line(self) -> str:
        return f"job {self.job} builds {self.out}; to follow it: arcorp status {self.out} --watch"

    def to_json(self) -> dict[str, Any]:
        return {"out": str(self.out), "job": self.job}


def launch(recipe: Recipe, out: Path, until: str | None, restart: bool, console: Console) -> Launched | Result:
    """Submit a build, or the rest of an unfinished one. Returns a Result if nothing is missing.

    Raises UsageError (this machine has no sbatch), Failure (jobs of the build are queued).
    """
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
    record = {"launch": uuid.uuid4().hex, "recipe": _absolute(recipe).canonical(), "until": until}
    seal.write_json(out / LAUNCH, record)
    return Launched(out, _submit_step(out, recipe.slurm, []))


def _machines(options: SlurmOptions) -> Machines:
    return Machines(options.train.nodes if options.train else 1, options.scratch)


def _absolute(recipe: Recipe) -> Recipe:
    """Return the recipe with absolute paths of inputs, since a job may start in another folder."""

    def absolute(path: str) -> str:
        return path if is_embedded(path) or "://" in path else os.path.abspath(path)  # noqa: PTH100 (keeps a glob)

    corpora = [
        corpus.model_copy(
            update={
                "input": [absolute(path) for path in input_paths(corpus)],
                "translate": corpus.translate.relative_to(Path.cwd()) if corpus.translate else None,
            }
        )
        for corpus in recipe.corpora
    ]
    tasks = [absolute(word) if os.path.exists(word) else word for word in recipe.evaluate.tasks]  # noqa: PTH110
    evaluate = recipe.evaluate.model_copy(update={"tasks": tasks})
    return recipe.model_copy(update={"corpora": corpora, "evaluate": evaluate})


# -- a step -----------------------------------------------------------------------------------------------


class Step:
    """Makes a single missing part itself, and all parts on the training machines; submits an array for several."""

    def __init__(self, out: Path, launch: str, options: SlurmOptions, training: bool) -> None:
        self.out, self.launch, self.options, self.training = out, launch, options, training

    def admit(self, out: Path) -> None:
        """Accept: the queued jobs are those of this build, including this job."""

    def begin(self, stage: Stage) -> None:
        if stage.name in ("train", "evaluate") and self.options.train is not None and not self.training:
            raise Delegated(stage.name, to_train=True)

    def make(self, stage: Stage, work: Work, missing: list[int], context: Context) -> None:
        name = job_label(self.out, str(stage.folder.relative_to(self.out)).replace("/", "."))
        queued = sorted({job.array for job in queued_jobs(self.out) if job.name == name})
        if queued:  # SLURM requeued this step after it had submitted the array
            raise Delegated(stage.name, queued)
        before = read_array(stage.folder)
        if before.get("launch") == self.launch:
            raise Failure(
                f"{stage.folder}: {stranded(stage.folder, before, missing, len(work.parts))}; "
                "run the same build again to make them"
            )
        if len(missing) == 1 or self.training:
            try:
                LocalRunner().make(stage, work, missing, context)
            except Failure as error:
                log = stage.folder / LOG
                message = f"{stage.folder}: rank {missing[0]} of {len(work.parts)} failed: {error} (its log is {log})"
                raise failure(message, error.exit_code) from None
            return
        from pipelines.run.executor import SINGLE_THREADED
        from pipelines.slurm.array import Array, max_array_size  # datatrove takes half a second to import

        cpus, jobs = self.options.cpus, min(self.options.jobs, max_array_size())
        per_job = max(RANKS_PER_JOB * cpus, math.ceil(len(missing) / jobs))
        last = math.ceil(len(missing) / per_job) - 1
        threads = " ".join(f"{variable}={value}" for variable, value in SINGLE_THREADED.items())
        array = Array(pipeline(stage, work), missing, per_job, cpus, stage.folder)
        command = f"export {threads}\n{array.command}"
        job_log = stage.folder / SLURM / "%A_%a.out"
        job = array.launch(script(name, job_log, self.options, command, array=f"0-{last}"))
        record = {"launch": self.launch, "job": job, "ranks": missing, "per_job": per_job}
        seal.write_json(stage.folder / ARRAY, record)
        print(f"{stage.name}: {len(missing)} ranks in array {job}", file=sys.stderr)  # noqa: T201
        raise Delegated(stage.name, [job])


def _read_launch(out: Path) -> tuple[Launch, Recipe]:
    """Return the launch record of the build in `out`, and its recipe. Raises UsageError if it can't be read."""
    record: Launch | None = read_state(out / LAUNCH, Launch)
    try:
        if record is not None:
            return record, Recipe.model_validate(record["recipe"])
        reason = "is missing"
    except ValidationError as error:
        reason = f"holds no valid recipe ({error.error_count()} of its keys are wrong)"
    raise UsageError(f"{out / LAUNCH} {reason}: launch the build again with --executor slurm")


def step(out: Path, training: bool) -> None:
    """Continue the build as far as this job can. training: this job runs on the training machines."""
    try:
        record, recipe = _read_launch(out)
    except UsageError as error:
        Console().error(error)
        sys.exit(error.exit_code)
    options = recipe.slurm
    own_id = os.environ.get("SLURM_JOB_ID", "")
    if not training:  # SLURM's variables of this job would affect the jobs that it submits
        for name in [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]:
            del os.environ[name]
    console = Console()
    launcher = Step(out, record["launch"], options, training)
    machines = _machines(options)
    context = Context(options.cpus, progress=console.progress, launcher=launcher, patience=PATIENCE, machines=machines)
    try:
        build(recipe, out, record["until"], context, console)
    except Delegated as delegated:
        others = [job for job in queued_jobs(out) if job.name == job_label(out, "build") and job.id != own_id]
        if not others:
            _submit_step(out, options, delegated.jobs, to_train=delegated.to_train)
    except KeyboardInterrupt:  # preempted, or the time limit is near; the trainer has saved
        if training:
            subprocess.run(["scontrol", "requeue", own_id], check=True)
        sys.exit(130)
    except Exception as error:
        reported = as_failure(error) or Failure(f"{type(error).__name__}: {error}")
        seal.write_json(out / FAILURE, {"message": str(reported), "exit_code": reported.exit_code})
        console.error(reported)
        if as_failure(error) is None:
            raise
        sys.exit(reported.exit_code)
