"""Concepts and names: flags checked by hand, F1 counted by hand, planted features found and random ones not."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.features.concepts import Labelled, family_concepts, sequence_concepts, structure_concepts
from core.features.names import agreement, name_features
from core.proteins.examples import load_example


def test_what_is_said_of_a_sequence() -> None:
    sequence = "MKAAAAAAAAAAAAKKDEFGHIKLMNPQRSTDEFGH"
    found = sequence_concepts(sequence)
    assert found["BOS"] == [0]
    assert found["EOS"] == [37]
    assert found["residue 1"] == [1]
    assert found["residue 1 from the end"] == [36]
    assert found["amino acid M"] == [1, 25]
    assert found["positive (K, R)"] == [i + 1 for i, letter in enumerate(sequence) if letter in "KR"]
    assert set(range(3, 15)) <= set(found["low complexity"])
    assert 30 not in found["low complexity"]
    assert found["repeat of 5 or more"] == [*range(3, 15), *range(17, 22), *range(32, 37)]


def test_what_is_said_of_a_structure() -> None:
    """Ubiquitin: its long helix, its first strand, a buried and an exposed residue (Vijay-Kumar et al. 1987)."""
    structure = load_example("ubiquitin").structure
    assert structure is not None
    found = structure_concepts(structure)
    assert set(range(24, 34)) <= set(found["helix"])
    assert set(range(3, 6)) <= set(found["strand"])
    assert not set(found["helix"]) & set(found["strand"])
    assert 3 in found["buried"]  # I3, in the core
    assert 76 in found["exposed"]  # the flexible tail
    distances = np.linalg.norm(structure.cb[:, None] - structure.cb, axis=-1)
    partners = [(distances[i][[j for j in range(76) if abs(i - j) >= 6]] < 8).sum() for i in range(76)]
    assert found["5 or more contacts"] == [i + 1 for i in range(76) if partners[i] >= 5]


def test_columns_follow_insertions_and_deletions() -> None:
    members = ["MKWVTFISLLCFLFSSAYS", "MKWVTFISLLCFLFSSAYSR", "KWVTFISLLGGGCFLFSSAYS"]
    found = family_concepts("made", members)
    (column,) = [name for name in found[0] if name.endswith("(C)")]
    assert [members[i][found[i][column][0] - 1] for i in range(3)] == ["C", "C", "C"]
    assert found[2]["family made"] == list(range(1, 22))


def protein(name: str, concepts: dict[str, list[int]], firing: np.ndarray) -> tuple[Labelled, csr_array]:
    return Labelled(name, "A" * (len(firing) - 2), concepts), csr_array(firing.astype(np.float32))


def test_precision_counts_positions_and_recall_proteins() -> None:
    first = np.zeros((6, 2))
    first[[1, 2, 4], 0] = 1.0
    second = np.zeros((5, 2))
    second[3, 0] = 1.0
    labels = [csr_array(np.array([[0], [1], [1], [0], [0], [0]])), csr_array(np.array([[0], [1], [0], [0], [0]]))]
    told = [(labels[0], csr_array(first)), (labels[1], csr_array(second))]
    found = agreement(told, np.zeros(2), 1)
    assert found.precision[:, 0].tolist() == [2 / 4, 0]
    assert found.recall[:, 0].tolist() == [1 / 2, 0]
    assert found.share.tolist() == [3 / 11]
    assert found.f1[:, 0].tolist() == [0, 0]  # half of where it fires isn't twice 3/11
    strict = agreement([(labels[0], csr_array(first * [[0], [1], [1], [0], [0.4], [0]]))], np.full(2, 0.5), 1)
    assert strict.precision[0, 0] == 1
    assert strict.f1[0, 0] == pytest.approx(1)


def test_planted_features_are_named_and_random_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    groups = []
    for _ in range(60):
        firing = rng.random((40, 4)) * (rng.random((40, 4)) < 0.05)
        here = sorted((rng.choice(38, 2, replace=False) + 1).tolist())
        firing[:, 0] = 0
        firing[here, 0] = 1.0
        firing[:, 1] = np.where(np.arange(40) == 0, 1.0, 0.4 * (rng.random(40) < 0.5))  # BOS, above a weak murmur
        firing[:, 3] = 0
        groups.append(protein("made", {"site": here, "BOS": [0], "half": list(range(20))}, firing))
    site, bos, noise, silent = name_features([groups], np.ones(4))
    assert site is not None
    assert (site.concept, site.f1, site.holds) == ("site", 1.0, True)
    assert bos is not None
    assert (bos.concept, bos.threshold, bos.f1) == ("BOS", 0.5, 1.0)
    assert noise is None or not noise.holds
    assert silent is None
