"""What Jedryszek & Crook (2026) report for ESM-2 8M, with the place in the paper: shown beside this app's own numbers.

"Retrieval and competition: how a protein foundation model starts a protein". Layers and heads are counted from 1.
"""

from dataclasses import dataclass
from typing import Final

SOURCE: Final = "Jedryszek & Crook 2026, ESM-2 8M"


@dataclass(frozen=True, slots=True)
class PaperValue:
    """One quantity as the paper states it, and the figure, table or section that states it."""

    quantity: str
    value: str
    place: str


PREDICTION: Final = (PaperValue("M ranks first at the masked residue 1", "57 of 63 sequences", "Figure 2B"),)
ABLATION: Final = (
    PaperValue("module whose ablation at the mask fails most", "L6 attention", "Figure 3A"),
    PaperValue("its failure rate", "91 %", "Figure 3A"),
    PaperValue("head with the largest drop", "L6H8", "Figure 3B"),
)
BOS_KNOCKOUTS: Final = {
    # (heads, test, knock-out): value
    ("others", "necessity", "values of BOS"): PaperValue("M-rate without BOS's values", "0.825", "Table 1"),
    ("others", "necessity", "all values"): PaperValue("M-rate without all values", "0.474", "Table 1"),
    ("others", "necessity", "all values but BOS's"): PaperValue("M-rate with BOS's values alone", "1.000", "Table 1"),
    ("core", "necessity", "values of BOS"): PaperValue("M-rate without BOS's values", "0.018", "Table 1"),
    ("core", "necessity", "all values"): PaperValue("M-rate without all values", "0.000", "Table 1"),
    ("core", "necessity", "all values but BOS's"): PaperValue("M-rate with BOS's values alone", "1.000", "Table 1"),
    ("others", "sufficiency", "none"): PaperValue("M-rate inside, rotations swapped", "0.793", "Table 1"),
    ("others", "sufficiency", "values of BOS"): PaperValue("M-rate without BOS's values", "0.018", "Table 1"),
    ("others", "sufficiency", "all values"): PaperValue("M-rate without all values", "0.007", "Table 1"),
    ("others", "sufficiency", "all values but BOS's"): PaperValue("M-rate with BOS's values alone", "0.688", "Table 1"),
    ("core", "sufficiency", "none"): PaperValue("M-rate inside, rotations swapped", "0.793", "Table 1"),
    ("core", "sufficiency", "values of BOS"): PaperValue("M-rate without BOS's values", "0.000", "Table 1"),
    ("core", "sufficiency", "all values"): PaperValue("M-rate without all values", "0.000", "Table 1"),
    ("core", "sufficiency", "all values but BOS's"): PaperValue("M-rate with BOS's values alone", "0.698", "Table 1"),
}
MINIMAL_CIRCUIT: Final = {
    ("heads", "mask"): PaperValue("core of the circuit, ablating at the mask", "L1H8, L6H8", "Figure 3A to C"),
    ("modules", "all"): PaperValue(
        "commonest minimal set, ablating everywhere", "L1 MLP, L2 MLP, L4 MLP, L6 attention", "Figure 3E"
    ),
}
SUFFICIENCY: Final = (
    PaperValue("internal residues where the circuit alone says M", "41 %", "Figure 3"),
    PaperValue("internal residues where the whole model says M", "0 %", "Figure 3"),
    PaperValue("circuit at residue 1", "says M more strongly than the whole model", "Results"),
    PaperValue("circuit without RoPE", "says M everywhere", "Figure 5B"),
    PaperValue("two heads jointly", "more than their outputs added", "Figure 3D"),
)
PATCHING: Final = (
    PaperValue("BOS's representation patched", "little effect", "Figure 4A, B"),
    PaperValue("the mask's representation at layer 6 patched", "restores M fully", "Figure 4A, B"),
    PaperValue("rescue by L6H8's q after RoPE", "70.2 %", "Extended Data Table 3"),
)
INJECTION: Final = (PaperValue("poly-amino acids rescued by L6H8's z", "none", "Extended Data Figure 16"),)
WRITE_VECTORS: Final = (
    PaperValue("head and amino acid with the largest cosine", "L6H8, M", "Figure 4D"),
    PaperValue("that cosine", "0.35 to 0.4", "Figure 4D"),
)
ROPE_REMOVAL: Final = (
    PaperValue("layers without rotation at the mask that break M", "none", "Extended Data Figure 9"),
)
BOS_ATTENTION: Final = (PaperValue("rotation's share in L4H3's attention to BOS", "10 %", "Figure 4E, F"),)
SWAP_STEPS: Final = (
    # head, M-rate rescue in %, logit rescue in %: Extended Data Table 2
    ("L5H9", 6.3, 8.4),
    ("L1H8", 20.7, 19.6),
    ("L4H3", 40.7, 32.8),
    ("L5H17", 58.6, 41.4),
    ("L5H2", 71.6, 47.8),
    ("L5H7", 74.4, 49.5),
    ("L1H9", 75.8, 51.3),
    ("L1H1", 77.5, 52.2),
    ("L4H19", 78.2, 52.8),
    ("L1H18", 78.6, 53.7),
    ("L4H7", 78.9, 54.1),
    ("L1H5", 79.3, 55.6),
)
PATCH_SET_RESCUE: Final = {
    # condition as `core.analyses.rope_experiments.PATCH_SETS` calls it: rescue in %, Extended Data Table 3
    "readout's full q": 70.2,
    "readout's rotation": 1.5,
    "key heads' and readout's rotations": 32.8,
    "key heads' whole layers' and readout's rotations": 70.1,
}
SHIFT: Final = (
    PaperValue("period of the gap's oscillation", "about 6 residues", "Figure 5A, C"),
    PaperValue("period of the fastest band", "6.28 residues", "Extended Data Table 4"),
)
BAND_CONTRIBUTIONS: Final = (31.7, 8.2, 6.1, 9.3, 11.3, 15.9, 5.3, 12.2)
"""Band f's share of L6H8's score difference in %, f = 0 to 7: Extended Data Table 4."""
NORM_DIRECTION: Final = (
    PaperValue("norm's share of the score difference", "39 %", "Extended Data Table 5"),
    PaperValue("direction's share", "61 %", "Extended Data Table 5"),
    PaperValue("norm's share in band 0", "50 %", "Extended Data Table 5"),
    PaperValue("|q| in band 0, residue 1 and inside", "1.14 and 0.15", "Extended Data Figure 10G"),
)
COMPETITION: Final = (
    PaperValue("alanine overtakes M", "at 9 to 10 alanines", "Figure 2C"),
    PaperValue("M's logit while alanines are added", "about constant", "Figure 2C"),
)
