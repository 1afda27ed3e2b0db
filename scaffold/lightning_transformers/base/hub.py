"""Whether the Hugging Face hub can be reached."""

from functools import cache

import datasets
from httpx2 import HTTPError
from huggingface_hub import constants, get_session


@cache
def prepare_hub_access() -> None:
    """Ask the hub once; where it does not answer, use what is cached, without trying again.

    The clients try again for 23 seconds a file, cached or not, and there is no setting for that;
    HF_HUB_OFFLINE=1 is the switch that makes them look into their caches at once.
    """
    if constants.HF_HUB_OFFLINE:
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except HTTPError:
        constants.HF_HUB_OFFLINE = True
        datasets.config.HF_HUB_OFFLINE = True
