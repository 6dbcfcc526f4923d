"""Measure mosaicml-streaming. `python mosaicml_read.py ROWS.npy FOLDER BATCH BATCHES` prints JSON.

Rows are read in two ways: by random indexes, stacked and widened to int64, as in our reader; and by its own loader,
shuffled, in this process. Shards have 64 MB.
"""

import json
import sys
import time
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

# Its image datasets, which are not used, import a torchvision that cannot be loaded with CPU builds of torch.
for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__spec__ = ModuleSpec(name, None)
sys.modules["torchvision.datasets"].VisionDataset = object
sys.modules["torchvision.transforms.functional"].to_tensor = None

from streaming import MDSWriter, StreamingDataLoader, StreamingDataset  # noqa: E402
from torch import int64  # noqa: E402

rows, folder = np.load(sys.argv[1], mmap_mode="r"), sys.argv[2]
batch, batches = int(sys.argv[3]), int(sys.argv[4])
if not Path(folder).exists():
    with MDSWriter(out=folder, columns={"ids": f"ndarray:uint16:{rows.shape[1]}"}, size_limit="64mb") as writer:
        for k in range(len(rows)):
            writer.write({"ids": np.array(rows[k])})
data = StreamingDataset(local=folder, batch_size=batch, shuffle=False)
order = np.random.default_rng(3).integers(0, len(rows), (batches, batch))
assert (data[int(order[0, 0])]["ids"] == rows[order[0, 0]]).all()
times = []
for _ in range(2):  # the first round opens the shards
    times = []
    for step in order:
        began = time.perf_counter()
        ids = np.stack([data[int(row)]["ids"] for row in step]).astype(np.int64)
        times.append(time.perf_counter() - began)
shuffled = StreamingDataset(local=folder, batch_size=batch, shuffle=True)
waits, began = [], time.perf_counter()
for items in StreamingDataLoader(shuffled, batch_size=batch, num_workers=0):
    ids = items["ids"].to(int64)
    waits.append(time.perf_counter() - began)
    if len(waits) > batches:
        break
    began = time.perf_counter()
print(
    json.dumps(
        {
            "version": version("mosaicml-streaming"),
            "by_index_ms": 1000 * float(np.median(times)),
            "loader_ms": 1000 * float(np.median(waits)),
        }
    )
)
