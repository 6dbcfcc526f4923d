"""The tokenizer as a model: its vocabulary, its folder on disk, and the encoding of text.

Used by everything that opens, writes or applies a tokenizer. The import is light: the engines (`tokenizers`,
`fastokens`, `tiktoken`) are imported when a tokenizer is opened or applied.
"""

from tokenization.model.alphabet import BYTE_OF_ID, token_to_bytes
from tokenization.model.chat import LAYOUTS, ChatLayout, ChatPart, ChatRun, chat_layout, chat_template, render, runs_of
from tokenization.model.encode import EncodedBatch, EncodedPart, Encoder, id_dtype, narrow_ids
from tokenization.model.folder import EXPORT_FILES, adopted_files, tokenizer_files
from tokenization.model.golden import GOLDEN_SENTENCES
from tokenization.model.import_foreign import PATTERNS, open_tokenizer, tokenizer_of_ranks
from tokenization.model.pattern import pretoken_pattern
from tokenization.model.split_long_text import can_split, split_text
from tokenization.model.tokenizer import TOKENIZER_JSON, Tokenizer, read_roles
from tokenization.model.unicode_classes import LETTER, MARK, NUMBER, SPACE, character_classes
from tokenization.model.utf8 import to_utf8
from tokenization.model.vocabulary import Merge, Vocabulary
from tokenization.vocabulary_layout import VocabularyLayout

__all__ = [
    "BYTE_OF_ID",
    "EXPORT_FILES",
    "GOLDEN_SENTENCES",
    "LAYOUTS",
    "LETTER",
    "MARK",
    "NUMBER",
    "PATTERNS",
    "SPACE",
    "TOKENIZER_JSON",
    "ChatLayout",
    "ChatPart",
    "ChatRun",
    "EncodedBatch",
    "EncodedPart",
    "Encoder",
    "Merge",
    "Tokenizer",
    "Vocabulary",
    "VocabularyLayout",
    "adopted_files",
    "can_split",
    "character_classes",
    "chat_layout",
    "chat_template",
    "id_dtype",
    "narrow_ids",
    "open_tokenizer",
    "pretoken_pattern",
    "read_roles",
    "render",
    "runs_of",
    "split_text",
    "to_utf8",
    "token_to_bytes",
    "tokenizer_files",
    "tokenizer_of_ranks",
]
