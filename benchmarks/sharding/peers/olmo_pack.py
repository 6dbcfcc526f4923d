"""OLMo-core's InstancePacker on given lengths. `python olmo_pack.py LENGTHS.npy ROW_TOKENS`: JSON.

Whole rows of long documents are taken off before, since it wants no document longer than a row: less work for it.
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
found = {"version": version("ai2-olmo-core"), "seconds": seconds, "rows": rows, "documents": len(lengths)}
print(json.dumps(found))
