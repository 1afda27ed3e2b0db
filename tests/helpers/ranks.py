"""Run a module on two ranks as `torchrun` does, in forked processes, which skip the imports.

`python -m tests.helpers.ranks <module> <arguments>`; a failure on one rank stops the other.
"""

import os
import runpy
import signal
import socket
import sys

RANKS = 2


def main() -> int:
    """Run the module that the command line names on each rank; return the first failure."""
    sys.argv = sys.argv[1:]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "tests"}
    os.environ |= {"WORLD_SIZE": str(RANKS), "LOCAL_WORLD_SIZE": str(RANKS), "GROUP_RANK": "0"}
    running = set()
    for rank in range(RANKS):
        child = os.fork()
        if not child:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
            return 0
        running.add(child)
    failure = 0
    while running:
        child, status = os.wait()
        running.remove(child)
        if status and not failure:
            failure = os.waitstatus_to_exitcode(status)
            for other in running:
                os.kill(other, signal.SIGKILL)
    return abs(failure)


if __name__ == "__main__":
    sys.exit(main())
