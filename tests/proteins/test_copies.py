"""Copies of a residue's surroundings: found where planted, exactly or nearly, and nowhere else."""

import numpy as np
import pytest

from core.alphabet import AMINO_ACIDS
from core.proteins.copies import FLANK, MOST_EDITS, copies


def random_string(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list(AMINO_ACIDS), size=length))


@pytest.mark.parametrize("edits", [0, MOST_EDITS])
def test_a_planted_copy_is_found_with_its_whole_length(edits: int):
    segment, spacer = random_string(31, 1), random_string(12, 2)
    copy = list(segment)
    for place in (12, 18)[:edits]:  # near the middle, on both sides of it
        copy[place] = "W" if copy[place] != "W" else "Y"
    chain = "".join(copy) + spacer + segment
    middle = len(copy) + len(spacer) + 15
    assert copies(chain, middle) == tuple(range(31))
    assert copies(chain, len(copy) + 6) == ()  # in the spacer


def test_one_edit_too_many_is_no_copy():
    segment = random_string(2 * FLANK + 1, 3)
    copy = list(segment)
    for place in (0, 3, 8):
        copy[place] = "W" if copy[place] != "W" else "Y"
    chain = "".join(copy) + random_string(20, 4) + segment
    assert copies(chain, len(chain) - FLANK - 1) == ()


def test_the_residue_itself_does_not_count():
    segment = random_string(2 * FLANK + 1, 5)
    for letter in "GW":
        chain = segment + random_string(20, 6) + segment[:FLANK] + letter + segment[FLANK + 1 :]
        assert set(copies(chain, len(chain) - FLANK - 1)) >= set(range(2 * FLANK + 1))


def test_random_strings_have_none_and_short_chains_cannot():
    for seed in range(5):
        chain = random_string(150, seed + 10)
        assert not any(copies(chain, residue) for residue in range(0, 150, 7))
    assert copies("MKTAY", 2) == ()
    assert copies("", 0) == ()


def test_a_repeats_own_surroundings_are_never_its_copies():
    chain = "A" * 60
    for residue in (0, 30, 59):
        found = copies(chain, residue)
        start = max(0, min(residue - FLANK, 60 - 2 * FLANK - 1))
        assert found
        assert not set(found) & set(range(start, start + 2 * FLANK + 1))
