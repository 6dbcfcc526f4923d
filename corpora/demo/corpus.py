"""Documents of a register, and the morphemes of their words.

Document k of a register depends only on hash(seed, register, k). A stream may therefore begin and end anywhere.
`derive` writes a unit separator (U+001F) at every morpheme boundary. The text of a document is its output without the
separators; the segments of a word are the parts between them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from corpora.demo.derive import derive
from corpora.demo.grammar import MARK, Program, compile_grammar

_BUFFER = 1 << 20
_WORD = re.compile(f"[ء-ي\u064b-\u0652\u0670{MARK}]+")


@dataclass(frozen=True, slots=True)
class Register:
    """A kind of text.

    name: name of the register. language, category: labels of its documents. grammars, lexicons: names of its files.
    capitals: sentences begin with a capital letter. vocalised_every: one document in so many has vowel signs; 0: none.
    """

    name: str
    language: str
    category: str
    grammars: tuple[str, ...]
    lexicons: tuple[str, ...]
    capitals: bool = False
    vocalised_every: int = 0

    @property
    def arabic(self) -> bool:
        """True for Arabic text."""
        return self.language.endswith("_Arab")


REGISTERS: dict[str, Register] = {
    register.name: register
    for register in (
        Register("msa", "arb_Arab", "arabic", ("names", "msa"), ("names", "arabic")),
        Register("egyptian", "arz_Arab", "arabic", ("names", "egyptian"), ("names", "arabic", "egyptian")),
        Register("najdi", "ars_Arab", "arabic", ("names", "najdi"), ("names", "arabic", "najdi")),
        Register("classical", "arb_Arab", "classical", ("classical",), ("classical",), vocalised_every=4),
        Register("english", "eng_Latn", "english", ("english",), ("english",), capitals=True),
        Register("python", "Python", "code", ("python",), ("code",)),
        Register("javascript", "JavaScript", "code", ("javascript",), ("code",)),
        Register("math", "eng_Latn", "math", ("mathematics",), ("english",), capitals=True),
    )
}
"""The registers by name."""


@dataclass(frozen=True, slots=True)
class DemoDocument:
    """One document.

    id: `demo-<register>-<seed>-<number>`. register: name of the register. language, category: labels.
    genre: name of the alternative that the grammar's start symbol took. title: first line of the text.
    vocalised: the text has vowel signs.
    """

    id: str
    text: str
    register: str
    language: str
    category: str
    genre: str
    title: str
    vocalised: bool


def _register(name: str) -> Register:
    if name not in REGISTERS:
        raise ValueError(f"unknown register {name!r}; the demo corpus has {', '.join(REGISTERS)}")
    return REGISTERS[name]


@cache
def _program(name: str, vocalised: bool) -> Program:
    register = REGISTERS[name]
    return compile_grammar(register.grammars, register.lexicons, vocalised=vocalised, capitals=register.capitals)


def _mix(z: int) -> int:
    """Return the finaliser of splitmix64, the same as in `derive`, for 64-bit integers of Python."""
    mask = (1 << 64) - 1
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def _marked(register: Register, seed: int, first: int) -> Iterator[tuple[int, str, bytes, bool]]:
    """Yield index, genre, UTF-8 text with marked boundaries, and `vocalised` of each document; begin with `first`.

    The stream has no end. Raises RuntimeError if a document needs more than _BUFFER bytes or recurses too deeply.
    """
    out = np.empty(_BUFFER, np.uint8)
    base = _mix(_mix(seed + 0x9E3779B97F4A7C15) ^ int.from_bytes(register.name.encode()[:8], "little"))
    index = first
    while True:
        start = _mix(base ^ _mix(index + 1))
        vocalised = bool(register.vocalised_every) and _mix(start ^ 1) % register.vocalised_every == 0
        p = _program(register.name, vocalised)
        end, genre = derive(
            p.start, np.uint64(start), p.code, p.choices, p.keep, p.other, p.entry, p.lexemes, p.forms, p.pool,
            p.spans, register.capitals, out, 0,
        )  # fmt: skip
        if end < 0:
            name = f"document {index} of {register.name}"
            raise RuntimeError(f"demo corpus: {name} needs more than {_BUFFER} bytes or recurses too deeply")
        yield index, p.genres[genre], out[:end].tobytes(), vocalised
        index += 1


def documents(
    register: str, count: int | None = None, *, chars: int | None = None, seed: int = 0, first: int = 0
) -> Iterator[DemoDocument]:
    """Yield documents of a register, beginning with number `first`.

    count: number of documents. chars: stop after the document that reaches this number of characters. Without both
    limits the stream has no end. seed: a document depends only on seed, register and number.
    Raises ValueError for an unknown register.

    >>> [d.language for d in documents("egyptian", 2)]
    ['arz_Arab', 'arz_Arab']
    """
    labels = _register(register)
    separator = MARK.encode()
    written_chars = 0
    for written, (index, genre, data, vocalised) in enumerate(_marked(labels, seed, first)):
        if written == count or (chars is not None and written_chars >= chars):
            return
        text = data.translate(None, separator).decode().strip("\n")
        yield DemoDocument(
            f"demo-{register}-{seed}-{index}", text, register, labels.language, labels.category, genre.lower(),
            text.partition("\n")[0], vocalised,
        )  # fmt: skip
        written_chars += len(text)


def segments(register: str, count: int, *, seed: int = 0, first: int = 0) -> Iterator[tuple[str, ...]]:
    """Yield the morphemes of every Arabic word of `documents(register, count, seed=seed, first=first)`, in order.

    Raises ValueError for an unknown register.
    """
    for read, (_index, _genre, data, _vocalised) in enumerate(_marked(_register(register), seed, first)):
        if read == count:
            return
        for word in _WORD.findall(data.decode()):
            yield tuple(word.strip(MARK).split(MARK))


def gold(register: str) -> dict[str, tuple[str, ...]]:
    """Return the inflected lexicon of a register as a map from word to morphemes, a reference for segmenters.

    A word with several analyses has the first. Entries of several words, and clitics, are omitted.
    Raises ValueError for an unknown register.
    """
    _register(register)
    program = _program(register, False)
    pool = program.pool.tobytes()
    morphemes: dict[str, tuple[str, ...]] = {}
    for piece in program.forms[program.forms >= 0].tolist():
        first, last, _spacing = program.spans[piece].tolist()
        word = pool[first:last].decode()
        if _WORD.fullmatch(word):
            morphemes.setdefault(word.replace(MARK, ""), tuple(word.split(MARK)))
    return morphemes
