"""Names of the files and folders under `.arcorp/`, the state of a build or a stage. None is part of a result.

Each name is relative to the folder of the build or the stage.
"""

from __future__ import annotations

STATE = ".arcorp"
LOCK = f"{STATE}/lock"

# -- of a build -------------------------------------------------------------------------------------------

BUILD = f"{STATE}/recipe.json"
"""The recipe. The record that marks the folder of a build."""
FOLDERS = f"{STATE}/folders.json"
"""Names of the stages' folders that were started in this build: the folders that --restart removes."""

# -- of a stage -------------------------------------------------------------------------------------------

STAGE = f"{STATE}/stage.json"
"""The identity of the stage. The record that marks the folder of a stage."""
PLAN = f"{STATE}/plan.json"
"""Names of the stage's parts and the start time of the run, for `arcorp status`."""
FAULTS = f"{STATE}/faults.json"
"""Files that `arcorp verify --level full` found damaged; the next run hashes them whatever their proofs are."""
WRITTEN = f"{STATE}/written.txt"
"""Names of the files that belong to no part, one a line; each is added before the file is written."""
PROOFS = f"{STATE}/proofs.json"
"""Proofs of the files of a sealed folder (`pipelines.run.proofs`)."""
PART_PROOFS = f"{STATE}/proofs"
"""Folder of `<part>.json`: proofs of a part's files, from its commit to the seal."""
INPUTS = f"{STATE}/inputs.json"
"""Versions of the foreign input files of ingest (`pipelines.stages.inputs`)."""
PRINTS = f"{STATE}/fingerprints"
"""Folder of the stage of deduplication that takes the fingerprints of documents."""
PAIRS = f"{STATE}/pairs"
"""Folder of the stage that finds the pairs of documents with equal keys."""
DECISIONS = f"{STATE}/judged"
"""Folder of the stage that decides which documents deduplication drops. Release 0.1.0 wrote this name."""
TABLES = f"{STATE}/tables"
"""Folder of the stage that plans a dataset and writes its tables of documents."""
TRAIN_CONFIG = f"{STATE}/train.json"
TRAIN_LOG = f"{STATE}/train.log"
LOGS = f"{STATE}/logs"
LOG = f"{LOGS}/ranks.log"
"""Log of a run on one machine: the tracebacks of the ranks that failed. Jobs of a cluster have logs of their own."""

STAGES_BEFORE = (f"{STATE}/entries", f"{STATE}/counts", PRINTS, PAIRS, DECISIONS, TABLES)
"""Folders of stages whose results are removed once the stage that reads them is sealed."""

# -- of a build or a stage on SLURM -----------------------------------------------------------------------

SLURM = f"{STATE}/slurm"
"""In a build: the launch and the logs of its steps. In a stage: its array and the logs of the array's jobs."""
LAUNCH = f"{SLURM}/launch.json"
"""Arguments of a build's launch."""
ARRAY = f"{SLURM}/array.json"
"""A stage's last array: its launch, the id of the job, the ranks, and the number of ranks per job."""
FAILURE = f"{SLURM}/failure.json"
"""Why a build stopped."""
