"""What adapters of HTTP platforms have alike: an account, connections, clips that are fetched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from assembler.generation.base import Done, Failed, Provider
from assembler.generation.http import Api
from assembler.generation.refusals import Refusal, Trouble

FREE = Decimal(0)
"""Billed for a job that has failed, where the platform says that it takes nothing for those."""
_POLICY = ("policy", "moderat", "sensitive", "nsfw", "risk control", "safety", "prohibited")
_BUSY = ("timeout", "timed out", "overload", "busy", "upstream", "internal", "unavailable")


class Platform(Provider):
    """
    A platform's account.

    Args:
        folder: Where an adapter notes what was sent.
        concurrency: Jobs under way at once for each model.
        apis: Its API, then those of its other hosts.
    """

    def __init__(self, folder: Path, concurrency: int, *apis: Api) -> None:
        self.can = replace(self.can, concurrency=concurrency)
        self._folder = folder
        self._api, self._apis = apis[0], apis
        self.account = self._api.account

    async def download(self, done: Done, to: Path) -> None:
        """The clip, without the key."""
        await self._api.download(done.url, to)

    async def aclose(self) -> None:
        """Close connections."""
        for api in self._apis:
            await api.aclose()

    def _ended(
        self, said: str, trouble: Trouble | None = None, billed_usd: Decimal | None = None
    ) -> Failed:
        """A job that has ended without a clip, in the platform's words."""
        error = self._api.error(Refusal(trouble or trouble_in(said), said))
        return Failed(error.what, error.fix, error.trouble, billed_usd)


def trouble_in(said: str) -> Trouble:
    """What a failure is about, where a platform tells it in words only."""
    words = said.lower()
    if any(word in words for word in _POLICY):
        return "policy"
    if "credit" in words or "balance" in words:
        return "balance"
    return "server" if any(word in words for word in _BUSY) else "unknown"
