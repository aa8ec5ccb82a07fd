"""The tokens that models read: fair-esm's "ESM-1b" alphabet, ESMC's that grew from it, and a protein as token ids."""

from collections.abc import Iterable
from dataclasses import dataclass
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
CHAIN_BREAK: Final = "|"


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The tokens that a model reads by id, the letters of its sequences, and how many ids it has (some may be unused).

    The amino acids, BOS, EOS and `<mask>` have the same ids in all of them.
    """

    tokens: tuple[str, ...]
    letters: str
    n_ids: int


ESM1B_ALPHABET: Final = Alphabet(TOKENS, RESIDUE_LETTERS, len(TOKENS))
ESMC_ALPHABET: Final = Alphabet(
    tuple(CHAIN_BREAK if t == "<null_1>" else t for t in TOKENS), RESIDUE_LETTERS + CHAIN_BREAK, 64
)
"""ESMC's: `|` between chains where ESM-1b has an empty place; ids 33 to 63 are unused."""

_ID_OF: Final = {
    token: index for alphabet in (ESM1B_ALPHABET, ESMC_ALPHABET) for index, token in enumerate(alphabet.tokens)
}


def token_id(letter: str) -> int:
    """The id of a residue letter or of a token such as `<mask>`; `InputError` when the alphabet lacks it."""
    if letter not in _ID_OF:
        raise InputError(f"'{letter}' is not in the alphabet: {' '.join(TOKENS)}")
    return _ID_OF[letter]


def tokenize(sequence: str, masked: Iterable[int] = (), alphabet: Alphabet = ESM1B_ALPHABET) -> Int[Tensor, " pos"]:
    """The token ids of BOS, the residues and EOS, with the residues in `masked` (0-based) replaced by `<mask>`.

    pos = residue + 1, and a chain break takes a place as a residue does. Raises `InputError` for a letter outside the
    alphabet or a masked residue outside the sequence.
    """
    for index, letter in enumerate(sequence):
        if letter not in alphabet.letters:
            raise InputError(f"residue {index + 1} is '{letter}': residues are one of {alphabet.letters}")
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
