"""The tokens that every ESM-2 reads: fair-esm's "ESM-1b" alphabet, and a protein as token ids."""

from collections.abc import Iterable
from typing import Final

import torch
from jaxtyping import Int
from torch import Tensor

from core.errors import InputError

AMINO_ACIDS: Final = "LAGVSERTIDPKQNFYMHWC"
TOKENS: Final = ("<cls>", "<pad>", "<eos>", "<unk>", *AMINO_ACIDS, *"XBUZO.-", "<null_1>", "<mask>")
BOS: Final = TOKENS.index("<cls>")
PAD: Final = TOKENS.index("<pad>")
EOS: Final = TOKENS.index("<eos>")
UNK: Final = TOKENS.index("<unk>")
MASK: Final = TOKENS.index("<mask>")
AMINO_ACID_IDS: Final = tuple(range(4, 24))
RESIDUE_LETTERS: Final = AMINO_ACIDS + "XBUZO"
"""Letters a protein may hold: the twenty amino acids, and five that stand for unknown, ambiguous or rare ones."""

_ID_OF: Final = {token: index for index, token in enumerate(TOKENS)}


def token_id(letter: str) -> int:
    """The id of a residue letter or of a token such as `<mask>`; `InputError` when the alphabet lacks it."""
    if letter not in _ID_OF:
        raise InputError(f"'{letter}' is not in ESM-2's alphabet: {' '.join(TOKENS)}")
    return _ID_OF[letter]


def tokenize(sequence: str, masked: Iterable[int] = ()) -> Int[Tensor, " pos"]:
    """The token ids of BOS, the residues and EOS, with the residues in `masked` (0-based) replaced by `<mask>`.

    pos = residue + 1. Raises `InputError` for a letter outside the alphabet or a masked residue outside the sequence.
    """
    for index, letter in enumerate(sequence):
        if letter not in RESIDUE_LETTERS:
            raise InputError(f"residue {index + 1} is '{letter}': residues are one of {RESIDUE_LETTERS}")
    tokens = torch.tensor([BOS, *(_ID_OF[letter] for letter in sequence), EOS])
    for residue in masked:
        if not 0 <= residue < len(sequence):
            raise InputError(f"cannot mask residue {residue + 1}: the sequence has residues 1 to {len(sequence)}")
        tokens[residue + 1] = MASK
    return tokens


def residue_position(tokens: Int[Tensor, " pos"], residue: int | None) -> int:
    """The position of a residue, or of the first mask when `residue` is None."""
    if residue is not None:
        if not 0 <= residue < len(tokens) - 2:
            raise InputError(f"residue {residue + 1} is outside the sequence: it has residues 1 to {len(tokens) - 2}")
        return residue + 1
    masked = torch.nonzero(tokens == MASK).flatten()
    if not len(masked):
        raise InputError("no residue is masked: mask one, or say which residue's prediction to follow")
    return int(masked[0])
