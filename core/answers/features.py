"""Which features, and which named concepts, does a layer see in each protein of a set?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from core.alphabet import tokenize
from core.analyses.protein_features import FeatureChanges, ProteinFeatures, protein_features
from core.answers.survey import Survey
from core.features.descriptions import Description, Descriptions, descriptions_in
from core.features.files import with_dictionaries
from core.interventions import feature_name
from core.model import Model
from core.progress import SILENT, Progress


@dataclass(frozen=True, slots=True, eq=False)
class ConceptsFound:
    """What a layer says of the proteins of a set."""

    concepts: pd.DataFrame
    """A row for every residue and named feature that fires there as strongly as its name asks for."""
    per_concept: pd.DataFrame
    """In how many proteins, and at how many positions, each concept was found."""


def feature_table(found: ProteinFeatures, known: Descriptions | None, places: Sequence[str]) -> pd.DataFrame:
    """A row per active feature: its name, how specific it is, and where it is strongest (`places`, BOS to EOS)."""
    rows = []
    for feature, activation, score in zip(found.features.tolist(), found.activation, found.score, strict=True):
        described = known.features[feature] if known else Description(0.0, 0.0, 0.0)
        rows.append(
            {
                "feature": feature_name(found.layer, feature),
                "name": described.name,
                "f1": described.f1 or None,
                "specificity": float(score),
                "strongest_at": places[int(activation.argmax())],
                "activation": float(activation.max()),
                "positions": int((activation > 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def change_table(changes: FeatureChanges, known: Descriptions | None, places: Sequence[str]) -> pd.DataFrame:
    """A row per feature that an edit changes: its name, where (`places`, BOS to EOS) it changes most, and how much."""
    features, at = changes.features.tolist(), np.abs(changes.change).argmax(1)
    return pd.DataFrame(
        {
            "feature": [feature_name(changes.layer, each) for each in features],
            "name": [known.features[each].name if known else "unnamed" for each in features],
            "changes_most_at": [places[each] for each in at],
            "change": changes.change[np.arange(len(at)), at],
        }
    )


def concept_table(found: ProteinFeatures, known: Descriptions, sequence: str) -> pd.DataFrame:
    """A row per position (BOS 0, residues from 1) and named feature that fires above its name's threshold there."""
    letters, rows = f"‹{sequence}›", []
    for feature, activation in zip(found.features.tolist(), found.activation, strict=True):
        described = known.features[feature]
        if described.name == "unnamed":
            continue
        for position in np.flatnonzero(activation > described.threshold * described.largest).tolist():
            rows.append(
                {
                    "position": position,
                    "letter": letters[position],
                    "concept": described.concept,
                    "feature": feature_name(found.layer, feature),
                    "f1": described.f1,
                    "activation": float(activation[position]),
                }
            )
    columns = ["position", "letter", "concept", "feature", "f1", "activation"]
    return pd.DataFrame(rows, columns=columns).sort_values(["position", "f1"], ascending=[True, False])


def measure_concepts(
    model: Model, sequence: str, *, layer: int, folder: str, dictionary: str, progress: Progress = SILENT
) -> pd.DataFrame:
    """`concept_table` of a sequence read with nothing masked, with the dictionary and the names in a folder.

    `dictionary` is the fingerprint of what lies in the folder: a part of the result's key.
    """
    carrying, known = _read(model, folder)
    return concept_table(protein_features(carrying, tokenize(sequence), layer), known[layer], sequence)


@lru_cache(maxsize=2)
def _read(model: Model, folder: str) -> tuple[Model, Mapping[int, Descriptions]]:
    carrying = with_dictionaries(model, Path(folder))
    return carrying, descriptions_in(Path(folder), carrying)


def concepts_found(survey: Survey, sequences: Mapping[str, str], layer: int, folder: Path) -> ConceptsFound:
    """The named concepts of every protein; `InputError` for a folder without dictionary or names of the layer."""
    carrying, _ = _read(survey.model, str(folder))
    settings = {"layer": layer, "folder": str(folder), "dictionary": carrying.features_fingerprint}
    concepts = survey.table(measure_concepts, sequences, **settings)
    if not len(concepts):
        return ConceptsFound(concepts, pd.DataFrame({"concept": [], "proteins": [], "positions": []}))
    distinct = concepts.drop_duplicates(["subject", "position", "concept"])
    grouped = distinct.groupby("concept")
    per_concept = pd.DataFrame({"proteins": grouped["subject"].nunique(), "positions": grouped.size()})
    return ConceptsFound(concepts, per_concept.sort_values("proteins", ascending=False).reset_index())
