"""The tokenizer stage on all text of documents: `python -m benchmarks.tokenization.train_large OUT SIZE FOLDER...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.tokenization.timed import Timer, peak_bytes
from pipelines.recipe import SampleOptions, TokenizerOptions
from pipelines.run import Context, run_stage
from pipelines.stages.tokenizer import tokenizer_stage

EVERYTHING = 10**12


def main() -> None:
    out, size, *folders = sys.argv[1:]
    options = TokenizerOptions(
        vocab_size=int(size), sample=SampleOptions(chars=EVERYTHING, document_cap=EVERYTHING), min_frequency=1
    )
    with Timer() as timer:
        sealed = run_stage(
            tokenizer_stage(Path(out), [Path(folder) for folder in folders], options, 42), Context(1)
        ).sealed
    recorded = json.loads((Path(out) / "tokenizer_meta.json").read_bytes())["made"]
    result = {"chars": sealed.manifest.counts["chars"].out, "pre_tokens": recorded["pre_tokens"]["different"]}
    print(json.dumps({**timer.seconds(), **result, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
