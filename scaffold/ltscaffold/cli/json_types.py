"""The types of the objects that commands print with `--json`; `show_json` adds the key `schema`.

`make schema` writes their JSON schemas to `schemas.json`. Only type checkers and the builder import
this module.
"""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from lightning_transformers.base.traces.format import Mismatch as Mismatch  # of ComponentProof
from ltscaffold.commands.prove.prove import ComponentProof
from ltscaffold.project.diagnostics import Finding
from ltscaffold.project.status import FileState
from ltscaffold.project.stubs import Stub
from ltscaffold.writing.plan import Action, SourceLocation


class ErrorDetails(TypedDict):
    """The error of a command.

    Attributes:
        message: the fact, the offending value and the fix, on one line.
        exit_status: 2 for invalid input, 3 if edits would be lost.
        diff: with status 3, the edits that would be lost, as a patch.
    """

    message: str
    exit_status: int
    diff: NotRequired[str]


class ErrorOutput(TypedDict):
    """The output of a command that fails, instead of its own.

    Attributes:
        error: the error.
    """

    error: ErrorDetails


class FileChange(TypedDict):
    """The change of one file.

    Attributes:
        path: the file, relative to the project.
        action: what happens to the file.
        diff: the change as a patch for `git apply`.
    """

    path: str
    action: Action
    diff: str


class PlanOutput(TypedDict):
    """The changes of a command that writes.

    Attributes:
        command: the command, such as "add my_task".
        dry_run: whether nothing was written.
        changes: one per file, sorted by path.
        conflicts: lines with conflict markers.
        reviews: lines where an edit was kept that the template changed too.
        notes: further remarks.
        next: shell commands to run next.
    """

    command: str
    dry_run: bool
    changes: list[FileChange]
    conflicts: list[SourceLocation]
    reviews: list[SourceLocation]
    notes: list[str]
    next: list[str]


class ProofContent(TypedDict):
    """A proof: what repeated runs say of a change.

    Attributes:
        change: the command of the plan, or the packages.
        machine: system and processor.
        versions: the packages of the runs, by name.
        before: the digest of the project as it is.
        after: the digest of the project with the change.
        components: a proof for each component.
    """

    change: str
    machine: str
    versions: dict[str, str]
    before: str
    after: str
    components: list[ComponentProof]


class ProofOutput(TypedDict):
    """The proof of a change, with `--prove` or by `prove`.

    Attributes:
        proof: the proof.
        applied: whether the change was written.
    """

    proof: ProofContent
    applied: bool


class Item(TypedDict):
    """A component, under the keys of the record.

    Attributes:
        kind: its type, such as "task".
        name: the name of its module, config and test.
        group: its config group, such as "nlp"; empty for a callback.
        base: the task that it is based on; of a dataset the task that it is for.
        parts: its hooks and recipes, such as "recipes/lora".
        v: the version of the templates that rendered it.
        folder: the folder of the package that holds its module, if it has no package of its own.
        project: the name of the project, in the part of the shell that states it.
        requirement: the ltscaffold to install, in a part of the shell that names it.
    """

    kind: str
    name: str
    group: str
    base: str
    parts: list[str]
    v: str
    folder: NotRequired[str]
    project: NotRequired[str]
    requirement: NotRequired[str]


class ItemStatus(TypedDict):
    """A component with the state of its files.

    Attributes:
        item: the component.
        files: the state of each file, by path.
        stubs: its unimplemented stubs.
    """

    item: Item
    files: dict[str, FileState]
    stubs: list[Stub]


class ProjectStatus(TypedDict):
    """The state of a project.

    Attributes:
        version: the version of its templates.
        newest: the latest version of the templates.
        ejected: the template fragments that the project overrides.
        items: its components.
    """

    version: str
    newest: str
    ejected: list[str]
    items: list[ItemStatus]


class StatusOutput(TypedDict):
    """The state of a project.

    Attributes:
        status: the state.
    """

    status: ProjectStatus


class FindingsOutput(TypedDict):
    """Problems in a project or in templates.

    Attributes:
        findings: the problems; with none, the exit status is 0.
    """

    findings: list[Finding]


