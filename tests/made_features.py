"""A random dictionary of the embedded model with names made on four short proteins, as files."""

from dataclasses import replace
from pathlib import Path

import torch

from core.alphabet import tokenize
from core.features.activations import feature_activations, sparse
from core.features.concepts import Labelled, sequence_concepts
from core.features.descriptions import describe_features, save_descriptions
from core.features.dictionary import Dictionary
from core.features.files import save_dictionary, with_dictionaries
from core.model import Model, load_model

SHORT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
LAYER, N_FEATURES, K = 2, 60, 8


def write_made_features(folder: Path) -> Model:
    """Writes the files into `folder` and returns the model that carries them."""
    model = load_model("embedded")
    random = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(N_FEATURES, model.shape.d_model, generator=random), dim=-1)
    bias = torch.zeros(model.shape.d_model)
    made = Dictionary(LAYER, rows.T.contiguous(), torch.zeros(N_FEATURES), rows, bias, K, True, model.trunk_fingerprint)
    place = folder / f"layer_{LAYER + 1}"
    save_dictionary(made, place, {})
    carrying = with_dictionaries(model, folder)
    group = [
        (
            Labelled(f"protein {i}", sequence, sequence_concepts(sequence)),
            sparse(feature_activations(carrying, tokenize(sequence), LAYER)),
        )
        for i, sequence in enumerate((SHORT, SHORT[::-1], SHORT[5:] + SHORT[:5], "M" + SHORT[10:]))
    ]
    described = describe_features(carrying, LAYER, [group])
    save_descriptions(described, place)
    ranked = replace(
        made,
        idf=torch.tensor([each.specificity for each in described.features]),
        largest=torch.tensor([each.largest for each in described.features]),
    )
    save_dictionary(ranked, place, {})
    return with_dictionaries(model, folder)
