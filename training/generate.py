"""Generate text from a trained model: `python training/generate.py --run RUN --data DATASET [--prompt TEXT]`.

The text is written while it is generated. Without --prompt, validation rows are continued.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # see train.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from sharding.rows import Dataset
from training import checkpoint
from training.config import Config, ModelConfig
from training.config_file import read_config
from training.detokenize import TokenBytes
from training.errors import ConfigError, finished, say, shown
from training.model import Decoder
from training.sampling import generate, prompts, stop_token


def load(run: Path, dataset: Dataset) -> Decoder:
    """Load the model of the newest sound checkpoint, in evaluation mode. Raises Unfinished if there is none."""
    path, meta = checkpoint.newest(run, dataset, say)
    model = Decoder(ModelConfig(**meta.model)).eval()
    weights, _ = checkpoint.load_tensors(path)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    return model


def encode(text: str, dataset: Dataset) -> list[int]:
    """Return the ids of a text, after bos. Raises ConfigError for an empty text or without package `tokenizers`."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConfigError("--prompt needs the package tokenizers: pip install tokenizers, or remove it") from None
    ids = Tokenizer.from_file(str(dataset.tokenizer / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    if not ids:
        raise ConfigError("--prompt is empty: remove it, or add a word")
    return [*([] if dataset.layout.bos is None else [dataset.layout.bos]), *ids]


def write(arguments: argparse.Namespace) -> None:
    """Write prompts and their continuations to stdout, character by character."""
    settings = read_config(None, [f"generate.{setting}" for setting in arguments.set]).generate
    dataset = Dataset(arguments.data, schedule=None)
    model, token_bytes = load(arguments.run, dataset), TokenBytes(dataset.tokenizer)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    own = [encode(arguments.prompt, dataset)] if arguments.prompt is not None else None
    for number, prompt in enumerate(own or [ids for _, ids in prompts(dataset.validation, settings)]):
        if len(prompt) >= dataset.row_tokens:
            raise ConfigError(
                f"--prompt has {len(prompt)} tokens, and the model reads {dataset.row_tokens}: shorten it"
            )
        sys.stdout.write(shown(token_bytes.decode(prompt)))
        ids = generate(model.to(device), prompt, settings, arguments.seed + number, stop_token(dataset))
        for piece in token_bytes.stream(ids):
            sys.stdout.write(shown(piece))
            sys.stdout.flush()
        sys.stdout.write("\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="generate.py", description="Generate text from a trained model.")
    parser.add_argument("--run", type=Path, required=True, help="Run folder: the --out of training/train.py.")
    parser.add_argument("--data", type=Path, required=True, help="Dataset that the run was trained on.")
    parser.add_argument("--prompt", help="Text to continue. Default: the first tokens of validation rows.")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A=B",
        help="Override one option of the `generate` section, such as temperature=0.7 or top_k=20. Repeatable.",
    )
    parser.add_argument("--seed", type=int, default=Config.seed, help="Seed of the sampling (default: %(default)s).")
    arguments = parser.parse_args(argv)
    return finished(lambda: write(arguments))


if __name__ == "__main__":
    sys.exit(main())
