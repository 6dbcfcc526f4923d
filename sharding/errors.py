"""What can be wrong besides the files themselves (for those: `sharding.seal.SealError`)."""


class ShardingError(Exception):
    """One sentence that names the place and the mend."""


class OptionError(ShardingError):
    """What was asked for can't be: an option, a mixture or a phase contradicts itself or the data's size."""


class InputError(ShardingError):
    """What was given can't be packed: tokens of two tokenizers, an index that doesn't fit, nothing at all."""
