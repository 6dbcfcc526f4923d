"""Generate text from a trained model: `python training/generate.py --run RUN --data DATASET [--prompt TEXT | --chat]`.

The text is written while it is generated. Without --prompt, validation rows are continued. With --chat, each line of
input is a turn of a conversation (`training.chat`).
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
from training.sampling import generate, prompts


def load(run: Path, dataset: Dataset) -> tuple[Decoder, Path]:
    """Load the model of the newest sound checkpoint, in evaluation mode, on the GPU if there is one.

    Returns the model and the folder of the checkpoint. Raises Unfinished if there is none.
    """
    path, meta = checkpoint.newest(run, dataset, say)
    model = Decoder(ModelConfig(**meta.model)).eval()
    weights, _ = checkpoint.load_tensors(path)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), path


def encode(text: str, dataset: Dataset) -> list[int]:
    """Return the ids of a text, after bos. Names of special tokens in it stay text, as in training data.

    Raises ConfigError for an empty text or without package `tokenizers`.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConfigError("--prompt needs the package tokenizers: pip install tokenizers, or remove it") from None
    tokenizer = Tokenizer.from_file(str(dataset.tokenizer / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    if not ids:
        raise ConfigError("--prompt is empty: remove it, or add a word")
    return [*([] if dataset.layout.bos is None else [dataset.layout.bos]), *ids]


def write(arguments: argparse.Namespace) -> None:
    """Write prompts and their continuations to stdout, character by character."""
    given = [f"generate.{setting}" for setting in arguments.set]
    dataset = Dataset(arguments.data, schedule=None)
    token_bytes = TokenBytes(dataset.tokenizer)
    model, _ = load(arguments.run, dataset)
    if arguments.chat:
        from training.chat import converse, read_lines

        settings = read_config(None, [f"generate.tokens={model.config.context // 2}", *given]).generate
        converse(read_lines(), _write, model, dataset, settings, arguments.seed)
        return
    settings = read_config(None, given).generate
    own = [encode(arguments.prompt, dataset)] if arguments.prompt is not None else None
    for number, prompt in enumerate(own or [ids for _, ids in prompts(dataset.validation, settings)]):
        if len(prompt) >= dataset.row_tokens:
            raise ConfigError(
                f"--prompt has {len(prompt)} tokens, and the model reads {dataset.row_tokens}: shorten it"
            )
        _write(shown(token_bytes.decode(prompt)))
        ids = generate(model, prompt, settings, arguments.seed + number, dataset.layout.end)
        for piece in token_bytes.stream(ids):
            _write(shown(piece))
        _write("\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="generate.py", description="Generate text from a trained model.")
    parser.add_argument("--run", type=Path, required=True, help="Run folder: the --out of training/train.py.")
    parser.add_argument("--data", type=Path, required=True, help="Dataset that the run was trained on.")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--prompt", help="Text to continue. Default: the first tokens of validation rows.")
    start.add_argument("--chat", action="store_true", help="Answer each line of stdin as a turn of a conversation.")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A=B",
        help="Override one option of the `generate` section, such as temperature=0.7 or top_k=20. Repeatable.",
    )
    parser.add_argument("--seed", type=int, default=Config.seed, help="Seed of the sampling (default: %(default)s).")
    arguments = parser.parse_args(argv)
    try:
        return finished(lambda: write(arguments))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
