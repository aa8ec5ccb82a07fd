"""Are the verdicts right where the truth is known? The calibration of evidence and defaults on one model."""

from core.experiments.evidence.sections import controls, copying, families, poly_x, starts
from core.experiments.experiment import Experiment

EXPERIMENT = Experiment(
    title="Evidence or default: may the verdicts be trusted?",
    abstract=(
        "A language model's confident prediction at a masked residue may be recognition of this protein or a default "
        "that it would give anywhere. plmscope takes the prediction's log-odds apart and gives a verdict. This report "
        "gives the same verdicts where the truth is known: on sequences without any order, on held-out members of "
        "families, at first residues, in repeats of one amino acid, and in duplicated segments."
    ),
    source=(
        "The shares are an Owen value (Owen 1977) over a chain of contexts and the ends; all numbers were computed "
        "here. The question is P. Jedryszek and O. M. Crook's, Retrieval and competition (2026)."
    ),
    parts={
        "controls": controls,
        "starts": starts,
        "poly-x": poly_x,
        "copying": copying,
        "families": families,
    },
)
