"""Builds on SLURM: `launch` submits a build; its jobs run `python -m pipelines.slurm DIR`."""

from pipelines.slurm.steps import Launched, launch, step

__all__ = ["Launched", "launch", "step"]
