"""Access to the Hugging Face hub, online or offline."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from functools import cache
from pathlib import Path

import datasets
from httpx2 import HTTPError
from huggingface_hub import HfApi, constants, get_session
from huggingface_hub.errors import GatedRepoError, HFValidationError

from lightning_transformers.base.errors import ConfigurationError, causes, first_line

LOGIN = "run `hf auth login` or set HF_TOKEN"


@cache
def prepare_hub_access() -> None:
    """Switch the hub's clients to their caches (HF_HUB_OFFLINE) if the hub does not answer.

    Otherwise the clients retry for 23 seconds per file, cached or not. Checked once per process.
    """
    if constants.HF_HUB_OFFLINE:
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except HTTPError:
        constants.HF_HUB_OFFLINE = True
        datasets.config.HF_HUB_OFFLINE = True


def refusal(error: BaseException, page: str) -> tuple[str, str] | None:
    """Return why the hub or the disk refuses a download, and what to do; None for other errors.

    Args:
        error: the error, whose causes are searched.
        page: path of the repository on the hub, such as `datasets/<id>`.
    """
    for cause in causes(error):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(cause, OSError) and cause.errno == ENOSPC:
            return "the disk of the cache is full", "free space, or set HF_HOME=<another folder>"
        if status == 403 or isinstance(cause, GatedRepoError):
            licence = f"accept it at {constants.ENDPOINT}/{page}"
            return "it requires a licence", f"{licence}, then {LOGIN}"
        if status == 401:
            token = f"for a private one, {LOGIN}"
            return "the hub does not find it without a token", f"correct the name; {token}"
    return None


def reserve_repository(name: str, private: bool) -> str:
    """Create a model repository on the hub, unless there is one, and return its full name.

    Args:
        name: `<user or organization>/<name>`, or the name alone for the user's own.
        private: whether only its owners may see it.

    Raises:
        ConfigurationError: if the hub refuses it, or the repository exists and others may see it.
    """
    with upload_errors(name):
        url = HfApi().create_repo(name, private=private, exist_ok=True)
        is_private = HfApi().model_info(url.repo_id).private
    if private and not is_private:
        raise ConfigurationError(
            f"hub_id={name} exists and is public: set hub_private=false, or give another name"
        )
    return url.repo_id


def upload(folder: Path, name: str) -> str:
    """Upload a folder to a model repository in one commit, and return the page of the repository.

    Args:
        folder: the folder; its files replace those of the same name.
        name: the full name of the repository.

    Raises:
        ConfigurationError: if the hub refuses it, with the command that uploads the folder.
    """
    command = shlex.join(["hf", "upload", name, os.path.relpath(folder)])
    with upload_errors(name, f"; the folder is complete, and `{command}` uploads it"):
        HfApi().upload_folder(repo_id=name, folder_path=folder, commit_message="Upload the model")
    return f"{constants.ENDPOINT}/{name}"


@contextmanager
def upload_errors(name: str, then: str = "") -> Iterator[None]:
    """Raise a ConfigurationError in one line for an error of the hub's client in the block.

    Args:
        name: name of the repository.
        then: the end of the message.
    """
    try:
        yield
    except HFValidationError as error:
        raise ConfigurationError(
            f"hub_id={name} is not a name of a repository: give <user or organization>/<name>"
        ) from error
    except (HTTPError, OSError, RuntimeError) as error:  # RuntimeError: of a large file
        found = (getattr(cause, "response", None) for cause in causes(error))
        status = next((response.status_code for response in found if response is not None), None)
        reason, advice = {
            401: ("the hub needs a token of yours", LOGIN),
            403: (
                "your token may not write there",
                f"correct the name, or {LOGIN} with a token that has write access",
            ),
        }.get(status or 0, (first_line(error), "check the connection and HF_HUB_OFFLINE"))
        raise ConfigurationError(f"hub_id={name}: {reason} ({advice}){then}") from error
