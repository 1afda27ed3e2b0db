"""Each promise of SECURITY.md has a test."""

import ast
import re
import tomllib

from packaging.requirements import Requirement

from build_tools.release_templates import ROOT

GENERATOR, RUNTIME = "tests/ltscaffold", "tests/lightning_transformers"
SANDBOX = f"{GENERATOR}/templating/test_sandbox.py"
MCP = f"{GENERATOR}/cli/test_mcp_server.py"
TEMPLATES = f"{GENERATOR}/templating/test_own_templates.py"
TRANSACTION = f"{GENERATOR}/writing/test_transaction.py"
CHECKPOINTS = f"{RUNTIME}/training/test_checkpoint_io.py"
RESTORE = f"{RUNTIME}/runs/test_restore.py"
TESTS = {
    "Checkpoints load with `weights_only=True`** in resume, `load`, evaluate, predict and export": [
        f"{RESTORE}::test_no_command_runs_the_code_in_a_checkpoint",
        f"{RUNTIME}/runs/test_load.py::test_a_pickle_is_refused",
    ],
    "refused when it is read and when it is written": [
        f"{RESTORE}::test_no_command_runs_the_code_in_a_checkpoint",
        f"{CHECKPOINTS}::test_state_that_would_not_load_is_refused_with_its_place",
        f"{CHECKPOINTS}::test_writer_in_a_thread_refuses_as_well",
    ],
    "Code of a model repository does not run** unless the config sets": [
        f"{RUNTIME}/models/test_backbone.py::test_code_of_a_repository_runs_only_if_it_is_trusted",
        f"{RESTORE}::test_code_of_a_repository_is_trusted_by_the_config_alone",
    ],
    "A run folder contains no values of environment variables": [
        f"{RUNTIME}/runs/test_manifest.py::test_a_run_is_recorded",
    ],
    "A setting that uses `${oc.env:…}` is recorded as written": [
        f"{RUNTIME}/base/test_run_folder.py"
        "::test_values_that_follow_from_the_environment_are_not_kept",
    ],
    "The recorded template source contains no password": [
        f"{TEMPLATES}::test_what_copier_would_not_find_is_refused",
    ],
    "git gets credentials from its credential helper or from ssh, and cannot prompt": [
        f"{TEMPLATES}::test_git_asks_the_credential_helper_and_never_the_user",
    ],
    "run no code while they render": [
        f"{SANDBOX}::test_no_command_runs_the_code_of_a_fragment",
        f"{SANDBOX}::test_an_attack_is_one_line_that_names_the_template",
    ],
    "They read no environment variables, no other files and no links": [
        f"{SANDBOX}::test_a_template_that_fails_is_one_line",
        f"{SANDBOX}::test_a_fragment_cannot_be_a_link_to_a_file_of_the_user",
    ],
    "a rendered file has at most 10 million characters": [
        f"{SANDBOX}::test_a_template_that_fails_is_one_line",
    ],
    "Only template repositories that the user trusts are cloned": [
        f"{TEMPLATES}::test_a_source_that_the_user_does_not_trust_is_not_cloned",
    ],
    "only `new-project --template`, `trust` and `update` use the network": [
        f"{TEMPLATES}::test_only_update_and_trust_fetch",
    ],
    "Python runs in a project on the safe path": [
        f"{GENERATOR}/commands/inspect/test_explain.py"
        "::test_a_module_of_the_project_shadows_no_other",
    ],
    "The generator changes only the files of its plan**, all of them or none": [
        f"{GENERATOR}/writing/test_plan.py::test_the_patch_gives_the_tree_of_the_real_run",
        f"{TRANSACTION}::test_killed_before_any_write_the_tree_is_as_before_or_as_after",
        f"{GENERATOR}/writing/test_failing_disk.py::test_a_disk_that_fails_from_a_write_on",
    ],
    "An agent that uses `ltscaffold mcp` stays in the project in which it was started.": [
        f"{MCP}::test_mistakes_are_the_line_of_the_command",
        f"{MCP}::test_tools_have_the_published_schemas",
    ],
    "A folder outside it is refused, also one by a symbolic link": [
        f"{MCP}::test_mistakes_are_the_line_of_the_command",
    ],
    "templates that the user has not trusted are refused, and no tool trusts them": [
        f"{MCP}::test_templates_that_the_user_does_not_trust_are_refused",
    ],
    "of its tools only `smoke` runs code of the project": [
        f"{MCP}::test_no_tool_but_smoke_runs_the_code_of_the_project",
    ],
    "releases 2.6.2 and 2.6.3 of pytorch-lightning are excluded": [
        "tests/repo/test_security.py::test_the_compromised_releases_cannot_be_installed",
    ],
}
"""The tests of each promise, a phrase of SECURITY.md."""
LIMITS = [
    "A secret typed on the command line or written in a config file is recorded.",
    "maps each of them to its tests.",
]
"""Sentences that promise nothing."""


def guarantees() -> str:
    """Return the guarantees of SECURITY.md on one line."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    return " ".join(text.partition("## Guarantees")[2].partition("## Not covered")[0].split())


def unproved(text: str) -> list[str]:
    """Return the sentences that have no test."""
    sentences = re.split(r"(?<=[a-z`)])\.(?:\*\*)? (?=[A-Z*])", text)
    known = [*TESTS, *LIMITS]
    return [each for each in sentences if not any(one.rstrip(".") in each for one in known)]


def test_each_promise_has_a_test() -> None:
    assert unproved(guarantees()) == []
    assert [phrase for phrase in [*TESTS, *LIMITS] if phrase not in guarantees()] == []


def test_a_promise_without_a_test_is_found() -> None:
    assert unproved(f"{guarantees()} Nothing ever fails.") == ["Nothing ever fails."]


def test_the_tests_exist() -> None:
    for path, _, name in (test.partition("::") for tests in TESTS.values() for test in tests):
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, path


def test_the_compromised_releases_cannot_be_installed() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    versions = {each.name: each.specifier for each in map(Requirement, extras["train"])}
    allowed = versions["pytorch-lightning"]
    assert [release for release in ("2.6.2", "2.6.3", "2.6.6") if release in allowed] == ["2.6.6"]
