"""One set of circuits on several backends: where each runs, and what is read of it."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2

from qiskit_job_manager import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManager,
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerJobNotFound,
    JobManagerTimeoutError,
    JobManagerUnknownJobSet,
    JobState,
    Limits,
    NameInUseError,
    RetryPolicy,
)
from qiskit_job_manager.manager import backlog
from qiskit_job_manager.testing.cloud_service import (
    CloudAdapter,
    CloudService,
    Engine,
    Fate,
    Faults,
    Outage,
)

pytestmark = pytest.mark.usefixtures("short_polls")

PROMPT = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1)
HOW = {"shots": 10, "max_experiments_per_job": 5, "retry": PROMPT}


@pytest.fixture
def clouds():
    with CloudService(engine=Engine.AER) as one, CloudService(engine=Engine.AER) as other:
        yield one, other


@pytest.fixture
def adapters(clouds):
    """Makes adapters to both clouds; a new pair is what a new process has."""
    return lambda: [CloudAdapter(each.address) for each in clouds]


def right(index):
    return {format(index, "05b"): 10}


def paid(*clouds):
    """How often the clouds have accepted each payload, together."""
    counts = [each.books().submissions_by_payload() for each in clouds]
    return [n for each in counts for n in each.values()]


@pytest.mark.parametrize("form", [list, iter])
@pytest.mark.parametrize("place", ["queue", "spread", lambda circuit, index, backends: index % 2])
def test_each_circuit_runs_on_one_backend(manager, circuits, clouds, adapters, place, form):
    group = manager.run(form(circuits(32)), adapters(), name="g", place=place, **HOW)
    results = group.results(timeout=60)
    assert results.success
    assert len(group) == len(results) == 32
    assert list(group.job_sets) == group.backends == ["cloud", "cloud-2"]
    for index in range(32):
        assert results.get_counts(index) == results.get_counts(f"c{index}") == right(index)
        assert len(results.backends_of(index)) == 1
    assert results.get_counts(-1) == results.get_counts(circuits(32)[31]) == right(31)
    assert sum(each.n_experiments for each in group.job_sets.values()) == 32
    assert {each.name() for each in group.job_sets.values()} == {"g/cloud", "g/cloud-2"}
    assert set(paid(*clouds)) == {1}


def test_every_circuit_runs_on_every_backend(manager, circuits, adapters):
    results = manager.run(circuits(12), adapters(), place="all", **HOW).results(timeout=60)
    assert results.counts_by_backend(7) == {"cloud": right(7), "cloud-2": right(7)}
    assert results.get_counts("c7", backend="cloud-2") == right(7)
    with pytest.raises(InvalidArgumentError, match=r"several backends ran 'c7'.*backend="):
        results.get_counts("c7")
    with pytest.raises(InvalidArgumentError, match=r"backend is 'moon'.*cloud-2"):
        results.get_counts(7, backend="moon")
    with pytest.raises(JobManagerJobNotFound, match="'c99'"):
        results.get_counts("c99")


def test_one_data_frame_has_all_results_with_their_backends(manager, circuits, adapters):
    frame = manager.run(circuits(8), adapters(), place="all", **HOW).results(60).to_dataframe()
    assert list(frame.index) == [i for i in range(8) for _ in range(2)]
    assert list(frame["backend"]) == ["cloud", "cloud-2"] * 8
    assert [dict(each) for each in frame["counts"]] == [right(i) for i in frame.index]
    outcomes = manager.find_group(manager.groups()[0].name()).results_so_far()
    assert set(outcomes.to_dataframe(by="outcome")["index"]) == set(range(8))


def test_a_function_places_each_circuit_and_is_asked_once(manager, circuits, adapters):
    given, asked = adapters(), []

    def place(circuit, index, backends):
        asked.append(index)
        return backends[circuit.name in ("c1", "c5")]

    group = manager.run(circuits(9), given, place=place, **HOW)
    assert [each.name for each in group.job_sets["cloud-2"]] == ["c1", "c5"]
    assert asked == list(range(9))
    assert group.job_sets["cloud-2"].n_jobs == 1


@pytest.mark.parametrize("said", [2, -1, "moon", None, True, 0.5])
def test_a_function_that_chooses_no_backend_is_refused(manager, circuits, adapters, said):
    with pytest.raises(InvalidArgumentError, match=r"place returned .* for experiment 0"):
        manager.run(circuits(3), adapters(), name="g", place=lambda *_: said, **HOW)
    assert (manager.groups(), manager.job_sets()) == ([], [])


def alternately(circuit, index, backends):
    return index % 2


def test_a_circuit_is_found_by_its_content_before_others_of_its_name(manager, circuits):
    first, second, third = (each.copy(name="same") for each in circuits(3))
    given = [first, second, second.copy(name="twin"), circuits(4)[3]]
    results = manager.run(given, ["aer", "basic"], place=alternately, shots=10).results(60)
    assert [results.get_counts(each) for each in given] == [right(i) for i in (0, 1, 1, 3)]
    assert results.backends_of(given[1]) == ["basic_simulator"]
    assert results.backends_of(given[2]) == ["aer_simulator"]
    with pytest.raises(JobManagerJobNotFound, match="'same'"):
        results.get_counts(third)


def test_a_name_of_several_circuits_gives_the_first_and_warns(manager, circuits):
    given = [each.copy(name="same") for each in circuits(2)]
    results = manager.run(given, ["aer", "basic"], place=alternately, shots=10).results(60)
    with pytest.warns(UserWarning, match="several experiments like 'same'.* index 0") as caught:
        assert results.get_counts("same") == right(0)
    assert caught[0].filename == __file__


def test_the_bar_shows_all_backends_together_from_the_hand_over(manager, circuits, capfd):
    group = manager.run(circuits(4), ["aer", "basic"], place="all", shots=10)
    assert group.wait(60, progress=True)
    assert "8 of 8 circuits" in capfd.readouterr().err


@pytest.mark.parametrize("by", ["experiment", "outcome"])
def test_a_group_without_placed_circuits_gives_an_empty_table(manager, by):
    tables = []

    def looking():
        yield wide(1, "one")
        tables.append(manager.find_group("g").results_so_far().to_dataframe(by))

    manager.run(looking(), ["aer", "basic"], name="g", place="spread", shots=10).results(60)
    assert [len(each) for each in tables] == [0]


# -- going on --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["queue", "spread", "all"])
def test_the_same_script_finds_its_group(store_path, circuits, clouds, adapters, place):
    how = HOW | {"name": "g", "place": place}
    with JobManager(store_path) as manager:
        manager.run(circuits(20), adapters(), **how).results(60)
    before = paid(*clouds)
    with JobManager(store_path) as manager:
        group = manager.run(iter(circuits(20)), adapters(), if_exists="resume", **how)
        assert group.results(60).success
        assert len(manager.groups()) == 1
    assert paid(*clouds) == before


def test_a_generator_that_breaks_leaves_what_it_gave_and_goes_on(manager, circuits, adapters):
    def breaking():
        yield from circuits(9)
        raise OSError("the disk of the user")

    how = HOW | {"name": "g", "limits": Limits(experiments_per_job=3)}
    with pytest.raises(OSError, match="the disk") as caught:
        manager.run(breaking(), adapters(), **how)
    assert "placed" in str(caught.value.__notes__)
    with pytest.raises(JobManagerInvalidStateError, match=r"run the same script again"):
        manager.find_group("g").wait(timeout=60)
    group = manager.run(circuits(20), adapters(), if_exists="resume", **how)
    assert group.results(60).success
    assert len(group) == 20


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"circuits": 19}, "experiment 19 is the first that differs; there is none now"),
        ({"circuits": 21}, "experiment 20 is the first that differs; there was none then"),
        ({"prefix": "x"}, None),
        ({"shots": 11}, "other run options"),
        ({"place": "all"}, "other place: 'spread'"),
        ({"reverse": True}, "experiment 0 is the first that differs"),
        ({"if_exists": "error"}, "is in use by a group"),
        ({"backends": 1}, "other backends"),
    ],
)
def test_another_script_of_the_same_name_is_refused(manager, circuits, adapters, changed, said):
    how = HOW | {"name": "g", "place": "spread", "if_exists": "resume"}
    manager.run(circuits(20), adapters(), **how).wait(60)
    given = circuits(changed.pop("circuits", 20), prefix=changed.pop("prefix", "c"))
    given = given[::-1] if changed.pop("reverse", False) else given
    backends = adapters()[: changed.pop("backends", 2)]
    if said is None:  # names do not count
        assert manager.run(given, backends, **how | changed).results(60).success
        return
    with pytest.raises(NameInUseError, match=said):
        manager.run(given, backends, **how | changed)


def test_clouds_of_one_name_in_another_order_are_refused(manager, circuits, clouds, adapters):
    how = HOW | {"name": "g", "place": "spread", "if_exists": "resume"}
    group = manager.run(circuits(20), adapters(), **how, drive=False)
    with pytest.raises(NameInUseError, match=r"exists with other backends: .*cloud:http"):
        manager.run(circuits(20), adapters()[::-1], **how)
    assert not paid(*clouds)
    assert manager.run(circuits(20), adapters(), **how).results(60).success
    assert group.results_so_far().success


def test_two_threads_that_run_one_script_at_once_run_each_circuit_once(
    store_path, circuits, clouds, adapters
):
    found, errors = [], []

    def run():
        try:
            with JobManager(store_path) as manager:
                how = HOW | {"name": "g", "if_exists": "resume", "max_experiments_per_job": 1}
                results = manager.run(circuits(24), adapters(), **how).results(90)
                found.append([results.get_counts(i) for i in range(24)])
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert not errors
    assert found == [[right(i) for i in range(24)]] * 3
    assert sorted(paid(*clouds)) == [1] * 24


# -- what is refused -------------------------------------------------------------------------------


def nothing_is_stored(manager):
    return (manager.groups(), manager.job_sets()) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"backend": []}, "backend is an empty list"),
        ({"backend": ["aer", "aer"]}, "backend has 'aer' twice"),
        ({"backend": ["aer", "basic"], "place": "best"}, "place is 'best'"),
        ({"backend": ["aer", "basic"], "if_exists": "extend", "name": "g"}, "not extended"),
        ({"backend": ["aer", "basic"], "max_usage_s": 3}, "max_usage_s is given"),
        ({"backend": ["aer", "basic"], "max_cost": 3}, "max_cost is given"),
        ({"backend": ["aer", "basic"], "reuse": True}, "reuse is given"),
        ({"backend": ["aer", "basic"], "noise_modell": 3}, "'basic'|'aer'"),
        ({"backend": "aer", "place": "all"}, "backend is no list"),
    ],
)
def test_what_has_no_meaning_is_refused(manager, circuits, arguments, said):
    with pytest.raises(InvalidArgumentError, match=said):
        manager.run(circuits(2), **arguments)
    assert nothing_is_stored(manager)


def test_one_object_twice_is_refused(manager, circuits, aer):
    with pytest.raises(InvalidArgumentError, match="twice"):
        manager.run(circuits(2), [aer, aer])
    assert nothing_is_stored(manager)


def test_backends_that_take_other_things_are_refused(manager, circuits):
    given = [StatevectorSampler(), StatevectorEstimator()]
    with pytest.raises(InvalidArgumentError, match="the same kind of experiments"):
        manager.run([(circuits(1)[0],)], given)
    assert nothing_is_stored(manager)


def devices():
    small = GenericBackendV2(2, basis_gates=["x", "cx", "rz", "sx"], seed=1)
    large = GenericBackendV2(5, basis_gates=["x", "cz", "rz", "sx"], seed=1)
    small.name, large.name = "small", "large"
    return small, large


def wide(qubits, name):
    circuit = QuantumCircuit(qubits, name=name)
    circuit.x(0)
    circuit.measure_all()
    return circuit


def entangled(gate):
    circuit = QuantumCircuit(2, name=gate)
    getattr(circuit, gate)(0, 1)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("place", ["queue", "spread"])
def test_a_circuit_that_one_backend_cannot_run_goes_where_it_runs(manager, place):
    given = [wide(2, "two"), wide(4, "four"), entangled("cz"), wide(5, "five"), wide(1, "one")]
    group = manager.run(given, devices(), place=place, shots=10, volatile=True)
    results = group.results(timeout=60)
    assert results.success
    assert {results.backends_of(name)[0] for name in ("four", "cz", "five")} == {"large"}


@pytest.mark.parametrize("transpile", [None, True])
def test_a_circuit_that_no_backend_can_run_is_refused_with_all_reasons(manager, transpile):
    given = [wide(2, "two"), wide(7, "seven")]
    with pytest.raises(InvalidExperimentError, match=r"experiment 1 \('seven'\).*small.*large"):
        manager.run(given, devices(), transpile=transpile)
    assert nothing_is_stored(manager)


def test_each_backend_must_run_what_all_run(manager):
    given = [wide(2, "two"), entangled("cz")]
    with pytest.raises(InvalidExperimentError, match=r"not every backend.*experiment 1.*small"):
        manager.run(given, devices(), place="all")
    assert nothing_is_stored(manager)


def test_a_function_may_not_choose_a_backend_that_cannot_run_the_circuit(manager):
    with pytest.raises(InvalidExperimentError, match="chose 'small' for experiment 1"):
        manager.run([wide(2, "two"), wide(4, "four")], devices(), place=lambda *_: 0)
    assert nothing_is_stored(manager)


def test_circuits_are_transpiled_for_each_backend(manager):
    how = {"place": "all", "transpile": True, "shots": 20, "volatile": True}
    group = manager.run([entangled("cz"), entangled("cx")], devices(), name="g", **how)
    assert group.results(timeout=60).success
    used = {
        label: set().union(*(each.circuit(i).count_ops() for i in range(2)))
        for label, each in group.job_sets.items()
    }
    assert "cz" not in used["small"]
    assert "cx" not in used["large"]
    again = manager.run(
        [entangled("cz"), entangled("cx")], devices(), name="g", if_exists="resume", **how
    )
    assert again.results(timeout=5).success


def flowing(name):
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


@pytest.mark.parametrize("place", ["queue", "spread"])
def test_a_circuit_that_cannot_be_transpiled_for_one_backend_goes_to_another(manager, place):
    plain, dynamic = (GenericBackendV2(2, seed=1, control_flow=each) for each in (False, True))
    plain.name, dynamic.name = "plain", "dynamic"
    given = [flowing("first"), wide(2, "two"), flowing("third"), wide(1, "one")]
    how = {"place": place, "transpile": True, "shots": 10, "volatile": True, "name": "g"}
    results = manager.run(given, [plain, dynamic], **how).results(60)
    assert results.success
    likeliest = [max(counts, key=counts.get) for counts in map(results.get_counts, given)]
    assert likeliest == ["11", "01", "11", "1"]
    assert [results.backends_of(name) for name in ("first", "third")] == [["dynamic"]] * 2
    with pytest.raises(InvalidExperimentError, match=r"not every backend.*1 \('flow'\): plain"):
        manager.run(
            [wide(2, "two"), flowing("flow")],
            [plain, dynamic],
            **how | {"place": "all", "name": "h"},
        )


def test_a_circuit_too_large_for_a_job_is_named_by_its_index_in_the_group(manager, circuits):
    large = circuits(1)[0].copy(name="large")
    for step in range(300):
        large.rz(0.1 + step, 0)
    limits = Limits(payload_bytes_per_job=4000, experiments_per_job=5)
    with pytest.raises(
        InvalidExperimentError, match=r"experiment 6 \('large'\): .*bytes"
    ) as caught:
        manager.run([*circuits(6), large], ["aer", "basic"], shots=10, limits=limits)
    assert "experiment 3" not in str(caught.value)


def test_pubs_run_on_several_primitives(manager, circuits):
    given = [(each, None, 10) for each in circuits(6)]
    samplers = [StatevectorSampler(seed=1), StatevectorSampler(seed=2)]
    results = manager.run(given, samplers, place="spread").results(timeout=60)
    assert results.success
    assert results.pub_result(5).data.c.get_counts() == right(5)
    assert len({results.backends_of(i)[0] for i in range(6)}) == 2


def test_a_list_of_one_backend_is_a_group_of_one(manager, circuits):
    group = manager.run(circuits(3), ["aer"], shots=10)
    assert group.results(timeout=60).get_counts(2) == right(2)
    assert [each.n_experiments for each in group.job_sets.values()] == [3]


def test_a_name_that_a_job_set_has_is_refused(manager, circuits, adapters):
    manager.run(circuits(1), "aer", name="g/cloud-2", shots=10)
    with pytest.raises(NameInUseError, match="g/cloud-2"):
        manager.run(circuits(3), adapters(), name="g", if_exists="resume", **HOW)
    assert manager.groups() == []
    assert [each.name() for each in manager.job_sets()] == ["g/cloud-2"]


# -- backends in trouble ---------------------------------------------------------------------------


@pytest.fixture
def soon_down(monkeypatch):
    monkeypatch.setattr(backlog, "_DOWN_AFTER_S", 0.3)


@pytest.mark.usefixtures("soon_down")
@pytest.mark.parametrize("place", ["queue", "spread"])
@pytest.mark.parametrize("form", [list, iter])
def test_a_backend_that_is_down_gives_what_it_did_not_send_to_the_other(
    manager, circuits, clouds, adapters, place, form
):
    clouds[0].begin_outage(Outage.REFUSED)
    group = manager.run(form(circuits(30)), adapters(), name="g", place=place, **HOW)
    results = group.results(timeout=60)
    assert results.success
    assert [results.get_counts(i) for i in range(30)] == [right(i) for i in range(30)]
    assert [results.get_counts(f"c{i}") for i in range(30)] == [right(i) for i in range(30)]
    assert {label for i in range(30) for label in results.backends_of(i)} == {"cloud-2"}
    assert len(results.to_dataframe()) == 30
    assert paid(*clouds) == [1] * len(paid(*clouds))
    now = group.progress()
    assert (now.n_experiments, now.success) == (30, True)
    # What was withdrawn is never sent again, whatever is asked for.
    clouds[0].end_outage()
    group.job_sets["cloud"].retry(cancelled=True)
    group.job_sets["cloud"].wait(10)
    assert not clouds[0].books().submissions_by_payload()


@pytest.mark.usefixtures("soon_down")
def test_what_was_withdrawn_when_a_process_died_is_moved_by_the_next(
    store_path, circuits, clouds, adapters, monkeypatch
):
    clouds[0].begin_outage(Outage.REFUSED)
    how = HOW | {"name": "g", "place": "spread"}
    with JobManager(store_path) as manager:
        group = manager.run(circuits(20), adapters(), **how)

        def die(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("qiskit_job_manager.stores.groups.Groups.move", die)
        with pytest.raises(KeyboardInterrupt):
            group.wait(60)
        assert group.progress().ended is False
        monkeypatch.undo()
    with JobManager(store_path) as manager:
        with pytest.raises(JobManagerInvalidStateError, match="run the same script again"):
            manager.find_group("g").wait(60)
        group = manager.run(circuits(20), adapters(), if_exists="resume", **how)
        results = group.results(60)
        assert [results.get_counts(i) for i in range(20)] == [right(i) for i in range(20)]
    assert set(paid(*clouds)) == {1}


class SmallAdapter(CloudAdapter):
    """A cloud whose jobs have no room for a circuit."""

    def limits(self):
        return Limits(payload_bytes_per_job=1)


@pytest.mark.usefixtures("soon_down")
def test_what_the_other_backend_refuses_when_it_is_moved_goes_back(manager, circuits, clouds):
    backends = [CloudAdapter(clouds[0].address), SmallAdapter(clouds[1].address)]
    clouds[0].begin_outage(Outage.REFUSED)
    group = manager.run(circuits(20), backends, name="g", place="spread", **HOW)
    assert group.job_sets["cloud-2"].n_experiments == 0
    assert not group.wait(3)
    clouds[0].end_outage()
    results = group.results(60)
    assert [results.get_counts(i) for i in range(20)] == [right(i) for i in range(20)]
    assert set(paid(*clouds)) == {1}


@pytest.mark.usefixtures("soon_down")
def test_waiting_ends_for_what_was_withdrawn_and_cannot_be_moved(
    store_path, circuits, clouds, adapters, monkeypatch
):
    monkeypatch.setattr("qiskit_job_manager.job_set.group._PLACING_WITHIN_S", 1.0)
    clouds[0].begin_outage(Outage.REFUSED)
    how = HOW | {"name": "g", "place": "spread", "if_exists": "resume"}
    with JobManager(store_path) as manager:
        group = manager.run(circuits(20), adapters(), **how)
        monkeypatch.setattr("qiskit_job_manager.stores.groups.Groups.move", lambda *_: False)
        with pytest.raises(JobManagerInvalidStateError, match="some wait to go to another backend"):
            group.wait(60)
        monkeypatch.undo()


def test_a_resumed_generator_is_not_kept_whole(manager, circuits):
    how = HOW | {"name": "g", "place": "spread", "if_exists": "resume"}
    manager.run(circuits(32), ["aer", "basic"], **how).wait(60)
    given, most = [], 0

    def one_by_one():
        nonlocal most
        for each in range(32):
            (circuit,) = circuits(each + 1)[each:]
            given.append(weakref.ref(circuit))
            if each % 8 == 7:
                gc.collect()  # circuits can be in reference cycles
                most = max(most, sum(one() is not None for one in given))
            yield circuit
            del circuit

    assert manager.run(one_by_one(), ["aer", "basic"], **how).results(60).success
    assert most < 16


def test_jobs_that_the_backend_may_have_stay_with_it(manager, circuits, clouds, adapters):
    clouds[0].faults = Faults(service_time_s=3.0)
    group = manager.run(circuits(20), adapters(), place="spread", **HOW)
    clouds[0].begin_outage(Outage.REFUSED, 2.0)
    assert group.results(timeout=60).success
    assert set(paid(*clouds)) == {1}


class NeverAnswering(GenericBackendV2):
    """A device that does not say whether it has accepted a job, and cannot be searched."""

    def run(self, *_, **__):
        raise ConnectionError("connection reset")

    def retrieve_job(self, _):
        raise ConnectionError("connection reset")


def test_where_all_is_in_doubt_the_user_is_asked_and_the_script_goes_on(manager, circuits):
    devices = [NeverAnswering(5, seed=1) for _ in range(2)]
    how = {"name": "g", "transpile": True, "shots": 10, "if_exists": "resume", "retry": PROMPT}
    how["max_experiments_per_job"] = 1
    with pytest.raises(JobManagerInvalidStateError, match=r"are in doubt.*resubmit\(\)") as caught:
        manager.run(circuits(32), devices, **how)
    assert "run the same script again" in str(caught.value.__notes__)
    group = manager.find_group("g")
    in_doubt = group.progress().needs_user
    for each in group.job_sets.values():
        each.abandon()
        assert each.wait(20)
    for each in devices:
        each.run = GenericBackendV2(5, seed=1).run
    group = manager.run(circuits(32), devices, **how)
    assert group.wait(60)
    assert group.progress().jobs[JobState.DONE] == 32 - in_doubt > 0


def test_handing_over_ends_where_the_jobs_cannot_be_driven(manager, circuits, monkeypatch):
    def defect(*_, **__):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("qiskit_job_manager.engine.tick.decide", defect)
    with pytest.raises(JobManagerError, match="a defect"):
        manager.run(circuits(32), ["aer", "basic"], shots=10, max_experiments_per_job=1)


def test_a_backend_on_which_all_fails_gets_few(manager, circuits, clouds, adapters):
    clouds[0].tell(*[Fate.FAILS] * 100)
    how = HOW | {"max_experiments_per_job": 1}
    group = manager.run(circuits(32), adapters(), **how)
    results = group.results(timeout=60)
    assert not results.success
    assert group.job_sets["cloud"].n_experiments < 10
    assert "cloud" in group.error_messages()
    clouds[0].tell()
    assert len(results.to_dataframe()) == 32


def test_a_group_can_be_cancelled_while_circuits_are_handed_over(
    manager, circuits, clouds, adapters, wait_until
):
    for each in clouds:
        each.faults = Faults(service_time_s=30.0)
    found = []
    how = HOW | {"name": "g", "max_experiments_per_job": 1}
    thread = threading.Thread(
        target=lambda: found.append(manager.run(circuits(32), adapters(), **how))
    )
    thread.start()
    wait_until(lambda: manager.groups() and len(manager.groups()[0]) > 4)
    manager.find_group("g").cancel()
    thread.join(30)
    (group,) = found
    assert group.wait(30)
    assert [each.progress().ended for each in group.job_sets.values()] == [True, True]
    assert 4 < len(group) < 32
    assert not group.progress().experiments.get(JobState.DONE)
    again = manager.run(circuits(32), adapters(), if_exists="resume", **how)
    assert len(again) == len(group)


def test_failed_jobs_are_retried_and_a_group_is_deleted(manager, circuits, clouds, adapters):
    clouds[1].tell(Fate.FAILS)
    group = manager.run(circuits(20), adapters(), place="spread", name="g", **HOW)
    assert not group.results(timeout=60).success
    group.retry()
    assert group.results(timeout=60).success
    assert "Group g" in group.report()
    group.delete()
    assert nothing_is_stored(manager)
    with pytest.raises(JobManagerUnknownJobSet, match="was deleted"):
        group.progress()
    assert "20 experiments" in repr(group)
    with pytest.raises(JobManagerUnknownJobSet, match="no group"):
        manager.find_group("g")


def test_a_member_that_was_deleted_is_named(manager, circuits, adapters):
    group = manager.run(circuits(20), adapters(), place="spread", name="g", **HOW)
    group.wait(60)
    group.job_sets["cloud"].delete()
    with pytest.raises(JobManagerInvalidStateError, match=r"'cloud' .* was deleted"):
        manager.run(circuits(20), adapters(), place="spread", name="g", if_exists="resume", **HOW)
    results = manager.find_group("g").results_so_far()
    assert not results.success
    assert results.get_counts(19) == right(19)


def test_a_group_that_has_not_ended_is_not_deleted(manager, circuits, clouds, adapters):
    clouds[1].faults = Faults(service_time_s=30.0)
    group = manager.run(circuits(20), adapters(), place="spread", name="g", **HOW)
    with pytest.raises(JobManagerInvalidStateError, match=r"g/cloud.*has not ended"):
        group.delete()
    assert len(manager.job_sets()) == 2
    assert group.job_sets["cloud"].wait(60)
    assert not group.wait(0)
    with pytest.raises(JobManagerTimeoutError, match=r"group 'g' has not ended.*cloud-2"):
        group.results(timeout=0)
    group.cancel()


def test_a_bar_shows_the_progress_of_all(manager, circuits, capsys):
    group = manager.run(circuits(4), ["aer", "basic"], name="both", place="spread", shots=10)
    assert group.wait(60, progress=True)
    assert "both: 4 of 4 circuits" in capsys.readouterr().err


@pytest.mark.parametrize("if_exists", ["error", "resume"])
def test_a_group_and_a_job_set_do_not_share_a_name(manager, circuits, if_exists):
    """Which of the two would be meant by it?"""
    made = circuits(2)
    manager.run(made, ["aer", "basic"], name="several", place="all", shots=10)
    manager.run(made, "aer", name="single", shots=10)
    with pytest.raises(NameInUseError, match="'several' is in use by a run on several backends"):
        manager.run(made, "aer", name="several", shots=10, if_exists=if_exists)
    with pytest.raises(NameInUseError, match="'single' is in use by a job set, which runs on one"):
        manager.run(made, ["aer", "basic"], name="single", shots=10, if_exists=if_exists)
    assert len(manager.groups()) == 1
    assert len(manager.job_sets()) == 3
