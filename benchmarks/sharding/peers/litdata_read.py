"""Measure litdata. `python litdata_read.py ROWS.npy FOLDER BATCH BATCHES` prints JSON.

Rows are read in two ways: by random indexes, stacked and widened to int64, as in our reader; and by its own loader,
shuffled, in this process. Chunks have 64 MB.
"""

import json
import sys
import time
from pathlib import Path

import litdata
import numpy as np
import torch
from litdata.streaming.item_loader import TokensLoader
from litdata.streaming.writer import BinaryWriter

rows, folder = np.load(sys.argv[1], mmap_mode="r"), sys.argv[2]
batch, batches = int(sys.argv[3]), int(sys.argv[4])
length = rows.shape[1]
if not Path(folder).exists():
    Path(folder).mkdir(parents=True)
    writer = BinaryWriter(folder, chunk_bytes="64MB", item_loader=TokensLoader(length))
    for k in range(len(rows)):
        writer[k] = torch.from_numpy(rows[k].astype(np.uint16))
    writer.done()
    writer.merge(1)
data = litdata.StreamingDataset(folder, item_loader=TokensLoader(length))
assert len(data) == len(rows), (len(data), len(rows))
order = np.random.default_rng(3).integers(0, len(rows), (batches, batch))
assert (data[int(order[0, 0])].numpy() == rows[order[0, 0]]).all()
times = []
for _ in range(2):  # the first round opens the chunks
    times = []
    for step in order:
        began = time.perf_counter()
        ids = torch.stack([data[int(row)] for row in step]).to(torch.int64)
        times.append(time.perf_counter() - began)
loader = litdata.StreamingDataLoader(
    litdata.StreamingDataset(folder, item_loader=TokensLoader(length), shuffle=True), batch_size=batch, num_workers=0
)
waits, began = [], time.perf_counter()
for ids in loader:
    ids = ids.to(torch.int64)
    waits.append(time.perf_counter() - began)
    if len(waits) > batches:
        break
    began = time.perf_counter()
print(
    json.dumps(
        {
            "version": litdata.__version__,
            "by_index_ms": 1000 * float(np.median(times)),
            "loader_ms": 1000 * float(np.median(waits)),
        }
    )
)
