"""
`${name}` in the text of a timeline.

    >>> substituted("a ${x}, $${x}", {"x": "red coat"})
    'a red coat, ${x}'
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from assembler.spec.flaw import did_you_mean, flawed, one_of, shown
from assembler.spec.yaml import MAX_SCALAR

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_USE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")


def substituted(text: str, variables: Mapping[str, str]) -> str:
    """
    *text* with every `${name}` replaced, once: what is put in is not looked at again.

    Raises:
        FlawedValueError: If a name is unknown or malformed, or the text grows without bounds.
    """
    if "${" not in text:
        return text
    parts: list[str] = []
    end = length = 0
    for use in _USE.finditer(text):
        put = "${" if use[0] == "$${" else _looked_up(use, variables)
        parts += (text[end : use.start()], put)
        length += len(put)
        if length > MAX_SCALAR:
            raise flawed(f"with its variables this text is longer than {MAX_SCALAR} characters")
        end = use.end()
    parts.append(text[end:])
    return "".join(parts)


def _looked_up(use: re.Match[str], variables: Mapping[str, str]) -> str:
    name = use[1]
    if name is None:
        raise flawed("'${' without '}'", "close it, or write $${ for the characters themselves.")
    if name in variables:
        return variables[name]
    if not NAME.fullmatch(name):
        fix = "names have letters, digits, _ and -; write $${ for the characters themselves."
        raise flawed(f"{shown(name)} is no name of a variable", fix)
    known = f"known: {one_of(list(variables)[:12])}." if variables else "add it under `vars`."
    raise flawed(f"there is no variable {shown(name)}", did_you_mean(name, variables, known))
