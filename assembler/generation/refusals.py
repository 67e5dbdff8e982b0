"""
What a provider refuses, in one set of words: what is wrong, and what to do about it.

    raise error_of("kling", Refusal("balance", "Account balance not enough"))
    # kling: the account has no credit left (Account balance not enough)
    #   fix: top it up, then run again; finished takes are kept.

Each provider maps its own codes to a `Trouble`; what a user reads is written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self

from assembler.errors import GenerateError

Trouble = Literal[
    "auth", "balance", "permission", "parameter", "policy", "throttle", "server", "unknown"
]
"""Key refused, no credit, not allowed for this account, something in the request, the content,
too much at once, the provider's own trouble, none of these."""

_SAYS: dict[Trouble, tuple[str, str]] = {
    "auth": (
        "the key is not accepted",
        "check {key}; a new key is made in the account's settings.",
    ),
    "balance": (
        "the account has no credit left",
        "top it up, then run again; finished takes are kept.",
    ),
    "permission": (
        "the account may not use this",
        "enable the model in the account, or take another model or provider.",
    ),
    "parameter": (
        "the request is refused",
        "change what it names; nothing was charged.",
    ),
    "policy": (
        "the content is refused",
        "change the prompt or the images; unchanged they would be refused again.",
    ),
    "throttle": (
        "too many requests at once",
        "run again later; finished takes are kept.",
    ),
    "server": (
        "the provider has trouble of its own",
        "run again later; what was sent is looked up first, never sent twice.",
    ),
    "unknown": (
        "something went wrong",
        "run again; what was sent is looked up first, never sent twice.",
    ),
}
_SAID = 300
"""Characters of the provider's own words that are shown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an answer of a provider means."""

    trouble: Trouble
    said: str = ""
    """In the provider's own words."""
    after_s: float | None = None
    """How long it asks to wait."""
    no_job: bool | None = None
    """Whether it proves that no job was made; None goes by the trouble."""

    @property
    def proves_no_job(self) -> bool:
        """Whether surely no job was made."""
        if self.no_job is not None:
            return self.no_job
        return self.trouble not in ("server", "unknown")


class ProviderError(GenerateError):
    """A provider refused or failed, and how."""

    def __init__(
        self, what: str, where: str = "", fix: str = "", trouble: Trouble = "unknown"
    ) -> None:
        super().__init__(what, where, fix)
        self.args = (what, where, fix, trouble)
        self.trouble = trouble

    def at(self, where: str) -> Self:
        """The same, with its place where it had none."""
        self.where = self.where or where
        self.args = (self.what, self.where, *self.args[2:])
        return self


class NotSubmittedError(ProviderError):
    """A submission failed in a way that proves that no job was made."""


class ThrottledError(NotSubmittedError):
    """No job was made because too much is under way: the same may be sent later."""

    def __init__(
        self,
        what: str,
        where: str = "",
        fix: str = "",
        trouble: Trouble = "throttle",
        after_s: float | None = None,
    ) -> None:
        super().__init__(what, where, fix, trouble)
        self.args = (*self.args, after_s)
        self.after_s = after_s


class NoClipError(ProviderError):
    """A job has ended well, but its clip can't be had: it is paid, so it isn't asked for anew."""


class ExpiredError(ProviderError):
    """The address of a finished clip is no longer good."""


@contextmanager
def before_sending() -> Iterator[None]:
    """What fails within proves that no job was made: nothing but preparations has left."""
    try:
        yield
    except NotSubmittedError:
        raise
    except ProviderError as exc:
        raise NotSubmittedError(exc.what, exc.where, exc.fix, exc.trouble) from exc


def sentence(provider: str, refusal: Refusal) -> str:
    """What is wrong, with the provider's own words."""
    what = f"{provider}: {_SAYS[refusal.trouble][0]}"
    said = " ".join(refusal.said.split())
    if len(said) > _SAID:
        said = said[: _SAID - 1] + "…"
    return f"{what} ({said.rstrip('.')})" if said else what


def advice(refusal: Refusal, key: str = "the key") -> str:
    """What to do; *key* is the variable that holds the key."""
    return _SAYS[refusal.trouble][1].format(key=key)


def error_of(
    provider: str, refusal: Refusal, *, submitting: bool = False, key: str = "the key"
) -> ProviderError:
    """The error for a refusal; when submitting, of the class that says whether a job was made."""
    what, fix = sentence(provider, refusal), advice(refusal, key)
    if not submitting or not refusal.proves_no_job:
        return ProviderError(what, "", fix, refusal.trouble)
    if refusal.trouble == "throttle":
        return ThrottledError(what, "", fix, refusal.trouble, refusal.after_s)
    return NotSubmittedError(what, "", fix, refusal.trouble)
