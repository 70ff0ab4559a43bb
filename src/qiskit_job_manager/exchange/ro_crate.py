"""RO-Crates: a job set as a package of research data, with a description that machines read.

    ro-crate-metadata.json        what is in it, who made what of what, as JSON-LD
    job-set.qjmz                  everything, as `JobManager.import_job_set` reads it
    results.csv                   the results as a table
    circuits.qpy                  the circuits, if the experiments are circuits
    environments/HASH.json        what the processes ran in, as plain JSON
    calibrations/HASH.json        what the backend said of its qubits and gates

The package ``rocrate`` writes the description, see https://www.researchobject.org/ro-crate/.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.exchange.archives import NAME_IN_CRATE
from qiskit_job_manager.model import JobState, ObservationKind
from qiskit_job_manager.results.provenance import ProvenanceReader, about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit_job_manager.results import ManagedResults
    from qiskit_job_manager.results.source import ResultSource

_PROGRAMS = ("qiskit-job-manager", "qiskit", "qiskit-aer", "qiskit-ibm-runtime")
_FINAL = [state for state in JobState if state.is_final]
_FOLDERS = {
    ObservationKind.ENVIRONMENT: "environments",
    ObservationKind.CALIBRATION: "calibrations",
}
_WHAT = {
    ObservationKind.ENVIRONMENT: "What a process that sent jobs ran in: versions, machine, script",
    ObservationKind.CALIBRATION: "What the backend said of its qubits and gates",
}


def write_ro_crate(
    results: ManagedResults,
    source: ResultSource,
    writers: dict[str, Callable[[IO[bytes]], None]],
    file: IO[bytes],
) -> None:
    """Write a job set as an RO-Crate, a zip file.

    Args:
        results: The results of the job set.
        source: Where the job set is.
        writers: Write its parts, by their names: the archive, ``results.csv`` and, for circuits,
            ``circuits.qpy``.
        file: Where to.

    Raises:
        InvalidArgumentError: The package ``rocrate`` is not installed.
    """
    crate_type = _rocrate()
    with tempfile.TemporaryDirectory(prefix="qjm-crate-") as folder:
        crate = _Crate(crate_type(), Path(folder), results, source)
        crate.describe()
        for name, write in writers.items():
            crate.add(name, _DESCRIBED[name], write)
        crate.add_observed()
        crate.add_action()
        made = crate.crate.write_zip(Path(folder) / "crate.zip")
        with Path(made).open("rb") as written:
            shutil.copyfileobj(written, file)


_DESCRIBED = {
    NAME_IN_CRATE: ("The whole job set, for qjm import", "application/zip"),
    "results.csv": ("The results as a table", "text/csv"),
    "circuits.qpy": ("The circuits in Qiskit's QPY format, as they were sent", None),
}


class _Crate:
    """One crate that is being made.

    Args:
        crate: The `rocrate.rocrate.ROCrate`.
        folder: Where its files are until it is written.
        results: The results of the job set.
        source: Where the job set is.
    """

    def __init__(
        self, crate: Any, folder: Path, results: ManagedResults, source: ResultSource
    ) -> None:
        self.crate = crate
        self._folder = folder
        self._results = results
        self._record = source.record
        self._store = source.store
        self._seen = ProvenanceReader(source.store, source.record)
        self._files: dict[str, Any] = {}

    def describe(self) -> None:
        """Say what the crate is."""
        record = self._record
        self.crate.name = record.name
        self.crate.description = (
            f"{record.n_experiments} quantum circuits or PUBs that ran on {record.backend_name}, "
            "with their results, and what they ran in and on"
            + (f". {record.note}" if record.note else "")
        )
        self.crate.root_dataset["identifier"] = record.job_set_id
        self.crate.root_dataset["dateCreated"] = record.created_at.isoformat()
        if record.tags:
            self.crate.root_dataset["keywords"] = ", ".join(record.tags)

    def add(
        self, name: str, what: tuple[str, str | None], write: Callable[[IO[bytes]], None]
    ) -> None:
        """Add a file."""
        path = self._folder / f"{len(self._files)}.part"
        with path.open("wb") as file:
            write(file)
        description, media_type = what
        properties = {"name": name, "description": description}
        properties |= {"encodingFormat": media_type} if media_type else {}
        self._files[name] = self.crate.add_file(
            path, dest_path=name, properties=properties, record_size=True
        )

    def add_observed(self) -> None:
        """Add each snapshot as plain JSON."""
        for name, kind, content in self._snapshots():
            text = json.dumps(content, indent=1, sort_keys=True).encode()
            self.add(name, (_WHAT[kind], "application/json"), partial(_put, text))

    def _snapshots(self) -> Iterator[tuple[str, ObservationKind, dict[str, Any]]]:
        for kind in ObservationKind:
            named = dict.fromkeys(each.sha256 for each in self._seen.of(kind))
            for sha256 in named:
                if sha256 is not None:
                    name = f"{_FOLDERS[kind]}/{sha256.hex()[:16]}.json"
                    yield name, kind, self._seen.content(sha256)

    def add_action(self) -> None:
        """Say what was done: these programs made the results of the circuits on the backend."""
        backend = self._entity("#backend", "IndividualProduct", name=self._record.backend_name)
        programs = [self._program(*each) for each in self._programs().items()]
        made = [self._files["results.csv"], self._files[NAME_IN_CRATE]]
        properties = {
            "name": f"Run of {self._record.name}",
            "description": json.dumps(about(self._record), sort_keys=True),
            "startTime": self._record.created_at.isoformat(),
            **self._end(),
        }
        circuits = self._files.get("circuits.qpy")
        action = self.crate.add_action(
            [backend, *programs],
            identifier="#run",
            object=[] if circuits is None else [circuits],
            result=made,
            properties=properties,
        )
        self.crate.root_dataset["mentions"] = [action]

    def _programs(self) -> dict[str, str]:
        """Return the versions of what made the results, by the process that handed them over."""
        from importlib.metadata import version

        first = next(iter(self._seen.of(ObservationKind.ENVIRONMENT)), None)
        known = {} if first is None or first.sha256 is None else self._seen.content(first.sha256)
        packages = known.get("packages")
        packages = packages if isinstance(packages, dict) else {}
        versions = {name: str(packages[name]) for name in _PROGRAMS if name in packages}
        return versions or {_PROGRAMS[0]: version(_PROGRAMS[0])}

    def _program(self, name: str, version: str) -> Any:
        url = f"https://pypi.org/project/{name}/"
        return self._entity(url, "SoftwareApplication", name=name, softwareVersion=version, url=url)

    def _end(self) -> dict[str, Any]:
        """Return when the last job ended, and whether all of them gave a result."""
        ended = [
            attempt.ended_at
            for job in self._store.last_jobs(self._record.key, states=_FINAL, limit=100)
            for attempt in self._store.attempts(job.key)
            if attempt.ended_at is not None
        ]
        status = "Completed" if self._results.success else "Failed"
        said = {"actionStatus": f"http://schema.org/{status}ActionStatus"}
        return said | ({"endTime": max(ended).isoformat()} if ended else {})

    def _entity(self, identifier: str, kind: str, **properties: Any) -> Any:
        from rocrate.model.contextentity import ContextEntity

        known = {"@type": kind, **properties}
        return self.crate.add(ContextEntity(self.crate, identifier, properties=known))


def _put(text: bytes, file: IO[bytes]) -> None:
    file.write(text)


def _rocrate() -> Any:
    try:
        from rocrate.rocrate import ROCrate
    except ModuleNotFoundError as error:
        msg = (
            "--format ro-crate needs the package rocrate, which is not installed: "
            'pip install "qiskit-job-manager[rocrate]"'
        )
        raise InvalidArgumentError(msg) from error
    return ROCrate
