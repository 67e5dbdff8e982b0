"""
Which account something was sent from, as far as that may be written down: never the key itself.

    >>> Account("https://queue.fal.run", "3f9a1c2b7d10").is_other(Account("https://queue.fal.run"))
    True
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_DIGITS = 12
"""Of the hash of a key that are kept: enough to tell two keys apart, too few to find one."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where requests go, and whose key they carry."""

    address: str
    """Base URL of the platform."""
    key: str = ""
    """Fingerprint of the key; "" where none is needed."""

    def is_other(self, than: Account) -> bool:
        """
        Whether jobs of the one can't be found with the other.

        The key decides: behind a gateway the same account has another address.
        """
        if self.key or than.key:
            return self.key != than.key
        return self.address != than.address

    def __str__(self) -> str:
        return f"{self.address}, key {self.key}" if self.key else self.address


def fingerprint(platform: str, secret: str) -> str:
    """Twelve hexadecimal digits that tell keys apart and don't lead back to them."""
    named = f"assembler account\0{platform}\0{secret}"
    return hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]
