"""Configs merge by key: bytes that no template changed stay, and the user's values win."""

import pytest
import yaml

from ltscaffold.merge.yaml import merge_yaml

BASE = """\
# @package task
defaults:
  - /task/nlp/language_modeling

_target_: tasks.mine.model.MineTransformer
rate: 0.1  # of the noise
depth: 2
# Your own keys go below this line.
"""
CONFIG = """\
# What a command composes.
defaults:
  - training: default
  - trainer: default
  - _self_

hydra:
  run:
    dir: outputs/${now:%Y}
  sweep:
    dir: multirun
"""


def merged(ours: str, base: str, theirs: str, reviews: int = 0, notes: int = 0) -> str:
    """Return the merge, after which a second one changes nothing."""
    draft = merge_yaml(ours, base, theirs)
    assert draft is not None
    assert (len(draft.marks), len(draft.notes)) == (reviews, notes)
    assert all(mark.kind == "review" for mark in draft.marks)
    for old in (base, theirs):
        again = merge_yaml(draft.text, old, theirs)
        assert again is not None
        assert again.text == draft.text
    return draft.text


def test_a_new_key_goes_above_the_line_and_own_keys_stay() -> None:
    ours = BASE.replace("depth: 2", "depth:   2") + "\n# mine\nown: {a: 1}\n"
    text = merged(ours, BASE, BASE.replace("# Your", "width: 3\n# Your"))
    assert text == ours.replace("# Your", "width: 3\n# Your")


def test_a_new_key_without_the_line_follows_its_neighbour() -> None:
    ours = BASE.replace("# Your own keys go below this line.\n", "own: 1\n")
    text = merged(ours, BASE, BASE.replace("depth", "width: 3\ndepth"))
    assert text == ours.replace("depth", "width: 3\ndepth")


def test_a_changed_value_stays_with_a_review() -> None:
    ours = BASE.replace("0.1", "0.7")
    assert merged(ours, BASE, BASE.replace("0.1", "0.2"), reviews=1) == ours
    draft = merge_yaml(ours, BASE, BASE.replace("0.1", "0.2"))
    assert draft is not None
    (mark,) = draft.marks
    assert ours.split("\n")[mark.line].startswith("rate: 0.7")
    assert "rate: 0.2 # of the noise" in mark.message


def test_an_untouched_value_is_the_templates() -> None:
    ours = BASE.replace("depth: 2", "depth: 5")
    assert "rate: 0.2  #" in merged(ours, BASE, BASE.replace("0.1", "0.2"))


def test_a_deleted_key_stays_deleted() -> None:
    ours = BASE.replace("depth: 2\n", "")
    assert merged(ours, BASE, BASE.replace("depth: 2", "depth: 3"), notes=1) == ours


def test_a_removed_key_goes_unless_it_was_changed() -> None:
    theirs = BASE.replace("depth: 2\n", "")
    assert "depth" not in merged(BASE + "own: 1\n", BASE, theirs)
    assert "depth: 3" in merged(BASE.replace("depth: 2", "depth: 3"), BASE, theirs, reviews=1)
    assert "# why" in merged(BASE.replace("depth: 2", "# why\ndepth: 2"), BASE, theirs, reviews=1)


def test_a_comment_that_the_template_wrote_does_not_keep_a_removed_key() -> None:
    base = BASE.replace("depth", "# how deep\ndepth")
    theirs = BASE.replace("depth: 2\n", "")
    ours = base.replace("depth", "own: 1\ndepth")
    assert merged(ours, base, theirs) == ours.replace("depth: 2\n", "")


def test_a_mapping_set_to_null_stays_so_as_a_deleted_key_does() -> None:
    ours = CONFIG.replace("  sweep:\n    dir: multirun\n", "  sweep: null  # off\n")
    assert merged(ours, CONFIG, CONFIG.replace("multirun", "runs"), notes=1) == ours
    assert merged(ours, CONFIG, CONFIG + "    all: 1\n", notes=1) == ours
    ours = BASE.replace("depth: 2", "depth: null")
    assert merged(ours, BASE, BASE.replace("depth: 2", "depth: 3"), reviews=1) == ours


def test_mappings_in_braces_merge_by_key() -> None:
    braces = CONFIG.replace("  sweep:\n    dir: multirun\n", "  sweep: {dir: 'mine', all: [1]}\n")
    text = merged(braces, CONFIG, CONFIG + "    more: 2  # of them\n", reviews=0)
    assert yaml.safe_load(text)["hydra"]["sweep"] == {"dir": "mine", "all": [1], "more": 2}
    assert "  sweep:\n    dir: 'mine'\n" in text
    text = merged(braces, CONFIG, CONFIG + "    more:\n      a: 2\n")
    assert text == braces.replace("all", "more: {a: 2}, all")
    assert merged(braces, CONFIG, CONFIG.replace("multirun", "runs"), reviews=1) == braces
    theirs = CONFIG.replace("sweep:\n    dir: multirun", "sweep: {dir: multirun, one: 1}")
    assert merged(braces, CONFIG, theirs) == braces.replace("all", "one: 1, all")
    assert merged(CONFIG + "    own: 1\n", CONFIG, theirs, reviews=1) == CONFIG + "    own: 1\n"
    remark = braces.replace("]}", "]}  # mine")
    assert merged(remark, CONFIG, CONFIG + "    more: 2\n", reviews=1) == remark


