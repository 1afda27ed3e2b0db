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
    expected = {path: content for path, content in before.items() if path != "train.py"} | changed
    assert {path: (copy / path).read_bytes() for path in expected} == expected
    assert not (copy / "train.py").exists()
    links = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_symlink()}
    assert {"data", "outputs", "rows.csv", "tasks/mine/words.txt"} <= links
    assert not {path for path in links if path.endswith((".py", ".yaml"))}
    (copy / "conf/config.yaml").write_text("")
    assert tree(project) == before


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
    assert digest_of_workspace(project, {}) == seen[-1]
    assert len(set(seen)) == 5
