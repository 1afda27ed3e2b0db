"""Which tests hit which lines, from a run of all tests with contexts of coverage."""

import os
import re
import subprocess
from collections import Counter
from itertools import accumulate, chain
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData
from mutant_expressions import Site

RC = """[run]
include = {include}
parallel = true
data_file = {folder}/contexts
context = ${{PYTEST_CURRENT_TEST-}}
"""
PLUGIN = """import coverage, pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    coverage.Coverage.current().switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        coverage.Coverage.current().switch_context("")
def pytest_sessionfinish():
    coverage.Coverage.current().save()
"""


class Tests:
    """The tests of a suite that ran: how long they took and which lines they hit."""

    def __init__(self, coverage: Path) -> None:
        results = cases(coverage / "junit.xml")
        self.seconds = {
            test: float(x.attrib["time"]) for test, x in results if x.find("skipped") is None
        }
        self.files: dict[str, dict[int, list[str]]] = {}
        data = CoverageData(str(coverage / "contexts"))
        data.read()
        for file in data.measured_files():
            self.files[file.partition("/scaffold/")[2]] = data.contexts_by_lineno(file)

    def hitting(self, site: Site) -> list[str]:
        """Return the tests that hit the lines of an expression, the fastest first."""
        lines = self.files.get(site.module, {})
        numbers = range(site.node.lineno, (site.node.end_lineno or 0) + 1)
        contexts = chain.from_iterable(lines.get(number, []) for number in numbers)
        return sorted({*map(test_id, contexts)} & {*self.seconds}, key=lambda x: self.seconds[x])

    def planned(self, site: Site, budget: float) -> list[str]:
        """Return tests of `budget` seconds: those that hit the expression, most promising first.

        Others of the same files follow: they may share a fixture or a process with those.
        """
        hitting = self.hitting(site)
        files = {test.partition("::")[0] for test in hitting}
        words = {*re.findall("[a-z]{3,}", site.module.partition("/")[2])} - {"core", "task", "nlp"}
        rank = Counter[str]()

        def cost(test: str) -> float:
            rank[test.partition("[")[0]] += 1
            alike = words & {*re.findall("[a-z]{3,}", test.partition("::")[0])}
            return self.seconds[test] * rank[test.partition("[")[0]] * (0.2 if alike else 1)

        others = [x for x in self.seconds if x.partition("::")[0] in files and x not in hitting]
        tests = sorted(hitting, key=cost) + sorted(others, key=cost)
        spent = [0.0, *accumulate(self.seconds[test] for test in tests)]
        return [test for test, before in zip(tests, spent, strict=False) if before < budget]


def test_id(context: str) -> str:
    """Return the node id in a context of coverage, without the phase and the group of xdist."""
    phase = re.sub(r" \((setup|call|teardown)\)$", "", context.strip("|"))
    return re.sub(r"@[^]@[]*$", "", phase)


def cases(report: Path) -> list[tuple[str, ElementTree.Element]]:
    """Return the node ids and the elements of a report of pytest in the format of JUnit."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        module, *group = re.split(r"\.(?=[A-Z])", case.attrib["classname"])
        path = module.replace(".", "/") + ".py"
        found.append((test_id("::".join([path, *group, case.attrib["name"]])), case))
    return found


def record(checkout: Path, coverage: Path, modules: list[str]) -> None:
    """Run all tests on two cores; record which of them hit the modules, all if none is given."""
    coverage.mkdir(parents=True)
    include = modules or ["**/*.py"]
    lines = "".join(f"\n    {checkout}/scaffold/{pattern}" for pattern in include)
    (coverage / "rc").write_text(RC.format(include=lines, folder=coverage))
    (coverage / "coverage_contexts.py").write_text(PLUGIN)
    variables = {"COVERAGE_PROCESS_START": f"{coverage}/rc", "PYTHONPATH": str(coverage)}
    python = [f"{checkout}/.venv/bin/python", "-m"]
    pytest = ["pytest", "-q", "-n2", "--dist=loadgroup", f"--junitxml={coverage}/junit.xml"]
    pytest += ["-p", "coverage_contexts"]
    subprocess.run([*python, *pytest], cwd=checkout, env=os.environ | variables, check=False)
    combine = ["coverage", "combine", "-q", f"--rcfile={coverage}/rc"]
    subprocess.run([*python, *combine], cwd=coverage, check=True)
