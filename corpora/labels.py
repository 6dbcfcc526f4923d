"""The closed lists of labels: categories of documents, quality profiles and cleaning profiles.

Standard library only: a command line reads them at start-up.
"""

from typing import Literal

Category = Literal["arabic", "classical", "english", "code", "math", "chat"]
Quality = Literal["none", "web", "classical", "reference", "verse", "dialect", "stories", "math", "code"]
Profile = Literal["prose", "code", "verbatim"]
