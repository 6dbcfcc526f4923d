"""Options of the jobs of `build --executor slurm`."""

from __future__ import annotations

from pydantic import Field

from pipelines.recipe.base import Options, PositiveInt, Word


class SlurmTrainOptions(Options):
    """The training job, on other machines than those that prepare the data."""

    nodes: PositiveInt = Field(1, description="number of machines; torchrun starts `train.ranks` processes on each")
    gpus: int = Field(8, ge=0, description="number of GPUs of each machine")
    partition: Word | None = Field(None, description="partition; unset: that of the other jobs")
    time: Word = Field(
        "24:00:00", description="time limit; before it ends, the job saves a checkpoint and is queued again"
    )
    memory: Word = Field("64G", description="memory of each machine")
    cpus: PositiveInt = Field(16, description="number of CPUs of each machine")


class SlurmOptions(Options):
    """Jobs of `build --executor slurm`. Only `train.nodes` can change the output: it changes the sum of gradients."""

    partition: Word | None = Field(None, description="partition; unset: the cluster's default")
    account: Word | None = Field(None, description="account to charge")
    qos: Word | None = Field(None, description="quality of service")
    time: Word = Field("24:00:00", description="time limit of a job, in SLURM's notation")
    memory: Word = Field("8G", description="memory of a job")
    cpus: PositiveInt = Field(1, description="number of CPUs of a job, and of the ranks that it runs at the same time")
    jobs: PositiveInt = Field(200, description="maximum number of jobs in a stage's array; further ranks share a job")
    environment: str | None = Field(
        None,
        description="shell command that activates the environment (the only option that is executed); unset: this "
        "command's environment",
    )
    scratch: str | None = Field(
        None,
        description="folder on the local disk of a machine: the dataset is copied to it and verified before training",
    )
    requeue: bool = Field(True, description="queue a job again if its machine fails or the job is preempted")
    train: SlurmTrainOptions | None = Field(None, description="options of a separate training job")
