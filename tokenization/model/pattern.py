r"""The pre-token pattern: where a text is split before BPE, defined once for every engine.

BPE never merges across the pieces into which this pattern splits a text. The same string is used by `tokenizers`
(Oniguruma), tiktoken (Rust fancy-regex) and fastokens (PCRE2), and all three give the same pieces. Its branches are
tried in this order at each position:

    (?i:'s|'t|'re|'ve|'m|'ll|'d)      an English contraction
    [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+   a word, with one space or sign before it
    \p{N}                             one digit (or a run of up to `digits`) of any script
     ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*    signs, with a space before and line ends after them
    \s*[\r\n]+                        blank lines
    \s+(?!\S)                         white space except the last character before a word
    \s+                               remaining white space

The shape is GPT-4's; `\p{M}` beside `\p{L}` adapts it to Arabic. Harakat are combining marks (Mn), not letters, so
GPT-4's `\p{L}+` splits a vocalised word at each of them: 3.47 instead of 1.95 tokens per word on vocalised hadith (32k
vocabulary), while other text differs by less than 1 %. Qwen3.5 uses exactly this string with single digits, and
fastokens has a fast path for it: 213 MB/s on one core, against 73 MB/s for any other pattern, runs of two or three
digits included (measured). Therefore single digits are the default.

With `clitics`, words are also split where the spelling alone determines that a clitic ends or begins next to three
letters of the stem: after an article and its prefixes (ال, وال, بال, لل, ...), and before a final ة ات ها هما هم. 99.4
% of these splits are correct on WikiNews, and they are 63.6 % of the true boundaries (the endings were chosen with
WikiNews in view). Each split lies inside a piece of the plain pattern and depends only on that piece. Vocalised words
are not split, nor are words with more than 24 letters before the ending, because engines limit how far they look back.
"""

from __future__ import annotations

from tokenization.options import MAX_DIGITS, check_range

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""The pattern of GPT-2, which `ByteLevel` pre-tokenizers use by default."""

_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORD = r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+"
_SIGNS = r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
_SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"

_LETTER = "[\u0621-\u063a\u0641-\u064a]"  # Arabic, without tatweel
_ARTICLE = "(?:[وف]?[بك]?ال|[وف]?لل)"
_ENDING = r"(?:ة|ات|ها|هما|هم)(?![\p{L}\p{M}])"
_CLITICS = (
    rf"(?:(?<!{_LETTER})|[^\r\n\p{{L}}\p{{M}}\p{{N}}]){_ARTICLE}(?={_LETTER}{{3}})",
    rf"(?<={_LETTER}{{3}}){_ENDING}",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTER}{{3,24}}?(?={_ENDING})",
)


def pretoken_pattern(digits: int = 1, *, clitics: bool = False) -> str:
    """Return the pre-token pattern.

    `digits`: maximum number of digits in a piece, 1 to 3. `clitics`: whether clitics are pieces of their own. Raises
    OptionError for another number of digits.
    """
    check_range("digits", digits, 1, MAX_DIGITS)
    number = r"\p{N}" if digits == 1 else rf"\p{{N}}{{1,{digits}}}"
    return "|".join((_CONTRACTION, *(_CLITICS if clitics else ()), _WORD, number, _SIGNS, _SPACE))


def split_config(pattern: str) -> dict[str, object]:
    """Return the `pre_tokenizer` of a tokenizer.json: split by the pattern, then map bytes to printable characters."""
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    }
