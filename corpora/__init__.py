"""Documents from published corpora: one reader per source, Arabic normalisation, quality filters, deduplication."""
