"""What Jedryszek & Crook (2026) report for ESM-2 8M, with the place in the paper: shown beside this app's own numbers.

"Retrieval and competition: how a protein foundation model starts a protein". Layers and heads are counted from 1.
"""

from dataclasses import dataclass
from typing import Final

SOURCE: Final = "Jedryszek & Crook 2026, ESM-2 8M"
PAPERS_TARGET: Final = ("M", 0)
"""The amino acid and the residue (0-based) that all of its numbers are about."""


@dataclass(frozen=True, slots=True)
class PaperValue:
    """One quantity as the paper states it, and the figure, table or section that states it."""

    quantity: str
    value: str
    place: str


PREDICTION: Final = (
    PaperValue("M ranks first at the masked residue 1", "57 of 63 sequences", "Figure 2B"),
    PaperValue("misses that repeat one residue", "6 of 6", "Results"),
    PaperValue("misses where M ranks second", "6 of 6", "Results"),
    PaperValue("M first where a real protein's own first residue isn't M", "the majority of 500", "Figure 2A"),
    PaperValue("mean M-gap where M ranks first", "3.73", "Extended Data Table 3"),
)
COMPETITION: Final = (
    PaperValue("alanine overtakes M", "at 9 to 10 alanines", "Figure 2C"),
    PaperValue("M's logit while alanines are added", "about constant (raw logits)", "Figure 2C"),
    PaperValue("M is first again as a poly-A of 20 is masked", "once enough of it is masked", "Figure 2D"),
    PaperValue("M's and alanine's logits while it is masked", "stable, decreases (raw logits)", "Figure 2D"),
)
ABLATION: Final = (
    PaperValue("module whose ablation at the mask fails most", "L6 attention", "Figure 3A"),
    PaperValue("its failure rate", "91%", "Figure 3A"),
    PaperValue("other modules that fail in most sequences", "none", "Figure 3A"),
    PaperValue("head with the largest drop", "L6H8", "Figure 3B"),
)
FAILING_HEAD: Final = PaperValue("head with the highest failure rate", "L6H8", "Figure 3B")
MINIMAL_CIRCUIT: Final = {
    ("heads", "mask"): PaperValue("core of the circuit, ablating at the mask", "L1H8, L6H8", "Figure 3A to C"),
    ("modules", "mask"): PaperValue(
        "commonest minimal set, ablating at the mask", "early MLPs (layers 1 to 4) aren't required", "Results"
    ),
    ("modules", "all"): PaperValue(
        "commonest minimal set, ablating everywhere", "L1 MLP, L2 MLP, L4 MLP, L6 attention", "Figure 3E"
    ),
}
COMPOSITION: Final = (
    PaperValue("M with each of two heads alone", "L6H8 in a small fraction, L1H8 in part", "Figure 3D"),
    PaperValue("M with both heads", "in all sequences", "Figure 3D"),
    PaperValue("two heads jointly", "more than their outputs added", "Figure 3D"),
)
SUFFICIENCY: Final = (
    PaperValue("internal residues where the circuit alone says M", "41%", "Figure 3"),
    PaperValue("internal residues where the whole model says M", "0%", "Figure 3"),
    PaperValue("circuit at residue 1", "says M more strongly than the whole model", "Results"),
    PaperValue("circuit without RoPE", "says M everywhere", "Figure 5B"),
    PaperValue("circuit's MLPs at the mask, at BOS, at both", "fails, fails, says M", "Figure 3F"),
    PaperValue("attention at the mask alone, MLPs at BOS alone", "says M", "Extended Data Figure 13"),
)
PATCHING: Final = (
    PaperValue("BOS's representation patched", "little effect", "Figure 4A, B"),
    PaperValue("the mask's representation at layer 6 patched", "restores M fully", "Figure 4A, B"),
    PaperValue("L6H8's q content alone patched (before RoPE)", "doesn't rescue", "Figure 4C"),
)
WRITE_VECTORS: Final = (
    PaperValue("head and amino acid with the largest cosine", "L6H8, M", "Figure 4D"),
    PaperValue("that cosine", "0.35 to 0.4", "Figure 4D"),
)
INJECTION: Final = (PaperValue("poly-amino acids rescued by L6H8's z", "none", "Extended Data Figure 16"),)
BOS_READING: Final = (
    PaperValue("L6H8's attention from residue 1 to BOS", "near-exclusive", "Extended Data Figure 6"),
    PaperValue("L6H8 ablated against its BOS attention blocked", "r = 1.0", "Extended Data Figure 8"),
)


MAIN, OTHERS, CORE = "main head", "key heads without it", "key heads and main head"
"""The sets of heads whose reading of BOS is knocked out: in the paper L6H8, the non-readout core heads, all of them."""


