"""Translation models in CTranslate2's format: the files of a folder, the languages they have, and their digest.

A folder has `model.bin` and `config.json`, the vocabulary, and the SentencePiece model of the text: `source.spm` and
`target.spm` (OPUS-MT), or one of both (`sentencepiece.bpe.model` of NLLB, `sentencepiece.model`). The vocabulary
states the languages: NLLB has a token of each (`arz_Arab`), OPUS-MT has tokens of its target languages (`>>arz<<`) if
there are several. An OPUS-MT model of one pair names its languages in `tokenizer_config.json`, if that file is there.

Facts: https://opennmt.net/CTranslate2/guides/transformers.html and /guides/opus_mt.html, read from version 4.8.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from corpora.errors import BadInput, Untranslatable
from corpora.languages import known

MODEL, CONFIG, TOKENIZER_CONFIG = "model.bin", "config.json", "tokenizer_config.json"
PAIR = ("source.spm", "target.spm")
SHARED = ("sentencepiece.bpe.model", "sentencepiece.model")
"""Names of SentencePiece models: of each side, or of both."""

_FLORES = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
_MARIAN = re.compile(r">>(\w+)<<")
_MEND = "give the folder of a translation model that CTranslate2's converters made, with its SentencePiece files"


@dataclass(frozen=True)
class TranslationModel:
    """A model's folder, and the labels of the languages to translate between.

    Raises BadInput for a folder of anything else, Untranslatable if the model has not these languages.
    """

    folder: Path
    source: str
    target: str

    def __post_init__(self) -> None:
        if not os.path.isdir(self.folder):  # noqa: PTH112 (False for any text)
            raise BadInput(str(self.folder), "there is no such folder", mend=_MEND)
        missing = next((name for name in (MODEL, CONFIG) if not (self.folder / name).is_file()), None)
        if missing:
            raise BadInput(str(self.folder), f"has no {missing}", mend=_MEND)
        _ = self.config, self.language_tokens, self.sentencepiece

    @cached_property
    def language_tokens(self) -> tuple[list[str], list[str]]:
        """The tokens that begin every source sentence, and those that the decoder begins with: one each, or none."""
        source, _ = self.vocabularies
        if flores := _by_label((token, token) for token in source if _FLORES.fullmatch(token)):
            return [self._token(flores, self.source)], [self._token(flores, self.target)]
        marian = _by_label((token, match[1]) for token in source if (match := _MARIAN.fullmatch(token)))
        self._refuse_other_pair(several=bool(marian))
        return ([self._token(marian, self.target)] if marian else []), []

    @cached_property
    def sentencepiece(self) -> tuple[Path, Path]:
        """The SentencePiece models of the source and the target text. Raises BadInput without them."""
        if all((self.folder / name).is_file() for name in PAIR):
            return self.folder / PAIR[0], self.folder / PAIR[1]
        for name in SHARED:
            if (self.folder / name).is_file():
                return self.folder / name, self.folder / name
        names = f"{' and '.join(PAIR)} nor {' nor '.join(SHARED)}"
        raise BadInput(str(self.folder), f"has neither {names}", mend="copy the model's SentencePiece files into it")

    @cached_property
    def config(self) -> dict[str, Any]:
        """CTranslate2's own settings of the model."""
        config: dict[str, Any] = _json(self.folder / CONFIG, dict)
        return config

    @cached_property
    def vocabularies(self) -> tuple[list[str], list[str]]:
        """The tokens of the source and of the target, by id. Raises BadInput."""
        shared = self._vocabulary("shared")
        if shared is not None:
            return shared, shared
        source, target = self._vocabulary("source"), self._vocabulary("target")
        if source is None or target is None:
            raise BadInput(str(self.folder), "has no vocabulary of a translation model", mend=_MEND)
        return source, target

    def _vocabulary(self, side: str) -> list[str] | None:
        path = self.folder / f"{side}_vocabulary.json"
        if path.is_file():
            tokens: list[Any] = _json(path, list)
            if not all(isinstance(token, str) for token in tokens):
                raise BadInput(str(path), "is not a list of tokens", mend="convert the model again")
            return tokens
        path = path.with_suffix(".txt")
        if not path.is_file():
            return None
        try:
            return path.read_text("utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise BadInput(
                str(path), "is no UTF-8", place=f"byte {error.start}", mend="convert the model again"
            ) from None

    @cached_property
    def digest(self) -> str:
        """The sha256 of the names and the contents of all files that decide what the model writes."""
        names = {path.name for path in self.sentencepiece} | {MODEL, CONFIG}
        names |= {path.name for path in self.folder.glob("*_vocabulary.*")}
        hasher = hashlib.sha256()
        for name in sorted(names):
            with (self.folder / name).open("rb") as file:
                hasher.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return hasher.hexdigest()

    def _token(self, tokens: dict[str, str], label: str) -> str:
        if label not in tokens:
            listed = ", ".join(sorted(tokens)[:20]) + (f" and {len(tokens) - 20} more" if len(tokens) > 20 else "")
            raise Untranslatable(f"{self.folder} has no language {label}: its languages are {listed}")
        return tokens[label]

    def _refuse_other_pair(self, *, several: bool) -> None:
        """Raise Untranslatable if the model's configuration names other languages. A family's name is no language.

        several: the model has several target languages, and the configuration names one of them.
        """
        path = self.folder / TOKENIZER_CONFIG
        if not path.is_file():
            return
        config = _json(path, dict)
        for key, label in (("source_lang", self.source), ("target_lang", self.target)):
            name = config.get(key)
            stated = known(name) if isinstance(name, str) and name else None
            if stated not in (None, label) and not (several and key == "target_lang"):
                raise Untranslatable(f"{self.folder} has {key} {name} ({stated}), not {label}: give another model")


def _by_label(tokens: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the token of each language by its label, given pairs of a token and a code.

    Of several codes with one label, the label itself is preferred, else the first: NLLB has ajp_Arab and apc_Arab.
    """
    by_label: dict[str, str] = {}
    for token, code in tokens:
        label = known(code)
        if label is not None and (label not in by_label or code == label):
            by_label[label] = token
    return by_label


def _json(path: Path, kind: type[Any]) -> Any:
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(str(path), f"is no JSON ({error})", mend="convert the model again") from None
    except FileNotFoundError:
        raise BadInput(str(path), "is missing", mend="convert the model again") from None
    if not isinstance(value, kind):
        raise BadInput(str(path), "has other content than a translation model's", mend="convert the model again")
    return value
