r"""Where words end before BPE begins: the pre-token pattern, written once for every engine.

BPE never merges across the pieces that this pattern cuts a text into, so it is half of a tokenizer's
character. The same string goes into `tokenizers` (Oniguruma), tiktoken (Rust fancy-regex) and fastokens
(PCRE2), and all three cut alike. Its branches, tried in this order at each place:

    (?i:'s|'t|'re|'ve|'m|'ll|'d)      an English contraction is a piece of its own
    [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+   a word, with the one space or sign before it
    \p{N}                             digits, one by one (or in runs of up to `digits`), in any script
     ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*    signs, with a space before and the line ends after them
    \s*[\r\n]+                        blank lines
    \s+(?!\S)                         white space, but for the last one before a word
    \s+                               what is left of it

The shape is GPT-4's; `\p{M}` beside `\p{L}` is what makes it fit for Arabic. Harakat are combining marks (Mn),
not letters: GPT-4's `\p{L}+` cuts a vocalised word at every one of them, and costs 3.47 instead of 1.95 tokens
a word on vocalised hadith (32k vocabulary) while other text stays within 1 % either way. Qwen3.5 uses this
very string, with single digits; fastokens knows it by heart and cuts it twice as fast as any other pattern,
runs of two or three digits included (213 against 73 MB/s, one core, measured), hence the default.

With `clitics`, words are also cut where spelling alone says that a clitic ends or begins, with three letters of the
stem beside it: after an article and what stands before it (ال, وال, بال, لل, ...), before a final ة ات ها هما هم. Of
these cuts 99.4 % are true on WikiNews, and they are 63.6 % of the true ones (the endings were chosen with WikiNews in
view). Every cut lies within a piece of the plain pattern, and depends on nothing outside of it. Vocalised words are
left whole, and so are words of more than 24 letters before the ending: engines bound how far they look back.
"""

from __future__ import annotations

from tokenization.options import MAX_DIGITS, check_range

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What `ByteLevel` pre-tokenizers cut by, unless told otherwise: GPT-2's."""

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORD = r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+"
_SIGNS = r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
_SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"

_LETTER = "[\u0621-\u063a\u0641-\u064a]"  # of Arabic, no tatweel
_ARTICLE = "(?:[وف]?[بك]?ال|[وف]?لل)"
_ENDING = r"(?:ة|ات|ها|هما|هم)(?![\p{L}\p{M}])"
_CLITICS = (
    rf"(?:(?<!{_LETTER})|[^\r\n\p{{L}}\p{{M}}\p{{N}}]){_ARTICLE}(?={_LETTER}{{3}})",
    rf"(?<={_LETTER}{{3}}){_ENDING}",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTER}{{3,24}}?(?={_ENDING})",
)


def pretoken_pattern(digits: int = 1, *, clitics: bool = False) -> str:
    """The pre-token pattern, with runs of at most `digits` digits (1 to 3) in a piece, clitics apart or not.

    Raises OptionError for any other number.
    """
    check_range("digits", digits, 1, MAX_DIGITS)
    number = r"\p{N}" if digits == 1 else rf"\p{{N}}{{1,{digits}}}"
    return "|".join((_CONTRACTION, *(_CLITICS if clitics else ()), _WORD, number, _SIGNS, _SPACE))


def split_config(pattern: str) -> dict[str, object]:
    """The `pre_tokenizer` of a tokenizer.json: cut by the pattern, then bytes as printable characters."""
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    }
