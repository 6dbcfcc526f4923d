"""Evaluation of trained models: suites of tasks, their scores as a sealed folder.

    tasks    --tasks -> the tasks that it names
    suites   named lists of tasks, with the figures that the seeds publish
    harness  tasks of lm-evaluation-harness         core  nanochat's CORE        minimal_pairs  the embedded grammar's
    models   texts -> ids -> scores, by a process of training/score.py
    stage    one part for each task

lm-evaluation-harness is imported where it is used: minimal pairs and CORE need neither it nor a network.
"""

from pipelines.evaluation.models import Place, find_model
from pipelines.evaluation.stage import RESULTS, evaluate_stage
from pipelines.evaluation.suites import SUITES, Entry, Suite
from pipelines.evaluation.tasks import PAIRS, Task, find_tasks, folder_of

__all__ = [
    "PAIRS",
    "RESULTS",
    "SUITES",
    "Entry",
    "Place",
    "Suite",
    "Task",
    "evaluate_stage",
    "find_model",
    "find_tasks",
    "folder_of",
]
