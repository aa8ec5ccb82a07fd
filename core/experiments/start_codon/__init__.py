"""The experiments of "Retrieval and competition: how a protein foundation model starts a protein" over a set."""

from core.experiments.experiment import Experiment
from core.experiments.start_codon.components import ablation, circuits, composition, sufficiency
from core.experiments.start_codon.geometry import norm_direction, rope_shift
from core.experiments.start_codon.information import bos_knockouts, injection, patching, write_vectors
from core.experiments.start_codon.position import attention_causes, rope_removal, rope_swap
from core.experiments.start_codon.prediction import competition, first_residue

EXPERIMENT = Experiment(
    title="How a protein language model starts a protein",
    abstract=(
        "Proteins begin with methionine, and a protein language model that sees a masked first residue says so. Does "
        "it recognise a start, or retrieve a habit? This report follows the prediction through the model: what it says "
        "and when it is outvoted, which heads and modules it needs and which are enough, what they read from the "
        "beginning-of-sequence token (BOS), and how rotary position embedding (RoPE) tells the first residue from the "
        "others. Every part stands beside what the paper found in ESM-2 8M."
    ),
    source=(
        "After P. Jedryszek and O. M. Crook, Retrieval and competition: how a protein foundation model starts a "
        "protein (2026, CC BY 4.0). Values marked 'Paper, ESM-2 8M' are theirs; all others were computed here."
    ),
    parts={
        "first-residue": first_residue,
        "competition": competition,
        "ablation": ablation,
        "circuits": circuits,
        "composition": composition,
        "sufficiency": sufficiency,
        "patching": patching,
        "write-vectors": write_vectors,
        "rope-swap": rope_swap,
        "attention-causes": attention_causes,
        "bos-knockouts": bos_knockouts,
        "rope-removal": rope_removal,
        "rope-shift": rope_shift,
        "norm-direction": norm_direction,
        "injection": injection,
    },
)
