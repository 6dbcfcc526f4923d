"""Measure the InstancePacker of OLMo-core. `python olmo_pack.py LENGTHS.npy ROW_TOKENS` prints JSON.

It requires documents that are not longer than a row, so whole rows of long documents are removed before, which saves
it work.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from olmo_core.data.utils import InstancePacker

lengths, row_tokens = np.load(sys.argv[1]), int(sys.argv[2])
rests = lengths % row_tokens
ends = np.cumsum(rests[rests > 0])
indices = np.stack([np.append(0, ends[:-1]), ends], axis=1)
packer = InstancePacker(row_tokens)
began = time.perf_counter()
packer.pack_documents(indices)
seconds = time.perf_counter() - began
rows = len(packer.instance_bins) + int((lengths // row_tokens).sum())
figures = {"version": version("ai2-olmo-core"), "seconds": seconds, "rows": rows, "documents": len(lengths)}
print(json.dumps(figures))
