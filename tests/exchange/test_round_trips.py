"""What is exported as archive or document comes back whole, elsewhere."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qiskit_job_manager.codec.circuits import pack_frames
from qiskit_job_manager.errors import ArchiveError, NameInUseError, StoreError
from qiskit_job_manager.exchange.archives import Archive, write_archive
from qiskit_job_manager.exchange.documents import DOCUMENT_FORMAT
from qiskit_job_manager.exchange.export_source import ExportSource
from qiskit_job_manager.exchange.imports import IncomingJobSet
from qiskit_job_manager.job_set import wait_for_requests
from qiskit_job_manager.model import (
    AttemptRecord,
    Blob,
    EventRecord,
    ExperimentRecord,
    JobHistory,
    JobRecord,
    JobSetDraft,
    JobSetHistory,
    JobState,
    Limits,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
    RetryPolicy,
    StoredResult,
)
from qiskit_job_manager.stores import open_store

COMPLETE = ("archive", "json")


@pytest.mark.parametrize("kind", COMPLETE)
def test_a_job_set_comes_back_whole_elsewhere(
    names, everything, job_set, elsewhere, tmp_path, kind
):
    job_set.update_note("Outliers from 17 on.\n\u202e<b>")
    file = job_set.export(tmp_path, kind)
    taken = elsewhere.import_job_set(file)
    assert taken.note == "Outliers from 17 on.\n\u202e<b>"
    assert everything(taken) == everything(job_set)
    assert taken.job_set_id() == job_set.job_set_id()
    assert (taken.name(), taken.tags()) == ("sweep", ["a", "ü"])
    ours, theirs = taken.results(timeout=0), job_set.results(timeout=0)
    assert ours.success
    assert [ours.get_counts(name) for name in names] == [theirs.get_counts(n) for n in names]
    assert [event.event for event in taken.events()][-1] == "imported"


@pytest.mark.parametrize("kind", COMPLETE)
def test_what_was_taken_in_exports_the_same_again(everything, job_set, elsewhere, tmp_path, kind):
    taken = elsewhere.import_job_set(job_set.export(tmp_path / "one", kind))
    taken.export(tmp_path / "two", kind)
    third = elsewhere.import_job_set
    with pytest.raises(StoreError, match="already"):
        third(tmp_path / "two")
    taken.delete()
    assert everything(third(tmp_path / "two")) == everything(job_set)


def test_an_archive_is_the_same_each_time(job_set, tmp_path):
    one, two = job_set.export(tmp_path / "one"), job_set.export(tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()


def test_a_document_is_json_that_shows_the_counts(names, job_set, tmp_path):
    whole = json.loads(job_set.export(tmp_path / "x.json", "json").read_text())
    assert whole["format"] == DOCUMENT_FORMAT
    shown = {each["name"]: each["counts"] for each in whole["outcomes"]}
    results = job_set.results(timeout=0)
    assert shown == {name: results.get_counts(name) for name in names}


def test_no_backend_is_needed_and_nothing_is_sent_elsewhere(
    real_child, job_set, elsewhere, tmp_path
):
    taken = elsewhere.import_job_set(job_set.export(tmp_path))
    again = elsewhere.retrieve_job_set(taken.job_set_id())
    assert again.wait(timeout=0)
    assert elsewhere.unfinished() == []
    assert elsewhere.resume() == []


def test_a_name_in_use_is_refused_and_another_can_be_given(
    job_set, elsewhere, circuits, scripted, tmp_path
):
    file = job_set.export(tmp_path)
    elsewhere.run(circuits[:1], scripted(), name="sweep").results(timeout=60)
    with pytest.raises(NameInUseError, match="another name"):
        elsewhere.import_job_set(file)
    assert elsewhere.import_job_set(file, "old sweep").name() == "old sweep"
    with pytest.raises(StoreError, match="already, under the name 'old sweep'"):
        elsewhere.import_job_set(file, "third")
    assert len(elsewhere.job_sets()) == 2


@pytest.mark.parametrize("kind", COMPLETE)
def test_what_had_not_ended_is_never_sent_elsewhere(manager, elsewhere, circuits, tmp_path, kind):
    from qiskit_job_manager import Limits

    # The second job waits for a minute, so the set has not ended.
    limits = Limits(experiments_per_job=3, submissions_per_minute=1)
    made = manager.run(circuits, "aer", name="unfinished", limits=limits, shots=5)
    first = next(iter(made.as_completed(timeout=60)))
    file = made.export(tmp_path, kind)
    with pytest.raises(ArchiveError, match="had not ended when it was exported"):
        elsewhere.import_job_set(file)
    assert elsewhere.job_sets() == []
    taken = elsewhere.import_job_set(file, as_ended=True)
    states = [job.state for job in taken.managed_jobs()]
    assert states == [JobState.DONE, JobState.CANCELLED, JobState.CANCELLED]
    ours = taken.results(timeout=0, partial=True)
    assert ours.get_counts(0) == made.results_so_far().get_counts(first.start_index)
    assert "never sent from here" in ours.to_dataframe().loc[5, "error"]
    # The user's word to send again what failed does not reach what was cancelled.
    taken.retry()
    assert wait_for_requests(taken, 30)
    assert [job.state for job in taken.managed_jobs()] == states
    made.cancel()
    made.wait(timeout=60)


def test_primitives_come_back_too(manager, elsewhere, tmp_path):
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.primitives import StatevectorSampler

    sweep = QuantumCircuit(1, name="sweep")
    sweep.rx(Parameter("t"), 0)
    sweep.measure_all()
    made = manager.run([(sweep, [0.0, 3.141592653589793])], StatevectorSampler(seed=1), shots=10)
    ours = made.results(timeout=60)
    taken = elsewhere.import_job_set(made.export(tmp_path)).results(timeout=0)
    assert taken.pub_result(0).data.meas == ours.pub_result(0).data.meas
    frame = taken.to_dataframe()
    assert list(frame["point"]) == [0, 1]
    assert list(frame["counts"]) == [{"0": 10}, {"1": 10}]
    grid = taken.to_xarray()["counts"]
    assert grid.dims == ("experiment", "axis_0", "outcome")
    assert grid.sel(experiment=0, axis_0=1, outcome="1") == 10


# -- any history at all ---------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
whole = st.integers(0, 2**63 - 1)
numbers = st.floats(0, 1e300)
times = st.integers(0, 2**52).map(
    lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)
)
figures = st.builds(
    RemoteFigures,
    usage_s=numbers,
    created_at=st.none() | times,
    started_at=st.none() | times,
    ended_at=st.none() | times,
    session_id=st.none() | texts,
)
statuses = st.builds(
    RemoteStatus, st.sampled_from(RemoteState), st.none() | whole, st.none() | texts
)
json_values = st.recursive(
    st.none() | st.booleans() | whole | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def histories(draw):
    sizes = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4))
    experiments, payloads, jobs, results = [], [], [], []
    for size, shares in sizes:
        start = len(experiments)
        frames = draw(st.lists(st.binary(max_size=40), min_size=size, max_size=size))
        payloads.append((start, Blob("qpy-frames/1", pack_frames(frames))))
        for index in range(start, start + size):
            experiments.append(
                ExperimentRecord(index, draw(texts), draw(st.binary(min_size=32, max_size=32)))
            )
        for share in range(shares):
            jobs.append(_job(draw, len(jobs), start, start + size, share, shares))
            results += _results(draw, jobs[-1])
    return JobSetHistory(
        draft=JobSetDraft(
            job_set_id="0123456789abcdef" * 2,
            name="n" + draw(texts),
            created_at=draw(times),
            backend_uri=draw(st.none() | texts),
            backend_name=draw(texts),
            volatile=draw(st.booleans()),
            blind=draw(st.booleans()),
            options=draw(st.dictionaries(texts, json_values, max_size=3)),
            limits=Limits(shots_per_experiment=draw(st.none() | st.integers(1, 2**62))),
            retry=RetryPolicy(max_attempts=draw(st.integers(1, 9)), first_wait_s=draw(numbers)),
            tags=tuple(dict.fromkeys(draw(st.lists(texts, max_size=3)))),
            max_usage_s=draw(st.none() | numbers),
            note=draw(st.none() | texts),
        ),
        n_experiments=len(experiments),
        n_jobs=len(jobs),
        experiments=experiments,
        payloads=payloads,
        jobs=jobs,
        results=results,
        events=draw(st.lists(_events(len(jobs)), max_size=4)),
    )


def _job(draw, index, start, stop, share, shares):
    attempts = tuple(
        AttemptRecord(
            number=number,
            tag=f"{index}-{number}",
            remote_id=draw(st.none() | texts),
            intended_at=draw(times),
            accepted_at=draw(st.none() | times),
            ended_at=draw(st.none() | times),
            error=draw(st.none() | texts),
            figures=draw(st.none() | figures),
        )
        for number in range(1, draw(st.integers(0, 2)) + 1)
    )
    latest = attempts[-1] if attempts else None
    ended = [JobState.FAILED, JobState.CANCELLED, JobState.LOST]
    job = JobRecord(
        key=0,
        index=index,
        start=start,
        stop=stop,
        shots=draw(st.none() | st.integers(1, 2**40)),
        share=share,
        shares=shares,
        state=draw(st.sampled_from(ended)),
        attempts=len(attempts),
        tag=latest and latest.tag,
        remote_id=latest and latest.remote_id,
        status=draw(st.none() | statuses) if latest else None,
        error=draw(st.none() | texts),
        failed_offsets=tuple(draw(st.lists(st.integers(0, stop - start - 1), max_size=2))),
        has_result=bool(attempts) and draw(st.booleans()),
        cancel_requested=draw(st.booleans()),
        circuits=draw(whole),
        estimate_s=draw(st.none() | numbers),
    )
    return JobHistory(job, attempts)


def _results(draw, history):
    if not history.job.has_result:
        return []
    attempts = sorted(draw(st.lists(st.integers(1, history.job.attempts), min_size=1, max_size=2)))
    return [
        StoredResult(history.job.index, each, draw(times), Blob(draw(texts), draw(st.binary())))
        for each in attempts
    ]


def _events(n_jobs):
    states = st.none() | st.sampled_from(JobState)
    jobs = st.none() | st.integers(0, n_jobs - 1)
    counts = st.none() | st.integers(0, 9)
    return st.builds(EventRecord, times, jobs, counts, texts, states, states, st.none() | texts)


def _read(history):
    parts = (history.experiments, history.payloads, history.jobs, history.results, history.events)
    return [list(part) for part in parts]


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_any_history_survives_store_archive_and_store(tmp_path, history):
    path = tmp_path / "any.db"
    path.unlink(missing_ok=True)
    store = open_store(path)
    try:
        record = store.import_job_set(history)
        with (tmp_path / "any.qjmz").open("w+b") as file:
            write_archive(ExportSource(store, record), file)
            incoming = IncomingJobSet(
                Archive(file), history.draft.created_at, "x", None, as_ended=False
            )
            back = incoming.history(thorough=True)
            assert back.draft == history.draft
            found = _read(back)
    finally:
        store.close()
    assert found.pop()[:-1] == list(history.events)
    assert found == _read(history)[:-1]


def test_times_keep_their_microseconds(job_set, tmp_path):
    file = job_set.export(tmp_path)
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    told = datetime.fromisoformat(manifest["job_set"]["created_at"])
    assert told - job_set.created_at == timedelta(0)
