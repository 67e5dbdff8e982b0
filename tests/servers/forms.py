"""multipart/form-data as clients send it."""

from __future__ import annotations

import email.parser
import email.policy
from dataclasses import dataclass

from tests.servers.kit import Call, MalformedError


@dataclass(frozen=True)
class Part:
    """One field of a form."""

    content: bytes
    filename: str
    """Empty where it is no file."""
    kind: str

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")


def form(call: Call) -> dict[str, Part]:
    """The fields of a request's form (RFC 7578)."""
    kind = call.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise MalformedError("the body is no form")
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    fields = {}
    for part in parser.parsebytes(head + call.body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        fields[str(name)] = Part(content, part.get_filename() or "", part.get_content_type())
    return fields
