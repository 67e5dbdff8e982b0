"""Files that the tests of all platforms share."""

from __future__ import annotations

import pytest

from tests.generation.providers.shops import Files, files_in


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_in(tmp_path_factory.mktemp("files"))
