"""A folder is replaced, and a kill on the way loses none."""

from pathlib import Path

import pytest

from lightning_transformers.base.atomic import replace_folder, restore_former


def write(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "text").write_text(text)
    return path


def test_a_file_or_a_folder_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.touch()
    for text in ("one", "two"):
        replace_folder(write(tmp_path / ".part", text), path)
        assert (path / "text").read_text() == text
        assert [*tmp_path.iterdir()] == [path]


def test_a_kill_between_the_renames_leaves_the_former_folder(tmp_path: Path) -> None:
    path, new = write(tmp_path / "last.ckpt", "one"), tmp_path / "missing"
    with pytest.raises(FileNotFoundError):
        replace_folder(new, path)
    assert not path.exists()
    restore_former(tmp_path)
    assert (path / "text").read_text() == "one"


def test_a_kill_within_the_removal_is_made_up_for(tmp_path: Path) -> None:
    path = write(tmp_path / "last.ckpt", "two")
    write(tmp_path / ".last.ckpt.former", "one")
    restore_former(tmp_path)
    assert (path / "text").read_text() == "two"
    replace_folder(write(tmp_path / ".part", "three"), path)
    assert (path / "text").read_text() == "three"
    assert [*tmp_path.iterdir()] == [path]
