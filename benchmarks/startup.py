"""CPU until the first step, a prediction or the report of a mistake, beside other ways to do it."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.startup_peers import SENTENCE
from benchmarks.trials import HERE, Values, in_turn, ratios, spread, timed, write

TIMES = 3
CLASSIFY = ("task=nlp/text_classification", "dataset.dataset_name=sample", "backbone=tiny")
STOP = "+callbacks.stop._target_=benchmarks.startup_peers.stop_callback"
OURS = ("-m", "lightning_transformers")
CPU = "trainer.accelerator=cpu"
PEER = ("-m", "benchmarks.startup_peers")
GROUPS = {
    "first step": {
        "first optimizer step": (*OURS, "train", *CLASSIFY, CPU, STOP),
        "first optimizer step, HF Trainer": (*PEER, "hf_trainer"),
        "first optimizer step, torch": (*PEER, "raw"),
        "first optimizer step, Lightning": (*PEER, "lightning"),
    },
    "prediction": {
        "predict": (
            *OURS,
            "predict",
            *CLASSIFY,
            CPU,
            "+checkpoint_path={ours}",
            f"+x='{SENTENCE}'",
        ),
        "predict, Lightning": (*PEER, "lightning_predict", "{peer}"),
    },
    "tests": {
        "pytest, one generated task": ("-m", "pytest", "-c", "{one}/pytest.ini", "{one}/tests"),
        "pytest, ten generated tasks": ("-m", "pytest", "-c", "{ten}/pytest.ini", "{ten}/tests"),
        "import pytorch_lightning": ("-c", "import pytorch_lightning"),
    },
    "mistake": {
        "a mistyped key": (*OURS, "train", *CLASSIFY, "trainer.max_epochz=1"),
        "a wrong value": (*OURS, "train", *CLASSIFY, "trainer.max_epochs=one"),
        "a missing file": (*OURS, "train", *CLASSIFY, "dataset.train_file=none.csv"),
        "a missing checkpoint": (*OURS, "train", *CLASSIFY, "checkpoint_path=none.ckpt"),
        "evaluate, a missing checkpoint": (
            *OURS,
            "evaluate",
            *CLASSIFY,
            "checkpoint_path=none.ckpt",
        ),
        "predict, a missing file": (*OURS, "predict", *CLASSIFY, "dataset.predict_file=none.txt"),
        "import torch": ("-c", "import torch"),
    },
}
"""Commands by name; the last of each group is what the others are compared with."""
TEXT = """
Seconds of CPU of a process, user and system, in an empty folder with an empty cache. The task is
text classification of the sample with a tiny BERT, the same in each program of
`startup_peers.py`: rows from files, tokenized, a validation batch in Lightning and here, AdamW, and
a schedule but in torch alone. Those of transformers, also imported to predict in Lightning, import
peft and bitsandbytes with it (1.1 s); ours does not. A first step ends the process; the others end
by themselves. The tests are those that `ltscaffold new-task` writes for language modeling, three a
task. Each group is compared with its last row.
"""


def run(arguments: tuple[str, ...], status: int) -> Values:
    """Return the CPU of Python with some arguments, which exits with a status."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_HOME"] = f"{folder}/cache"
        return {"CPU": timed(Path(folder), *arguments, status=status)[0]}


def checkpoints(folder: Path) -> dict[str, str]:
    """Write a checkpoint of ours and of the peer, and return their paths."""
    train = ("train", *CLASSIFY, CPU, "trainer.max_steps=1", f"hydra.run.dir={folder}/run")
    subprocess.run([sys.executable, *OURS, *train], cwd=folder, capture_output=True, check=True)
    peer = f"{folder}/peer.ckpt"
    subprocess.run([sys.executable, *PEER, "lightning_predict", peer], cwd=folder, check=True)
    return {"ours": f"{folder}/run/checkpoints/best.ckpt", "peer": peer}


def projects(folder: Path) -> dict[str, str]:
    """Generate a project with one task and one with ten, and return their paths."""
    numbers = {"one": 1, "ten": 10}
    for name, number in numbers.items():
        (folder / name).mkdir()
        for task in range(number):
            program = str(Path(sys.executable).with_name("ltscaffold"))
            command = [program, "new-task", f"task_{task}", "--base", "language_modeling"]
            subprocess.run(command, cwd=folder / name, capture_output=True, check=True)
    return {name: f"{folder}/{name}" for name in numbers}


def main() -> None:
    """Measure each command in turn, and write the table."""
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(HERE.parent)}
    rows = [["command", "seconds", "÷ last of the group"]]
    with tempfile.TemporaryDirectory() as name:
        paths = checkpoints(Path(name)) | projects(Path(name))
        for group, commands in GROUPS.items():
            status = {key: 2 * (group == "mistake" and key != "import torch") for key in commands}
            trials = {
                key: partial(run, tuple(word.format(**paths) for word in words), status[key])
                for key, words in commands.items()
            }
            found = in_turn(trials, TIMES)
            last = [*found.values()][-1]
            for key, values in found.items():
                beside = ratios(values, last, "CPU")
                rows.append([key, spread([each["CPU"] for each in values]), spread(beside)])
    write("startup", "Until the first step, a prediction, a mistake", TEXT, rows, "hydra-core",
          "torch", "transformers", "pytorch-lightning")  # fmt: skip


if __name__ == "__main__":
    main()
