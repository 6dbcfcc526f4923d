"""Translating sentences with CTranslate2, and refusing what is no translation.

Sentences are batched by length. A batch holds sentences whose padded length is at most BATCH_PIECES, in the order of
(length, pieces), so that batches are a function of the sentences alone: floating-point sums depend on the shapes of a
batch, and with them, rarely, a word. One thread computes; workers are processes. So equal sentences give equal
translations on equal processors with equal versions of CTranslate2.

A sentence that is longer than the model reads is divided between words, after a comma if there is one in the second
half. Faults of a sentence, in the order in which they are checked:

too long       a word has more pieces than the model reads
empty          the output has no letter
repeated       the output repeats a few tokens again and again, and the sentence does not
cut off        the output reaches the greatest length without an end
other script   most letters of the output are not in the script of the target language
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from corpora.errors import BadInput
from corpora.scripts import is_other_script, main_script
from corpora.translation.model import TranslationModel

TOO_LONG, EMPTY, REPEATED, CUT_OFF, OTHER_SCRIPT = "too long", "empty", "repeated", "cut off", "other script"
FAULTS = (TOO_LONG, EMPTY, REPEATED, CUT_OFF, OTHER_SCRIPT)

BATCH_PIECES = 2048
"""Pieces of a batch, padding included. It is no option: it would change the output."""

LONGEST = (256, 128, 64, 32)
"""Pieces of the longest sentence: the first of these that the model reads. OPUS-MT and NLLB read 512 and more, but
were trained on sentences: longer ones are translated badly."""

_SPACE = "▁"
_PAUSES = tuple(",;:،؛…—")
_PERIOD, _TIMES, _SPARE = 16, 4, 8
"""A repetition: at most _PERIOD pieces, at least _TIMES times. A translation may have _SPARE repeated pieces more than
twice those of its sentence."""


@dataclass(frozen=True)
class Translation:
    """The translation of a sentence, or the fault why there is none."""

    text: str
    fault: str = ""


class Engine:
    """A loaded model. Not picklable: each process loads its own.

    beam  number of hypotheses that the search keeps

    Raises BadInput for files that are no translation model, are cut short or do not fit each other.
    """

    def __init__(self, model: TranslationModel, beam: int) -> None:
        self.model, self.beam = model, beam
        self._source, self._target = _sentencepiece(model)
        self._translator = _translator(model)
        self._longest = self._find_longest()
        self._end = [] if model.config.get("add_source_eos") else [str(model.config.get("eos_token", "</s>"))]
        self._stop = str(model.config.get("eos_token", "</s>"))

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Return the translation of each sentence. Equal sentences are translated once."""
        unique = dict.fromkeys(sentences)
        pieces: dict[str, list[tuple[str, ...]] | None] = {sentence: self._chunks(sentence) for sentence in unique}
        chunks = {chunk for divided in pieces.values() for chunk in divided or ()}
        done: dict[tuple[str, ...], Translation] = {}
        for batch in _batches(sorted(chunks, key=lambda chunk: (len(chunk), chunk))):
            done.update(zip(batch, self._translate_batch(batch), strict=True))
        return [_joined(None if (parts := pieces[s]) is None else [done[part] for part in parts]) for s in sentences]

    def _chunks(self, sentence: str) -> list[tuple[str, ...]] | None:
        """Return the pieces of a sentence in runs that the model reads; None if a word is too long."""
        pieces = self._source.encode(sentence, out_type=str)
        most = self._longest - len(self._end) - len(self.model.language_tokens[0])
        chunks = []
        start = 0
        while start < len(pieces):
            stop = _division(pieces, start, most)
            if stop is None:
                return None
            chunks.append(tuple(pieces[start:stop]))
            start = stop
        return chunks

    def _translate_batch(self, batch: Sequence[tuple[str, ...]]) -> Iterator[Translation]:
        before, first = self.model.language_tokens
        longest = min(self._longest, 3 * len(batch[-1]) + 24)
        results = self._translator.translate_batch(
            [[*before, *chunk, *self._end] for chunk in batch],
            target_prefix=[first] * len(batch) if first else None,
            beam_size=self.beam,
            max_decoding_length=longest,
            max_input_length=0,
            disable_unk=True,
            return_end_token=True,
        )
        for chunk, result in zip(batch, results, strict=True):
            output = result.hypotheses[0][len(first) :]
            ended = bool(output) and output[-1] == self._stop
            yield self._checked(chunk, output[: len(output) - ended], ended)

    def _checked(self, chunk: Sequence[str], output: list[str], ended: bool) -> Translation:
        text = self._target.decode(output).strip()
        if not any(map(str.isalpha, text)):
            return Translation("", EMPTY)
        if repeated_pieces(output) > 2 * repeated_pieces(chunk) + _SPARE:
            return Translation("", REPEATED)
        if not ended:
            return Translation("", CUT_OFF)
        if is_other_script(self.model.target, main_script(text, len(text))):
            return Translation("", OTHER_SCRIPT)
        return Translation(text)

    def _find_longest(self) -> int:
        """Return the number of pieces that the model reads. Raises BadInput if it reads none."""
        reason = ""
        word = self.model.vocabularies[0][-1]
        for length in LONGEST:
            try:
                self._translator.translate_batch([[word] * length], max_decoding_length=1, max_input_length=0)
                return length
            except (RuntimeError, ValueError) as error:
                reason = str(error)
                if "position" not in reason:
                    break
        raise BadInput(str(self.model.folder), f"does not translate ({reason})", mend="convert the model again")


