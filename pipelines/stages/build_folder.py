"""The layout of a build's folder: the folder that each stage writes, in the order in which they are written.

.arcorp/recipe.json    the recipe
raw/                   the embedded corpus in its native formats, where the recipe asks for it
documents/00-NAME/     each corpus, as ingested
unique/                the documents after deduplication
tokenizer/  tokens/  dataset/  verified/  run/
"""

from __future__ import annotations

from pipelines.run import STATE

RECIPE = f"{STATE}/recipe.json"

RAW = "raw"
DOCUMENTS = "documents"
UNIQUE = "unique"
TOKENIZER = "tokenizer"
TOKENS = "tokens"
DATASET = "dataset"
VERIFIED = "verified"
RUN = "run"

FOLDERS = (RAW, DOCUMENTS, UNIQUE, TOKENIZER, TOKENS, DATASET, VERIFIED, RUN)
"""All folders, each after those that it is made from. DOCUMENTS holds one folder for each corpus."""
