"""Errors of options and input. Errors of sealed folders are `sharding.seal.SealError`."""


class ShardingError(Exception):
    """Base class. The message is one sentence that names the place and the remedy."""


class OptionError(ShardingError, ValueError):
    """An option, a mixture or a phase is inconsistent in itself, or impossible for the size of the data.

    It is a ValueError, so that the validation of a recipe adds the option's place.
    """


class InputError(ShardingError):
    """The input cannot be packed: tokens of two tokenizers, an index that does not match its ids, no documents."""
