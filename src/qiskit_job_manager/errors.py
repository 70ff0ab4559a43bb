"""Every error that a user can see.

    JobManagerError (also qiskit.exceptions.QiskitError)
    ├── InvalidExperimentError (ValueError)      something that cannot be run was handed over
    ├── InvalidArgumentError (ValueError)        an argument of a call cannot be used
    ├── PlanError (ValueError)                   an experiment alone exceeds a limit
    ├── NameInUseError (ValueError)              another job set has the name
    ├── UnknownBackendError (LookupError)        no backend is known by that name
    ├── CircuitFileError (ValueError)            a circuit file cannot be read
    ├── ArchiveError (ValueError)                a file is no export that can be imported
    ├── CodecError (ValueError)                  stored bytes cannot be understood
    ├── MergeError (ValueError)                  shares of one experiment do not fit together
    ├── StoreError
    │   ├── StoreTooNewError                     written by a newer version of this program
    │   ├── StoreGoneError                       its file or folder was removed while it was in use
    │   ├── StoreCorruptError                    not a database, or a damaged one
    │   ├── StoreNotWritableError (OSError)      no right to write there
    │   ├── StoreFullError (OSError)             no space left
    │   ├── StoreBusyError                       it cannot be reached now; trying again is safe
    │   ├── LeaseLostError                       another driver has the job set now
    │   ├── StoreCopiedError                     a copy, while the original may be in use
    │   └── StoreOutdatedError                   older than what was driven from it
    ├── BackendError
    │   ├── SubmissionRefusedError               a definite no, for good
    │   │   └── SubmissionTooLargeError          the job is too large; half of it may do
    │   ├── SubmissionDeferredError              a definite no, try again later
    │   ├── SubmissionInDoubtError               neither yes nor no
    │   ├── TransientBackendError                a read that may well succeed later
    │   │   └── JobNotEndedError                 a job whose result was waited for goes on
    │   ├── CredentialsError                     the account's credentials are missing or expired
    │   ├── ResultGoneError                      the result was deleted or has been read before
    │   ├── JobOutOfReachError                   only the process that sent the job could ask
    │   └── RemoteJobFailedError                 the job ended in error and has no result
    │       └── RemoteJobNotRunError             it was ended before it ran; sent again
    ├── JobManagerInvalidStateError              the call makes no sense in this state
    ├── JobManagerTimeoutError (TimeoutError)    the deadline passed; nothing is lost
    ├── JobManagerJobNotFound (LookupError)      no such experiment
    ├── JobManagerUnknownJobSet (LookupError)    no such job set
    └── ManagedResultDataNotAvailable            the experiment has no result; the message says why

The last five have the names, and the meaning, that they had in ``qiskit.providers.ibmq.managed``.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from qiskit_job_manager.foreign_text import clean

# Importing Qiskit takes over a second, which `qjm list` must not spend. Code that catches
# `QiskitError` has imported Qiskit; so only the command line may go without.
if TYPE_CHECKING or "qiskit" in sys.modules or "qiskit_job_manager.cli" not in sys.modules:
    from qiskit.exceptions import QiskitError as _Base
else:
    _Base = Exception


class JobManagerError(_Base):  # type: ignore[misc]  # Qiskit has no type information
    """Base of all errors of this package.

    Attributes:
        message: What was wrong, with what, and what would be right.
    """

    def __init__(self, message: str) -> None:
        """Keep the message, without secrets that a provider put into its own words."""
        cleaned = clean(message)
        super().__init__(cleaned)
        self.message = cleaned

    @property
    def anchor(self) -> str:
        """Its entry on the page of errors, such as ``name-in-use``; ``qjm`` prints it."""
        # A class of somebody else that derives from one of these has the entry of that one.
        kinds = (kind for kind in type(self).__mro__ if kind.__module__ == __name__)
        return anchor_of(next(kinds))

    def __str__(self) -> str:
        # QiskitError gives the message's repr, which hides line breaks from the reader.
        return self.message


def anchor_of(kind: type[JobManagerError]) -> str:
    """Return the anchor of a class of errors, such as ``name-in-use`` of `NameInUseError`."""
    name = re.sub(r"^(JobManager|Managed)(?!Error)|Error$", "", kind.__name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


class InvalidExperimentError(JobManagerError, ValueError):
    """Something that cannot be run was handed over; the message names its index."""


class InvalidArgumentError(JobManagerError, ValueError):
    """An argument cannot be used; the message names it and says what would be right."""


class PlanError(JobManagerError, ValueError):
    """An experiment alone exceeds a limit that cannot be split."""


class NameInUseError(JobManagerError, ValueError):
    """Another job set in the store has this name, or other circuits under this name."""


class UnknownBackendError(JobManagerError, LookupError):
    """No backend has that name; the message lists the known ones."""


class CircuitFileError(JobManagerError, ValueError):
    """A circuit file cannot be read; the message names the file and, if known, the line."""


class ArchiveError(JobManagerError, ValueError):
    """A file is no export that can be imported; the message says what is wrong with it."""


class CodecError(JobManagerError, ValueError):
    """Stored bytes cannot be understood; they are kept as they are."""


class MergeError(JobManagerError, ValueError):
    """The shares of one experiment do not fit together."""


class StoreError(JobManagerError):
    """The store cannot do what was asked."""


class StoreTooNewError(StoreError):
    """The store was written by a newer version of this program."""


class StoreGoneError(StoreError):
    """The store's file or folder was removed while the store was in use."""


