"""The corpus itself: documents of a register, one after the other, and the morphemes of their words.

Document k of a register is derived from hash(seed, register, k) and nothing else, so it is the same whichever others
are made; a stream may begin anywhere and end anywhere. The machine writes every morpheme boundary it knows as a unit
separator (U+001F): a document's text is that without the separators, its segments are what they part.
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
    """A kind of text: its language and category as the dataset names them, and the files it is made from."""

    name: str
    language: str
    category: str
    grammars: tuple[str, ...]
    lexicons: tuple[str, ...]
    capitals: bool = False
    vocalised_every: int = 0

    @property
    def arabic(self) -> bool:
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
    """One document. `genre` names the grammar's way of writing it; `title` is its first line."""

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
        raise ValueError(f"no register {name!r}; the demo corpus has {', '.join(REGISTERS)}")
    return REGISTERS[name]


@cache
def _program(name: str, vocalised: bool) -> Program:
    register = REGISTERS[name]
    return compile_grammar(register.grammars, register.lexicons, vocalised=vocalised, capitals=register.capitals)


def _mix(z: int) -> int:
    """splitmix64's finaliser, as in `derive`, for the few numbers that are drawn outside it."""
    mask = (1 << 64) - 1
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def _marked(register: Register, seed: int, first: int) -> Iterator[tuple[int, str, bytes, bool]]:
    """Index, genre, text with boundaries marked, and whether it is vocalised; from `first` on, without end."""
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
            raise RuntimeError(f"demo corpus: document {index} of {register.name} outgrows {_BUFFER} bytes or recurs")
        yield index, p.genres[genre], out[:end].tobytes(), vocalised
        index += 1


def documents(
    register: str, count: int | None = None, *, chars: int | None = None, seed: int = 0, first: int = 0
) -> Iterator[DemoDocument]:
    """Documents of a register from number `first` on: `count` of them, or until `chars` characters are reached.

    With neither the stream has no end. The same (seed, register, number) is the same document, whatever else is asked.

    >>> [d.language for d in documents("egyptian", 2)]
    ['arz_Arab', 'arz_Arab']
    """
    kind = _register(register)
    separator = MARK.encode()
    written = 0
    for made, (index, genre, data, vocalised) in enumerate(_marked(kind, seed, first)):
        if made == count or (chars is not None and written >= chars):
            return
        text = data.translate(None, separator).decode().strip("\n")
        yield DemoDocument(
            f"demo-{register}-{seed}-{index}", text, register, kind.language, kind.category, genre.lower(),
            text.partition("\n")[0], vocalised,
        )  # fmt: skip
        written += len(text)


def segments(register: str, count: int, *, seed: int = 0, first: int = 0) -> Iterator[tuple[str, ...]]:
    """Every Arabic word of `documents(register, count, ...)`, in order, as the morphemes it was made of."""
    kind = _register(register)
    for made, (_index, _genre, data, _vocalised) in enumerate(_marked(kind, seed, first)):
        if made == count:
            return
        for word in _WORD.findall(data.decode()):
            yield tuple(word.strip(MARK).split(MARK))


def gold(register: str) -> dict[str, tuple[str, ...]]:
    """The inflected lexicon as the register uses it: word to morphemes, the first reading of a word kept.

    It is the reference a segmenter can be held against; multi-word entries and clitics alone are left out.
    """
    _register(register)
    program = _program(register, False)
    pool = program.pool.tobytes()
    found: dict[str, tuple[str, ...]] = {}
    for piece in program.forms[program.forms >= 0].tolist():
        first, last, _stands = program.spans[piece].tolist()
        word = pool[first:last].decode()
        if _WORD.fullmatch(word):
            found.setdefault(word.replace(MARK, ""), tuple(word.split(MARK)))
    return found
