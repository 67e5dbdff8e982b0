"""What the fields of a request may hold: each rule returns what is wrong, or ""."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Rule = Callable[[Any], str]


@dataclass(frozen=True)
class Flaw:
    """One thing wrong in a request."""

    loc: str
    kind: str
    """missing, extra or value."""
    says: str


def text(most: int | None = None, least: int = 0) -> Rule:
    def rule(value: Any) -> str:
        if not isinstance(value, str):
            return "Input should be a valid string"
        if len(value) < least:
            return f"String should have at least {least} characters"
        if most is not None and len(value) > most:
            return f"String should have at most {most} characters"
        return ""

    return rule


def choice(*values: object) -> Rule:
    def rule(value: Any) -> str:
        same = any(type(v) is type(value) and v == value for v in values)
        return "" if same else f"Input should be one of {', '.join(map(repr, values))}"

    return rule


def number(low: float, high: float) -> Rule:
    def rule(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "Input should be a valid number"
        return "" if low <= value <= high else f"Input should be between {low:g} and {high:g}"

    return rule


def whole(low: int, high: int) -> Rule:
    def rule(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            return "Input should be a valid integer"
        return "" if low <= value <= high else f"Input should be between {low} and {high}"

    return rule


def seconds(low: int, high: int) -> Rule:
    """Whole seconds as text."""
    return choice(*map(str, range(low, high + 1)))


def flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "Input should be a valid boolean"


def address(value: Any) -> str:
    fine = isinstance(value, str) and value.startswith(("http://", "https://"))
    return "" if fine else "Input should be a URL"


def many(rule: Rule, low: int, high: int) -> Rule:
    def check(value: Any) -> str:
        if not isinstance(value, list):
            return "Input should be a valid list"
        if not low <= len(value) <= high:
            return f"List should have {low} to {high} items"
        return next((wrong for one in value if (wrong := rule(one))), "")

    return check


def record(needed: Mapping[str, Rule], may: Mapping[str, Rule] | None = None) -> Rule:
    def rule(value: Any) -> str:
        if not isinstance(value, dict):
            return "Input should be an object"
        found = flaws(value, needed, may or {})
        return f"{found[0].loc}: {found[0].says}" if found else ""

    return rule


def flaws(
    body: Mapping[str, Any], needed: Mapping[str, Rule], may: Mapping[str, Rule]
) -> list[Flaw]:
    """Everything wrong with a body; a field that isn't documented is wrong, too."""
    rules = {**needed, **may}
    found = [Flaw(name, "missing", "Field required") for name in needed if name not in body]
    for name, value in body.items():
        if name not in rules:
            found.append(Flaw(name, "extra", "Extra inputs are not permitted"))
        elif wrong := rules[name](value):
            found.append(Flaw(name, "value", wrong))
    return found
