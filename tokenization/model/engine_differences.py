r"""Code points for which the two engines split a text differently, for one pre-tokenizer.

The engines have regular expression engines of their own: `tokenizers` has Oniguruma, fastokens has PCRE2, and each has
its own Unicode tables. One code point in another class is enough for other ids: PCRE2's `\s` includes U+180E, and
Oniguruma's does not. A sample of documents does not find such a difference, therefore every code point is tried.

How: both engines get a vocabulary of bytes and of those pairs of bytes that cross a border between a code point and
its neighbours in `_BETWEEN`. Whether a pair is merged shows whether the text was split there. Code points that can
have a property of their own (signs, marks, digits, spaces, letters below U+3000) are tried in all contexts, beside
letters, digits, spaces, marks, quotes, clitics and at both ends of a text; ideographs, unassigned and private ones in
two. The cost is about ten seconds for a pre-tokenizer, once: the result is stored with the tokenizer, and `KNOWN` has
the results of our own patterns and of tiktoken's.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from tokenization.model.alphabet import bytes_to_token
from tokenization.model.import_foreign import PATTERNS
from tokenization.model.pattern import pretoken_pattern, split_config
from tokenization.model.tokenizer_json import pairs_in_alphabet, tokenizer_json

MOST = 1 << 12
"""If more code points differ, the fast engine is not used for the pre-tokenizer."""

_NEIGHBOURS = " \n'1aselrtvdmكتبواله\u064e.«"
_BETWEEN = (
    "a{0}a 1{0}1 {0} \u064e{0}\u064e '{0} '{0}l 'l{0} {0}{0}\nوال{0}كتاب مكتب{0}ها الكتب{0} .{0}.  {0}  {0}\n\n{0}«\n"
)
_ENDS = ("{0}", "a{0}", "{0}a", "  {0}", "{0}  ", "\u064e{0}", "1{0}", "\n{0}\n")
_SHORT = "a{0} {0}\n"
_BLOCK = 256
_LAST = 0x110000


def pretokenizer_key(config: Mapping[str, Any]) -> str:
    """Return what splits a text, as canonical JSON: the `normalizer` and `pre_tokenizer` of a tokenizer.json."""
    parts = {name: config.get(name) for name in ("normalizer", "pre_tokenizer")}
    return json.dumps(parts, ensure_ascii=False, sort_keys=True)


def engine_versions() -> dict[str, str]:
    """Return the versions of the installed engines, for which a result holds."""
    return {name: version(name) for name in ("fastokens", "tokenizers")}


def engine_differences(config: Mapping[str, Any], stored: Mapping[str, Any] | None = None) -> str | None:
    """Return the code points that the engines split differently, as a string; None if there are more than MOST.

    config  a tokenizer.json, or the file without its model
    stored  the result that is stored with the tokenizer, from `differences_record`, or None

    The stored result is used if it is of the installed engines; else that of KNOWN; else all code points are tried.
    """
    if stored is not None and stored.get("versions") == engine_versions():
        differ = stored.get("differ")
        if differ is None or isinstance(differ, str):
            return differ
    return _differences(pretokenizer_key(config))


def differences_record(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result for a pre-tokenizer with the engines' versions, to store it with a tokenizer."""
    return {"versions": engine_versions(), "differ": engine_differences(config)}


@cache
def _differences(key: str) -> str | None:
    if engine_versions() == KNOWN_VERSIONS and key in KNOWN:
        return KNOWN[key]
    return probe(key)


def probe(key: str, blocks: Sequence[int] = range(0, _LAST, _BLOCK)) -> str | None:
    """Try code points with both engines, and return those that differ; None if there are more than MOST.

    key     of `pretokenizer_key`; the fast engine must support it
    blocks  first code points of the blocks of 256 code points to try; all by default
    """
    import fastokens
    import tokenizers

    source = _probing_tokenizer(key)
    reference: Any = tokenizers.Tokenizer.from_str(source)
    try:
        fast: Any = fastokens.Tokenizer.from_json_str(source)
    except ValueError:
        return None

    def equal(texts: list[str]) -> bool:
        try:
            ids, offsets = fast.encode_batch_flat(texts, False, True)
        except ValueError:
            return False
        expected = [encoding.ids for encoding in reference.encode_batch_fast(texts, add_special_tokens=False)]
        lengths = np.diff(np.frombuffer(offsets, "<u8")).tolist()
        if lengths != [len(each) for each in expected]:
            return False
        return bool(np.frombuffer(ids, "<u4").tolist() == [id_ for each in expected for id_ in each])

    differ: list[str] = []
    for first in blocks:
        points = [chr(point) for point in range(first, first + _BLOCK) if not 0xD800 <= point < 0xE000]
        if all(equal(texts) for texts in _texts(points)):
            continue
        differ += [point for point in points if not all(equal(texts) for texts in _texts([point]))]
        if len(differ) > MOST:
            return None
    return "".join(differ)


def _texts(points: list[str]) -> Iterator[list[str]]:
    """Yield the texts to try for some code points."""
    own = [point for point in points if point < "\u3000" or unicodedata.category(point) not in ("Lo", "Cn", "Co")]
    yield ["".join(_SHORT.format(point) for point in points)]
    yield ["".join(_BETWEEN.format(point) for point in own)]
    yield [context.format(point) for point in own for context in _ENDS]


def _probing_tokenizer(key: str) -> str:
    """Return a tokenizer.json with the pre-tokenizer whose merges show where a text is split."""
    first = sorted({char.encode()[0] for char in _NEIGHBOURS})
    last = sorted({char.encode()[-1] for char in _NEIGHBOURS})
    pairs = [*((left, right) for left in last for right in range(256))]
    pairs += ((left, right) for left in range(256) for right in first if left not in last)
    merges = [(bytes([left]), bytes([right])) for left, right in pairs]
    tokens = [bytes([byte]) for byte in range(256)] + [left + right for left, right in merges]
    vocab = {bytes_to_token(token): number for number, token in enumerate(tokens)}
    config = json.loads(tokenizer_json(vocab, pairs_in_alphabet(merges), {}, {}))
    return json.dumps({**config, **json.loads(key)})


def _key(pattern: str) -> str:
    return pretokenizer_key({"pre_tokenizer": split_config(pattern)})


KNOWN_VERSIONS = {"fastokens": "0.3.5", "tokenizers": "0.23.3"}
"""The engines with which KNOWN was made. A test makes it again."""

_GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
KNOWN: Mapping[str, str] = {
    _key(pretoken_pattern()): "",
    **{_key(pretoken_pattern(digits)): "\u180e" for digits in (2, 3)},
    **{_key(pretoken_pattern(digits, clitics=True)): "\u180e" for digits in (1, 2, 3)},
    **{_key(PATTERNS[name]): "\u180e" for name in ("gpt2", "cl100k_base")},
    _key(PATTERNS["o200k_base"]): "",
    **{pretokenizer_key({"pre_tokenizer": {**_GPT2, "add_prefix_space": space}}): "" for space in (False, True)},
}
"""Results by `pretokenizer_key`: of our own patterns, of tiktoken's, and of GPT-2's with a space in front or none."""
