"""
Keys of platforms, from the environment or the system's keyring; never shown.

    key = need_key("kling", "KLING_API_KEY")
    repr(key)        # <key KLING_API_KEY>

A key is put into a keyring by ``keyring set assembler KLING_API_KEY``.
"""

from __future__ import annotations

import os
from typing import NoReturn

from assembler.generation.refusals import ProviderError

SERVICE = "assembler"
"""Under which keys lie in the keyring."""


class Key:
    """A secret that no print, log, traceback or pickle shows."""

    __slots__ = ("_secret", "name")

    def __init__(self, name: str, secret: str) -> None:
        self.name = name
        self._secret = secret

    def reveal(self) -> str:
        """The secret, for the header that needs it."""
        return self._secret

    def __repr__(self) -> str:
        return f"<key {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key can't be pickled")


def find_key(*names: str) -> Key | None:
    """
    The first of these that is set, in the environment before the keyring; None when there is none.

    Raises:
        ProviderError: If it holds what no key holds, which no header could carry.
    """
    for name in names:
        secret = os.environ.get(name, "").strip()
        if secret:
            return _checked(name, secret)
    for name in names:
        secret = (_from_keyring(name) or "").strip()
        if secret:
            return _checked(name, secret)
    return None


def need_key(provider: str, *names: str) -> Key:
    """
    The first of these that is set.

    Raises:
        ProviderError: If none is.
    """
    key = find_key(*names)
    if key is None:
        raise ProviderError(
            f"{provider}: there is no key",
            fix=f"set {' or '.join(names)} in the environment, or "
            f"`keyring set {SERVICE} {names[0]}`.",
            trouble="auth",
        )
    return key


def _checked(name: str, secret: str) -> Key:
    if secret.isascii() and secret.isprintable() and " " not in secret:
        return Key(name, secret)
    raise ProviderError(
        f"{name} holds a space, a line break or a letter that no key has",
        fix="copy the key again, without anything around it.",
        trouble="auth",
    )


def _from_keyring(name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:  # it is an extra
        return None
    try:
        return keyring.get_password(SERVICE, name)
    except (KeyringError, RuntimeError, OSError):  # locked, or there is none on this system
        return None
