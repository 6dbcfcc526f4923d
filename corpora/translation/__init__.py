"""Machine translation of documents: sentences, models in CTranslate2's format, and what is no translation."""

from corpora.translation.conversion import local_model
from corpora.translation.documents import CATEGORIES, TranslatedText, translate_documents, translate_texts
from corpora.translation.engine import FAULTS, Engine, Translation
from corpora.translation.model import TranslationModel
from corpora.translation.sentences import Sentences, split

__all__ = [
    "CATEGORIES",
    "FAULTS",
    "Engine",
    "Sentences",
    "TranslatedText",
    "Translation",
    "TranslationModel",
    "local_model",
    "split",
    "translate_documents",
    "translate_texts",
]
