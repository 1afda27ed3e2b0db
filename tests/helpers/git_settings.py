"""A user's settings of git: those with which Copier goes wrong, and others that are as common."""

from pathlib import Path

import pytest

FAILING_HOOK = "#!/bin/sh\nexit 1\n"
FILES = {
    "ignore": "model*\n",
    "attributes": "*.py -diff\n",
    "hooks/post-checkout": FAILING_HOOK,
    "template/hooks/post-checkout": FAILING_HOOK,
    "commit-hooks/pre-commit": FAILING_HOOK,
}
UNFIT = {
    "apply.whitespace": "[apply]\nwhitespace = error\n",
    "core.attributesfile": "[core]\nattributesFile = {folder}/attributes\n",
    "core.excludesfile": "[core]\nexcludesFile = {folder}/ignore\n",
    "core.hookspath": "[core]\nhooksPath = {folder}/hooks\n",
    "core.safecrlf": "[core]\nautocrlf = true\nsafecrlf = true\n",
    "init.templatedir": "[init]\ntemplateDir = {folder}/template\n",
    "protocol.allow": "[protocol]\nallow = never\n",
    "protocol.ltscaffold.allow": '[protocol "ltscaffold"]\nallow = never\n',
    "status.showuntrackedfiles": "[status]\nshowUntrackedFiles = no\n",
    "url.https://mirror.invalid/.insteadof": '[url "https://mirror.invalid/"]\n'
    "insteadOf = ltscaffold\n",
}
"""Settings, as text of a configuration, by the key that is at fault."""
HARMLESS = """
[apply]
ignoreWhitespace = change
[color]
ui = always
[commit]
gpgSign = true
verbose = true
[core]
autocrlf = input
hooksPath = {folder}/commit-hooks
quotePath = false
[diff]
external = false
mnemonicPrefix = true
noprefix = true
renames = copies
[gpg]
program = false
[merge]
conflictStyle = diff3
[protocol "file"]
allow = never
[safe]
bareRepository = explicit
[status]
relativePaths = false
short = true
[tag]
gpgSign = true
[user]
useConfigOnly = true
"""


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, settings: str) -> None:
    """Make settings those of the user, in place of others.

    Args:
        monkeypatch: the fixture, which ends their use.
        folder: where the files that they name are written.
        settings: the text of a configuration.
    """
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    (folder / "gitconfig").write_text(settings.format(folder=folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
