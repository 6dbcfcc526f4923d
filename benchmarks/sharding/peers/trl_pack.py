"""TRL's best-fit-decreasing packer on given lengths. `python trl_pack.py LENGTHS.npy ROW_TOKENS`: JSON.

What is timed is the plan: the time that it takes to copy ids about (`pc.take`) is measured and taken off.
"""

import json
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import trl
from trl import data_utils

lengths, row_tokens = np.load(sys.argv[1]), int(sys.argv[2])
offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.zeros(offsets[-1], np.uint8)))
table = pa.table({"input_ids": lists})
copying = 0.0
take = pc.take


def timed(*arguments):
    global copying
    began = time.perf_counter()
    taken = take(*arguments)
    copying += time.perf_counter() - began
    return taken


data_utils.pc.take = timed
began = time.perf_counter()
packed = data_utils._pack_bfd(table, row_tokens, "split")
seconds = time.perf_counter() - began
found = {"version": trl.__version__, "seconds": seconds - copying, "whole_seconds": seconds, "rows": len(packed)}
print(json.dumps({**found, "documents": len(lengths)}))
