"""The documented commands with GPT-2 and wikitext, through the real clients and a local hub."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers.corpus import TEXTS, write_csv
from tests.helpers.hub import Hub, save_tiny_gpt2, text_dataset
from tests.helpers.projects import new_task
from tests.helpers.slow import sampled

pytestmark = pytest.mark.xdist_group("wikitext")  # they share a hub

WIKITEXT = "dataset=nlp/language_modeling/wikitext"
OWN = ("dataset.train_file=train.csv", "dataset.validation_file=valid.csv")


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """Return a hub; processes that find their imports done are kept for each."""
    with Hub() as hub:
        yield hub


@pytest.fixture
def environment(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment of a command, whose cache is empty and is at one place."""
    cache = tmp_path_factory.getbasetemp() / "wikitext"
    yield hub.environment(cache) | {"HF_HUB_OFFLINE": "0"}
    shutil.rmtree(cache)


@pytest.mark.parametrize(
    ("words", "asks_for_data"),
    sampled(
        [((WIKITEXT,), True), ((WIKITEXT, *OWN), False), (OWN, False)],
        [((WIKITEXT, *OWN), False)],
    ),
    ids=["wikitext", "own files over wikitext", "own files"],
)
def test_documented_command_trains(
    words: tuple[str, ...],
    asks_for_data: bool,
    project: Path,
    run: Run,
    hub: Hub,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """On a GPT-2 with tied embeddings, as the real one has them."""
    new_task(project, "mine", "language_modeling", recipes=["freeze_backbone", "weight_noise"])
    write_csv(project / "train.csv")
    write_csv(project / "valid.csv", TEXTS[:20])
    splits = {"train": TEXTS, "validation": TEXTS[:30], "test": TEXTS[:10]}
    hub.add_dataset("Salesforce/wikitext", text_dataset("wikitext-2-raw-v1", splits))
    hub.add_model("gpt2", save_tiny_gpt2(tmp_path / "gpt2"))
    hub.requests.clear()
    command = ("python", "train.py", "+task=nlp/mine", *words, "hydra.run.dir=outputs/run")
    done = run(*command, **environment)
    asked = [path for _, path in hub.requests]
    assert done.returncode == 0, done.stderr
    assert any("gpt2" in path and path.endswith(".safetensors") for path in asked)
    assert any(path.endswith(".parquet") for path in asked) == asks_for_data
    assert "val/perplexity" in (project / "outputs/run/metrics.csv").read_text()
