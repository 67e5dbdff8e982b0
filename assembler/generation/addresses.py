"""
Platforms that take images by public address only: where a link's start image lies.

    ask, image = by_address("mediaio", request)
    body = compose("mediaio", call, ask, {**FIELDS, "image": image})
"""

from __future__ import annotations

from dataclasses import replace

from assembler.generation.asking import Ask, Field
from assembler.generation.base import NotSubmittedError, Request

OPTION = "image_url"
"""Our option in a timeline that gives the address."""


def by_address(provider: str, request: Request) -> tuple[Ask, Field]:
    """
    What a request asks for, without our option, and what goes into the field of its image.

    Raises:
        NotSubmittedError: If its start image has no address.
    """
    link = request.link
    address = link.options.get(OPTION)
    if request.start and not address:
        raise NotSubmittedError(
            f"{provider}: it takes images by their public address only",
            link.where,
            f"write its address as `options: {{{OPTION}: https://…}}`, or take another provider.",
            "parameter",
        )
    plain = {name: value for name, value in link.options.items() if name != OPTION}
    ask = Ask.of(replace(request, link=replace(link, options=plain)))
    return ask, Field(("start",), lambda _: address)
