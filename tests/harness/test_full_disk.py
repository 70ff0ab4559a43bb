"""A disk that is really full: a tiny file system of our own."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from rig.harnesses import VARIANTS
from rig.storm import Weather
from rig.world import World


@pytest.fixture
def tiny_disk(tmp_path):
    """Give a file system in memory of 1 MB; 40 MB after `grow`."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount here, so no tiny disk can be made")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"a tiny disk cannot be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder):
    subprocess.run(["mount", "-o", "remount,size=40m", str(folder)], check=True)


def fill(folder):
    """Leave no byte free."""
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        try:
            while ballast.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass


def turns(world, count):
    for _ in range(count):
        if not world.subject.is_finished:
            world.clock.advance(min(world.subject.turn(), 1.0))


def test_a_disk_that_fills_up_stops_all_cleanly_and_all_goes_on_with_room(tiny_disk):
    world = World(tiny_disk, 1, Weather(rate=0.1)).begin(jobs=8, per_job=3)
    world.subject.open()
    turns(world, 3)
    fill(tiny_disk)
    turns(world, 100)
    assert not world.subject.is_finished
    sent = world.storm.ledger.count("submit")
    turns(world, 100)
    # What cannot be noted is not sent.
    assert world.storm.ledger.count("submit") == sent
    world.subject.crash()
    (tiny_disk / "ballast").unlink()
    assert world.run().violations == []


def test_without_room_nothing_is_read_that_can_be_read_once(tiny_disk):
    """The spool reserves more than this disk has: better no fetch than a lost result."""
    world = World(tiny_disk, 1, Weather(can=VARIANTS["read once"], rate=0.0)).begin(jobs=3)
    world.subject.open()
    turns(world, 200)
    assert world.storm.ledger.handed_out == []
    assert world.storm.ledger.accepted
    world.subject.crash()
    grow(tiny_disk)
    tally = world.run()
    assert (tally.violations, tally.losses) == ([], 0)
    assert len(world.storm.ledger.handed_out) == 3
