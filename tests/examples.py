"""The size of tests that try many examples: property tests, fuzzing, hostile texts."""

import os

EXAMPLES = int(os.environ.get("ARCORP_EXAMPLES", "25"))
"""Examples of each such test. `make test-faults` sets ARCORP_EXAMPLES to more."""
