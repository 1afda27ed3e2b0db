"""Two nodes on this machine: network namespaces with an address each, or without them its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.python_path import PATHS

TRAIN = Path(sys.executable).parent / "pl-transformers-train"


def ip(*words: str) -> int:
    """Return the exit status of a command of `ip`."""
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode


class Nodes:
    """Two nodes, of which the first has the port of torchrun.

    Args:
        number: of this pair, in its addresses and names.
        are_separate: whether each has a network of its own.
    """

    def __init__(self, number: int, are_separate: bool) -> None:
        self.number, self.are_separate = number, are_separate
        self.address = f"10.77.{number % 250}.1" if are_separate else "127.0.0.1"

    def name(self, node: int) -> str:
        """Return the name of the network of a node."""
        return f"ltn{self.number}-{node}"

    def start(
        self, node: int, folder: Path, *arguments: object, per_node: int = 1
    ) -> subprocess.Popen[str]:
        """Start torchrun on a node, with a script or command and its arguments.

        Args:
            node: 0 or 1.
            folder: the working directory.
            arguments: those of torchrun after its options.
            per_node: processes on each node.
        """
        enter = ["ip", "netns", "exec", self.name(node)] if self.are_separate else []
        device = {"GLOO_SOCKET_IFNAME": f"v{self.name(node)}"} if self.are_separate else {}
        options = (
            *("--nnodes", 2, "--node-rank", node, "--nproc-per-node", per_node),
            *("--master-addr", self.address, "--master-port", 20000 + self.number % 10000),
        )
        command = [*enter, sys.executable, "-m", "torch.distributed.run", *options, *arguments]
        return subprocess.Popen(
            [*map(str, command)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": PATHS, **device},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def outputs(processes: Sequence[subprocess.Popen[str]], timeout_s: float = 240) -> list[str]:
    """Return the output of each process when it has ended; one that hangs is an error."""
    try:
        return [process.communicate(timeout=timeout_s)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Yield two nodes; their networks are removed on exit."""
    number = os.getpid()
    can_add = os.geteuid() == 0 and shutil.which("ip")
    nodes = Nodes(number, bool(can_add) and ip("netns", "add", f"ltn{number}-0") == 0)
    if not nodes.are_separate:
        yield nodes
        return
    try:
        ip("netns", "add", nodes.name(1))
        ends = [f"v{nodes.name(node)}" for node in (0, 1)]
        peer = ("type", "veth", "peer", "name", ends[1], "netns", nodes.name(1))
        assert not ip("link", "add", ends[0], "netns", nodes.name(0), *peer)
        for node in (0, 1):
            inside = ("-n", nodes.name(node))
            address = f"{nodes.address.removesuffix('.1')}.{node + 1}/24"
            assert not ip(*inside, "addr", "add", address, "dev", ends[node])
            assert not ip(*inside, "link", "set", ends[node], "up")
            assert not ip(*inside, "link", "set", "lo", "up")
        yield nodes
    finally:
        for node in (0, 1):
            ip("netns", "del", nodes.name(node))
