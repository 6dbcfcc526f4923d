"""One file per stage: what its options and inputs are, how its work is cut, and which room does it."""
