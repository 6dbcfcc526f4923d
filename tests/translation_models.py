"""A translation model that translates: a Transformer whose weights are set by hand, word for word from a lexicon.

A vector has a dimension for each token and one for each position. The decoder at position p attends to position p of
the source (p + 1 if a language token stands before it) and adds the dimension of the token's translation, which is
then the most probable. The encoder notes the language token at each word, and the decoder that of its own first
position: it decides between the words of two varieties. Nothing is trained: the model is the same on every machine.

`Loops` draws the attention of all positions, `Vanishes` is translated by a full stop, `Stays` by itself.
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {"Sara": "سارة", "Omar": "عمر", "Lily": "ليلى"}
VERBS = {"sees": "رأت", "loves": "أحبت", "eats": "أكلت", "draws": "رسمت"}
ADJECTIVES = {"big": "كبيرا", "small": "صغيرا", "red": "أحمر"}
NOUNS = {"cat": "قطا", "dog": "كلبا", "house": "بيتا", "tree": "شجرا"}
LEXICON = NAMES | VERBS | ADJECTIVES | NOUNS | {"a": "شيئا", ".": ".", ",": "،"}
EGYPTIAN = {"sees": "شافت", "loves": "حبت"}
LOOPS, VANISHES, STAYS = "Loops .", "Vanishes .", "Stays ."
"""Sentences without a translation: a loop, no text, the other script."""

OPUS, SEVERAL, NLLB = "opus", "several", "nllb"
TOKENS = {  # language tokens: of the source, of Arabic, of Egyptian
    OPUS: ("▁t0", "▁t1", "▁t2"),
    SEVERAL: ("▁t0", ">>ara<<", ">>arz<<"),
    NLLB: ("eng_Latn", "arb_Arab", "arz_Arab"),
}
POSITIONS = 128
SHARP = 30.0
"""Gain of attention and of the output: the chosen one has all the probability."""


def translated(text: str, target: str = "arb_Arab") -> str:
    """Return the right translation of sentences of the lexicon."""
    words = {**LEXICON, **(EGYPTIAN if target == "arz_Arab" else {})}
    return " ".join(words[word] for word in text.split())


def sentences() -> list[str]:
    """Return all sentences that have a translation."""
    return [" ".join((*words, ".")) for words in product(NAMES, VERBS, "a", ADJECTIVES, NOUNS)]


def make(folder: Path) -> None:
    """Write the kinds of models `opus` (one pair), `several` (target languages) and `nllb`, each in a folder."""
    folder.mkdir()
    for kind in (OPUS, SEVERAL, NLLB):
        _write(folder / kind, kind)


def _write(folder: Path, kind: str) -> None:
    from ctranslate2.specs import TransformerSpec

    folder.mkdir()
    faulty = [word for text in (LOOPS, VANISHES, STAYS) for word in text.split()]
    pieces = sentencepiece(folder / "source.spm", [*LEXICON, *faulty])
    pieces += sentencepiece(folder / "target.spm", [*LEXICON.values(), *EGYPTIAN.values(), "دار", "Stays"])
    tokens = list(dict.fromkeys(["<unk>", "</s>", *pieces, *TOKENS[kind]]))
    weights = _Weights(tokens, TOKENS[kind], shift=int(kind == SEVERAL))
    spec = TransformerSpec.from_config(1, 1, pre_norm=True)
    weights.fill(spec)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.add_source_eos = spec.config.add_source_bos = False
    spec.config.decoder_start_token = "</s>"
    spec.validate()
    spec.save(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"source_lang": "en", "target_lang": "ar"}))


def make_marian(folder: Path) -> None:
    """Write a model in the format of transformers, with weights by chance: for conversion alone."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir()
    pieces = sentencepiece(folder / "source.spm", list(LEXICON))
    pieces += sentencepiece(folder / "target.spm", list(LEXICON.values()))
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(["</s>", "<unk>", *pieces, "<pad>"]))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = {"source_lang": "en", "target_lang": "ar", "tokenizer_class": "MarianTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    pad = len(vocabulary) - 1
    sizes = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}
    config = MarianConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        max_position_embeddings=64,
        eos_token_id=0,
        bos_token_id=0,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        **{f"{part}_{name}": size for part in ("encoder", "decoder") for name, size in sizes.items()},
    )
    torch.manual_seed(0)
    MarianMTModel(config).save_pretrained(folder)