class PatchOutput(TypedDict):
    """Edits of a component as a patch of its templates.

    Attributes:
        patch: the patch for `git apply`; empty if there are findings.
        findings: edits that cannot be extracted, and samples that the patch breaks.
    """

    patch: str
    findings: list[Finding]


class ConfigKey(TypedDict):
    """A key of the composed config.

    Attributes:
        key: the dotted key.
        value: its resolved value; null also for a number that JSON lacks, such as infinity.
        file: the file that sets it.
    """

    key: str
    value: Any
    file: str


class ExplainOutput(TypedDict):
    """The composed config of a component.

    Attributes:
        keys: one entry per key.
    """

    keys: list[ConfigKey]


class Offer(TypedDict):
    """A base, a recipe or a part of the shell.

    Attributes:
        name: its name.
        summary: what it is for.
    """

    name: str
    summary: str


class BasesOutput(TypedDict):
    """The bases on offer.

    Attributes:
        bases: sorted by name.
    """

    bases: list[Offer]


class RecipesOutput(TypedDict):
    """The recipes on offer.

    Attributes:
        recipes: sorted by name.
    """

    recipes: list[Offer]


class ShellOutput(TypedDict):
    """The parts of the shell on offer.

    Attributes:
        shell: sorted by name.
    """

    shell: list[Offer]


class Hook(TypedDict):
    """A method that a component can override.

    Attributes:
        stage: the phase of a run, such as "loss".
        name: its name.
        signature: its parameters and the type that it returns.
        when: when it is called; may be empty.
        summary: what it does.
    """

    stage: str
    name: str
    signature: str
    when: str
    summary: str


class HooksOutput(TypedDict):
    """The hooks of a component type.

    Attributes:
        hooks: sorted by stage.
    """

    hooks: list[Hook]


class ListedComponent(TypedDict):
    """A component of a project.

    Attributes:
        name: its name.
        kind: its type, such as "task".
        base: the task that it is based on; of a dataset the task that it is for.
        version: the version of the templates that rendered it.
    """

    name: str
    kind: str
    base: str
    version: str


class ComponentsOutput(TypedDict):
    """The components of a project.

    Attributes:
        items: in the order in which they were created.
    """

    items: list[ListedComponent]


class BestCheckpoint(TypedDict):
    """The best checkpoint of a run.

    Attributes:
        monitor: the metric that selected it.
        mode: whether a low or a high score is better; runs of earlier versions lack it.
        score: the value of the metric.
        step: the optimizer updates before it was saved.
        checkpoint: the file, relative to the run folder.
    """

    monitor: str
    mode: NotRequired[Literal["min", "max"]]
    score: float | None
    step: int
    checkpoint: str


class RunRow(TypedDict):
    """A run.

    Attributes:
        run: its folder.
        date: when its manifest was written last, in ISO 8601.
        status: how it ended, such as "finished"; `runs --status` takes the same.
        reason: what ended it, or its error.
        best: its best checkpoint, if it has one.
        metrics: the last value of each metric; null for one that is not finite.
        overrides: those of its command, by key.
        bytes: the size of its files.
    """

    run: str
    date: str
    status: str
    reason: str | None
    best: BestCheckpoint | None
    metrics: dict[str, float | None] | None
    overrides: dict[str, str]
    bytes: int


class RunsOutput(TypedDict):
    """The runs below a folder.

    Attributes:
        runs: those that the options select.
    """

    runs: list[RunRow]


OUTPUTS: dict[str, Any] = {
    **dict.fromkeys(("new-project", "new-task", "new-dataset", "new-callback"), PlanOutput),
    **dict.fromkeys(("add", "add-shell", "remove", "rename", "undo"), PlanOutput),
    "update": PlanOutput | ProofOutput,
    "template eject": PlanOutput,
    "status": StatusOutput,
    **dict.fromkeys(("check", "template test"), FindingsOutput),
    "prove": ProofOutput,
    "explain": ExplainOutput,
    "runs": RunsOutput,
    "list": BasesOutput | HooksOutput | RecipesOutput | ShellOutput | ComponentsOutput,
    "template extract-patch": PatchOutput,
    "error": ErrorOutput,
}
"""The object that each command prints; "error" stands for any command that fails."""