class StoreCorruptError(StoreError):
    """The file is not a store, or is damaged."""


class StoreNotWritableError(StoreError, OSError):
    """The store cannot be written where it is."""


class StoreFullError(StoreError, OSError):
    """No space is left where the store is; nothing was half written."""


class StoreBusyError(StoreError):
    """The store cannot be reached now, or another process holds it; trying again is safe."""


class JobManagerInvalidStateError(JobManagerError):
    """The call makes no sense in the present state."""


class StoreCopiedError(StoreError, JobManagerInvalidStateError):
    """The store is a copy, and the original may be in use: it can be read, and not driven."""


class StoreOutdatedError(StoreError, JobManagerInvalidStateError):
    """The store does not know submissions that were made from it: it was put back from a backup."""


class LeaseLostError(StoreError, JobManagerInvalidStateError):
    """Another process has the lease of the job set, so this one must not change it."""


class BackendError(JobManagerError):
    """An error that the adapter of a backend reports to the engine."""


class SubmissionRefusedError(BackendError):
    """The backend said a definite no, for good: the job cannot run as it is."""


class SubmissionTooLargeError(SubmissionRefusedError):
    """The backend said a definite no, as the job is too large: half of it may do."""


class SubmissionDeferredError(BackendError):
    """The backend said a definite no for now: nothing was accepted, try again later.

    Attributes:
        retry_after_s: How long the backend asked to wait, in seconds, or ``None``.
        too_many_pending: Whether the reason is that too many jobs are queued or running. No more
            are sent then than were pending, until one ends.
    """

    def __init__(
        self,
        message: str,
        retry_after_s: float | None = None,
        *,
        too_many_pending: bool = False,
    ) -> None:
        """Keep how long the backend asked to wait, and whether a job must end before."""
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.too_many_pending = too_many_pending


class SubmissionInDoubtError(BackendError):
    """The backend may or may not have accepted the job."""


class TransientBackendError(BackendError):
    """A read failed; a later one may succeed.

    Attributes:
        retry_after_s: How long the backend asked to wait, in seconds, or ``None``.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        """Keep how long the backend asked to wait."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class JobNotEndedError(TransientBackendError):
    """A job had not ended when the wait for its result was over; it goes on."""


class CredentialsError(BackendError):
    """The account's credentials are missing, wrong or expired; jobs wait, none fails."""


class ResultGoneError(BackendError):
    """The job or its result no longer exists on the backend."""


class JobOutOfReachError(BackendError):
    """Only the process that submitted the job could ask about it, and that is not this one."""


class RemoteJobFailedError(BackendError):
    """The job ended in error and the backend has no result of it."""


class RemoteJobNotRunError(RemoteJobFailedError):
    """The backend ended the job before it ran, as its batch or session was closed.

    Nothing was charged, so the job is sent again.
    """


class JobManagerTimeoutError(JobManagerError, TimeoutError):
    """The deadline passed. Nothing was cancelled and nothing is lost."""


class JobManagerJobNotFound(JobManagerError, LookupError):  # noqa: N818  # the original's name
    """The job set has no such experiment."""


class JobManagerUnknownJobSet(JobManagerError, LookupError):  # noqa: N818  # the original's name
    """The store has no such job set."""


class ManagedResultDataNotAvailable(JobManagerError):  # noqa: N818  # the original's name
    """The experiment has no result that can be read; the message says why."""
