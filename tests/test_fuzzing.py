"""Fuzzing of everything that reads files: a sample with every run, minutes of it with the slow tests."""

from __future__ import annotations

import os
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("memory is measured as POSIX systems do", allow_module_level=True)

from fuzz import harness, seeds

SLOW_SECONDS = float(os.environ.get("PHOTOCAP_FUZZ_SECONDS", "180"))


def findings(seed, seconds):
    found = []
    count = harness.fuzz(
        seed=seed,
        seconds=seconds,
        on_finding=lambda target, name, data, finding: found.append((target, name, str(finding), data.hex()[:400])),
    )
    return count, found


def test_the_seeds_themselves_are_harmless():
    for name, data in seeds.photos().items():
        harness.check("photo", name, data)
    for target, group in seeds.others().items():
        for data in group:
            harness.check(target, target, data)
    assert set(seeds.others()) | {"photo"} == set(harness.TARGETS)
    assert harness.statistics["writes"] > 30


def test_a_sample_of_damaged_files():
    count, found = findings("sample", 5)
    assert found == []
    assert count > 50


@pytest.mark.slow
def test_minutes_of_damaged_files():
    count, found = findings(os.environ.get("PHOTOCAP_FUZZ_SEED", "slow"), SLOW_SECONDS)
    assert found == []
    assert count > 1000
    assert harness.statistics["writes"] > 100


def test_the_harness_finds_what_is_wrong(monkeypatch):
    monkeypatch.setitem(harness.TARGETS, "query", lambda _name, data: data[10**9])
    with pytest.raises(harness.Finding, match="IndexError"):
        harness.check("query", "query", b"")
    monkeypatch.setattr(harness, "revert", lambda *_: b"something else")
    with pytest.raises(harness.Finding, match="byte for byte"):
        harness.check("photo", "bare.jpg", seeds.photos()["bare.jpg"])
