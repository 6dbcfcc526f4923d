"""The layout of a build's folder: the folder of each stage, in the order in which they are written.

.arcorp/recipe.json    the recipe
raw/                   the embedded corpus in its native formats, if the recipe has one
documents/00-NAME/     each corpus, as ingested
translated/00-NAME/    the translation of a corpus, if the recipe has one
unique/                the documents after deduplication
tokenizer/  tokens/  dataset/  verified/  run/
runs/NAME/             each run, if the recipe has several
evaluation/TASKS/      scores of a run on tasks
"""

from __future__ import annotations

from pipelines.run import BUILD

RECIPE = BUILD
"""The recipe's file."""

RAW = "raw"
DOCUMENTS = "documents"
TRANSLATED = "translated"
UNIQUE = "unique"
TOKENIZER = "tokenizer"
TOKENS = "tokens"
DATASET = "dataset"
VERIFIED = "verified"
RUN = "run"
RUNS = "runs"
EVALUATION = "evaluation"

DUPLICATES = ".duplicates"
"""Suffix of the file of a part in UNIQUE that lists its documents that were dropped as duplicates."""

FOLDERS = (RAW, DOCUMENTS, TRANSLATED, UNIQUE, TOKENIZER, TOKENS, DATASET, VERIFIED, RUN, RUNS)
"""All folders, each after those that it is made from. DOCUMENTS holds one for each corpus, TRANSLATED one for each
corpus that is translated, RUNS one for each run."""
