"""An argument that the installed release of a library lacks is a line that names another.

`make versions` runs this with the oldest and the newest releases.
"""

import pytest
from hydra.utils import get_object
from packaging.requirements import Requirement

from lightning_transformers.config.schema import check
from lightning_transformers.config.schema.check import check_arguments, shipped_targets
from lightning_transformers.config.schema.signatures import LIBRARIES, describe
from lightning_transformers.config.targets import ArgumentError

OF_LIBRARIES = [path for path in shipped_targets() if path.startswith(LIBRARIES)]


@pytest.mark.parametrize("path", OF_LIBRARIES)
def test_the_installed_release_has_the_arguments_or_they_name_another(path: str) -> None:
    shipped, installed = shipped_targets()[path].arguments, describe(get_object(path)).arguments
    for name in shipped.keys() - installed.keys():
        requirement = Requirement(shipped[name].requirement)
        assert check.version(requirement.name) not in requirement.specifier, name


@pytest.mark.parametrize("value", [None, {"rank": 2}])
def test_an_argument_of_a_later_release(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    given, lora = {"_target_": "peft.LoraConfig", "kasa_config": value}, "peft.LoraConfig"
    monkeypatch.setattr(check, "version", lambda name: "0.21.0")
    assert [*check_arguments("peft", given, shipped_targets()[lora])] == []
    monkeypatch.setattr(check, "version", lambda name: "0.20.3")
    with pytest.raises(ArgumentError) as caught:
        [*check_arguments("peft", given, shipped_targets()[lora])]
    assert str(caught.value) == (
        "peft.kasa_config needs peft>=0.21, and peft 0.20.3 is installed: pip install 'peft>=0.21'"
    )
