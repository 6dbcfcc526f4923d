"""Text in: one reader per source, Arabic normalisation, quality, deduplication."""
