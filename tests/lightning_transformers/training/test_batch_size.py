"""Numbers of batches are converted to another batch size."""

from lightning_transformers.training.batch_size import convert


def test_batches_become_as_many_as_have_their_rows() -> None:
    counts = {"ready": 4, "started": 4, "processed": 4, "completed": 3}
    convert(counts, before=16, after=8)
    assert counts == {"ready": 8, "started": 8, "processed": 8, "completed": 7}
    convert(counts, before=8, after=32)
    assert counts == {"ready": 2, "started": 2, "processed": 2, "completed": 1}


def test_the_last_smaller_batch_of_an_epoch_counts_as_one() -> None:
    counts = {"ready": 7, "started": 7, "processed": 7, "completed": 7}
    convert(counts, before=16, after=32)
    assert counts == {"ready": 4, "started": 4, "processed": 4, "completed": 4}
