"""The modules that worker processes are forked with, so that no worker imports them itself.

The fork server imports this module once for all stages of a command, in 1.4 processor seconds. Without it the first
part of each worker took 0.6 to 1.1 s longer: numba's types, the tables of Unicode. No tokenizer is loaded, since it
depends on the build.
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
from corpora import compiled
from corpora.cleaning import normalise
from pipelines.without_pandas import spare_pandas

spare_pandas()
compiled.load()
pyarrow.array([""])
normalise("مَا")
# The first garbage collection of a worker would write to every object, and so copy all shared memory.
gc.freeze()
