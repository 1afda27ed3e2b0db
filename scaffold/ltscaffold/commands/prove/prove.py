"""The proof of a plan: per component, tests, and a run before and after, bit for bit."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lightning_transformers.base.traces.compare import first_mismatch
from lightning_transformers.base.traces.format import Mismatch, Trace
from ltscaffold.commands.prove.bisect import find_causes
from ltscaffold.commands.prove.changes import Split
from ltscaffold.commands.prove.environment import other_packages
from ltscaffold.commands.prove.origin import origins
from ltscaffold.commands.prove.repeat import Repeater, Repetition, installed
from ltscaffold.commands.prove.runs import Run, imports, newest_run, recorded_run, smoke_run
from ltscaffold.commands.prove.workspace import Contents, digest_of_workspace
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import component_files, source_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component, read_project
from ltscaffold.record.component_types import SHELL
from ltscaffold.writing.plan import Plan

Verdict = Literal["identical", "different", "unproven"]
STACK = ("python", "ltscaffold", "torch", "pytorch-lightning", "transformers", "datasets", "peft")
"""Packages whose versions a proof names."""

Say = Callable[[str], object]
Changed = tuple[Repeater, Contents]
"""Who repeats a run after a change, and the contents of the files that it changes."""


@dataclass
class ComponentProof:
    """The proof of a component.

    Attributes:
        name: the component.
        verdict: what the proof says.
        tests: the first failure of its generated test; empty if it passes; None: it has no test, or
            one that fails before the change, too.
        run: the folder of the repeated run, relative to the project if it is inside; None: a smoke
            run.
        steps: the number of steps that were compared.
        values: the number of values that are equal bit for bit.
        difference: the first difference.
        causes: the changes that make it, each without effect alone if there are several.
        origins: the versions, templates and commits that made these changes.
        repetitions: the runs that the search for the causes took.
        limits: what the proof does not cover, and why it is not one.
    """

    name: str
    verdict: Verdict = "unproven"
    tests: str | None = None
    run: str | None = None
    steps: int = 0
    values: int = 0
    difference: Mismatch | None = None
    causes: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    repetitions: int = 0
    limits: list[str] = field(default_factory=list)


@dataclass
class Proof:
    """The proof of a change.

    Attributes:
        change: the command of the plan, or the packages.
        machine: system and processor.
        versions: the packages of the runs, by name.
        before: digest of the project as it is.
        after: digest of the project with the change.
        components: a proof for each component.
    """

    change: str
    machine: str
    versions: dict[str, str]
    before: str
    after: str
    components: list[ComponentProof] = field(default_factory=list)

    @property
    def is_identical(self) -> bool:
        """Whether the change is proven for all components."""
        return all(each.verdict == "identical" for each in self.components)


@dataclass
class Prover:
    """Proves changes of a project's files.

    Attributes:
        project: the folder of the project.
        repeater: repeats its runs.
        say: shows a line of progress.
        steps: the first steps to repeat; None: all.
        folder: a run to repeat in place of the newest of each component that it has imported.
        ended: the number of repetitions that have ended, now or earlier: the cache has them.
    """

    project: Path
    say: Say
    steps: int | None = None
    folder: Path | None = None
    ended: int = 0

    def __post_init__(self) -> None:
        self.repeater = Repeater(self.project)

    def prove_plan(self, plan: Plan, old: Answers) -> Proof:
        """Prove that a plan leaves the runs of the components that it touches as they are.

        Args:
            plan: the plan; it is not applied.
            old: the record of the project.

        Raises:
            ScaffoldError: if the plan has conflicts, or a run does not exist.
        """
        if plan.conflicts:
            raise ScaffoldError(
                f"cannot prove an update with conflicts (in {plan.conflicts[0].path}); apply it "
                "without --prove and resolve them"
            )
        split = Split([change for change in plan.changes if is_source(change.path)])
        contents = {change.path: change.after for change in plan.changes}
        new = answers_of(contents, old)
        proof = self._start(plan.command, contents)

        def changed(subset: frozenset[int]) -> Changed:
            return self.repeater, {**contents, **split.contents(subset)}

        everything = (self.repeater, contents)
        for component in touched(self.project, old, plan):
            found = ComponentProof(component.name)
            proof.components.append(found)
            for number in self._prove(found, component, old, everything, len(split.atoms), changed):
                found.causes.append(" with ".join(map(str, split.atoms[number])))
                for piece in split.atoms[number]:
                    lines = origins(piece, old, new)
                    found.origins += [line for line in lines if line not in found.origins]
        return proof

    def prove_packages(
        self, requirements: Sequence[str], answers: Answers, names: Sequence[str] = ()
    ) -> Proof:
        """Prove that other versions of packages leave the runs of components as they are.

        Args:
            requirements: the packages, such as `transformers==5.22.*`.
            answers: the record of the project.
            names: the components; by default all.

        Raises:
            ScaffoldError: without a package, or if one cannot be installed or a component does
                not exist.
        """
        if not requirements:
            raise ScaffoldError('no package to try; for example --with "transformers==5.22.*"')
        with ExitStack() as stack:

            @cache
            def changed(subset: frozenset[int]) -> Changed:
                chosen = [requirements[number] for number in sorted(subset)]
                self.say(f"installing {' '.join(chosen)}")
                return stack.enter_context(other_packages(self.project, chosen)), {}

            everything = changed(frozenset(range(len(requirements))))
            proof = self._start(" ".join(requirements), {}, everything[0])
            for component in [answers.component(name) for name in names] or answers.components:
                if component.type == SHELL.name:
                    continue
                found = ComponentProof(component.name)
                proof.components.append(found)
                count = len(requirements)
                causes = self._prove(found, component, answers, everything, count, changed)
                found.causes += [requirements[number] for number in causes]
        return proof

    def _start(self, change: str, contents: Contents, after: Repeater | None = None) -> Proof:
        pairs = [
            {"python": platform.python_version(), **installed(each.path)}
            for each in (self.repeater, after or self.repeater)
        ]
        then, now = pairs
        named = [
            name for name in {**then, **now} if name in STACK or then.get(name) != now.get(name)
        ]
        return Proof(
            change,
            f"{platform.system()} {platform.machine()}",
            {
                name: " → ".join(dict.fromkeys(str(each.get(name, "none")) for each in pairs))
                for name in named
            },
            digest_of_workspace(self.project, {}),
            digest_of_workspace(self.project, contents),
        )

    def chosen_run(self, component: Component, answers: Answers) -> Run:
        """Return the run to repeat for a component."""
        files = source_files(self.project, answers, component)
        if self.folder:
            run = recorded_run(self.project, self.folder, self.steps)
            if imports(run, self.project, files):
                return run
        return newest_run(self.project, files, self.steps) or smoke_run(component, self.steps)

    def _prove(
        self,
        proof: ComponentProof,
        component: Component,
        answers: Answers,
        everything: Changed,
        count: int,
        changed: Callable[[frozenset[int]], Changed],
    ) -> list[int]:
        """Set the proof of a component; return the changes that make the difference, if any.

        Args:
            proof: the proof to set.
            component: the component.
            answers: the record of the project.
            everything: who repeats a run after the change, and with which files.
            count: the number of changes.
            changed: returns the same for some of the changes.
        """
        name = component.name
        after_change, contents = everything
        test = f"tests/test_{name}.py"
        if (self.project / test).is_file():
            self.say(f"{name}: running its tests")
            proof.tests = after_change.failed_tests(contents, test)
            if proof.tests and self.repeater.failed_tests({}, test) == proof.tests:
                proof.limits.append(f"its test fails already before the change: {proof.tests}")
                proof.tests = None
        run = self.chosen_run(component, answers)
        root = self.project.resolve()
        if run.folder:
            is_inside = run.folder.is_relative_to(root)
            proof.run = str(run.folder.relative_to(root) if is_inside else run.folder)
        proof.limits += [*run.remarks()]
        if obstacles := [*run.obstacles()]:
            proof.limits += obstacles
            return []
        about = f", about {run.seconds:.0f} s" if run.seconds else ""
        what = f"{proof.run or 'a smoke run'}{about}"
        self.say(f"{name}: repeating {what}, before the change")
        before = self.counted(self.repeater.repeat(run, {}))
        if before.error or not before.trace.entries:
            reason = before.error or "it logs no value"
            proof.limits.append(f"the run cannot be repeated before the change: {reason}")
            return []
        proof.limits += [*unlike_recorded(run, before)]
        self.say(f"{name}: repeating {what}, after the change")
        after = self.counted(after_change.repeat(run, contents, before.trace))
        self.judge(proof, run, before, after)
        if not proof.difference or not count:
            return []
        equal = after.trace.equal
        until = equal + 1 if after.trace.mismatch and equal < len(before.trace.entries) else None

        def differs(subset: frozenset[int]) -> bool | None:
            self.say(f"{name}: searching the cause, with {len(subset)} of {count} changes")
            repeater, files = changed(subset)
            found = self.counted(repeater.repeat(run, files, before.trace, until))
            if found.error:
                return True if after.error else None
            ran = Trace(before.trace.entries) if until else found.trace
            return bool(found.trace.mismatch or first_mismatch(before.trace.entries, ran))

        found = find_causes(count, differs)
        proof.repetitions = found.runs
        return sorted(found.causes)

    def counted(self, found: Repetition) -> Repetition:
        """Return a repetition, counted if the cache has it now."""
        self.ended += not found.error
        return found

    def judge(self, proof: ComponentProof, run: Run, before: Repetition, after: Repetition) -> None:
        """Set the verdict of a proof from the repetitions before and after the change."""
        proof.values = after.trace.equal
        proof.steps = max((step for step, _, _ in after.trace.entries), default=0)
        difference = first_mismatch(before.trace.entries, after.trace)
        if after.error:
            step = proof.steps
            difference = Mismatch(step, "the run", "trains", f"fails: {after.error}")
        if difference and not is_repeated(run, before):
            self.say(f"{proof.name}: repeating it before the change again, as a control")
            again = self.counted(self.repeater.repeat(run, {}, expected=before.trace, again=True))
            if first_mismatch(before.trace.entries, again.trace):
                proof.limits.append(
                    "the run is not deterministic on this device: it differs from itself; on a GPU "
                    "train with trainer.deterministic=true"
                )
                return
        proof.difference = difference
        proof.verdict = "different" if difference or proof.tests else "identical"


def is_source(path: str) -> bool:
    """Return whether a run may depend on a file; of all others a proof takes the new content."""
    return (
        path != ANSWERS_FILE
        and path.endswith((".py", ".yaml", ".yml"))
        and not (path.startswith("tests/") or path.startswith("."))
    )


def answers_of(contents: Contents, old: Answers) -> Answers:
    """Return the record of a project after a plan."""
    from tempfile import TemporaryDirectory

    text = contents.get(ANSWERS_FILE)
    if text is None:
        return old
    with TemporaryDirectory() as folder:
        (Path(folder) / ANSWERS_FILE).write_bytes(text)
        return read_project(Path(folder))


def touched(project: Path, answers: Answers, plan: Plan) -> Iterator[Component]:
    """Yield the components whose runs a plan may change.

    Args:
        project: the folder of the project.
        answers: its record.
        plan: the plan.
    """
    changed = {change.path for change in plan.changes if is_source(change.path)}
    owned: dict[str, set[str]] = {}
    for each in answers.components:
        files = {*component_files(project, answers, each), *source_files(project, answers, each)}
        owned[each.name] = files
    shared = changed - {path for files in owned.values() for path in files}
    for component in answers.components:
        if component.type == SHELL.name:
            continue
        chain, base = [component.name], component.base
        while base in owned and base not in chain:
            chain.append(base)
            base = answers.component(base).base
        if shared or any(owned[name] & changed for name in chain):
            yield component


def is_repeated(run: Run, before: Repetition) -> bool:
    """Return whether a repetition has the recorded values of a run: then two runs agree."""
    traced = {(step, metric) for step, metric, _ in before.trace.entries}
    compared = [cell for cell in run.cells if cell[0] > 0 and cell[:2] in traced]
    return bool(compared) and next(differing_cells(run, before.trace), None) is None


def differing_cells(run: Run, trace: Trace) -> Iterator[str]:
    """Yield the recorded values of a run that a repetition does not have, as far as it went."""
    found: dict[tuple[int, str], set[str]] = {}
    for step, metric, value in trace.entries:
        found.setdefault((step, metric), set()).add(value)
    for step, metric, value in run.cells:
        now = found.get((step, metric))
        if now is not None and value not in now:
            yield f"{metric} at step {step}: {value} then, {', '.join(sorted(now))} now"


def unlike_recorded(run: Run, before: Repetition) -> Iterator[str]:
    """Yield what differs between a recorded run and its repetition before the change."""
    then, now = run.manifest, before.manifest
    for split, data in (then.get("data") or {}).items():
        present = (now.get("data") or {}).get(split)
        if present and _content(data) != _content(present):
            yield f"the {split} set ({data['source']}) has changed since the run"
    for name, digest in (then.get("inputs") or {}).items():
        if (now.get("inputs") or {}).get(name, digest) != digest:
            yield f"{name} has changed since the run"
    first = next(differing_cells(run, before.trace), None)
    if first is None:
        return
    reasons = [
        f"{name} {version} then, {(now.get(group) or {}).get(name)} now"
        for group in ("versions", "machine")
        for name, version in (then.get(group) or {}).items()
        if name in (now.get(group) or {}) and now[group][name] != version
    ]
    reasons += [
        f"{path} has changed"
        for path, digest in (then.get("code") or {}).items()
        if path in (now.get("code") or {}) and now["code"][path] != digest
    ]
    why = f" ({'; '.join(reasons[:4])})" if reasons else ""
    yield f"the recorded metrics differ already before the change: {first}{why}"


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a data set in a manifest without its source, which may be relative."""
    return {key: value for key, value in data.items() if key != "source"}
