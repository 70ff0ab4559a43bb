"""The base class of a service in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Self


class ServiceProcess:
    """A program of ours that listens on loopback, alive while the ``with`` block lasts.

    It ends by itself after the process that started it, however that ended.

    Args:
        module: The module that ``python -m`` runs; see `program`.
        *arguments: What it is started with.

    Attributes:
        address: Host and port.

    Raises:
        RuntimeError: The process ended instead of listening.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own program, given no shell
            [sys.executable, "-m", module, *arguments, "--starter", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self.address = self._read_address(module)
        except BaseException:  # Ctrl-C, too: nobody could end it later
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Id of the process, for signals."""
        return self._process.pid

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return self._process.wait()

    def kill(self) -> None:
        """Kill it, as ``kill -9`` does; harmless when it is dead. The ledger's file stays."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read_address(self, module: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            code = self._process.returncode
            raise RuntimeError(f"{module} ended with code {code}; its standard error says why")
        return f"127.0.0.1:{json.loads(line)['port']}"
