"""``qjm adopt``: go on with a store that was copied or moved."""

import typer

from qiskit_job_manager.cli.confirming import YesOption, confirm
from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.session import JsonOption, opened_manager


def adopt(ctx: typer.Context, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Take a store that was copied or moved for the original from now on."""
    with opened_manager(ctx) as manager:
        confirm(
            "if anything goes on with the store that this one was copied from, its unfinished jobs "
            "run twice, and are paid for twice.",
            f"Is this, {manager.store_url}, the only one in use?",
            yes=yes,
        )
        manager.adopt_store()
        if as_json:
            print_object({"adopted": manager.store_url})
