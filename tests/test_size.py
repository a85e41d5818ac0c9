"""Files stay small: one subject each."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 400
FOLDERS = ("agentlab", "bench", "build-support", "examples", "tests", "tools")


def too_long(folder: Path, limit: int = LIMIT) -> list[str]:
    """The Python files under ``folder`` with more than ``limit`` lines, with their counts."""
    counts = {path: len(path.read_text().splitlines()) for path in sorted(folder.rglob("*.py"))}
    return [f"{path} has {count} lines" for path, count in counts.items() if count > limit]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_too_long(folder: str) -> None:
    found = too_long(ROOT / folder)
    assert not found, f"{'; '.join(found)}: split by subject, the limit is {LIMIT}"


def test_a_long_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    (tmp_path / "__init__.py").write_text("x = 1\n" * 400)
    assert too_long(tmp_path) == [f"{tmp_path / 'long.py'} has 401 lines"]
