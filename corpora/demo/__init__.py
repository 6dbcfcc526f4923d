"""The demo corpus: generated text of any size, with the exact morphemes of every Arabic word.

>>> from corpora import demo
>>> next(demo.documents("msa")).language
'arb_Arab'

The words come from a lexicon (`lexicon/`: roots and patterns, nouns with their plurals, verbs, dialect forms, names).
`nominals` and `verbs` inflect them, and `spelling` converts sounds to letters. Grammars (`grammars/`) combine words
into documents; `grammar` compiles them, and `derive` runs the compiled program. The vocabulary is unlimited, because
names and terms are derived from random numbers (Heaps exponent 0.6). `files.write_native` writes a sample in the file
formats of six public sources.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corpora.demo.corpus import REGISTERS, DemoDocument, documents, gold, segments

__all__ = ["REGISTERS", "DemoDocument", "documents", "gold", "segments"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from corpora.demo import corpus

        return getattr(corpus, name)
    raise AttributeError(f"module 'corpora.demo' has no attribute {name!r}")
