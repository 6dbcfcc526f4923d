"""sentencepiece on the lines of the same texts: `python sentencepiece_train.py TEXTS SIZE PATTERN`.

It supports no patterns and merges characters where others merge bytes, so that only the time is compared.
"""

import io
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import sentencepiece

lines = [line for text in json.loads(Path(sys.argv[1]).read_bytes()) for line in text.splitlines()]
model = io.BytesIO()
wall, cpu = time.perf_counter(), time.process_time()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(lines),
    model_writer=model,
    model_type="bpe",
    vocab_size=int(sys.argv[2]),
    character_coverage=1.0,
    normalization_rule_name="identity",
    max_sentence_length=1 << 30,  # bytes; by default it leaves out longer lines
    num_threads=1,
    minloglevel=2,
)
seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
tokens = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).vocab_size()
print(json.dumps({**seconds, "tokens": tokens, "version": version("sentencepiece")}))
