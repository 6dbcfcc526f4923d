"""Language labels: `arb_Arab` as FineWeb-2 and GlotLID write them (ISO 639-3 and ISO 15924), from what sources say.

Macro codes are read as the variety that such text is written in: `ar` in web corpora and on Wikipedia is standard
Arabic. A code that is not known is kept as it is.
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

# ISO 639-3: the members of macrolanguage `ara`. Not Persian, Urdu, ...: their kaf and yeh are not dirt.
_MEMBERS = """
aao abh abv acm acq acw acx acy adf aeb aec afb ajp apc apd ara arb arq ars ary arz auz avl ayh ayl ayn ayp pga shu ssh
"""
_ARABIC = frozenset(_MEMBERS.split())


def label(code: str) -> str:
    """`arb_Arab` for `ar`."""
    return _LABELS.get(code, code)


@lru_cache(256)
def is_arabic(label: str) -> bool:
    """Whether text so labelled is Arabic in Arabic script."""
    language, _, script = label.partition("_")
    return script == "Arab" and language in _ARABIC
