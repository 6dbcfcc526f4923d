"""An embedded corpus: text that this project writes itself, of any size, with the morphemes known by construction.

>>> from corpora import demo
>>> next(demo.documents("msa")).language
'arb_Arab'

A lexicon (`lexicon/`: roots and patterns, nouns with their plurals, verbs, dialect forms, names) is inflected by
`nominals` and `verbs`, spelled by `spelling`, and combined into documents by grammars (`grammars/`), which `grammar`
compiles and `derive` runs. Vocabulary grows without end because names and terms are derived from numbers drawn by a
law with Heaps exponent 0.6. `files.write_native` lays a sample of it down as six public sources would publish it.
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
