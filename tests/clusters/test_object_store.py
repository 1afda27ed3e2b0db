"""Two ranks stream from S3, which is a server process on the loopback interface."""

import gzip
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers.stream_runs import (
    TRAIN,
    VALIDATION,
    check_epochs,
    check_evaluation,
    check_resume,
    read_on_two_ranks,
)
from tests.helpers.venvs import python_with

pytestmark = pytest.mark.clusters

UPLOAD = """
import json, sys
import s3fs
store = s3fs.S3FileSystem()
store.mkdir("corpus")
for name, file in json.load(sys.stdin).items():
    store.put(file, f"corpus/{name}")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python with the server, the client, and the packages of this one."""
    return python_with(tmp_path_factory.mktemp("s3"), "moto[server]", "s3fs")


@pytest.fixture
def store(python: Path) -> Iterator[dict[str, str]]:
    """Return the environment of the clients of an empty store."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [python, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            assert server.poll() is None
            with suppress(OSError):
                urllib.request.urlopen(f"{url}/moto-api/data.json").close()
                break
            time.sleep(0.1)
        secrets = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        yield {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1", **secrets}
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_two_ranks_stream_from_s3_and_resume_within_an_epoch(
    num_workers: int, python: Path, store: dict[str, str], project: Path, run: Run
) -> None:
    names = {}
    for name, text in {**TRAIN, "validation.txt": VALIDATION}.items():
        file = Path(f"{name.replace('/', '-')}.gz")
        file.write_bytes(gzip.compress(text.encode()))
        names[f"{name}.gz"] = str(file)
    upload = [python, "-c", UPLOAD]
    subprocess.run(upload, input=json.dumps(names), env=store, text=True, check=True)
    settings = {
        "train_file": "s3://corpus/train/*.txt.gz",
        "validation_file": "s3://corpus/validation.txt.gz",
        "num_workers": num_workers,
    }
    whole = read_on_two_ranks(run, str(python), "whole", settings, **store)
    check_epochs(whole)
    check_evaluation(whole)
    check_resume(whole, read_on_two_ranks(run, str(python), "resumed", settings, **store))
