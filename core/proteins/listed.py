"""Is a protein among the structures that a model's own files list? By its sequence, or by its name."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

PDB_NAME: Final = re.compile(r"(?:pdb)?([1-9][a-z0-9]{3})(?:_[a-z0-9]{1,4}|[a-z])?")
"""What files of a PDB entry are called, in lower case: `1aap`, `pdb1aap`, and `1aap_a` or `1aapa` for one chain."""


@dataclass(frozen=True, slots=True)
class ListedStructure:
    """A structure that a model has seen, or one of a family that it was trained on."""

    name: str
    digest: str = ""
    """`sequence_digest` of its sequence; empty in lists from before digests were written."""
    family: str = ""
    """The trained family that it belongs to, where the list says."""


def sequence_digest(sequence: str) -> str:
    """The first 16 hexadecimal digits of SHA-256 of a sequence."""
    return hashlib.sha256(sequence.encode()).hexdigest()[:16]


def find_listed(proteins: Mapping[str, str], listed: Iterable[ListedStructure]) -> dict[str, ListedStructure]:
    """What the list calls each protein that is on it; sequences by name.

    A protein is listed when its sequence is, or else its name: in any case, and of a PDB entry whichever chain.
    """
    listed = list(listed)
    by_digest = {each.digest: each for each in listed if each.digest}
    by_name = {_plain_name(each.name): each for each in listed}
    found = {
        name: by_digest.get(sequence_digest(sequence)) or by_name.get(_plain_name(name))
        for name, sequence in proteins.items()
    }
    return {name: each for name, each in found.items() if each is not None}


def _plain_name(name: str) -> str:
    entry = PDB_NAME.fullmatch(name.lower())
    return entry[1] if entry else name.lower()