def _table_1() -> dict[tuple[str, str, str], PaperValue]:
    """By heads, test and knock-out as `core.analyses.bos_knockouts` calls it.

    Our copy of the text lacks the subscripts that say which values V are ablated ("Ablate V" stands there twice): the
    milder of the two rows is taken for BOS's, the other for all, and "Keep only V" for BOS's.
    """
    rows = {
        # M-rate and drop of M's logit at residue 1; M-rate and rescue in % inside, rotations swapped
        (CORE, "none"): (1.000, None, 0.793, 55.6),
        (OTHERS, "values of BOS"): (0.825, 1.54, 0.018, 6.0),
        (OTHERS, "all values"): (0.474, 3.69, 0.007, 3.9),
        (OTHERS, "all values but BOS's"): (1.000, 0.53, 0.688, 45.2),
        (CORE, "values of BOS"): (0.018, 5.48, 0.000, 2.9),
        (CORE, "all values"): (0.000, 5.37, 0.000, 3.1),
        (CORE, "all values but BOS's"): (1.000, 0.53, 0.698, 46.5),
    }
    stated: dict[tuple[str, str, str], PaperValue] = {}
    for (heads, knockout), (rate, drop, inside, rescue) in rows.items():
        cut = "nothing zeroed" if knockout == "none" else f"{knockout} zeroed in {heads}"
        place = "Table 1" if knockout == "none" else "Table 1 (which values: inferred)"
        if drop is not None:
            value = f"{rate:.3f}, {drop:.2f}"
            stated[heads, "necessity", knockout] = PaperValue(f"residue 1, {cut}: M-rate, logit drop", value, place)
        value = f"{inside:.3f}, {rescue:.1f}%"
        stated[heads, "sufficiency", knockout] = PaperValue(f"inside, {cut}: M-rate, rescue", value, place)
    return stated


BOS_KNOCKOUTS: Final = _table_1()
MAIN_KNOCKOUT: Final = PaperValue(f"residue 1, values of BOS zeroed in {MAIN} alone: M-rate", "0.018", "Results")
ROPE_REMOVAL: Final = (
    PaperValue("layers without rotation at the mask that break M", "none", "Extended Data Figure 9"),
    PaperValue("M's logit without rotation in one layer", "reduced", "Extended Data Figure 9"),
)
BOS_ATTENTION: Final = (
    PaperValue(
        "of the main head and the key heads, those that look at BOS more from residue 1", "most", "Figure 4E, F"
    ),
    PaperValue("of these, drawn by the rotation", "most", "Figure 4E, F"),
    PaperValue("rotation's share in L4H3's attention to BOS", "10%", "Figure 4E, F"),
    PaperValue("L6H8's own attention to BOS", "strongly context-dependent", "Figure 4E, F"),
)
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
PATCH_SETS: Final = {
    # condition as `core.analyses.rope_experiments.PATCH_SETS` calls it: M-gap, M-rate, rescue in %; the minus signs,
    # which our copy of the text lacks, follow from the rescue
    "clean": (3.73, 1.000, 100.0),
    "corrupted": (-2.10, 0.000, 0.0),
    "readout's full q": (1.99, 0.933, 70.2),
    "readout's rotation": (-2.01, 0.007, 1.5),
    "key heads' and readout's rotations": (-0.19, 0.407, 32.8),
    "key heads' whole layers' and readout's rotations": (1.99, 0.888, 70.1),
}
PATCH_SETS_PLACE: Final = "Extended Data Table 3 (minus signs inferred)"
SHIFT: Final = (
    PaperValue("period of the gap's oscillation", "about 6 residues", "Figure 5A, C"),
    PaperValue("period of the fastest band", "6.28 residues", "Extended Data Table 4"),
    PaperValue("cosine with the unshifted query against the gap", "tracks it closely", "Figure 5B"),
    PaperValue("the oscillation inside", "disrupted", "Figure 5C"),
    PaperValue("largest logit change in the control", "below 1e-5", "Methods"),
)
MIMICKED_START: Final = PaperValue("M inside with rotations as at residue 1", "comes back", "Extended Data Figure 14")
BAND_CONTRIBUTIONS: Final = (
    # band f's period in tokens as printed, and its contribution to L6H8's score of BOS in %
    ("6.28", 31.7),
    ("20", 8.2),
    ("63", 6.1),
    ("199", 9.3),
    ("628", 11.3),
    ("1,988", 15.9),
    ("6,283", 5.3),
    ("19,635", 12.2),
)
"""Extended Data Table 4, f = 0 to 7."""
BAND_DIFFERENCES: Final = (
    # band f's part of L6H8's score difference where our copy of the text has it, its share in % of all, and the norm's
    # share in it where the paper interprets it
    (6.219, 41.9, 0.501),
    (1.816, 12.2, 0.203),
    (1.390, 9.4, 0.019),
    (0.661, 4.4, None),
    (None, 1.7, None),
    (None, 5.2, None),
    (1.676, 11.3, 0.159),
    (2.070, 13.9, 0.409),
)
"""Extended Data Table 5, f = 0 to 7."""
NORM_DIRECTION: Final = (
    PaperValue(
        "norm's share of the score difference",
        "39%; its printed bands give 35% without flagged ones, 59% with all",
        "Extended Data Table 5",
    ),
    PaperValue("direction's share", "61%", "Extended Data Table 5"),
    PaperValue(
        "|q| in band 0, residue 1 and inside", "1.14 and 0.15 (scaled or not: unsaid)", "Extended Data Figure 10G"
    ),
    PaperValue("cos θ in band 0, residue 1 and inside", "0.8 and near 0", "Extended Data Figure 10H"),
    PaperValue("largest change of BOS's |k| in a band", "2 to 7%", "Methods"),
)
