"""Tests of a group run in one worker, since they share a fixture that takes long."""

import pytest


@pytest.mark.xdist_group("the only one")
def test_a_group_is_seen_by_the_scheduler(request: pytest.FixtureRequest) -> None:
    """pytest-xdist adds the group to the id, which pytest 9.2 keeps elsewhere."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@the only one")
