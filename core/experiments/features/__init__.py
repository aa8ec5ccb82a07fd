"""Which named concepts does a model's layer see in each protein?"""

from core.experiments.experiment import Experiment
from core.experiments.features.study import concepts

EXPERIMENT = Experiment(
    title="Features: what a layer says of each protein",
    abstract=(
        "A sparse autoencoder reads the residual stream after a layer as a few active features out of thousands. Where "
        "a feature agrees with a concept on held-out proteins (F1 of 0.5 or more) it carries its name. This report "
        "lists the named features that fire in each protein of a set, residue by residue."
    ),
    source=(
        "Sparse autoencoders: Gao et al., Scaling and evaluating sparse autoencoders (2024); names by F1 as in Simon "
        "and Zou, InterPLM (2025). All numbers were computed here."
    ),
    parts={"concepts": concepts},
)
