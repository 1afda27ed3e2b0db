"""Train with recipes on two ranks; started by `test_ddp.py`. The arguments name the recipes."""

import sys
from pathlib import Path

from tests.helpers.language_modeling import model, sample, trainer
from tests.helpers.rendered import task_class

if __name__ == "__main__":
    task = model(task_class("language_modeling", *sys.argv[1:]))
    run = trainer(Path.cwd(), strategy="ddp", devices=2, limit_train_batches=3, limit_val_batches=1)
    run.fit(task, sample())
    sums = run.strategy.all_gather(sum(p.detach().double().sum() for p in task.parameters()))
    print("ranks agree" if sums[0] == sums[1] else f"ranks differ: {sums}")
