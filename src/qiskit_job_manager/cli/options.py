"""Arguments, options and their completion that several commands share, and the manager they open.

Options such as ``--all`` limit how many rows a command prints; it then says how to see the rest.

Completion by the shell opens the store and does not import Qiskit.
"""

import logging
import re
import shlex
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.engine_log import PlainFormatter, log_to_stderr
from qiskit_job_manager.cli.output import say
from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.views.close_names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store


class Format(StrEnum):
    """How a command prints what it finds."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def choice(kind: type[StrEnum], *names: str, metavar: str = "", **more: Any) -> Any:
    """Return an option whose value is one of an enumeration.

    Args:
        kind: The enumeration.
        *names: How the option is written.
        metavar: What stands for the value in help; by default all values.
        **more: What `typer.Option` takes.
    """
    known = [str(each) for each in kind]

    def parse(text: str) -> StrEnum:
        if text in known:
            return kind(text)
        near = did_you_mean(text, known)
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(known)}{near}")

    def complete(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return typer.Option(
        *names, parser=parse, metavar=metavar or "|".join(known), autocompletion=complete, **more
    )


_OFFERED = 200

# A shell inserts an offered word as it is. A name that the shell would execute or split is replaced
# by the id of its job set.
_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@%/-]{0,99}")


def complete_job_set(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return names (or ids) of the newest job sets that begin with the typed text."""
    # A shell cannot show an error: if the store cannot be read, nothing is offered.
    with suppress(JobManagerError, OSError):
        words = map(_word, _newest(_store_of(ctx)))
        return [word for word in words if word.startswith(incomplete)]
    return []


def _store_of(ctx: typer.Context) -> str | None:
    # The callback of the group does not run during completion.
    store: str | None = ctx.find_root().params.get("store")
    return store


def _newest(location: str | None) -> "list[JobSetRecord]":
    from qiskit_job_manager import stores

    if not stores.store_exists(location):
        return []
    store = stores.open_store(location)
    try:
        return store.job_sets(limit=_OFFERED)
    finally:
        store.close()


def _word(record: "JobSetRecord") -> str:
    return record.name if _HARMLESS.fullmatch(record.name) else record.job_set_id


def job_set_argument(help_text: str, **more: Any) -> Any:
    """Return an argument that names job sets, with completion by the shell."""
    return typer.Argument(metavar="SET", help=help_text, autocompletion=complete_job_set, **more)


JobSetArgument = Annotated[
    str, job_set_argument("Id of a job set, the unique start of an id, or a name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="Stop waiting after this time; nothing is cancelled and nothing is lost.",
    ),
]


WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="NUMBER",
        help="Processes of this machine that compute simulations; 0: this process. Default: "
        "$QISKIT_JOB_MANAGER_WORKERS, or one for each core.",
    ),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Cluster that computes simulations: dask:tcp://HOST:PORT, or dask:PATH of a scheduler "
        "file. Default: $QISKIT_JOB_MANAGER_EXECUTOR.",
    ),
]


NotifyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="URL",
        help="Service that tells you of the end, a failure, what needs you, the usage limit, as "
        "Apprise writes it. Repeat the option for more. It is not stored. Default: "
        "$QISKIT_JOB_MANAGER_NOTIFY, which other users of this machine do not see. Needs pip "
        'install "qiskit-job-manager[notify]".',
    ),
]


@contextmanager
def opened_manager(
    ctx: typer.Context, workers: int | None = None, executor: str | None = None
) -> "Iterator[JobManager]":
    """Open the store that the command line names; close it and its engine at the end."""
    from qiskit_job_manager.manager import JobManager

    warnings = log_to_stderr(PlainFormatter(), logging.WARNING)
    with warnings, JobManager(ctx.obj, workers=workers, executor=executor) as manager:
        yield manager


@contextmanager
def opened_store(ctx: typer.Context) -> "Iterator[Store]":
    """Open the store that the command line names, for commands that only read."""
    from qiskit_job_manager import stores

    with closing(stores.open_store(ctx.obj)) as store:
        yield store


def command_for(ctx: typer.Context, *words: str) -> str:
    """Return a command that the user can copy, with the store if the user named one."""
    store: str | None = ctx.obj
    # A URL may contain a password, which must not be shown.
    named = ["--store", store] if store and "@" not in store else []
    return " ".join(map(_quoted, ["qjm", *named, *words]))


def _quoted(word: str) -> str:
    """Return a word as a shell reads it; what a terminal would obey is written as an escape."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_in_quotes, word))}'"


def _in_quotes(character: str) -> str:
    number = ord(character)
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    if "\udc80" <= character <= "\udcff":  # a byte of a path that is no UTF-8
        return f"\\x{number - 0xDC00:02x}"
    if number < 128:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_KEEP_LINE_BREAKS = "\b"
"""Click does not fill a paragraph that begins with this."""


def epilog(*examples: str) -> str:
    """Return the examples that the help of a command ends with."""
    heading = "Examples:" if len(examples) > 1 else "Example:"
    return "\n".join([_KEEP_LINE_BREAKS, heading, *(f"  {each}" for each in examples)])


def epilog_of_all(*examples: str) -> str:
    """Return the examples and exit codes that the help of ``qjm`` ends with."""
    return f"{epilog(*examples)}\n\n{errors.EXPLAINED}"


# -- how many rows ---------------------------------------------------------------------------------

AllOption = Annotated[bool, typer.Option("--all", help="Print all of them.")]


def at_most(option: str, what: str) -> Any:
    """Return an option that limits how many rows are printed."""
    return typer.Option(option, metavar="NUMBER", min=0, help=what)


def bound(option: str, number: int | None, *, all_of_them: bool, default: int | None) -> int | None:
    """Return how many rows to print; ``None`` means all.

    Args:
        option: The option that gives a number, for the message.
        number: The number that the user gave, or ``None``.
        all_of_them: Whether ``--all`` was given.
        default: The limit if the user gave neither.

    Raises:
        typer.BadParameter: Both were given.
    """
    if all_of_them and number is not None:
        raise typer.BadParameter(f"{option} and --all contradict each other; give one of them.")
    return None if all_of_them else default if number is None else number


def print_how_to_see(ctx: typer.Context, what: str, *commands: "Iterable[str]") -> None:
    """Print to standard error that rows are missing, and which commands show them."""
    shown_by = ", or ".join(command_for(ctx, *words) for words in commands)
    say(f"{what}: {shown_by}", err=True)
