"""What can go wrong between text and ids. Every message is one sentence that names the place and the mend.

TokenizationError
├── OptionError        an option is out of its range (digits policy, document cap, batch size)
│   └── VocabularyError  a layout can't be: too small, ids that overlap, names twice, non-ASCII names
├── SampleError        documents and quotas don't fit together: ids twice, columns of unequal length
├── EmptyCorpus        there is no text to learn from, or too little for the vocabulary asked for
├── FolderError        a tokenizer folder is damaged, foreign, or of a kind that is not read here
├── GoldError          gold segmentation can't be read, or its segments don't concatenate
├── SegmenterError     a segmenter's weights are damaged or foreign
├── EncodingError      a text is no Unicode text (lone surrogates), or ids don't fit their width
└── EncodingMismatch   a tokenizer doesn't give the ids that were recorded with it
"""


class TokenizationError(Exception):
    """The root: whoever wants all of them catches this."""


class OptionError(TokenizationError):
    """An option is out of its range."""


class VocabularyError(OptionError):
    """A vocabulary layout contradicts itself."""


class SampleError(TokenizationError):
    """Documents and quotas don't fit together."""


class EmptyCorpus(TokenizationError):
    """There is no text, or too little of it."""


class FolderError(TokenizationError):
    """A tokenizer folder or file can't be used."""


class GoldError(TokenizationError):
    """Gold segmentation can't be used."""


class SegmenterError(TokenizationError):
    """A segmenter's weights can't be used."""


class EncodingError(TokenizationError):
    """A text or its ids can't be represented."""


class EncodingMismatch(TokenizationError):
    """Recorded and present encodings differ."""
