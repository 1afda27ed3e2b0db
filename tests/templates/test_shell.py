"""The files of the shell: valid, clean, and the update of the CI does what it says."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from ltscaffold.git import git
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, versions
from tests.conftest import Run
from tests.helpers.ci_files import GITHUB, GITLAB, faults, findings
from tests.helpers.copier_update import commit_all
from tests.helpers.projects import new_task
from tests.helpers.releases import next_release

ALL = ("agents", "ci", "pre_commit", "readme", "uv", "vscode")
GIT = "git+ssh://git@example.org/it.git"
WHEEL = "https://example.org/ltscaffold-0.2.0-py3-none-any.whl"
OPENER = """\
#!/bin/sh
printf '%s\\n' "$@" > "$OPENED/arguments"
for argument; do
  case $argument in
    description@*) cp "${argument#description@}" "$OPENED/body" ;;
    body@*) cp "${argument#body@}" "$OPENED/body" ;;
  esac
  [ -f "$argument" ] && cp "$argument" "$OPENED/body"
done
exit 0
"""


@pytest.fixture
def shell(project: Path) -> Path:
    """Return a project with a task and all parts of the shell."""
    new_task(project, "mine", "language_modeling", ["training_step"], shell=ALL)
    return project


def load(path: Path) -> dict[str, object]:
    """Return the content of a YAML file; the key `on` is a text, as GitHub reads it."""
    content = yaml.load(path.read_text(), yaml.BaseLoader)
    assert isinstance(content, dict)
    return content


def executable(file: Path, script: str) -> None:
    """Write a program in a folder that may not exist yet."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(script)
    file.chmod(0o755)


def commands(jobs: object) -> list[str]:
    """Return the shell commands of a workflow or pipeline."""
    if isinstance(jobs, dict):
        own = [jobs["run"]] if "run" in jobs else jobs.get("script", [])
        return [*own, *(line for each in jobs.values() for line in commands(each))]
    return [line for each in jobs for line in commands(each)] if isinstance(jobs, list) else []


@pytest.mark.parametrize("path", [".github/workflows/ci.yml", ".gitlab-ci.yml"])
def test_ci_lints_tests_and_checks(path: str, shell: Path) -> None:
    content = load(shell / path)
    ran = commands(content.get("jobs") or content["test"])
    assert ran == [
        *(["pipx install uv"] if "jobs" in content else []),
        "uv sync",
        "uv run ruff check .",
        "uv run ruff format --check .",
        "uv run pytest",
        "uv run ltscaffold check",
    ]


