"""The merge of a function that both sides changed."""

from ltscaffold.merge.python import merge_python

STUB = '''\
class Task(Base):
    def configure_optimizers(self):
        """Return the optimizer."""
        return super().configure_optimizers()
'''
DECORATED = STUB.replace("    def", "    @traced\n    def")


def test_a_comment_does_not_implement_a_stub() -> None:
    ours = STUB.replace("        return", "        # AdamW\n        return")
    draft = merge_python(ours, STUB, DECORATED)
    assert draft is not None
    assert draft.text == ours.replace("    def", "    @traced\n    def")
    assert not draft.marks


def test_an_implemented_stub_that_the_template_decorates_is_reviewed() -> None:
    ours = STUB.replace("return super().configure_optimizers()", "return AdamW(self.parameters())")
    draft = merge_python(ours, STUB, DECORATED)
    assert draft is not None
    assert [mark.message for mark in draft.marks] == [
        "configure_optimizers: the template now has the decorators @traced"
    ]
