"""rustbpe on the same texts: `python rustbpe_train.py TEXTS SIZE PATTERN`."""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import rustbpe

texts = json.loads(Path(sys.argv[1]).read_bytes())
tokenizer = rustbpe.Tokenizer()
wall, cpu = time.perf_counter(), time.process_time()
tokenizer.train_from_iterator(iter(texts), int(sys.argv[2]), pattern=sys.argv[3])
seconds = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
print(json.dumps({**seconds, "tokens": len(tokenizer.get_mergeable_ranks()), "version": version("rustbpe")}))
