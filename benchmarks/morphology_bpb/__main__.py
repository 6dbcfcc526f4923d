"""Bits per byte of equal models on equal text, by morphology: `python -m benchmarks.morphology_bpb --data DIR`.

Seven tokenizers (`compared`), or those that are named, are compared at several amounts of training text and three
seeds. All models have the same shape, including the rows of the embedding, and read the same bytes once; each has the
learning rate of a grid that is best for its tokenizer at the smallest amount. Held-out text is of other books and days
(`texts`). Bits are kept by document, so that the gaps to plain BPE have intervals (`gaps`). The smallest amount comes
first, and of each amount one seed of all tokenizers. A run that is in the result file is not repeated, so that the
benchmark may be stopped. `--small` takes minutes and shows that all parts work, not whether morphology pays.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.morphology_bpb.compared import NAMES, tokenizers
from benchmarks.morphology_bpb.gaps import figure, gaps, table
from benchmarks.morphology_bpb.learning import CONTEXT, bits, encoded, learned
from benchmarks.morphology_bpb.texts import Texts, read
from tokenization.model import Tokenizer
from training.config import ModelConfig

RATES = (5e-4, 1e-3, 2e-3)
FULL: dict[str, Any] = {
    "size": 16_000,
    "bytes": [1_200_000, 2_400_000, 4_800_000, 9_600_000],
    "layers": 2,
    "width": 128,
}
SMALL: dict[str, Any] = {"size": 4_000, "bytes": [150_000, 300_000], "layers": 2, "width": 64}
FIGURE = Path(__file__).resolve().parents[2] / "docs/images/morphology-bpb.svg"


def main() -> None:
    """Make the tokenizers, train the missing models, write the result and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with bulk/*.jsonl.zst")
    parser.add_argument("--small", action="store_true", help="a small setting, in minutes")
    parser.add_argument("--tokenizers", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--size", type=int, help="ids of all tokenizers but one")
    parser.add_argument("--bytes", type=int, nargs="+", help="amounts of training text")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--held-out", type=int, default=100_000, help="bytes of held-out text of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--figure", type=Path, help="where to write the SVG")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    defaults = SMALL if arguments.small else FULL
    options = {name: getattr(arguments, name) or default for name, default in defaults.items()}
    amounts = sorted(options.pop("bytes"))
    options["held_out"] = arguments.held_out
    texts = read(arguments.data, arguments.held_out)
    path = arguments.out / f"morphology-bpb-{options['size']}-{datetime.now(UTC):%Y-%m-%d}.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept: dict[str, Any] = (
        stored if stored.get("options") == options else {"options": options, "runs": [], "seconds": 0.0}
    )
    kept["dropped"] = texts.dropped
    made = tokenizers(texts.train, options["size"], arguments.tokenizers)
    runs = Runs(made, texts, kept, path)
    kept["rates"] = kept.get("rates", {}) | {name: runs.best_rate(name, amounts[0]) for name in made}
    for amount, seed, name in product(amounts, arguments.seeds, made):
        runs.make(name, amount, seed, kept["rates"][name])
    chosen = [run for run in kept["runs"] if run["rate"] == kept["rates"].get(run["tokenizer"])]
    kept["gaps"] = gaps(chosen)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(table(kept["gaps"], ["all", *texts.held_out]))
    print(f"{len(kept['runs'])} runs, {kept['seconds'] / 60:.1f} processor minutes; {path}")
    if arguments.figure or not arguments.small:
        (arguments.figure or FIGURE).write_text(figure(kept["gaps"]), encoding="utf-8")


class Runs:
    """The runs of the result file, made as they are needed."""

    def __init__(self, compared: dict[str, Tokenizer], texts: Texts, kept: dict[str, Any], path: Path) -> None:
        self._compared, self._texts, self._kept, self._path = compared, texts, kept, path
        options = kept["options"]
        shape = options["layers"], options["width"], 4, 4, 4 * options["width"]
        self._config = ModelConfig("gpt2", options["size"] + 3, CONTEXT, *shape)

    def best_rate(self, name: str, amount: int) -> float:
        """Return the rate of the grid that needs the fewest bits with seed 0."""
        return min(RATES, key=lambda rate: sum(map(sum, self.make(name, amount, 0, rate)["bits"].values())))

    def make(self, name: str, amount: int, seed: int, rate: float) -> dict[str, Any]:
        """Return a run: that of the result file, or a new one, which is added to it."""
        about = {"tokenizer": name, "bytes": amount, "seed": seed, "rate": rate}
        for run in self._kept["runs"]:
            if about.items() <= run.items():
                return dict(run)
        tokenizer = self._compared[name]
        stream = encoded(tokenizer, self._texts.first(amount))[0]
        held_out = {kind: encoded(tokenizer, documents) for kind, documents in self._texts.held_out.items()}
        began = time.process_time()
        model = learned(self._config, seed, rate, stream)
        scores = {kind: bits(model, *ids) for kind, ids in held_out.items()}
        self._kept["seconds"] += time.process_time() - began
        run = {
            **about,
            "ids": len(tokenizer.pieces) - 3,
            "tokens": len(stream),
            "bits": {kind: [round(each, 1) for each in of_kind] for kind, of_kind in scores.items()},
            "held_out": {kind: [len(text.encode()) for text in own] for kind, own in self._texts.held_out.items()},
        }
        self._kept["runs"].append(run)
        whole = self._path.with_suffix(".partial")
        whole.write_text(json.dumps(self._kept) + "\n", encoding="utf-8")
        whole.replace(self._path)
        total = sum(map(sum, scores.values())) / sum(map(sum, run["held_out"].values()))
        print(*about.values(), f"{total:.4f} bits a byte, {self._kept['seconds'] / 60:.1f} minutes", flush=True)
        return run


if __name__ == "__main__":
    main()
