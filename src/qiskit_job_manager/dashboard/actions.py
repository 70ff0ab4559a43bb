"""What a user asks of job sets: first a page that says what would happen, then the act itself.

Acts are requests in the store, which the driver of a job set handles; nothing is driven here.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from qiskit_job_manager.dashboard.cache import remembered
from qiskit_job_manager.dashboard.rendering import page, qjm
from qiskit_job_manager.dashboard.visit import unbroken
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerError,
    JobManagerInvalidStateError,
)
from qiskit_job_manager.job_set.settings import (
    checked_name,
    checked_note,
    checked_usage,
    updated_tags,
)
from qiskit_job_manager.job_set.status import read_progress, states_of
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.views.close_names import not_one_of
from qiskit_job_manager.views.phrases import counted, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import SearchableStore

_MOST_SETS = 200
_LONGEST_VALUE = 500


class Action(StrEnum):
    """What can be asked."""

    CANCEL = "cancel"
    RETRY = "retry"
    RETRY_CANCELLED = "retry-cancelled"
    RESUBMIT = "resubmit"
    ABANDON = "abandon"
    REFRESH = "refresh"
    ALLOW_USAGE = "allow-usage"
    TAG = "tag"
    UNTAG = "untag"
    RENAME = "rename"
    NOTE = "note"
    DELETE = "delete"


_REQUESTS: dict[Action, tuple[RequestKind, ...]] = {
    Action.CANCEL: (RequestKind.CANCEL,),
    Action.RETRY: (RequestKind.RETRY,),
    Action.RETRY_CANCELLED: (RequestKind.RETRY_CANCELLED,),
    Action.RESUBMIT: (RequestKind.RESUBMIT,),
    Action.ABANDON: (RequestKind.ABANDON,),
    Action.REFRESH: (RequestKind.REFRESH,),
}
_QUESTIONS = {
    Action.CANCEL: "Cancel all jobs that have not ended?",
    Action.RETRY: "Send failed and lost jobs again?",
    Action.RETRY_CANCELLED: "Send cancelled jobs again?",
    Action.RESUBMIT: "Send jobs in doubt again?",
    Action.ABANDON: "Give up jobs in doubt?",
    Action.REFRESH: "Ask the backend again?",
    Action.ALLOW_USAGE: "Allow more usage?",
    Action.TAG: "Add a tag?",
    Action.UNTAG: "Remove a tag?",
    Action.RENAME: "Give it another name?",
    Action.NOTE: "Replace its note?",
    Action.DELETE: "Delete for good?",
}
_OF_ONE_SET = {Action.RENAME: "name", Action.NOTE: "note"}
_WARNINGS = {
    Action.RESUBMIT: "The backend may have accepted these jobs already. If so, they run twice and "
    "are paid for twice. Look on the backend first.",
    Action.ABANDON: "Nothing is sent and nothing is cancelled: what the backend has accepted runs "
    "there, and its results are not fetched.",
    Action.RETRY: "Each attempt may cost money again.",
    Action.RETRY_CANCELLED: "Each attempt may cost money again.",
    Action.DELETE: "The job sets are removed with all results. They cannot be restored.",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What an action would do to one job set.

    Attributes:
        job_set_id: The job set.
        name: Its name.
        words: What would happen, or why nothing would.
        happens: Whether something would.
    """

    job_set_id: str
    name: str
    words: str
    happens: bool = True


# -- before ---------------------------------------------------------------------------------------


def plan(visit: Visit) -> Response:
    """Return a page that says what an action would do; nothing is changed."""
    action = _action(visit.text("action"))
    value = visit.text("value")
    effects = _effects(visit.store, action, chosen_sets(visit.texts("set")), value)
    acting = [each for each in effects if each.happens]
    return page(
        visit,
        "plan.html",
        action=action,
        value=value,
        question=_QUESTIONS[action],
        warning=_WARNINGS.get(action) if acting else None,
        effects=effects,
        acting=acting,
        commands=[_command(action, each.job_set_id, value) for each in acting[:5]],
    )


