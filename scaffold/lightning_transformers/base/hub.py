"""Access to the Hugging Face hub, online or offline."""

from functools import cache

import datasets
from httpx2 import HTTPError
from huggingface_hub import constants, get_session


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
