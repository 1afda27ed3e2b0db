"""The copy of a project in which runs are repeated."""

from pathlib import Path

from ltscaffold.commands.prove.workspace import digest_of_workspace, make_workspace
from tests.helpers.projects import new_task
from tests.helpers.tree import tree


def test_sources_are_copied_and_data_are_linked(project: Path, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling")
    for path in ("data/train.csv", "outputs/run/last.ckpt", "rows.csv", "tasks/mine/words.txt"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("data")
    before, copy = tree(project), tmp_path / "copy"
    make_workspace(project, copy, {"train.py": None, "tasks/mine/model.py": b"x = 1\n"})
    changed = {"tasks/mine/model.py": b"x = 1\n"}
    left_out = {"train.py", "outputs/run/last.ckpt"}
    expected = {path: content for path, content in before.items() if path not in left_out} | changed
    assert {path: (copy / path).read_bytes() for path in expected} == expected
    assert not (copy / "train.py").exists()
    links = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_symlink()}
    assert {"data", "rows.csv", "tasks/mine/words.txt"} <= links
    assert not {path for path in links if path.endswith((".py", ".yaml"))}
    (copy / "conf/config.yaml").write_text("")
    assert tree(project) == before


def test_only_named_runs_are_linked_and_the_folder_of_the_command_is_real(
    project: Path, tmp_path: Path
) -> None:
    files = ("outputs/a/best.ckpt", "outputs/b/best.ckpt", "outputs/c/best.ckpt", "sub/x/notes.txt")
    for path in (*files, "sub/outputs/d/best.ckpt"):
        (project / path).parent.mkdir(parents=True)
        (project / path).touch()
    (project / "conf").mkdir()
    (project / "conf/mine.yaml").write_text("path: outputs/b  # outputs/b/best.ckpt.\n")
    copy = tmp_path / "copy"
    words = ["checkpoint_path='outputs/a/best.ckpt'", "x=[outputs/d/best.ckpt,outputs/none]"]
    make_workspace(project, copy, {}, Path("sub"), words)
    links = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_symlink()}
    expected = {"outputs/a/best.ckpt", "outputs/b", "sub/outputs/d/best.ckpt", "sub/x"}
    assert links == expected
    assert (copy / "outputs/b/best.ckpt").is_file()
    (copy / "outputs/new").mkdir()
    (copy / "sub/train.log").touch()
    assert not (project / "outputs/new").exists()
    assert not (project / "sub/train.log").exists()


def test_the_digest_follows_sources_and_data(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    seen = [digest_of_workspace(project, {})]
    (project / "rows.csv").write_text("text\n")
    seen.append(digest_of_workspace(project, {}))
    content = (project / "train.py").read_bytes()
    assert digest_of_workspace(project, {"train.py": content}) == seen[-1]
    seen.append(digest_of_workspace(project, {"train.py": b""}))
    seen.append(digest_of_workspace(project, {"train.py": None}))
    (project / "data").mkdir()
    (project / "data/train.csv").write_text("text\n")
    seen.append(digest_of_workspace(project, {}))
    (project / "outputs").mkdir()
    (project / "outputs/log").touch()
    (project / "proof.html").touch()
    (project / "prove.log").touch()
    assert digest_of_workspace(project, {}) == seen[-1]
    assert len(set(seen)) == 5
