"""Where does a protein language model keep contacts? Heads, probes and Jacobians against structures."""

from core.experiments.contacts.methods import precision, recall, wins
from core.experiments.contacts.sections import calibration, heads, how_many, jacobian_agreement, labels
from core.experiments.experiment import Experiment

EXPERIMENT = Experiment(
    title="Where a protein language model keeps contacts",
    abstract=(
        "Residues that touch in the structure can leave traces in a language model that has only read sequences. They "
        "are looked for in single attention heads, in the average of heads chosen on some labelled proteins, with a "
        "sparse regression over heads, and without labels in how predictions respond to mutations (the Categorical "
        "Jacobian). The papers find them there in ESM-2; this report measures this model, methods on the same "
        "structures and each beside its own chance."
    ),
    source=(
        "After Z. Zhang et al., Protein language models learn evolutionary statistics of interacting sequence motifs "
        "(2024), and Protein contacts are already in the attention (2026). Values of the papers are marked as such; "
        "all others were computed here."
    ),
    parts={
        "heads": heads,
        "how-many-heads": how_many,
        "how-many-labels": labels,
        "precision": precision,
        "precision-recall": recall,
        "win-rates": wins,
        "calibration": calibration,
        "jacobian-agreement": jacobian_agreement,
    },
)
