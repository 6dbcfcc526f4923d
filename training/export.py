"""Export a trained model: `python training/export.py --run RUN --data DATASET --to hf --out DIR`.

hf     a Hugging Face folder, for transformers and programs that load its models; see export_hf.py
gguf   model.gguf, for llama.cpp and programs that use it; needs the package `gguf`; see export_gguf.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see train.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from sharding.rows import Dataset
from sharding.seal import Sealed, atomic_folder
from training import checkpoint
from training.config import ModelConfig
from training.errors import ConfigError, finished, say
from training.export_hf import write_hf

FORMATS = ("hf", "gguf")


def export(run: Path, data: Path, out: Path, to: str = "hf") -> Path:
    """Export the newest sound checkpoint of a run to the folder `out` and return it. The folder appears by a rename.

    to: one of `FORMATS`. Raises Unfinished if there is no checkpoint, ConfigError if the format can't hold the model
    or `out` exists.
    """
    dataset = Dataset(data, schedule=None)
    path, meta = checkpoint.newest(run, dataset, say)
    if out.exists():
        raise ConfigError(f"{out} exists already: delete it, or choose another --out")
    config = ModelConfig(**meta.model)
    weights, _ = checkpoint.load_tensors(path)
    sealed = Sealed(data, "pack")
    if to == "gguf":
        from training.export_gguf import write_gguf as write
    else:
        write = write_hf
    with atomic_folder(out) as inside:
        write(inside, config, weights, sealed, dataset.layout)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.py", description="Export a trained model for other programs.")
    parser.add_argument("--run", type=Path, required=True, help="Run folder: the --out of training/train.py.")
    parser.add_argument("--data", type=Path, required=True, help="Dataset that the run was trained on.")
    parser.add_argument("--to", choices=FORMATS, default="hf", help="Format (default: %(default)s).")
    parser.add_argument("--out", type=Path, required=True, help="Folder to create.")
    given = parser.parse_args(argv)
    return finished(lambda: sys.stdout.write(f"{export(given.run, given.data, given.out, given.to)}\n"))


if __name__ == "__main__":
    sys.exit(main())
