"""Text to ids: BPE training, vocabulary layout, encoding, fertility."""
