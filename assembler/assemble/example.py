"""The examples that ship with the package, copied out to be rendered or changed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from assembler.errors import OutputExistsError, UsageError
from assembler.spec.data import data_folder

_MEDIA = re.compile(r"media/[\w.-]+")
_SCHEMA = "timeline.schema.json"


def names() -> tuple[str, ...]:
    """Names of the examples."""
    return tuple(sorted(p.stem for p in data_folder("timelines").glob("*.yaml")))


def copy_example(name: str, folder: Path | None = None) -> Path:
    """
    Path of the copied timeline; its media and the schema lie beside it.

    Raises:
        UsageError: If there is no such example.
        OutputExistsError: If the folder has such a timeline already.
    """
    name = name.removesuffix(".yaml")
    source = data_folder("timelines") / f"{name}.yaml"
    if name not in names():
        raise UsageError(f"there is no example {name!r}", fix=f"take one of {', '.join(names())}")
    target = (folder or Path(name)) / source.name
    if target.exists():
        raise OutputExistsError(f"{target} exists", fix="name another folder")
    text = source.read_text(encoding="utf-8")
    for relative in [_SCHEMA, "media/LICENCES.md", *dict.fromkeys(_MEDIA.findall(text))]:
        destination = target.parent / relative
        if not destination.exists():
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.parent / relative, destination)
    target.write_text(text, encoding="utf-8")
    return target
