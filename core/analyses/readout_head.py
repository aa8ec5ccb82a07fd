"""Which head reads the prediction out, where that was measured before: on the card beside a model's weights."""

import msgspec

from core.interventions import Head
from core.model import Model
from core.model_files import file_beside


class _Readout(msgspec.Struct):
    head: str


class _Card(msgspec.Struct):
    fingerprint: str
    readout: _Readout


def stored_readout_head(model: Model) -> Head | None:
    """The head whose ablation at a masked first residue costs M most over many proteins, as card.json beside the
    weights says; None where no card of these very weights says so.

    `python -m core.training.card` measures it.
    """
    file = file_beside(model.name, "card.json")
    if file is None or not file.is_file():
        return None
    try:
        card = msgspec.json.decode(file.read_bytes(), type=_Card)
    except msgspec.DecodeError:
        return None
    return Head.parse(card.readout.head) if card.fingerprint == model.fingerprint else None
