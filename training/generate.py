"""Text from a model: sampling with a key-value cache, and ids back to text.

`python training/generate.py --run RUN --data DATASET [--prompt TEXT] [--set temperature=0.7]` writes as it generates.

Tokens are decoded from `tokenizer.json` alone (byte-level BPE: every character of a token's string stands for one
byte, by the table of GPT-2's encoder.py), so that no tokenizer library is needed where the model trains. Prompts
are the beginnings of validation rows, so that no encoder is either; a prompt of one's own takes `tokenizers`.
"""

from __future__ import annotations

import argparse
import codecs
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # see train.py
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from torch import Tensor

from sharding.layout import StratumLayout
from sharding.rows import Dataset, Split
from training import checkpoint
from training.config import Config, Generate, ModelConfig, read_config
from training.errors import ConfigError, InputError, finished, say, shown
from training.model import Cache, Decoder

SEARCHED_ROWS = 256  # of each stratum, for one that begins with a long enough document


def byte_characters() -> dict[str, int]:
    """The character that stands for each byte in a byte-level vocabulary, and the byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(others)}


class TokenBytes:
    """The bytes of each id of a byte-level `tokenizer.json`; special tokens have none."""

    def __init__(self, tokenizer: Path) -> None:
        """Raises InputError if the file is not such a tokenizer."""
        path = tokenizer / "tokenizer.json"
        table = byte_characters()
        try:
            data = json.loads(path.read_bytes())
            added = {token["id"]: token for token in data.get("added_tokens", [])}
            self._bytes = {
                id: bytes(table[char] for char in token)
                for token, id in data["model"]["vocab"].items()
                if id not in added
            }
            self._bytes |= {id: b"" if token["special"] else token["content"].encode() for id, token in added.items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is not a byte-level tokenizer ({error!r})") from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; bytes that are no UTF-8, as at a cut, become U+FFFD; ids of no token are skipped."""
        return "".join(self.stream(ids))

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """The same piece by piece: a character as soon as the last of its bytes is there."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for id in ids:
            yield decoder.decode(self._bytes.get(id, b""))
        yield decoder.decode(b"", final=True)


def pick(logits: Tensor, settings: Generate, generator: torch.Generator) -> int:
    """One id from logits (vocab_size,), on the CPU. Temperature 0 takes the largest; top_k 0 keeps all."""
    logits = logits.float().cpu()
    if settings.temperature == 0:
        return int(logits.argmax())
    values, ids = (logits / settings.temperature).sort(descending=True, stable=True)
    if settings.top_k:
        values, ids = values[: settings.top_k], ids[: settings.top_k]
    chances = values.softmax(dim=0)
    if settings.top_p < 1:
        kept = chances.cumsum(dim=0) - chances < settings.top_p  # the first always
        chances, ids = chances[kept], ids[kept]
    return int(ids[torch.multinomial(chances, 1, generator=generator)])


@torch.no_grad()
def generate(
    model: Decoder, prompt: Iterable[int], settings: Generate, seed: int, stop: int | None = None
) -> Iterator[int]:
    """Continue a prompt, id by id, until `settings.tokens`, the id `stop`, or the end of the context."""
    ids = list(prompt)
    device = model.embedding.weight.device
    caches = [Cache(model.config, 1, device) for _ in range(model.config.layers)]
    generator = torch.Generator().manual_seed(seed)
    coming = ids
    for _ in range(min(settings.tokens, model.config.context - len(ids))):
        logits = model.logits(torch.tensor([coming], device=device), caches)[0, -1]
        coming = [pick(logits, settings, generator)]
        if coming[0] == stop:
            return
        yield coming[0]


def prompts(split: Split, settings: Generate) -> list[tuple[StratumLayout, list[int]]]:
    """Beginnings of validation rows: the strata in turn, Arabic ones first, one document each."""
    strata = sorted(
        (stratum for stratum in split.strata if stratum.rows),
        key=lambda s: (s.category not in ("arabic", "classical"), "_Arab" not in (s.language or "")),
    )
    found: list[tuple[StratumLayout, list[int]]] = []
    length = settings.prompt_tokens
    for turn in range(min(SEARCHED_ROWS, max((stratum.rows for stratum in strata), default=0))):
        for stratum in strata:
            if len(found) == settings.prompts:
                return found
            if turn < stratum.rows:
                batch = split.read(np.array([stratum.first_row + turn]))
                if not batch.starts[0, 1:length].any():
                    found.append((stratum, batch.ids[0, :length].tolist()))
    return found


def samples(model: Decoder, dataset: Dataset, settings: Generate, seed: int) -> list[dict[str, Any]]:
    """Generated text, with the prompt and where it came from. The model is left in training mode."""
    token_bytes = TokenBytes(dataset.tokenizer)
    result = []
    model.eval()
    for number, (stratum, prompt) in enumerate(prompts(dataset.validation, settings)):
        ids = list(generate(model, prompt, settings, seed + number, stop_of(dataset)))
        result.append(
            {
                "stratum": stratum.name,
                "language": stratum.language,
                "source": stratum.source,
                "prompt": token_bytes.decode(prompt),
                "text": token_bytes.decode(ids),
                "ids": ids,
            }
        )
    model.train()
    return result


def stop_of(dataset: Dataset) -> int | None:
    """The id that ends a document, or else the one that begins the next."""
    return dataset.layout.eos if dataset.layout.eos is not None else dataset.layout.bos


# -- the command ------------------------------------------------------------------------------------------


def load(run: Path, dataset: Dataset) -> Decoder:
    """The model of the newest sound checkpoint of a run, for reading. Raises Unfinished if there is none."""
    path, meta = checkpoint.newest(run, dataset, say)
    model = Decoder(ModelConfig(**meta.model)).eval()
    weights, _ = checkpoint.load_tensors(path)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    return model


def encode(text: str, dataset: Dataset) -> list[int]:
    """Ids of a text after the id that begins documents. Raises ConfigError without `tokenizers`, and for no text."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConfigError("--prompt needs the package tokenizers: pip install tokenizers, or leave it out") from None
    ids = Tokenizer.from_file(str(dataset.tokenizer / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    if not ids:
        raise ConfigError("--prompt is empty: leave it out, or give it a word")
    return [*([] if dataset.layout.bos is None else [dataset.layout.bos]), *ids]


def write(arguments: argparse.Namespace) -> None:
    """Generate onto stdout, as it comes."""
    settings = read_config(None, [f"generate.{one}" for one in arguments.set]).generate
    dataset = Dataset(arguments.data, schedule=None)
    model, token_bytes = load(arguments.run, dataset), TokenBytes(dataset.tokenizer)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    begun = [encode(arguments.prompt, dataset)] if arguments.prompt is not None else None
    for number, prompt in enumerate(begun or [ids for _, ids in prompts(dataset.validation, settings)]):
        if len(prompt) >= dataset.row_tokens:
            raise ConfigError(
                f"--prompt has {len(prompt)} tokens, and the model reads {dataset.row_tokens}: shorten it"
            )
        sys.stdout.write(shown(token_bytes.decode(prompt)))
        ids = generate(model.to(device), prompt, settings, arguments.seed + number, stop_of(dataset))
        for piece in token_bytes.stream(ids):
            sys.stdout.write(shown(piece))
            sys.stdout.flush()
        sys.stdout.write("\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="generate.py", description="Text from a trained model.")
    parser.add_argument("--run", type=Path, required=True, help="the --out of training")
    parser.add_argument("--data", type=Path, required=True, help="the dataset that it was trained on")
    parser.add_argument("--prompt", help="a beginning; without it, those of validation rows")
    parser.add_argument("--set", action="append", default=[], metavar="A=B", help="of `generate`: temperature, top_k")
    parser.add_argument("--seed", type=int, default=Config.seed)
    arguments = parser.parse_args(argv)
    return finished(lambda: write(arguments))


if __name__ == "__main__":
    sys.exit(main())
