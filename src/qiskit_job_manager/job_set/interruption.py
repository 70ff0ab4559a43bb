"""What a user sees who interrupts a wait: that the jobs go on, and how to look again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class WaitInterrupted(KeyboardInterrupt):
    """The user interrupted a wait; nothing else was stopped.

    A notebook shows its one line, and no traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of a traceback."""
        return [str(self)]


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Say, where the user interrupts a wait for this job set, what goes on and how to stop it.

    Raises:
        WaitInterrupted: The user interrupted it.
    """
    try:
        yield
    except KeyboardInterrupt:
        msg = (
            f"Stopped waiting. The jobs of {name!r} go on: wait() or results() waits again, "
            "progress() looks, cancel() stops them."
        )
        raise WaitInterrupted(msg) from None
