"""What the parts of the features report share, and its sections."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.answers.features import concepts_found
from core.experiments.report import Section
from core.experiments.survey import StoredSurvey
from core.figures.style import EDITED, axes

MOST_DRAWN = 25


@dataclass(frozen=True, slots=True)
class Study:
    """A survey, the proteins, and the layers whose dictionaries are read, with the folder that holds them."""

    survey: StoredSurvey
    sequences: Mapping[str, str]
    layers: tuple[int, ...]
    folder: Path


def concepts(study: Study) -> Section:
    """Which named concepts are found in which proteins?"""
    tables, said, figure = {}, [], axes("proteins", "", height=120 + 22 * MOST_DRAWN)
    for layer in study.layers:
        found = concepts_found(study.survey, study.sequences, layer, study.folder)
        tables[f"concepts-L{layer + 1}"] = found.concepts
        tables[f"proteins-per-concept-L{layer + 1}"] = found.per_concept
        said.append(f"L{layer + 1}: {len(found.per_concept)} concepts in {len(study.sequences)} proteins")
        drawn = found.per_concept.head(MOST_DRAWN)
        if not figure.data:
            figure.add_bar(x=drawn["proteins"], y=drawn["concept"], orientation="h", marker_color=EDITED)
    figure.update_yaxes(autorange="reversed")
    return Section(
        title="Which named concepts are found?",
        question="Which concepts do the features of a layer name in each protein, and where?",
        finding="; ".join(said) + ".",
        reading=(
            f"Bars: the {MOST_DRAWN} concepts of L{study.layers[0] + 1} found in most proteins. A position counts "
            "where the feature fires above the threshold that its name was chosen with; how often a name is right its "
            "precision on held-out proteins says, in the dictionary's card."
        ),
        tables=tables,
        figures={"How many proteins each concept is found in.": figure},
    )
