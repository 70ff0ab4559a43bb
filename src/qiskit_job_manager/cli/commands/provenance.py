"""``qjm provenance``: prints what a job set, or one of its experiments, ran in and on."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli.commands.results import choose
from qiskit_job_manager.cli.options import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.output import escape, print_array, print_object, say
from qiskit_job_manager.cli.tables import Column, table
from qiskit_job_manager.model.provenance import DRIFT_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.model.provenance import ExperimentDrift

ExperimentArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="EXPERIMENT", help="Index or name of an experiment. Default: the whole job set."
    ),
]

DriftOption = Annotated[
    bool,
    typer.Option(
        "--drift",
        help="Print which experiments straddled a calibration, or rest on errors that moved.",
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        help="With --drift: relative change beyond which an error has moved. "
        f"Default: {DRIFT_THRESHOLD}, half of the smaller value.",
        show_default=False,
    ),
]

_DRIFT_COLUMNS = (
    Column("INDEX"),
    Column("NAME", least=10),
    Column("STRADDLED"),
    Column("MOVED"),
    Column("WORST OR WHY UNKNOWN", least=20),
)
_SAID = {True: "yes", False: "no", None: "unknown"}
_PROGRAMS = ("qiskit-job-manager", "qiskit", "qiskit-aer", "qiskit-ibm-runtime")
_NONE = "nothing was recorded"


def provenance(
    ctx: typer.Context,
    job_set: JobSetArgument,
    experiment: ExperimentArgument = None,
    drift: DriftOption = False,
    threshold: ThresholdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print versions, machine, script, commit and calibrations, as they were when it ran.

    --json prints all of it: every package, every qubit and every gate.
    """
    if threshold is not None and not drift:
        raise typer.BadParameter("--threshold belongs to --drift")
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        if drift:
            by = DRIFT_THRESHOLD if threshold is None else threshold
            rows = chosen.results_so_far().drift(by)
            wanted = None if experiment is None else choose(chosen, [experiment])[0]
            shown = (each for each in rows if wanted in (None, each.experiment))
            _print_drift(shown, as_json=as_json)
            return
        if experiment is None:
            told, lines = chosen.provenance(), _of_job_set
        else:
            index = choose(chosen, [experiment])[0]
            told, lines = chosen.results_so_far().provenance(index), _of_experiment
        if as_json:
            print_object(told)
            return
        for line in lines(told):
            say(line, indent=2)


def _print_drift(rows: "Iterable[ExperimentDrift]", *, as_json: bool) -> None:
    if as_json:
        print_array(map(asdict, rows))
        return
    for line in drift_lines(rows):
        say(line, indent=2)


def drift_lines(rows: "Iterable[ExperimentDrift]") -> "Iterator[str]":
    """Yield the lines of a table of drift."""
    return table(_DRIFT_COLUMNS, map(_drift_cells, rows))


def _drift_cells(row: "ExperimentDrift") -> tuple[str, ...]:
    why = [] if row.unknown is None else [row.unknown]
    if row.qubits is not None:
        qubits = ", ".join(map(str, row.qubits))
        what = " of ".join(filter(None, (row.quantity, row.instruction)))
        why.insert(0, f"{what} on {qubits}: {row.before:.3g} to {row.after:.3g}")
    flags = (_SAID[row.straddled], _SAID[row.moved])
    return (str(row.experiment), escape(row.name), *flags, escape("; ".join(why)))


def _of_job_set(told: dict[str, Any]) -> "Iterator[str]":
    yield from _asked(told["job_set"])
    yield from (f"sent by: {_environment(each)}" for each in told["environments"] or [None])
    yield from (f"calibration: {_calibration(each)}" for each in told["calibrations"] or [None])


def _of_experiment(told: dict[str, Any]) -> "Iterator[str]":
    yield f"experiment {told['experiment']['index']}: {escape(str(told['experiment']['name']))}"
    yield from _asked(told["job_set"])
    if told["layout"]:
        yield f"layout: {escape(str(told['layout'].get('final', told['layout'])))}"
    for job in told["jobs"]:
        seeds = "".join(f", {name} {seed}" for name, seed in job["seeds"].items())
        yield f"job {job['index']}: {job['state']}, {job['shots']} shots{escape(seeds)}"
        for attempt in job["attempts"]:
            yield f"  attempt {attempt['number']}: {_times(attempt)}"
            yield f"  sent by: {_environment(attempt['environment'])}"
            yield f"  calibration when sent: {_calibration(attempt['calibration'])}"
            yield f"  calibration at the end: {_calibration(attempt['calibration_at_end'])}"


def _asked(job_set: dict[str, Any]) -> "Iterator[str]":
    yield f"backend: {escape(job_set['backend_name'])}"
    yield f"options: {escape(str(job_set['options']))}"
    if job_set["transpile"] is not None:
        yield f"transpiler: {escape(str(job_set['transpile']))}"


def _times(attempt: dict[str, Any]) -> str:
    remote_id = escape(str(attempt["remote_id"] or "no id"))
    return f"{remote_id}, sent {attempt['sent_at']}, ended {attempt['ended_at'] or 'not yet'}"


def _environment(seen: dict[str, Any] | None) -> str:
    if seen is None:
        return _NONE
    packages = seen.get("packages") or {}
    versions = [f"{name} {packages[name]}" for name in _PROGRAMS if name in packages]
    said = [f"Python {seen.get('python')} on {seen.get('host', 'a machine without a name')}"]
    script, git = seen.get("script") or {}, seen.get("git") or {}
    said += [f"script {script['name']}"] if "name" in script else []
    said += [_commit(git)] if "commit" in git else []
    return escape("; ".join([*said, ", ".join(versions)]))


def _commit(git: dict[str, Any]) -> str:
    changed = " with changes" if git.get("changed") else ""
    return f"commit {git['commit']}{changed}"


def _calibration(seen: dict[str, Any] | None) -> str:
    if seen is None:
        return _NONE
    if "missing" in seen:
        return escape(f"could not be had: {seen['missing']}")
    of = seen.get("last_update_date") or "a time that the backend does not tell"
    return escape(f"of {of}, seen from {seen['seen_from']} to {seen['seen_until']}")
