"""Attention that can be switched on in any transformers model: MODA and what it is compared with, and a record of who looks at what."""

from kit.attention.balance import Balance
from kit.attention.moda import Moda
from kit.attention.record import Recorded, attention_balance, observed
from kit.attention.rivals import Biased, Unmasked
from kit.attention.switch import kind_of, load, save_settings, switch_on
from kit.attention.token_types import TokenTypes

__all__ = ["Balance", "Biased", "Moda", "Recorded", "TokenTypes", "Unmasked", "attention_balance", "kind_of", "load", "observed", "save_settings", "switch_on"]
