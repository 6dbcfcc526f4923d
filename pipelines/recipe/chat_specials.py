"""Conversations in a recipe: the special tokens that its tokenizer needs for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipelines.recipe.base import Misfit

if TYPE_CHECKING:
    from pipelines.recipe.tokenizer_options import TokenizerOptions


def has_conversations(sources: Iterable[str]) -> bool:
    """Return whether one of the sources is of conversations."""
    from corpora.sources import find_source

    return any(find_source(name).CATEGORY == "chat" for name in sources)


def chat_specials() -> list[str]:
    """Return the default special tokens, and those of the first layout of conversations."""
    from tokenization.model import LAYOUTS
    from tokenization.vocabulary_layout import VocabularyLayout

    return [*VocabularyLayout(1 << 10).specials, *LAYOUTS[0].tokens]


def check_specials(sources: Iterable[str], tokenizer: TokenizerOptions) -> None:
    """Raise Misfit if a recipe has conversations, and its tokenizer no special tokens for their turns."""
    if not has_conversations(sources):
        return
    from tokenization.model import LAYOUTS, chat_layout

    specials = tokenizer.layout().specials
    if chat_layout(dict.fromkeys(specials, 0)) is None:
        needed = " or ".join(", ".join(layout.tokens) for layout in LAYOUTS)
        raise Misfit(f"conversations need special tokens for their turns: add {needed}", "tokenizer", "specials")
