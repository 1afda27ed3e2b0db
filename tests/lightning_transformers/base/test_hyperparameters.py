"""The members and annotations of a class, on each version of Python."""

import sys

import pytest

from lightning_transformers.base.hyperparameters import annotations_of, members


def test_members_are_those_of_the_body() -> None:
    body = {"__annotate_func__": print, "__annotations_cache__": {}, "size": 1}
    body |= {"__firstlineno__": 3, "__static_attributes__": ()}
    assert members(type("Made", (), body)).keys() - vars(type("Empty", (), {})).keys() == {"size"}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="a NameError where the class is defined")
def test_an_undefined_name_is_a_forward_reference() -> None:
    class Annotated:
        size: int
        later: Undefined  # type: ignore[name-defined] # noqa: F821

    assert annotations_of(Annotated)["size"] is int
    assert [*annotations_of(Annotated)] == ["size", "later"]
