"""What workers are forked with: all that each worker of each stage would load for itself.

Imported by the process that they are forked from, once for all stages of a command, in 1.8 processor seconds. A
worker's first part took .6 to 1.1 s longer without it: numba's types, pandas (pyarrow looks for it when it makes an
array), the tables of Unicode. A tokenizer is not here: each build has its own.
"""

# ruff: noqa: F401

import gc

import fastokens
import pyarrow
import tokenizers

import corpora.cleaning.clean_step
import corpora.cleaning.language_id
import corpora.cleaning.pii
import corpora.dedup.decontaminate
import corpora.dedup.exact
import corpora.documents
import corpora.quality.filter
import corpora.sources.pipeline_step
import pipelines.cli.stage_commands
import pipelines.run.executor
import pipelines.stages.dedup
import pipelines.stages.ingest
import pipelines.stages.pack
import pipelines.stages.tokenize
import pipelines.stages.tokenizer
import sharding.packing.write
import tokenization.model
import tokenization.training
from corpora.cleaning import normalise

pyarrow.array([""])
normalise("مَا")
# A worker's first collection would write to each object, and so copy all the memory that it shares.
gc.freeze()
