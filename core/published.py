"""The models that are published: how large, where their weights lie, under which licence, with which hashes."""

from dataclasses import dataclass
from typing import Final

FAIR_ESM_FILES: Final = "https://dl.fbaipublicfiles.com/fair-esm"
BIOHUB_FILES: Final = "https://huggingface.co/biohub"
LARGE_ABOVE: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that is published: its size, where its weights lie, and the hashes of its files where they are known."""

    name: str
    label: str
    n_parameters: int
    sha256: str | None = None
    contact_sha256: str | None = None
    biohub: str | None = None
    """Where Biohub has an ESMC's weights (a folder where this ends in "/"); None for fair-esm's files."""
    known_as: tuple[str, ...] = ()
    """What the same file or folder is called where it was fetched by other means."""

    @property
    def is_large(self) -> bool:
        return self.n_parameters > LARGE_ABOVE

    @property
    def licence(self) -> str:
        """As fair-esm's repository and Biohub's model cards (2026) state it."""
        return "MIT" if self.biohub is None else "MIT, with third-party notices: see Biohub's model card"


PUBLISHED: Final = (
    PublishedModel(
        "esm2_t6_8M_UR50D",
        "ESM-2 8M",
        7_512_474,
        "46f002a9870c9bdecd0ea887acb1f9a38a6b561e8f8bf8a6990b679b9d31b928",
        "8f7a4557d57713b97ba0e484303007efb7230d25299c0ac47a0a1b12a87bbb9d",
    ),
    PublishedModel("esm2_t12_35M_UR50D", "ESM-2 35M", 33_500_000),
    PublishedModel("esm2_t30_150M_UR50D", "ESM-2 150M", 148_000_000),
    PublishedModel("esm2_t33_650M_UR50D", "ESM-2 650M", 651_000_000),
    PublishedModel("esm2_t36_3B_UR50D", "ESM-2 3B", 2_840_000_000),
    PublishedModel("esm2_t48_15B_UR50D", "ESM-2 15B", 15_100_000_000),
    PublishedModel(
        "esmc_300m",
        "ESMC 300M",
        332_997_184,
        # Not measured here, where there is no network: three public projects pin this hash for this revision.
        "323dff9fbf3fef297a74f4f18b6528e6f2e599b0bcf72b6927516804015becea",
        biohub="esmc-300m-2024-12/resolve/7f10b20ae75017b2dbc884070e03434515709a8d/data/weights/esmc_300m_2024_12_v0.pth",
        known_as=("esmc_300m_2024_12_v0", "ESMC-300M", "ESMC-300M-hf"),
    ),
    PublishedModel(
        "esmc_600m",
        "ESMC 600M",
        575_036_992,
        biohub="esmc-600m-2024-12/resolve/main/data/weights/esmc_600m_2024_12_v0.pth",
        known_as=("esmc_600m_2024_12_v0", "ESMC-600M", "ESMC-600M-hf"),
    ),
    PublishedModel(
        "esmc_6b",
        "ESMC 6B",
        6_352_005_184,
        biohub="ESMC-6B/resolve/main/",
        known_as=("ESMC-6B", "ESMC-6B-hf"),
    ),
)
PUBLISHED_BY_NAME: Final = {model.name: model for model in PUBLISHED}
