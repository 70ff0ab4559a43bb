"""A job set into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.waiting import Waiting

if TYPE_CHECKING:
    from qiskit_job_manager.results.tables import By


class Exporting(Waiting):
    """The side of a job set that goes into other tools."""

    def export(
        self,
        path: str | Path,
        format: Literal["archive", "json", "parquet", "csv", "qpy"] = "archive",  # noqa: A002  # the word that users look for
        by: By = "experiment",
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write the job set to a file, as far as it is stored now; waits for nothing.

        Args:
            path: The file; a folder gets one named after the job set. It appears when all of it is
                written, and only its owner can read it.
            format: ``"archive"`` and ``"json"`` are complete, and `JobManager.import_job_set` reads
                them back: circuits, results, jobs, attempts and story. The others are for reading:
                ``"parquet"`` and ``"csv"`` are tables of the counts, ``"qpy"`` holds the circuits.
            by: For the tables: one row an ``"experiment"``, or one an ``"outcome"``.
            overwrite: Whether it may take the place of a file that is there.

        Returns:
            The file.

        Raises:
            InvalidArgumentError: It cannot be written there, or not so; the message says why.
            StoreCorruptError: What is stored is damaged.

        Example:
            >>> job_set.export("sweep.qjmz")                        # doctest: +SKIP
            >>> job_set.export("sweep.csv", format="csv", by="outcome")     # doctest: +SKIP
        """
        from qiskit_job_manager.exchange.export_format import ExportFormat
        from qiskit_job_manager.exchange.exports import export_file

        try:
            wanted = ExportFormat(format)
        except ValueError:
            known = ", ".join(map(repr, map(str, ExportFormat)))
            msg = f"format is {format!r}; it is one of {known}"
            raise InvalidArgumentError(msg) from None
        return export_file(self.results_so_far(), Path(path), wanted, by, overwrite=overwrite)
