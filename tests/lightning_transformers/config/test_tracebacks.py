"""A traceback shows the user's frames; those of installed packages are folded."""

import sys
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, default_collate

from lightning_transformers.config.exit_status import exit_on_error
from lightning_transformers.config.tracebacks import described, folded

CALLS = "import sys\nfrom torch.nn import Sequential, Module\n"
OWN = f"""{CALLS}
class Mine(Module):
    def forward(self, x):
        return self.check(x)

    def check(self, x):
        {{body}}

def run():
    Sequential(Mine())(1)

run()
"""

IN_A_WORKER = """
def check(rows):
    raise ValueError('mine')

def collate(rows):
    check(rows)
"""


def text(tmp_path: Path, body: str) -> str:
    """Return the traceback of a script that torch calls back."""
    file = tmp_path / "mine.py"
    file.write_text(OWN.format(body=body), encoding="utf-8")
    try:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), {})
    except Exception as error:
        # Without the frames of this test.
        return "".join(folded(error.with_traceback(error.__traceback__.tb_next)))  # type: ignore[union-attr]
    raise AssertionError("nothing was raised")


def test_frames_of_packages_are_folded(tmp_path: Path) -> None:
    found = text(tmp_path, "raise KeyError('mine')").splitlines()
    assert found[0] == "Traceback (most recent call last):"
    assert found[1].startswith("  ... ")
    assert found[1].endswith(" frames of torch ...")
    assert [line.rpartition(", ")[2] for line in found if "File" in line] == [
        "in forward",
        "in check",
    ], "the script that called the package is left out"
    assert found[-1] == "KeyError: 'mine'"


def test_a_package_that_the_user_has_called(tmp_path: Path) -> None:
    found = text(tmp_path, "Sequential(*[3])").splitlines()
    assert "in check" in "".join(found)
    assert found[-2].startswith("  ... ")
    assert found[-2].endswith(" frames of torch ...")
    assert found[-1].startswith("TypeError")


def test_causes_are_folded(tmp_path: Path) -> None:
    body = "\n            ".join(["try:", "    {}['first']"]) + (
        "\n        except KeyError as error:\n            raise ValueError('second') from error"
    )
    found = text(tmp_path, body)
    assert found.index("KeyError: 'first'") < found.index("ValueError: second")
    assert "site-packages" not in found


def test_an_error_without_the_users_code_is_complete() -> None:
    try:
        default_collate([object()])
    except TypeError as error:
        found = "".join(folded(error))
    assert "site-packages" in found
    assert " frames of " not in found


@pytest.mark.parametrize(("collate", "is_folded"), [("collate", True), ("default_collate", False)])
def test_an_error_in_a_dataloader_process(collate: str, is_folded: bool, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(IN_A_WORKER)
    names = {"default_collate": default_collate}
    exec(compile(file.read_text(), str(file), "exec"), names)
    loader = DataLoader([object()], num_workers=1, collate_fn=names[collate])  # type: ignore[arg-type]
    with pytest.raises((ValueError, TypeError), match="Original Traceback") as raised:
        next(iter(loader))
    found = "".join(folded(raised.value))
    assert (" frames of torch ..." in found, "site-packages" in found) == (is_folded, not is_folded)
    if is_folded:
        lines = found.splitlines()
        assert [line.rpartition(", ")[2] for line in lines if "File" in line] == [
            "in collate",
            "in check",
        ]
        assert lines[-1] == described(raised.value) == "ValueError: mine"


def test_python_prints_an_error_of_a_command_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.__excepthook__
    monkeypatch.setattr(sys, "excepthook", before)
    with pytest.raises(KeyError), exit_on_error(tracebacks=True):
        raise KeyError
    assert sys.excepthook is before
    with pytest.raises(KeyError), exit_on_error():
        raise KeyError
    assert sys.excepthook is not before
