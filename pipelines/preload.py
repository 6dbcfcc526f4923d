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

import corpora.decontaminate
import corpora.dedup
import corpora.documents
import corpora.identify
import corpora.pii
import corpora.quality
import corpora.reader
import pipelines.executor
import pipelines.stage_commands  # of pipelines.cli all but itself, which a worker runs again if `python -m` ran it
import pipelines.stages.dedup
import pipelines.stages.ingest
import pipelines.stages.pack
import pipelines.stages.tokenize
import pipelines.stages.tokenizer
import sharding.write
import tokenization.counts
import tokenization.encode
import tokenization.sample
from corpora.normalise import normalise

pyarrow.array([""])
normalise("مَا")
# A worker's first collection would write to each object, and so copy all the memory that it shares.
gc.freeze()
