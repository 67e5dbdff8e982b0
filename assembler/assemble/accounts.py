"""Whether each provider can be used: its key, whether it answers, and what its account has left."""

from __future__ import annotations

import os
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import anyio

from assembler.assemble.doctor import Finding, Findings
from assembler.errors import AssemblerError
from assembler.generation import GROUP, PROVIDERS, provider_class
from assembler.generation.base import ProviderError
from assembler.planning.workflow import COMFYUI

_WAIT_S = 15.0


def accounts() -> Findings:
    """
    Every provider that is installed, asked at the same time; nothing is spent.

    A provider without a key is not asked.
    """
    names = sorted({*PROVIDERS, *(entry.name for entry in entry_points(group=GROUP))})
    found: dict[str, Finding] = {}

    async def ask(name: str, folder: Path) -> None:
        found[name] = await _asked(name, folder)

    async def all_of_them() -> None:
        with tempfile.TemporaryDirectory(prefix="assembler-accounts-") as folder:
            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(ask, name, Path(folder) / name)

    anyio.run(all_of_them)
    return Findings(tuple(found[name] for name in names))


async def _asked(name: str, folder: Path) -> Finding:
    try:
        provider = provider_class(name)(folder)
    except AssemblerError as error:
        return _trouble(name, error)
    try:
        with anyio.fail_after(_WAIT_S):
            said = await provider.standing()
    except TimeoutError:
        what = f"doesn't answer within {_WAIT_S:g} s"
        return Finding(name, "warning", what, "see whether the platform, or the way to it, is down")
    except AssemblerError as error:
        return _trouble(name, error)
    finally:
        with anyio.CancelScope(shield=True):
            await provider.aclose()
    return Finding(name, "ok", said or "ready")


def _trouble(name: str, error: AssemblerError) -> Finding:
    what = error.what.removeprefix(f"{name}: ")
    # Most people have accounts with one or two: what isn't set up is no fault.
    unset = isinstance(error, ProviderError) and error.trouble == "auth" and "no key" in what
    unset |= name == COMFYUI and not os.environ.get("ASSEMBLER_COMFYUI_URL")
    return Finding(name, "warning" if unset else "missing", what, error.fix)
