"""`python -m pipelines.slurm DIR [train]`: one step of a build, as a job."""

import sys
from pathlib import Path

from pipelines.slurm import step

step(Path(sys.argv[1]), training=sys.argv[2:] == ["train"])
