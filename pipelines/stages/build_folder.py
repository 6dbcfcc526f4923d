"""The layout of a build's folder: the folder of each stage, in the order in which they are written.

.arcorp/recipe.json    the recipe
raw/                   the embedded corpus in its native formats, if the recipe has one
documents/00-NAME/     each corpus, as ingested
unique/                the documents after deduplication
tokenizer/  tokens/  dataset/  verified/  run/
"""

from __future__ import annotations

from pipelines.run import BUILD

RECIPE = BUILD
"""The recipe's file."""

RAW = "raw"
DOCUMENTS = "documents"
UNIQUE = "unique"
TOKENIZER = "tokenizer"
TOKENS = "tokens"
DATASET = "dataset"
VERIFIED = "verified"
RUN = "run"

FOLDERS = (RAW, DOCUMENTS, UNIQUE, TOKENIZER, TOKENS, DATASET, VERIFIED, RUN)
"""All folders, each after the folders that it is made from. DOCUMENTS holds one folder for each corpus."""
