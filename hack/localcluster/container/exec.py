"""Runs one command inside a running container, for exec probes and hooks, and passes on its exit code.

Standard library only. Usage: python -S -m localcluster.container.exec INIT_PID SPECIFICATION COMMAND...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..machine import linux
from .shim import exit_code

_NAMESPACES = ("net", "uts", "ipc", "pid", "mnt")
_NOT_STARTED = 126


def main() -> None:
    """Enters the namespaces of a container's init and runs the command there."""
    linux.die_with_parent()
    specification = json.loads(Path(sys.argv[2]).read_bytes())
    command = sys.argv[3:]
    for name in _NAMESPACES:
        linux.enter_namespace(f"/proc/{sys.argv[1]}/ns/{name}")
    # Only children are in the process namespace that was just entered.
    child = os.fork()
    if child == 0:
        linux.die_with_parent()
        try:
            os.chdir(specification["workingDir"])
            os.execvpe(command[0], command, specification["environment"])
        except OSError as failure:
            sys.stderr.write(f"{command[0]}: {failure.strerror}\n")
            sys.stderr.flush()
        os._exit(_NOT_STARTED)
    _, result = os.waitpid(child, 0)
    os._exit(exit_code(result))


if __name__ == "__main__":
    main()
