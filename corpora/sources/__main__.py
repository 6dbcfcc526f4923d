"""`python -m corpora.sources > docs/sources.md`"""

import sys

from corpora.sources import page

sys.stdout.write(page())