class _Weights:
    """The weights. Dimensions: a token each, a position each, two notes of the variety, two that draw attention."""

    def __init__(self, tokens: list[str], languages: tuple[str, ...], shift: int) -> None:
        self.index = {token: number for number, token in enumerate(tokens)}
        self.tokens, self.shift = len(tokens), shift
        self.arabic, self.egyptian = (self.index[token] for token in languages[1:])
        self.first = self.tokens  # of the positions
        self.notes = self.tokens + POSITIONS
        self.size = self.notes + 4 + (-(self.notes + 4)) % 8

    def fill(self, spec: Any) -> None:
        embeddings = np.eye(self.tokens, self.size, dtype=np.float32)
        positions = np.eye(POSITIONS, self.size, self.first, dtype=np.float32)
        for part in (spec.encoder, spec.decoder):
            (part.embeddings[0] if isinstance(part.embeddings, list) else part.embeddings).weight = embeddings
            part.scale_embeddings = False
            part.position_encodings.encodings = positions
            self._norm(part.layer_norm)
            [layer] = part.layer
            self._attend_to_language(layer.self_attention)
            for norm in (layer.self_attention.layer_norm, layer.ffn.layer_norm):
                self._norm(norm)
            self._linear(layer.ffn.linear_0, self._zeros())
            self._linear(layer.ffn.linear_1, self._zeros())
        [layer] = spec.decoder.layer
        self._norm(layer.attention.layer_norm)
        self._attend_to_position(layer.attention)
        projection = np.zeros((self.tokens, self.size), np.float32)
        projection[:, : self.tokens] = np.eye(self.tokens) * SHARP
        for word in EGYPTIAN:  # noted in the decoder
            projection[self.index[f"▁{LEXICON[word]}"], self.notes + 1] = -10 * SHARP
        self._linear(spec.decoder.projection, projection)

    def _attend_to_language(self, attention: Any) -> None:
        """Attend to a language token of the target if there is one, and note it; positions decide nothing."""
        query, key, value, out = (self._zeros() for _ in range(4))
        bias = np.zeros(3 * self.size, np.float32)
        bias[self.notes + 2] = SHARP
        for note, token in enumerate((self.arabic, self.egyptian)):
            key[self.notes + 2, token] = SHARP
            value[self.notes + note, token] = 1
            out[self.notes + note, self.notes + note] = 1
        self._linear(attention.linear[0], np.concatenate([query, key, value]), bias)
        self._linear(attention.linear[1], out)

    def _attend_to_position(self, attention: Any) -> None:
        """Attend to the source at the decoder's position, and add the translation of the token there."""
        query, key, value, out = (self._zeros() for _ in range(4))
        for position in range(POSITIONS):
            key[self.first + position, self.first + position] = SHARP
            if position + self.shift < POSITIONS:
                query[self.first + position + self.shift, self.first + position] = SHARP
        key[self.notes + 3, self.index["▁Loops"]] = 10 * SHARP
        value[: self.tokens, : self.tokens] = np.eye(self.tokens)
        for note in range(2):
            value[self.notes + note, self.notes + note] = 1
        words = {f"▁{word}": f"▁{translation}" for word, translation in LEXICON.items()}
        words |= {"</s>": "</s>", "<unk>": "▁شيئا", "▁Loops": "▁دار", "▁Vanishes": "▁.", "▁Stays": "▁Stays"}
        for word, translation in words.items():
            out[self.index[translation], self.index[word]] = 20
        for word, egyptian in EGYPTIAN.items():
            out[self.index[f"▁{egyptian}"], self.index[f"▁{word}"]] = 15
            out[self.index[f"▁{LEXICON[word]}"], self.notes + 1] = -10  # noted in the encoder
        bias = np.zeros(self.size, np.float32)
        bias[self.notes + 3] = SHARP
        self._linear(attention.linear[0], query, bias)
        self._linear(attention.linear[1], np.concatenate([key, value]))
        self._linear(attention.linear[2], out)

    def _zeros(self) -> Any:
        return np.zeros((self.size, self.size), np.float32)

    def _norm(self, norm: Any) -> None:
        norm.gamma, norm.beta = np.ones(self.size, np.float32), np.zeros(self.size, np.float32)

    def _linear(self, linear: Any, weight: Any, bias: Any = None) -> None:
        linear.weight = np.ascontiguousarray(weight)
        linear.bias = np.zeros(len(weight), np.float32) if bias is None else bias


def sentencepiece(path: Path, words: list[str]) -> list[str]:
    """Write a SentencePiece model whose pieces are these words; return its pieces."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    with path.open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter([" ".join(words)]),
            model_writer=file,
            model_type="word",
            vocab_size=100,
            hard_vocab_limit=False,
            normalization_rule_name="identity",
            minloglevel=2,
            num_threads=1,
            unk_id=0,
            eos_id=1,
            bos_id=-1,
            pad_id=-1,
        )
    processor = SentencePieceProcessor(str(path))
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
