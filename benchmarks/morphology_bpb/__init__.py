"""Bits per byte of equal models on equal text, by morphology."""
