"""Projects from an organization's own templates, a git repository with versions as tags."""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import copier
import pytest

from ltscaffold import git as git_module
from ltscaffold.commands.inspect.check import check
from ltscaffold.commands.inspect.listing import rows
from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.templating import source
from tests.conftest import Run
from tests.helpers.copier_update import commit_all
from tests.helpers.own_templates import DOCSTRING, OURS, RELEASED, next_version, our_templates
from tests.helpers.projects import (
    add,
    new_callback,
    new_dataset,
    new_project,
    new_task,
    remove,
    rename,
    update,
)
from tests.helpers.tree import tree

MODEL = "tasks/mine/model.py"
NEXT = OURS.replace("acme.1", "acme.2")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository that no test changes."""
    return our_templates(tmp_path_factory.mktemp("acme"))


def generate(project: Path, templates: object) -> None:
    """Write a project from templates, with a task in it."""
    new_project(project, "tasks", str(templates))
    new_task(project, "mine", "language_modeling", ["training_step"])


def test_every_command_works_from_the_cache_alone(project: Path, tmp_path: Path) -> None:
    mine = our_templates(tmp_path)
    generate(project, mine)
    mine.rename(tmp_path / "out of reach")
    new_dataset(project, "rows", "translation")
    new_callback(project, "watch", ["on_fit_end"])
    new_task(project, "heir", "mine")
    add(project, "mine", recipes=["weight_noise"])
    rename(project, "mine", "yours")
    remove(project, "rows")
    answers = read_project(project)
    assert (answers.source, answers.version) == (str(mine), OURS)
    assert {component.name for component in answers.components} == {"heir", "watch", "yours"}
    assert DOCSTRING in (project / "tasks/yours/model.py").read_text()
    assert {
        state for component in status(project).components for state in component.files.values()
    } == {"unchanged"}
    assert {finding.code for finding in check(project)} == {"unfilled-stub"}
    assert "weight_noise" in {row["name"] for row in rows(project, "recipes")}


def test_a_new_project_needs_what_it_names(project: Path, tmp_path: Path) -> None:
    """The counterpart of working from the cache: a mirror exists, the repository does not."""
    mine = our_templates(tmp_path)
    new_project(project / "first", "tasks", str(mine))
    mine.rename(tmp_path / "out of reach")
    with pytest.raises(ScaffoldError, match="does not appear to be a git"):
        source.refresh(str(mine))
    with pytest.raises(ScaffoldError, match="neither an existing folder nor a git URL"):
        new_project(project / "second", "tasks", str(mine))
    assert list(project.iterdir()) == [project / "first"]


def test_files_are_byte_identical_to_what_copier_renders(
    project: Path, templates: Path, tmp_path: Path
) -> None:
    generate(project, templates)
    new_dataset(project, "rows", "translation")
    variables = read_project(project).variables()
    data = {name: value for name, value in variables.items() if name[0] != "_"}
    copier.run_copy(str(templates), tmp_path / "copied", data=data, defaults=True, quiet=True)
    assert tree(project) == tree(tmp_path / "copied")


def test_copier_and_ours_bring_the_next_version_and_keep_edits(
    project: Path, run: Run, tmp_path: Path
) -> None:
    mine = our_templates(tmp_path)
    generate(project, mine)
    model = project / MODEL
    model.write_text(model.read_text().replace("return super()", "return 2 * super()"))
    commit_all(run)
    next_version(mine, NEXT, DOCSTRING, "improved")
    next_version(mine, "v20.0.0rc1", "improved", "untested")
    assert source.versions(str(mine))[-1] == OURS
    shutil.copytree(project, tmp_path / "own")
    done = run("copier", "update")
    assert done.returncode == 0, done.stderr
    assert read_project(project).version == NEXT
    assert "improved" in model.read_text()
    assert "return 2 * super()" in model.read_text()
    with pytest.raises(
        ScaffoldError, match=rf"{re.escape(NEXT)}.*fetch them with `ltscaffold trust"
    ):
        new_task(project, "other", "language_modeling")  # a colleague's version
    assert run("ltscaffold", "trust", str(mine)).stdout.rstrip().endswith(NEXT)
    new_task(project, "other", "language_modeling")
    assert "improved" in (project / "tasks/other/model.py").read_text()
    assert source.versions(str(mine))[-1] == NEXT
    remove(project, "other")
    update(tmp_path / "own")
    assert tree(tmp_path / "own") == tree(project)


def test_refresh_follows_tags_that_are_new_or_gone(tmp_path: Path) -> None:
    mine = our_templates(tmp_path)
    source.trust(str(mine))
    next_version(mine, "v10.0.0", DOCSTRING, "improved")
    git("tag", "--delete", OURS, cwd=mine)
    assert source.versions(str(mine)) == [*RELEASED, OURS]
    source.refresh(str(mine))
    assert source.versions(str(mine)) == [*RELEASED, "v10.0.0"]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Return a function that serves a repository over HTTP, and returns its URL."""
    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()

        def serve(clone: Path) -> str:
            bare = tmp_path / "served/templates.git"
            git("clone", "--quiet", "--bare", clone, bare)
            git("update-server-info", cwd=bare)
            return f"http://127.0.0.1:{server.server_address[1]}/templates.git"

        yield serve
        server.shutdown()


