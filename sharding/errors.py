"""What can be wrong besides the files themselves (for those: `sharding.seal.SealError`)."""


class ShardingError(Exception):
    """One sentence that names the place and the mend."""


class OptionError(ShardingError, ValueError):
    """An option is out of its range. It is a ValueError, so that validation of a recipe adds the option\'s place."""


class InputError(ShardingError):
    """What was given can't be packed: tokens of two tokenizers, an index that doesn't fit, nothing at all."""
