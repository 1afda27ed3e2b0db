"""Print the requests to the hub of a process that loads a backbone or a dataset, as JSON.

The cache is empty, then full, then used offline; each case is a process of its own. Argument: an
empty folder.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.helpers.hub import Hub, save_tiny_gpt2, text_dataset

NAME, CONFIG = "Salesforce/wikitext", "wikitext-2-raw-v1"


def main(folder: Path) -> None:
    """Count the requests of each process."""
    with Hub() as hub:
        os.environ |= hub.environment(folder / "cache") | {"HF_HUB_OFFLINE": "0"}
        import datasets  # the clients read the environment
        from huggingface_hub import constants

        from lightning_transformers import Backbone
        from lightning_transformers.data.loading import DatasetReader, load_from_hub

        hub.add_model("gpt2", save_tiny_gpt2(folder / "gpt2"))
        splits = {"train": ["one"] * 20, "validation": ["two"] * 20}
        hub.add_dataset(NAME, text_dataset(CONFIG, splits))

        def load_backbone() -> None:
            Backbone("gpt2").load_tokenizer()
            Backbone("gpt2").load_model("transformers.AutoModelForCausalLM", {})

        def load_dataset() -> None:
            load_from_hub(NAME, CONFIG, None, DatasetReader())

        def read_stream() -> None:
            splits = load_from_hub(NAME, CONFIG, None, DatasetReader(streaming=True))
            for rows in splits.values():
                list(rows)

        parts = {"backbone": load_backbone, "dataset": load_dataset, "stream": read_stream}
        counts = {}
        for case in ("cold", "warm", "offline"):
            constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = case == "offline"
            for part, load in parts.items():
                if (case, part) != ("offline", "stream"):
                    hub.requests.clear()
                    in_process(load)
                    counts[f"{case} {part}"] = len(hub.requests)
    print(json.dumps(counts))


def in_process(load: Callable[[], None]) -> None:
    """Call a function in a process of its own."""
    child = os.fork()
    if not child:
        status = 1
        try:
            load()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
