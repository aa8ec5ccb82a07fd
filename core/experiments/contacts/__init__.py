"""Where does a protein language model keep contacts? Heads, probes and Jacobians against structures."""

from core.experiments.contacts.sections import cheap, heads, how_many, precision, recall, wins
from core.experiments.experiment import Experiment

EXPERIMENT = Experiment(
    title="Where a protein language model keeps contacts",
    abstract=(
        "Residues that touch in the structure leave traces in a language model that has only read sequences. They can "
        "be read from single attention heads, from the average of a few heads chosen on some labelled proteins, from a "
        "sparse regression on all heads, or without labels from how predictions respond to mutations (the Categorical "
        "Jacobian). This report measures all of them on the same structures, beside chance."
    ),
    source=(
        "After Z. Zhang et al., Protein language models learn evolutionary statistics of interacting sequence motifs "
        "(2024), and Protein contacts are already in the attention (2026). Values of the papers are marked as such; "
        "all others were computed here."
    ),
    parts={
        "heads": heads,
        "how-many-heads": how_many,
        "precision": precision,
        "precision-recall": recall,
        "win-rates": wins,
        "cheap-jacobian": cheap,
    },
)
