"""Bytes that changed are refused, or make no difference; never is wrong data read."""

from __future__ import annotations

import resource
from collections import Counter

import pytest
from rig.damage import Decoders, Sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample(tmp_path_factory.mktemp("sample"))


def test_no_damage_to_database_or_journal_gives_wrong_data(sample, seeds):
    seen, wrong = Counter(), []
    for seed in seeds(250):
        victim, noticed, found = sample.damaged(seed)
        seen[victim, bool(noticed)] += 1
        wrong += found
    assert wrong == []
    # Both files were damaged, and both to effect.
    assert len(seen) == 4 or len(list(seeds(2))) == 1


def test_what_a_kill_in_a_transaction_leaves_is_undone_by_its_journal(sample):
    assert sample.read_torn() == (0, [])


def test_without_its_journal_the_same_file_is_noticed(sample):
    """So that the test above is known to be able to fail."""
    noticed, wrong = sample.read_torn(with_journal=False)
    assert noticed + len(wrong) > 0


def test_every_decoder_refuses_or_reads_and_does_nothing_else(tmp_path, seeds):
    decoders = Decoders(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = Counter()
    for seed in seeds(3000):
        was_refused, found = decoders.fuzz(seed)
        assert found == []
        refused[was_refused] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200 * 1024  # KiB
    assert refused[True] or len(list(seeds(2))) == 1
