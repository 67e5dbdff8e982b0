"""
Where the packaged presets, fonts and examples are: inside an installed package, or at the top of a
checkout.

    >>> data_folder("presets").name
    'presets'
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from assembler.errors import MissingProgramError


@cache
def data_folder(kind: Literal["presets", "timelines"]) -> Path:
    """
    Folder of the packaged *kind* of data.

    The wheel carries it as ``assembler/_data/<kind>``; a checkout (also one that is installed as
    editable) has it at its top, beside the package.

    Raises:
        MissingProgramError: If the package was installed without its data.
    """
    package = Path(str(files("assembler")))
    for folder in (package / "_data" / kind, package.parent / kind):
        if folder.is_dir():
            return folder
    raise MissingProgramError(
        f"this installation of assembler lacks its {kind}",
        where=str(package),
        fix="install it again: python -m pip install --force-reinstall assembler",
    )
