"""The package that joins the others: recipes, stages, tasks and resume, executors, reports, the command line."""

import os

# A task's log shows tracebacks; loguru would write the values of variables into them, addresses with passwords too.
os.environ.setdefault("LOGURU_DIAGNOSE", "NO")