def test_a_url_serves(
    project: Path, run: Run, templates: Path, served: Callable[[Path], str]
) -> None:
    url = served(templates)
    done = run("ltscaffold", "new-project", ".", "--with", "none", "--template", url)
    assert done.returncode == 0, done.stderr
    assert "note: " not in done.stdout
    assert (read_project(project).source, read_project(project).version) == (url, OURS)


def test_a_url_that_does_not_serve_is_one_line(project: Path, run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/templates.git"
        done = run("ltscaffold", "new-project", "new", "--template", url)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: cannot fetch the templates {url}: fatal: ")
    assert done.stderr.count("\n") == 1
    assert not (project / "new").exists()


def test_a_url_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/templates.git"
        with pytest.raises(ScaffoldError, match=r"git has not finished within 0\.5 seconds; check"):
            source.trust(url)


class Locked(BaseHTTPRequestHandler):
    """Answers each request by a demand for a password."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="templates"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.mark.parametrize("helper", ["", "!printf 'username=me\\npassword=secret\\n'; true"])
def test_git_asks_the_credential_helper_and_never_the_user(
    helper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a helper its password is sent, and refused."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", helper)
    with ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/templates.git"
        reason = "Authentication failed" if helper else "terminal prompts disabled"
        with pytest.raises(ScaffoldError, match=reason):
            source.trust(url)
        server.shutdown()


def test_sigterm_ends_a_waiting_clone(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/templates.git"
        command = ["ltscaffold", "new-project", "new", "--template", url]
        waiting = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
        connection, _ = silent.accept()
        with connection:
            waiting.terminate()
            assert waiting.wait() == 143
            assert subprocess.run(["pgrep", "-f", url], check=False).returncode == 1
    assert not any(project.iterdir())


UNTRUSTED = (
    "status",
    "check",
    "list hooks",
    "add mine --hook setup --dry-run",
    "add mine --hook setup",
    "update --check",
)


@pytest.mark.parametrize("command", UNTRUSTED)
def test_a_source_that_the_user_does_not_trust_is_not_cloned(
    project: Path, run: Run, templates: Path, tmp_path: Path, command: str
) -> None:
    generate(project, templates)
    elsewhere = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("CACHE", "CONFIG")}
    before = tree(project)
    done = run("ltscaffold", *command.split(), **elsewhere)
    told = f"not trusted on this machine; if you know them, run `ltscaffold trust {templates}`"
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "CACHE").rglob("*.git"))
    assert tree(project) == before
    assert run("ltscaffold", "trust", templates, **elsewhere).returncode == 0
    assert "not trusted" not in run("ltscaffold", *command.split(), **elsewhere).stderr


@pytest.mark.parametrize("command", ["status", "check", "list hooks", "add mine --hook setup"])
def test_only_update_and_trust_fetch(
    project: Path, run: Run, templates: Path, tmp_path: Path, command: str
) -> None:
    generate(project, templates)
    emptied = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = run("ltscaffold", *command.split(), **emptied)
    assert f"not on this machine; fetch them with `ltscaffold trust {templates}`" in done.stderr
    assert done.returncode == 2
    assert run("ltscaffold", "update", "--check", **emptied).returncode == 0
    assert run("ltscaffold", *command.split(), **emptied).returncode < 2


def test_a_folder_is_recorded_in_full_with_a_note(project: Path, templates: Path) -> None:
    (project / "link").symlink_to(templates)
    plan = new_project(project / "new", "tasks", "link")
    assert read_project(project / "new").source == str(templates.resolve())
    assert plan.notes[0].startswith("others cannot read the templates in /")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "'' is neither an existing folder nor a git URL"),
        ("acme/templates", "give one, or gh:owner/name"),
        ("https://git.acme.example/templates", r"write git\+https://git\.acme"),
        ("https://me:secret@acme.example/t.git", "the URL has a password"),
        (".", "is not a git repository; git init"),
    ],
)
def test_what_copier_would_not_find_is_refused(template: str, message: str, project: Path) -> None:
    with pytest.raises(ScaffoldError, match=message) as refusal:
        source.resolve_source(template)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("template", "origin"),
    [
        ("gh:acme/t", "https://github.com/acme/t.git"),
        ("gl:acme/t.git", "https://gitlab.com/acme/t.git"),
        ("git+https://acme.example/t", "https://acme.example/t"),
        ("git@acme.example:t", "git@acme.example:t"),
    ],
)
def test_a_url_is_recorded_as_given_and_read_as_copier_does(template: str, origin: str) -> None:
    assert source.resolve_source(template) == template
    assert source._clone_url(template) == origin == copier._vcs.get_repo(template)


def test_a_repository_of_something_else_is_refused(project: Path, tmp_path: Path) -> None:
    other, identity = tmp_path / "other.git", ("-c", "user.name=A", "-c", "user.email=a@b")
    git("init", "--quiet", other)
    git(*identity, "commit", "--quiet", "--allow-empty", "--message", "x", cwd=other)
    with pytest.raises(ScaffoldError, match=r"other\.git has no version; git tag v1\.0\.0"):
        new_project(project / "new", "tasks", str(other))
    git("tag", "v1.0.0", cwd=other)
    with pytest.raises(ScaffoldError, match=r"has no templates for .*lacks copier\.yml.*git clone"):
        new_project(project / "new", "tasks", str(other))
    assert not any(project.iterdir())


def test_a_template_that_does_not_render_is_named_with_its_line(
    project: Path, tmp_path: Path
) -> None:
    mine = our_templates(tmp_path)
    next_version(mine, "v30", DOCSTRING, "{{ nothing }}")
    new_project(project, "tasks", str(mine))
    with pytest.raises(ScaffoldError, match=r"cannot render .*model\.py\.jinja:\d+: 'nothing' is"):
        new_task(project, "mine", "language_modeling")


def test_a_kind_that_the_templates_lack_is_named(project: Path, tmp_path: Path) -> None:
    mine = our_templates(tmp_path)
    for path in (mine / "project").rglob("*from lts_callbacks*/*"):
        path.unlink()
    for path in (mine / "project").rglob("*from lts_callbacks*"):
        path.unlink() if path.is_file() else path.rmdir()
    next_version(mine, "v0.9", DOCSTRING, "small")
    git("tag", "--delete", *RELEASED, OURS, cwd=mine)
    new_project(project, "tasks", str(mine))
    new_task(project, "mine", "language_modeling")
    new_dataset(project, "rows", "translation")
    with pytest.raises(ScaffoldError, match=r"v0\.9 have no callbacks"):
        new_callback(project, "watch")
