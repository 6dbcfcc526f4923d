"""Publishing: the dataset card, and sending a sealed dataset to the Hugging Face Hub."""

from pipelines.publish.card import CARD, card_of, write_card
from pipelines.publish.push import Parcel, parcel, push

__all__ = ["CARD", "Parcel", "card_of", "parcel", "push", "write_card"]