def _command(action: Action, job_set_id: str, value: str) -> object:
    words: dict[Action, tuple[str, ...]] = {
        Action.RETRY_CANCELLED: ("retry", job_set_id, "--cancelled"),
        Action.REFRESH: ("resume", job_set_id),
        Action.ALLOW_USAGE: ("resume", job_set_id, "--max-usage", value or "none"),
        Action.TAG: ("tag", job_set_id, "--add", value),
        Action.UNTAG: ("tag", job_set_id, "--remove", value),
        Action.RENAME: ("rename", job_set_id, value),
        Action.NOTE: ("note", job_set_id, value),
    }
    return qjm(*words.get(action, (str(action), job_set_id)))


def _action(word: str) -> Action:
    try:
        return Action(word)
    except ValueError:
        raise InvalidArgumentError(not_one_of("action", word, Action)) from None


def chosen_sets(ids: Sequence[str]) -> list[str]:
    """Return the ids of the job sets that were chosen, each once.

    Raises:
        InvalidArgumentError: None was chosen, or too many were.
    """
    chosen = list(dict.fromkeys(ids))
    if not 1 <= len(chosen) <= _MOST_SETS:
        msg = f"{len(chosen)} job sets are chosen; choose 1 to {_MOST_SETS}"
        raise InvalidArgumentError(msg)
    return chosen


def _effects(
    store: SearchableStore, action: Action, job_set_ids: Sequence[str], value: str
) -> list[Effect]:
    _check_value(action, value, len(job_set_ids))
    left = {each.job_set_id for each in store.half_deleted()} if action is Action.DELETE else set()
    return [_effect(store, action, each, value, is_left=each in left) for each in job_set_ids]


def _check_value(action: Action, value: str, sets: int) -> None:
    """Check what belongs to an action.

    Raises:
        InvalidArgumentError: It makes no sense.
    """
    if action is Action.NOTE:
        checked_note(value)
    elif len(value) > _LONGEST_VALUE:
        raise InvalidArgumentError(f"the text is too long: at most {_LONGEST_VALUE} characters")
    if action in (Action.TAG, Action.UNTAG) and not value:
        raise InvalidArgumentError("the tag is empty; a tag is a text that is not empty")
    if action is Action.RENAME:
        checked_name(value)
    if action in _OF_ONE_SET and sets != 1:
        raise InvalidArgumentError(f"only one job set at a time gets a new {_OF_ONE_SET[action]}")
    if action is Action.ALLOW_USAGE:
        _usage_of(value)


def _usage_of(value: str) -> float | None:
    if value in ("", "none"):
        return None
    try:
        return checked_usage(float(value))
    except ValueError:
        msg = f"the limit is {value!r}; it is a number of quantum seconds above 0, or none"
        raise InvalidArgumentError(msg) from None


def _effect(
    store: SearchableStore, action: Action, job_set_id: str, value: str, *, is_left: bool
) -> Effect:
    record = store.job_set(job_set_id)
    if record is None:
        words = "the rest of it is removed" if is_left else "the store does not have it any more"
        return Effect(job_set_id, job_set_id, words, happens=is_left)
    progress = read_progress(store, record)
    if action is Action.CANCEL:
        effect = _cancelled(progress, states_of(store, record, progress))
    else:
        effect = _EFFECTS[action](record, progress, value)
    if effect is None:
        return Effect(job_set_id, record.name, _NOTHING[action], happens=False)
    return Effect(job_set_id, record.name, effect)


