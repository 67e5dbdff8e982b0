"""
Links become takes through providers.

    >>> provider_class("animatic").name
    'animatic'

Other packages add providers through entry points of the group ``assembler.providers``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from assembler.errors import GenerateError

if TYPE_CHECKING:
    from assembler.generation.base import MadeProvider

GROUP = "assembler.providers"

PROVIDERS: Mapping[str, str] = {
    "animatic": "assembler.generation.animatic:Animatic",
    "fal": "assembler.generation.providers.fal:Fal",
    "higgsfield": "assembler.generation.providers.higgsfield:Higgsfield",
    "kie": "assembler.generation.providers.kie:Kie",
    "kling": "assembler.generation.providers.kling:Kling",
    "comfyui": "assembler.generation.providers.comfyui:Comfyui",
    "letzai": "assembler.generation.providers.letzai:Letzai",
    "manual": "assembler.generation.providers.manual:Manual",
    "mediaio": "assembler.generation.providers.mediaio:Mediaio",
    "piapi": "assembler.generation.providers.piapi:Piapi",
    "pollo": "assembler.generation.providers.pollo:Pollo",
    "replicate": "assembler.generation.providers.replicate:Replicate",
    "scenario": "assembler.generation.providers.scenario:Scenario",
}
"""Our own: name -> class, which is made with the folder for its files; imported when used."""


def provider_class(name: str) -> MadeProvider:
    """
    The class of a provider, ours or one that another package brings.

    Raises:
        GenerateError: If there is none of that name, or more than one.
    """
    others = entry_points(group=GROUP, name=name)
    if len(others) + (name in PROVIDERS) > 1:
        owners = ", ".join(sorted({o.value for o in others}))
        raise GenerateError(
            f"more than one provider is named {name!r} ({owners})",
            fix="uninstall the package that you don't want.",
        )
    made: MadeProvider
    if name in PROVIDERS:
        made = resolve_name(PROVIDERS[name])
        return made
    for other in others:
        made = other.load()
        return made
    raise _unknown(name)


def provider_names() -> tuple[str, ...]:
    """Names of all providers, ours and those of other packages, sorted."""
    return tuple(sorted({*PROVIDERS, *(o.name for o in entry_points(group=GROUP))}))


def _unknown(name: str) -> GenerateError:
    known = provider_names()
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return GenerateError(
        f"there is no provider {name!r}", fix=f"{hint}Installed: {', '.join(known)}."
    )
