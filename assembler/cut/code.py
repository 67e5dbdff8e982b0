"""Functions of the user's own: read from a module beside the timeline when a run allows it."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

from assembler.cut.model import Effect
from assembler.errors import UsageError


def function_of(effect: Effect) -> Any:
    """
    The function that an effect or a clip names; its module is run.

    Raises:
        UsageError: If there is no such module or function, or it fails while it is read.
    """
    module = effect.module
    if module is None or not module.is_file():
        fix = "put its module beside the timeline."
        raise UsageError(f"there is no module for {effect.name!r}", str(module or ""), fix)
    wanted = effect.name.rpartition(":")[2]
    found = getattr(_module(module, module.stat().st_mtime_ns), wanted, None)
    if not callable(found):
        raise UsageError(f"the module has no function {wanted!r}", str(module), "check its name.")
    return found


@lru_cache(maxsize=32)
def _module(path: Path, _changed: int) -> Any:
    spec = importlib.util.spec_from_file_location(f"assembler_user_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as exc:  # the user's own code may raise anything
        raise UsageError(f"the module fails: {exc!r}", str(path), "mend it.") from exc
    return module