_NOTHING = {
    Action.CANCEL: "nothing: all its jobs have ended",
    Action.RETRY: "nothing: no job failed or was lost",
    Action.RETRY_CANCELLED: "nothing: no job was cancelled",
    Action.RESUBMIT: "nothing: no job is in doubt",
    Action.ABANDON: "nothing: no job is in doubt",
    Action.REFRESH: "nothing",
    Action.ALLOW_USAGE: "nothing: this is its limit already",
    Action.TAG: "nothing: it has the tag already",
    Action.UNTAG: "nothing: it does not have the tag",
    Action.RENAME: "nothing: this is its name already",
    Action.NOTE: "nothing: this is its note already",
    Action.DELETE: "nothing: it has not ended. Cancel it first",
}


def _cancelled(progress: Progress, states: Sequence[tuple[str, int]]) -> str | None:
    ended = {str(state) for state in JobState if state.is_final}
    left = [(word, jobs) for word, jobs in states if word not in ended]
    if not left:
        return None
    number = plural(progress.n_jobs - progress.n_ended, "job")
    return f"{number} cancelled, here and on the backend: {counted(left)}. Stored results stay"


def _sent_again(*states: JobState) -> Callable[[JobSetRecord, Progress, str], str | None]:
    def words(_: JobSetRecord, progress: Progress, _value: str) -> str | None:
        found = [(str(s), n) for s in states if (n := progress.jobs.get(s, 0))]
        number = plural(sum(n for _, n in found), "job")
        return f"{number} sent again: {counted(found)}" if found else None

    return words


def _given_up(_: JobSetRecord, progress: Progress, _value: str) -> str | None:
    number = progress.jobs.get(JobState.IN_DOUBT, 0)
    return f"{plural(number, 'job')} given up; they count as cancelled" if number else None


def _asked_again(_: JobSetRecord, _progress: Progress, _value: str) -> str:
    return "the driver asks the backend about all that is not stored"


def _limited(record: JobSetRecord, progress: Progress, value: str) -> str | None:
    most_s = _usage_of(value)
    if most_s == record.max_usage_s:
        return None
    held = f"; {plural(progress.held, 'job')} may be sent then" if progress.held else ""
    limit = "no limit" if most_s is None else f"{most_s:g} quantum seconds for the whole set"
    return f"{limit} instead of {_limit_words(record)}{held}"


def _limit_words(record: JobSetRecord) -> str:
    return "no limit" if record.max_usage_s is None else f"{record.max_usage_s:g}"


def _tagged(record: JobSetRecord, _: Progress, value: str) -> str | None:
    return None if value in record.tags else f"gets the tag {value}"


def _untagged(record: JobSetRecord, _: Progress, value: str) -> str | None:
    return f"loses the tag {value}" if value in record.tags else None


def _renamed(record: JobSetRecord, _: Progress, value: str) -> str | None:
    return None if value == record.name else f"is called {value} from now on"


def _noted(record: JobSetRecord, _: Progress, value: str) -> str | None:
    note = checked_note(value)
    if note == record.note:
        return None
    return "loses its note" if note is None else f"gets the note {note}"


def _deleted(record: JobSetRecord, progress: Progress, _value: str) -> str | None:
    if record.complete and not progress.ended:
        return None
    what = (plural(progress.n_experiments, "experiment"), plural(progress.n_jobs, "job"))
    return f"removed with {what[0]}, {what[1]} and all results"


_EFFECTS: Mapping[Action, Callable[[JobSetRecord, Progress, str], str | None]] = {
    Action.RETRY: _sent_again(JobState.FAILED, JobState.LOST),
    Action.RETRY_CANCELLED: _sent_again(JobState.CANCELLED),
    Action.RESUBMIT: _sent_again(JobState.IN_DOUBT),
    Action.ABANDON: _given_up,
    Action.REFRESH: _asked_again,
    Action.ALLOW_USAGE: _limited,
    Action.TAG: _tagged,
    Action.UNTAG: _untagged,
    Action.RENAME: _renamed,
    Action.NOTE: _noted,
    Action.DELETE: _deleted,
}


# -- the act --------------------------------------------------------------------------------------


