"""The training folder: proteins at large, deep families, and the family members set aside before training."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import InputError
from core.training.identity import closest_identity, containing_relatives


@dataclass(frozen=True, slots=True)
class Family:
    """A deep family of `families.fasta.gz`: how it is called, and how much of it is trained on."""

    name: str
    prefix: str
    """How its records' names begin."""
    weight: float
    """Its share of the family batches' lengths; long families then take more tokens than short ones."""
    whole_proteins: bool = False
    """Whole proteins carry BOS and EOS; domains, cut out of longer proteins, carry neither."""


FAMILIES: Final = (
    Family("Kunitz", "PF00014", 12.0),
    Family("PDZ", "PF00595", 12.0),
    Family("WW", "PF00397", 0.7),
    Family("vWA", "PF00092", 0.7),
    Family("beta-lactamase", "PF13354", 16.0),
    Family("2HAcid", "PF02826", 0.7),
    Family("DHFR", "EC1.5.1.3", 0.7, whole_proteins=True),
    Family("adenylate kinase", "EC2.7.4.3", 0.7, whole_proteins=True),
    Family("TIM", "EC5.3.1.1", 0.7, whole_proteins=True),
    Family("trypsin", "PF00089_trypsin", 16.0),
    Family("response regulator", "PF00072_response_reg", 16.0),
    Family("Ras", "PF00071_ras", 0.7),
    Family("SH3", "PF00018_sh3", 0.7),
    Family("homeobox", "PF00046_homeobox", 0.7),
    Family("RRM", "PF00076_rrm", 10.0),
    Family("globin", "PF00042_globin", 0.7),
    Family("I-set", "PF07679_i_set", 0.7),
    Family("cyclophilin", "PF00160_cyclophilin", 0.7),
    Family("flavodoxin", "PF00258_flavodoxin", 0.7),
    Family("SNase", "PF00565_snase", 0.7),
    Family("biotinyl", "PF00364_biotinyl", 0.7),
    Family("aldo-keto reductase", "PF00248_aldo_ket_red", 0.7),
    Family("Myb", "PF00249_myb", 0.7),
    Family("SBP", "PF13531_sbp_bac_11", 0.7),
    Family("rhodanese", "PF00581_rhodanese", 0.7),
    Family("C-type lectin", "PF00059_lectin_c", 0.7),
    Family("E2", "PF00179_uq_con", 0.7),
    Family("kinase", "PF00069_pkinase", 0.7),
    Family("C1-set", "PF07654_c1_set", 0.7),
    Family("cold shock", "PF00313_csd", 0.7),
    Family("plastocyanin", "PF00127_copper_bind", 0.7),
)
"""The families trained on; enolase and PGK, the longest, are left out. Six, chosen because structures of them or short
lengths make their contacts worth learning, take four fifths: couplings come only after many looks at one family."""

MAX_IDENTITY: Final = 0.8
"""No trained sequence is closer than this to a held-out member of a family."""
MAX_HELD_OUT: Final = 200
MAX_HELD_OUT_SHARE: Final = 1 / 8


@dataclass(frozen=True, slots=True)
class FamilySplit:
    """The members of one family that are trained on, and those that no trained sequence comes close to."""

    family: Family
    trained: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """Everything a training run reads: proteins at large, trained and held out, and the families' splits."""

    trained: tuple[str, ...]
    held_out: tuple[str, ...]
    families: tuple[FamilySplit, ...]


def read_fasta(path: Path) -> Iterator[tuple[str, str]]:
    """The (name, sequence) records of a FASTA file, gzipped or not; `InputError` when it can't be read."""
    name, lines = None, []
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
            for line in file:
                if not line.startswith(">"):
                    lines.append(line.strip())
                    continue
                if name is not None:
                    yield name, "".join(lines)
                name, lines = line[1:].strip(), []
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"cannot read the sequences in {path}: {error}") from error
    if name is None:
        raise InputError(f"{path} holds no FASTA record")
    yield name, "".join(lines)


def read_members(path: Path, families: Sequence[Family] = FAMILIES) -> dict[Family, list[str]]:
    """The distinct members of each family, in file order; `InputError` for a family with next to none."""
    members: dict[Family, dict[str, None]] = {family: {} for family in families}
    for name, sequence in read_fasta(path):
        for family in families:
            if name.startswith(family.prefix):
                members[family][sequence] = None
    for family, sequences in members.items():
        if len(sequences) < 1 / MAX_HELD_OUT_SHARE:
            raise InputError(f"{path} holds {len(sequences)} members of {family.prefix}")
    return {family: list(sequences) for family, sequences in members.items()}


def set_aside(family: Family, members: list[str], seed: int) -> tuple[list[str], list[str]]:
    """Members held out, up to 200 and one in eight at most, and all others; `members` are distinct, in file order."""
    order = np.random.default_rng((seed, zlib.crc32(family.prefix.encode()))).permutation(len(members))
    n_held_out = min(MAX_HELD_OUT, int(len(members) * MAX_HELD_OUT_SHARE))
    return [members[index] for index in order[:n_held_out]], [members[index] for index in order[n_held_out:]]


def split_family(family: Family, members: list[str], seed: int) -> FamilySplit:
    """Set members aside, and drop every other member above `MAX_IDENTITY` to one."""
    held_out, others = set_aside(family, members, seed)
    distant = closest_identity(others, held_out) <= MAX_IDENTITY
    return FamilySplit(family, tuple(np.array(others, dtype=object)[distant]), tuple(held_out))


def load_collection(folder: Path, seed: int = 0) -> Collection:
    """Read `train`, `valid` and `families.fasta.gz` and split the families: the same split for the same seed.

    Proteins at large that contain a close relative of a held-out member are dropped too.
    Raises `InputError` for a missing, unreadable or empty file, and for a family without records.
    """
    members = read_members(folder / "families.fasta.gz")
    splits = tuple(split_family(family, sequences, seed) for family, sequences in members.items())

    at_large = [sequence for _, sequence in read_fasta(folder / "train.fasta.gz")]
    set_aside = [sequence for split in splits for sequence in split.held_out]
    close = containing_relatives(at_large, set_aside, MAX_IDENTITY)
    return Collection(
        trained=tuple(sequence for index, sequence in enumerate(at_large) if index not in close),
        held_out=tuple(sequence for _, sequence in read_fasta(folder / "valid.fasta.gz")),
        families=splits,
    )
