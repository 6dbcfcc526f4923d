"""Tokenizers: training from text, morphology of Arabic words, encoding of text, and measures of quality.

    model        a byte-level BPE tokenizer: its vocabulary, its folder, encoding and decoding
    morphology   segmenters, which split Arabic words into morphemes
    training     the training sample, pre-token counts, and merges
    evaluation   how many tokens a text takes, and what a vocabulary contains
    options      the options of training, with their bounds

The order of the imports is evaluation > training > morphology > model > options. Code outside a subpackage imports
from the subpackage itself, not from its modules.
"""