def test_defaults_are_united() -> None:
    ours = CONFIG.replace("  - trainer: default\n", "  - trainer: gpu\n  - own: default\n")
    text = merged(ours, CONFIG, CONFIG.replace("  - _self_", "  - peft: none\n  - _self_"))
    groups = [*map(str, yaml.safe_load(text)["defaults"])]
    assert [group.split("'")[1] for group in groups[:-1]] == ["training", "trainer", "peft", "own"]
    assert "trainer: gpu" in text


def test_an_order_of_defaults_that_is_not_applied_is_a_review() -> None:
    first, second = "  - training: default\n", "  - trainer: default\n"
    ours = CONFIG.replace(first + second, second + first)
    theirs = CONFIG.replace("  - _self_\n", "").replace(second, f"  - _self_\n{second}")
    draft = merge_yaml(ours, CONFIG, theirs)  # trainer above training above _self_ above trainer
    assert draft is not None
    (mark,) = draft.marks
    assert mark.message.startswith("defaults: the template now has _self_ above trainer")
    assert draft.text.split("\n")[mark.line].startswith("  - trainer")


def test_a_moved_self_of_an_edited_list_is_applied() -> None:
    ours = CONFIG.replace("trainer: default", "trainer: gpu")
    theirs = CONFIG.replace("  - _self_\n", "").replace("defaults:\n", "defaults:\n  - _self_\n")
    assert merged(ours, CONFIG, theirs) == theirs.replace("trainer: default", "trainer: gpu")


def test_orders_of_defaults_that_agree_are_both_applied() -> None:
    first, second = "  - training: default\n", "  - trainer: default\n"
    swapped = CONFIG.replace(first + second, second + first)
    theirs = CONFIG.replace("  - _self_\n", "").replace(first, f"  - _self_\n{first}")
    theirs += "job: 1\n"
    expected = theirs.replace(first + second, second + first)
    assert merged(swapped, CONFIG, theirs) == expected
    self_first = CONFIG.replace("  - _self_\n", "").replace(first, f"  - _self_\n{first}")
    below = CONFIG.replace("  - _self_\n", "  - _self_\n  - extra: default\n")
    expected = self_first.replace(second, f"{second}  - extra: default\n")
    assert merged(self_first, CONFIG, below) == expected


def test_an_option_that_replaces_another_takes_its_place() -> None:
    first, second = "  - training: default\n", "  - trainer: default\n"
    theirs = CONFIG.replace("training", "fitting")
    swapped = CONFIG.replace(first + second, second + first)
    assert merged(swapped, CONFIG, theirs) == swapped.replace("training", "fitting")
    self_first = CONFIG.replace("  - _self_\n", "").replace(first, f"  - _self_\n{first}")
    assert merged(self_first, CONFIG, theirs) == self_first.replace("training", "fitting")


def test_an_option_that_both_chose_stays_with_a_review() -> None:
    ours = CONFIG.replace("trainer: default", "trainer: gpu")
    assert (
        merged(ours, CONFIG, CONFIG.replace("trainer: default", "trainer: tpu"), reviews=1) == ours
    )


def test_nested_keys_merge_by_themselves() -> None:
    ours = CONFIG.replace("multirun", "mine # here")
    text = merged(ours, CONFIG, CONFIG.replace("outputs/", "out/") + "  job:\n    chdir: false\n")
    expected = yaml.safe_load(CONFIG)
    expected["hydra"] = {
        "run": {"dir": "out/${now:%Y}"},
        "sweep": {"dir": "mine"},
        "job": {"chdir": False},
    }
    assert yaml.safe_load(text) == expected
    assert text.endswith("    dir: mine # here\n  job:\n    chdir: false\n")


def test_entries_are_added_in_the_users_indentation() -> None:
    ours = CONFIG.replace("    dir: multirun", "        dir: mine")
    assert merged(ours, CONFIG, CONFIG + "    all: 1\n") == ours + "        all: 1\n"
    theirs = CONFIG + "    # more\n    all:\n      - |\n        a\n\n         b\n"
    text = merged(ours, CONFIG, theirs)
    assert yaml.safe_load(text)["hydra"]["sweep"] == {"dir": "mine", "all": ["a\n\n b\n"]}
    assert "        # more\n" in text


def test_block_scalars_and_lists_are_values() -> None:
    base = BASE + "text: |\n  # no comment\n\n  end\nlist:\n- 1\n- 2\n"
    ours = base.replace("- 2", "- 3") + "own: 1\n"
    assert merged(ours, base, base.replace("- 2", "- 4"), reviews=1) == ours
    text = merged(ours, base, base.replace("  end", "  the end"))
    assert text == ours.replace("  end", "  the end")


@pytest.mark.parametrize(
    "ours",
    [
        "a: &x 1\nb: *x\n",
        "---\na: 1\n",
        "? a\n: 1\n",
        "{a: 1}\n",
        "- a\n",
        "a: [\n",
        "",
        "a: 1\n---\n",
        "a: 1\na: 3\n",
    ],
)
def test_other_yaml_merges_by_line(ours: str) -> None:
    assert merge_yaml(ours, "a: 1\n", "a: 2\n") is None
