"""Which features are active where in a protein."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from torch import Tensor

from core.features.reconstruction import resid_post
from core.interventions import Condition
from core.model import Model


def feature_activations(
    model: Model, tokens: Int[Tensor, " pos"], layer: int, condition: Condition = ()
) -> Float[Tensor, "pos n_features"]:
    """The activation of every feature of a layer's dictionary at every position, under a condition.

    What the condition changes in features of this layer itself shows as what is left after it. Raises `InputError`
    when the model has no dictionary there.
    """
    dictionary = model.dictionary(layer)
    return dictionary.encode(resid_post(model, tokens[None], layer, (condition,))[0]).features


def sparse(activations: Float[Tensor, "pos n_features"]) -> csr_array:
    """The same without its zeros, which are nearly all of it."""
    return csr_array(activations.cpu().numpy().astype(np.float32))
