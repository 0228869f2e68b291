"""Model cards as data: capabilities, prices, data policy, each with source and date."""

from triptych.catalog.languages import told
from triptych.catalog.load import cards_from_table, cards_from_toml, load_cards

__all__ = ["cards_from_table", "cards_from_toml", "load_cards", "told"]
