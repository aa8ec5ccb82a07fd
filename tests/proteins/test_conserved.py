"""Conservation is counted in alignments: identity where relatives agree, whatever is inserted before it."""

import numpy as np

from core.proteins.conserved import conservation, most_conserved

SEQUENCE = "MKWVTFISLLFLFSSAYSRGVFRRDAHKSE"


def test_identical_relatives_keep_everything():
    assert conservation(SEQUENCE, [SEQUENCE, SEQUENCE]).tolist() == [1.0] * len(SEQUENCE)


def test_a_relative_with_changes_and_an_insertion():
    changed = list(SEQUENCE)
    for at in (4, 20):
        changed[at] = "P"
    longer = "GGGG" + "".join(changed[:15]) + "DDDD" + "".join(changed[15:])
    found = conservation(SEQUENCE, [SEQUENCE, longer])
    expected = np.ones(len(SEQUENCE))
    expected[[4, 20]] = 0.5
    assert (found[[4, 20]] == 0.5).all()
    assert (found == expected).mean() > 0.9  # the aligner may shift a residue at the insertion
    third = most_conserved(SEQUENCE, [longer], 1 / 3)
    assert len(third) == 10
    assert not {4, 20} & set(third)


def test_rare_letters_are_aligned_as_their_standard_relatives():
    assert conservation("MKUVTFISO", ["MKUVTFISO"]).tolist() == [1.0] * 9
