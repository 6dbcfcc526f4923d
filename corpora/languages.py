"""Language labels of documents.

Labels have the form of FineWeb-2 and GlotLID: ISO 639-3 language and ISO 15924 script, for example `arb_Arab`. The
code of a macrolanguage is mapped to the variety in which such text is usually written: `ar` in web corpora and on
Wikipedia is standard Arabic.
"""

from __future__ import annotations

from functools import lru_cache

_LABELS = {
    "ar": "arb_Arab",
    "ara": "arb_Arab",
    "arb": "arb_Arab",
    "arz": "arz_Arab",
    "ary": "ary_Arab",
    "ars": "ars_Arab",
    "apc": "apc_Arab",
    "en": "eng_Latn",
    "eng": "eng_Latn",
    "fa": "pes_Arab",
    "ur": "urd_Arab",
    "fr": "fra_Latn",
}

# Members of the macrolanguage `ara` in ISO 639-3. Others, such as Persian and Urdu, have kaf and yeh of their own.
_MEMBERS = """
aao abh abv acm acq acw acx acy adf aeb aec afb ajp apc apd ara arb arq ars ary arz auz avl ayh ayl ayn ayp pga shu ssh
"""
_ARABIC = frozenset(_MEMBERS.split())


def label(code: str) -> str:
    """Return the label of a language code: `arb_Arab` for `ar`. A code without a label is returned unchanged."""
    return _LABELS.get(code, code)


@lru_cache(256)
def is_arabic(label: str) -> bool:
    """Return True if the label is that of a variety of Arabic in Arabic script."""
    language, _, script = label.partition("_")
    return script == "Arab" and language in _ARABIC
