"""Peak memory of a prediction on 20,000 and on 200,000 short rows, with a tiny model.

Writes `benchmarks/predict_memory.md`: python benchmarks/predict_memory.py
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = (20_000, 200_000)
FORMATS = ("csv", "jsonl", "parquet")
COMMAND = (
    *(sys.executable, "-m", "lightning_transformers", "predict", "task=nlp/text_classification"),
    *("experiment=smoke", "dataset.batch_size=64", "trainer.devices=1", "trainer.accelerator=cpu"),
)
HEAD = """# Memory of a prediction

Peak resident memory (MB) and CPU time (s) of `predict dataset.predict_file=in.csv
output_file=out.<format>` with a tiny classifier on short rows, one process on the CPU.

Command: `python benchmarks/predict_memory.py`

| format | rows | MB | s |
|---|---|---|---|
"""


def measured(rows: int, ending: str, folder: Path) -> tuple[int, float]:
    """Return peak memory in MB and CPU time in seconds of a prediction."""
    texts = (f"{number},row {number} is short" for number in range(rows))
    (folder / "in.csv").write_text("\n".join(["id,text", *texts]))
    files = ("dataset.predict_file=in.csv", f"output_file=out.{ending}")
    process = subprocess.Popen([*COMMAND, *files], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss // 1024, usage.ru_utime


def main() -> None:
    """Measure, and write the table."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    lines = []
    for ending in FORMATS:
        for rows in ROWS:
            with tempfile.TemporaryDirectory() as folder:
                memory, seconds = measured(rows, ending, Path(folder))
            lines.append(f"| {ending} | {rows:,} | {memory} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    Path(__file__).with_suffix(".md").write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
