"""Access to the Hugging Face hub, online or offline."""

from errno import ENOSPC
from functools import cache

import datasets
from httpx2 import HTTPError
from huggingface_hub import constants, get_session
from huggingface_hub.errors import GatedRepoError

from lightning_transformers.base.errors import causes


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
            return "it requires a licence", f"{licence}, then run `hf auth login` or set HF_TOKEN"
        if status == 401:
            token = "for a private one, run `hf auth login` or set HF_TOKEN"
            return "the hub does not find it without a token", f"correct the name; {token}"
    return None
