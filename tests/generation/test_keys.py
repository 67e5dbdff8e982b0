from __future__ import annotations

import pickle
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend

from assembler.generation.keys import Key, find_key, need_key
from assembler.generation.refusals import (
    ProviderError,
    Refusal,
    ThrottledError,
    error_of,
    sentence,
)


class Drawer(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0  # type: ignore[assignment]  # a property of classes there

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    before = keyring.get_keyring()
    own = Drawer()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


def test_key_comes_from_the_environment_before_the_keyring(
    drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_password("assembler", "KLING_API_KEY", "of-the-keyring")
    assert need_key("kling", "KLING_API_KEY").reveal() == "of-the-keyring"
    monkeypatch.setenv("KLING_API_KEY", " of-the-environment\n")
    assert need_key("kling", "KLING_API_KEY").reveal() == "of-the-environment"


def test_missing_key_is_named_with_both_ways_to_give_it(drawer: Drawer) -> None:
    assert find_key("FAL_KEY") is None
    with pytest.raises(ProviderError) as caught:
        need_key("fal", "FAL_KEY")
    assert str(caught.value) == (
        "fal: there is no key\n"
        "  fix: set FAL_KEY in the environment, or `keyring set assembler FAL_KEY`."
    )


@pytest.mark.parametrize("secret", ["two words", "line\nbreak", "schlüssel", "a\tb"])
def test_what_no_header_could_carry_is_refused_unseen(
    drawer: Drawer, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("FAL_KEY", secret)
    with pytest.raises(ProviderError, match="FAL_KEY holds") as caught:
        find_key("FAL_KEY")
    assert secret not in str(caught.value)


def test_key_never_shows_itself() -> None:
    key = Key("FAL_KEY", "s3cr3t")
    assert "s3cr3t" not in f"{key} {key!r} {[key]} {vars(Key)}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_errors_of_providers_pickle_with_all_they_say() -> None:
    error = ThrottledError("kling: too much", "a.yaml:1:1", "later", "throttle", 3.0)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.trouble, copy.after_s) == (str(error), "throttle", 3.0)
    placed = pickle.loads(pickle.dumps(ProviderError("x", trouble="policy").at("b.yaml:2:2")))
    assert (placed.where, placed.trouble) == ("b.yaml:2:2", "policy")


def test_long_answers_are_cut() -> None:
    assert len(sentence("kling", Refusal("parameter", "no " * 1000))) < 360
    assert error_of("kling", Refusal("auth"), key="KLING_API_KEY").fix.startswith(
        "check KLING_API_KEY"
    )