def repeated_pieces(pieces: Sequence[str]) -> int:
    """Return the length of the longest run that repeats at most 16 pieces at least 4 times; 0 if there is none."""
    longest = 0
    for period in range(1, min(_PERIOD, len(pieces) // _TIMES) + 1):
        run = 0
        for index in range(period, len(pieces)):
            run = run + 1 if pieces[index] == pieces[index - period] else 0
            if run >= (_TIMES - 1) * period:
                longest = max(longest, run + period)
    return longest


def _division(pieces: Sequence[str], start: int, most: int) -> int | None:
    """Return the end of the run of at most `most` pieces that begins at `start`; None if a word is too long."""
    if len(pieces) - start <= most:
        return len(pieces)
    words = [index for index in range(start + 1, start + most + 1) if pieces[index].startswith(_SPACE)]
    if not words:
        return None
    pauses = [index for index in words if index - start > most // 2 and pieces[index - 1].endswith(_PAUSES)]
    return pauses[-1] if pauses else words[-1]


def _batches(chunks: Sequence[tuple[str, ...]]) -> Iterator[Sequence[tuple[str, ...]]]:
    """Yield runs of chunks in increasing length; the last of a run is its longest."""
    start = 0
    for stop in range(1, len(chunks) + 1):
        if stop == len(chunks) or (stop + 1 - start) * len(chunks[stop]) > BATCH_PIECES:
            yield chunks[start:stop]
            start = stop


def _joined(parts: Sequence[Translation] | None) -> Translation:
    if parts is None:
        return Translation("", TOO_LONG)
    if not parts:
        return Translation("", EMPTY)  # a sentence of characters that SentencePiece removes
    fault = next((part.fault for part in parts if part.fault), "")
    return Translation("" if fault else " ".join(part.text for part in parts), fault)


def _translator(model: TranslationModel) -> Any:
    import ctranslate2

    try:
        return ctranslate2.Translator(str(model.folder), device="cpu", inter_threads=1, intra_threads=1)
    except (RuntimeError, ValueError) as error:  # UnicodeDecodeError too
        reason = " ".join(str(error).split())[:200]
        raise BadInput(
            str(model.folder / "model.bin"), f"is no translation model ({reason})", mend="convert or copy it again"
        ) from None


def _sentencepiece(model: TranslationModel) -> tuple[Any, Any]:
    """Return the SentencePiece models. Raises BadInput if one can't be read, or has pieces that the model has not."""
    import sentencepiece

    loaded = []
    for path, vocabulary in zip(model.sentencepiece, model.vocabularies, strict=True):
        processor = sentencepiece.SentencePieceProcessor()
        try:
            processor.Load(str(path))
        except (RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BadInput(str(path), f"is no SentencePiece model ({reason})", mend="copy it again") from None
        tokens = set(vocabulary)
        pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
        shared = sum(piece in tokens for piece in pieces)
        if 2 * shared < len(pieces):
            reason = f"has {len(pieces):,} pieces, and the model's vocabulary has {shared:,} of them"
            raise BadInput(str(path), reason, mend="give the SentencePiece model that the model was trained with")
        loaded.append(processor)
    return loaded[0], loaded[1]
