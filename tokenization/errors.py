"""Exceptions of the package. Each message is one sentence that names the place of the error and the remedy.

TokenizationError
├── OptionError          an option is out of its range
│   └── VocabularyError  a vocabulary layout is inconsistent: too small, overlapping ids, duplicate or non-ASCII names
├── SampleError          documents and quotas do not match: duplicate ids, columns of different lengths
├── EmptyCorpus          there is no text, or too little text for the requested vocabulary
├── FolderError          a tokenizer folder or file is damaged, foreign or of an unsupported kind
├── GoldError            gold segmentation cannot be read, or its segments do not concatenate to the word
├── SegmenterError       the weights or the database of a segmenter are missing, damaged or foreign
├── EncodingError        a text contains lone surrogates, or an id does not fit its width
└── EncodingMismatch     a tokenizer returns other ids than those recorded with it
"""


class TokenizationError(Exception):
    """Base class of the package's exceptions."""


class OptionError(TokenizationError, ValueError):
    """An option is out of its range. It is a ValueError, so that validation of a recipe adds the option's place."""


class VocabularyError(OptionError):
    """A vocabulary layout is inconsistent."""


class SampleError(TokenizationError):
    """Documents and quotas do not match."""


class EmptyCorpus(TokenizationError):
    """There is no text, or too little text."""


class FolderError(TokenizationError):
    """A tokenizer folder or file cannot be used."""


class GoldError(TokenizationError):
    """Gold segmentation cannot be used."""


class SegmenterError(TokenizationError):
    """A segmenter's weights or database cannot be used."""


class EncodingError(TokenizationError):
    """A text or its ids cannot be represented."""


class EncodingMismatch(TokenizationError):
    """The ids of a text differ from the recorded ones."""
