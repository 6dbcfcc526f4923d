"""Measure the best-fit-decreasing packer of TRL. `python trl_pack.py LENGTHS.npy ROW_TOKENS` prints JSON.

Only planning is measured: the time of copying ids (`pc.take`) is subtracted.
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
figures = {"version": trl.__version__, "seconds": seconds - copying, "whole_seconds": seconds, "rows": len(packed)}
print(json.dumps({**figures, "documents": len(lengths)}))
