"""The template sources that this user trusts, one per line in the user's configuration folder.

Templates are rendered in a sandbox; trust decides which repositories are cloned at all.
"""

import shlex

from platformdirs import user_config_path

from ltscaffold.errors import ScaffoldError
from ltscaffold.writing.plan import user_folder

RECORD = "trusted-templates"


def require_trust(url: str) -> None:
    """Check that the user has trusted a source of templates.

    Raises:
        ScaffoldError: if not, with the command that does.
    """
    if url not in _trusted():
        raise ScaffoldError(
            f"the templates {url} are not trusted on this machine; if you know them, run "
            f"`ltscaffold trust {shlex.quote(url)}`"
        )


def record_trust(url: str) -> None:
    """Add a source to those that the user trusts.

    Raises:
        ScaffoldError: if the configuration folder of the user is not writable.
    """
    if url not in _trusted():
        folder = user_folder("config", user_config_path("ltscaffold"))
        with (folder / RECORD).open("a", encoding="utf-8") as record:
            record.write(f"{url}\n")


def _trusted() -> list[str]:
    record = user_config_path("ltscaffold") / RECORD
    return record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