def act(visit: Visit) -> Response:
    """Do what the form asks, and return to the job set, or to a page that says what failed.

    Raises:
        JobManagerInvalidStateError: The form is not one of this session.
    """
    if visit.session is None or not visit.session.has_form_key(_field(visit, "key")):
        msg = "this form is too old, or came from another page: go back, load the page again"
        raise JobManagerInvalidStateError(msg)
    action, value = _action(_field(visit, "action")), _field(visit, "value")
    if action is Action.NOTE:
        _check_unchanged(visit)
    effects = _effects(visit.store, action, chosen_sets(visit.form.get("set", [])), value)
    remembered.forget()
    done = [_done(visit.store, action, each, value) for each in effects if each.happens]
    failed = [each for each in done if not each.happens]
    if failed:
        return page(visit, "failed.html", 409, action=action, done=done, failed=failed)
    only = done[0].job_set_id if len(done) == 1 and action is not Action.DELETE else None
    parts = ("sets", only) if only else ()
    return RedirectResponse(visit.url(*parts, did=str(action), n=len(done)), status_code=303)


def note_mark(note: str | None) -> str:
    """Return a text that changes with a note, which the form of the note carries."""
    return hashlib.sha256((note or "").encode()).hexdigest()


def _check_unchanged(visit: Visit) -> None:
    """Check that nobody changed the note since the form with the old one was shown.

    Raises:
        JobManagerInvalidStateError: Somebody did.
    """
    seen = _field(visit, "seen")
    for job_set_id in visit.form.get("set", []) if seen else []:
        record = visit.store.job_set(job_set_id)
        if record is not None and note_mark(record.note) != seen:
            msg = "the note was changed since you opened this page: go back, copy your text, reload"
            raise JobManagerInvalidStateError(msg)


def _field(visit: Visit, name: str) -> str:
    return unbroken(next(iter(visit.form.get(name, [])), ""))


def _done(store: SearchableStore, action: Action, effect: Effect, value: str) -> Effect:
    """Act on one job set; one that fails must not stop the others."""
    try:
        record = store.job_set(effect.job_set_id)
        if record is None:
            _delete_rest(store, effect.job_set_id)
        elif action is Action.DELETE:
            _delete(store, record)
        else:
            _ask(store, action, record, value)
    except JobManagerError as error:
        return Effect(effect.job_set_id, effect.name, error.message, happens=False)
    return effect


def _ask(store: SearchableStore, action: Action, record: JobSetRecord, value: str) -> None:
    match action:
        case Action.ALLOW_USAGE:
            store.set_max_usage(record.key, _usage_of(value))
        case Action.TAG:
            store.change_tags(record.key, lambda old: updated_tags(old, None, [value], None))
        case Action.UNTAG:
            store.change_tags(record.key, lambda old: updated_tags(old, None, None, [value]))
        case Action.RENAME:
            store.rename(record.key, checked_name(value))
        case Action.NOTE:
            store.set_note(record.key, checked_note(value))
        case _:
            for kind in _REQUESTS[action]:
                store.request(record.key, kind)


def _delete(store: SearchableStore, record: JobSetRecord) -> None:
    """Delete a job set that nobody drives.

    Raises:
        JobManagerInvalidStateError: Another process drives it, or it has not ended.
    """
    progress = read_progress(store, record)
    if _deleted(record, progress, "") is None:
        raise JobManagerInvalidStateError(f"job set {record.name!r} has not ended: cancel it first")
    token = store.claim(record.key, uuid.uuid4().hex)
    if token is None:
        msg = f"job set {record.name!r} is driven by another process: end that process first"
        raise JobManagerInvalidStateError(msg)
    try:
        store.delete_job_set(token, expected=progress.jobs if record.complete else None)
    finally:
        store.release(token)


def _delete_rest(store: SearchableStore, job_set_id: str) -> None:
    for left in store.half_deleted():
        if left.job_set_id == job_set_id:
            store.delete_rest(left.key)