@pytest.mark.parametrize("path", [".github/workflows/update.yml", ".gitlab-ci.yml"])
@pytest.mark.parametrize(
    ("pin", "latest"),
    [
        ("ltscaffold[train]==0.2.0", "ltscaffold"),
        (f"ltscaffold[train] @ {WHEEL}", f"ltscaffold @ {WHEEL}"),
        (f"ltscaffold[train] @ {GIT}@{'a' * 40}", f"ltscaffold @ {GIT}"),
        (
            f"ltscaffold[train] @ {GIT}@{'a' * 40}#subdirectory=tools/it",
            f"ltscaffold @ {GIT}#subdirectory=tools/it",
        ),
    ],
)
def test_the_scheduled_job_installs_the_latest_ltscaffold(
    path: str,
    pin: str,
    latest: str,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ltscaffold.project.shell.parts.installed_requirement", lambda: pin)
    new_task(project, "mine", "language_modeling", shell=["ci"])
    content = load(project / path)
    ran = commands(content.get("jobs") or content["update"])
    assert [command.split()[-1] for command in ran[-2:]] == ["ci/update.sh", "ci/prove.sh"]
    executable(tmp_path / "bin/uv", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (command,) = (command for command in ran if command.startswith("uv "))
    given = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert given.stdout.splitlines() == ["tool", "install", latest]
    assert Requirement(latest).name == "ltscaffold"
    if "on" in content:
        assert content["on"] == {"schedule": [{"cron": "17 5 * * 1"}], "workflow_dispatch": ""}
        assert "${{ github.token }}" in (project / path).read_text()


def test_ci_fits_the_schemas_of_github_and_gitlab(shell: Path) -> None:
    workflows = [*(shell / ".github/workflows").iterdir()]
    assert sorted(file.name for file in workflows) == ["ci.yml", "update.yml"]
    assert faults(GITHUB, *workflows) == ""
    pipeline = shell / ".gitlab-ci.yml"
    assert faults(GITLAB, pipeline) == ""
    pipeline.write_text(pipeline.read_text().replace("timeout: 30 minutes", "timeouts: 30"))
    assert "timeouts" in faults(GITLAB, pipeline)


def test_workflows_pass_an_audit(shell: Path) -> None:
    workflows = shell / ".github/workflows"
    assert findings(workflows) == []
    text = (workflows / "update.yml").read_text().replace("persist-credentials: false", "ref: main")
    text = text.replace("run: pipx install uv", "uses: astral-sh/setup-uv@v7")
    (workflows / "update.yml").write_text(text)
    assert findings(workflows) == ["artipacked", "unpinned-uses"]


def test_files_for_editors_and_hooks_parse(shell: Path) -> None:
    settings = json.loads((shell / ".vscode/settings.json").read_text())
    assert settings["yaml.schemas"] == {"conf/schema.json": "conf/**/*.yaml"}
    assert settings["yaml.yamlVersion"] == "1.1"
    task = json.loads((shell / ".vscode/tasks.json").read_text())["tasks"][0]
    assert task["args"] == ["-m", "lightning_transformers", "schema"]
    assert json.loads((shell / ".vscode/extensions.json").read_text())["recommendations"]
    (repository,) = load(shell / ".pre-commit-config.yaml")["repos"]  # type: ignore[misc]
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert entries == ["ruff check --fix", "ruff format", "ltscaffold check"]


def test_pyproject_pins_ltscaffold_and_its_settings_fit_the_generated_code(shell: Path) -> None:
    content = tomllib.loads((shell / "pyproject.toml").read_text())
    assert content["project"]["name"] == "my-project"
    (dependency,) = content["project"]["dependencies"]
    assert dependency.startswith("ltscaffold[train]")
    assert [each.partition(">")[0] for each in content["dependency-groups"]["dev"]] == [
        "pytest",
        "ruff",
    ]
    for check in (["check", "--output-format=concise"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "."]
        done = subprocess.run(command, cwd=shell, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", ["README.md", "AGENTS.md"])
def test_documents_name_commands_and_files_that_exist(path: str, shell: Path) -> None:
    text = (shell / path).read_text()
    for name in ("train.py", "evaluate.py", "predict.py", "export.py", "rerun.py"):
        assert (shell / name).is_file()
        assert path == "AGENTS.md" or f"python {name} " in text
    assert "ltscaffold check" in text
    assert "tasks/" in text


@pytest.mark.parametrize("opener", ["gh", "curl"])
def test_the_scheduled_job_opens_a_pull_request_once(
    opener: str, shell: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shell / "tasks/mine/model.py"
    hook = "\n    def training_epoch_end(self, outputs: list[float]) -> None: ...\n"
    model.write_text(model.read_text() + hook)
    commit_all(run)
    opened, remote = set_up_job(opener, "", tmp_path, monkeypatch), tmp_path / "remote.git"
    git("clone", "--quiet", "--bare", shell, remote)
    git("remote", "add", "origin", remote, cwd=shell)
    monkeypatch.setenv("CI_DEFAULT_BRANCH", "main")
    if opener == "curl":
        git("remote", "set-url", "--push", "origin", tmp_path / "no.git", cwd=shell)
        monkeypatch.setenv("PUSH_URL", str(remote))
    before = git("for-each-ref", cwd=remote)

    assert update(shell) == 0
    assert git("for-each-ref", cwd=remote) == before, "there is nothing to update"
    assert not list(opened.iterdir())

    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    head = git("rev-parse", "HEAD", cwd=shell)
    assert update(shell) == 0
    branch = git("branch", "--show-current", cwd=shell).decode().strip()
    assert branch.startswith("update/ltscaffold-")
    assert branch.endswith("-templates-v99.0.0")
    assert b"Better model of the task" in git("show", f"{branch}:tasks/mine/model.py", cwd=remote)
    assert git("rev-parse", f"{branch}^", cwd=remote) == head
    assert branch in (opened / "arguments").read_text()
    body = (opened / "body").read_text()
    assert "merged the latest templates" in body
    assert "\n- [ ] REVIEW `tasks/mine/model.py:" in body
    assert "`: Lightning has not called training_epoch_end" in body
    assert "\n- v99.0.0: Better: Better model of the task" in body

    (opened / "body").unlink()
    git("switch", "--quiet", "--detach", head.decode().strip(), cwd=shell)
    assert update(shell) == 0
    assert not (opened / "body").exists(), "it was proposed already"


SAID = """\
#!/bin/sh
echo "$*${GH_TOKEN:-}${UPDATE_TOKEN:-}" >>"$OPENED/uv"
[ "$1" = sync ] && exit
git log -1 --format=%s >>"$OPENED/uv"
"""


@pytest.mark.parametrize(
    ("opener", "said", "text"),
    [
        ("gh", "echo mine: bit-identical; echo progress >&2", "mine: bit-identical"),
        ("curl", "echo mine: differs; exit 1", "mine: differs"),
        ("gh", "echo progress >&2; echo error: conflicts >&2; exit 2", "error: conflicts"),
    ],
)
def test_the_scheduled_job_posts_the_proof_of_its_proposal(
    opener: str, said: str, text: str, shell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = set_up_job(opener, f"{SAID}{said}\n", tmp_path, monkeypatch)
    git("init", "--quiet", cwd=shell)
    commit("Former", shell)
    assert prove(shell) == 0
    assert not list(opened.iterdir()), "nothing was proposed"
    git("switch", "--quiet", "--create", "update/ltscaffold-1", cwd=shell)
    commit("Update", shell)
    assert prove(shell) == 0
    version = versions(SOURCE_URL)[-1]
    asked = f"run --no-sync ltscaffold update --prove --dry-run --to {version}"
    assert (opened / "uv").read_text().splitlines() == ["sync", asked, "Former"], "and no token"
    body = (opened / "body").read_text()
    assert f"```text\n{text}\n```" in body
    assert ("ended without a proof (status 2)" in body) == said.endswith("exit 2")
    target = "merge_requests/7/notes" if opener == "curl" else "update/ltscaffold-1"
    assert target in (opened / "arguments").read_text()


@pytest.mark.slow
def test_the_job_repeats_a_run_of_an_update(
    shell: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = '#!/bin/sh\n[ $1 = sync ] && exit\nshift 2\nexec "$@" --steps 2\n'
    opened = set_up_job("gh", script, tmp_path, monkeypatch)
    git("init", "--quiet", cwd=shell)
    commit("Former", shell)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    git("switch", "--quiet", "--create", "update/ltscaffold-1", cwd=shell)
    assert run("ltscaffold", "update").returncode == 0
    commit("Update", shell)
    assert prove(shell) == 0
    body = (opened / "body").read_text()
    assert "\nmine: tests pass; " in body
    assert " values bit-identical over 2 steps of a smoke run\n```" in body
    assert not git("status", "--porcelain", cwd=shell)


def commit(message: str, project: Path) -> None:
    """Commit everything, or nothing."""
    git("add", "--all", cwd=project)
    author = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    git(*author, "commit", "--quiet", "--allow-empty", "--message", message, cwd=project)


def set_up_job(opener: str, uv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the programs of the job on the path; return where they leave what they were given."""
    opened = tmp_path / "opened"
    opened.mkdir()
    answer = 'case $* in *--get*) echo \'[{"id":9,"iid":7,"author":{"id":1}}]\'; exit ;; esac\n'
    executable(tmp_path / "bin" / opener, OPENER.replace("\n", f"\n{answer}", 1))
    executable(tmp_path / "bin" / "uv", uv)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENED", str(opened))
    monkeypatch.setenv("GH_TOKEN", "secret")
    monkeypatch.delenv("GITLAB_CI", raising=False)
    if opener == "curl":
        for name in ("GITLAB_CI", "UPDATE_TOKEN", "CI_API_V4_URL", "CI_PROJECT_ID"):
            monkeypatch.setenv(name, "1")
    return opened


def prove(project: Path) -> int:
    """Run the script of the job that proves a proposal; return its exit status."""
    return subprocess.run(["sh", "ci/prove.sh"], cwd=project, check=False).returncode


def update(project: Path) -> int:
    """Run the script of the scheduled job; return its exit status."""
    return subprocess.run(["sh", "ci/update.sh"], cwd=project, check=False).returncode
