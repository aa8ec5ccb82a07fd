"""Proteins by their identifiers, from UniProt, the RCSB PDB and the AlphaFold database, when there is a network."""

import json
import re
from dataclasses import replace
from typing import Any, Final

from core.download import fetch
from core.errors import InputError
from core.proteins.protein import MAX_LENGTH, Protein, protein_from_structure, protein_from_text
from core.proteins.structure import read_structure
from core.proteins.uploads import one_line, upload_text

UNIPROT: Final = "https://rest.uniprot.org/uniprotkb"
RCSB: Final = "https://files.rcsb.org/download"
ALPHAFOLD: Final = "https://alphafold.ebi.ac.uk/api/prediction"

ADVICE: Final = "paste the sequence or upload a file instead"

# UniProt's own pattern, https://www.uniprot.org/help/accession_numbers, with an isoform's number.
_ACCESSION: Final = re.compile(r"([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2})(-[0-9]{1,3})?")
_PDB_ID: Final = re.compile(r"[0-9][A-Z0-9]{3}")
_PDB_ID_AND_CHAIN: Final = re.compile(r"(?P<id>[0-9][A-Za-z0-9]{3})([_:.](?P<chain>[A-Za-z0-9]{1,4}))?")
_ALPHAFOLD_ID: Final = re.compile(r"AF-(?P<accession>[A-Z0-9]{6,10})(-F1)?(-model_v[0-9]+)?", re.IGNORECASE)


def protein_from_identifier(text: str, *, max_length: int = MAX_LENGTH) -> Protein:
    """The protein that an identifier names, which its syntax tells: `P69905` (UniProt: a sequence), `1UBQ` or `1AKE_B`
    (PDB entry and chain: sequence and structure), `AF-P69905` (AlphaFold database: sequence and predicted structure).

    Raises `InputError` for any other syntax, and as the three functions below do.
    """
    text = text.strip()
    if predicted := _ALPHAFOLD_ID.fullmatch(text):
        return fetch_alphafold(predicted["accession"], max_length=max_length)
    if entry := _PDB_ID_AND_CHAIN.fullmatch(text):
        return fetch_rcsb(entry["id"], entry["chain"], max_length=max_length)
    if _ACCESSION.fullmatch(text.upper()):
        return fetch_uniprot(text, max_length=max_length)
    raise InputError(
        f"{one_line(text)!r} is no identifier: give a UniProt accession (P69905), a PDB entry with or without its chain"
        " (1AKE, 1AKE_B), or AF- and an accession for AlphaFold's prediction (AF-P69905)"
    )


def fetch_uniprot(accession: str, *, base_url: str = UNIPROT, max_length: int = MAX_LENGTH) -> Protein:
    """The sequence that UniProt holds under an accession, or an isoform's (`P05067-2`).

    Raises `InputError`: not an accession, no network, no such entry, a sequence longer than `max_length`.
    """
    accession = _check(accession, _ACCESSION, "a UniProt accession, such as P69905")
    missing = f"UniProt has no entry {accession}"
    body = fetch(f"{base_url}/{accession}.fasta", advice=ADVICE, missing=missing)
    if not body.strip():  # UniProt answers so for entries that it has deleted
        raise InputError(missing)
    protein = protein_from_text(upload_text(accession, body), name=accession, max_length=max_length)
    description = protein.name.partition(" OS=")[0]
    return replace(protein, name=description, notes=(*protein.notes, f"UniProt {accession}"))


def fetch_rcsb(pdb_id: str, chain: str | None = None, *, base_url: str = RCSB, max_length: int = MAX_LENGTH) -> Protein:
    """A protein chain of a PDB entry (the first one when `chain` is None) with its structure, from the RCSB.

    Raises `InputError`: not a PDB identifier, no network, no such entry or chain, a chain longer than `max_length`.
    """
    pdb_id = _check(pdb_id, _PDB_ID, "a PDB identifier, such as 1UBQ")
    url = f"{base_url}/{pdb_id}.cif.gz"
    body = fetch(url, advice=ADVICE, missing=f"the RCSB has no mmCIF file for entry {pdb_id}")
    return protein_from_structure(
        read_structure(body, chain, source=f"RCSB PDB {pdb_id}", name=pdb_id), max_length=max_length
    )


def fetch_alphafold(accession: str, *, base_url: str = ALPHAFOLD, max_length: int = MAX_LENGTH) -> Protein:
    """The structure that AlphaFold predicts for a UniProt accession, with its sequence.

    The address of the file is the one that the database's interface names, as it changes with every version. Raises
    `InputError`: not an accession, no network, no prediction, a sequence longer than `max_length`.
    """
    accession = _check(accession, _ACCESSION, "a UniProt accession, such as P69905")
    missing = f"the AlphaFold database has no prediction for {accession}"
    predictions = _parse_json(fetch(f"{base_url}/{accession}", advice=ADVICE, missing=missing))
    # The answer may list isoforms, too.
    urls = [item.get("cifUrl") for item in predictions if item.get("uniprotAccession") == accession]
    if not urls:
        raise InputError(missing)
    name, source = f"AF-{accession}-F1", f"AlphaFold DB {accession}"
    structure = read_structure(fetch(str(urls[0]), advice=ADVICE), source=source, name=name)
    protein = protein_from_structure(structure, max_length=max_length)
    return replace(protein, notes=(*protein.notes, "predicted by AlphaFold, not measured"))


def _check(identifier: str, pattern: re.Pattern[str], kind: str) -> str:
    """The identifier in capitals, before anything is sent; `InputError` when it cannot be one."""
    identifier = identifier.strip().upper()
    if not pattern.fullmatch(identifier):
        raise InputError(f"{one_line(identifier)!r} is not {kind}")
    return identifier


def _parse_json(body: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON list; `InputError` for any other answer."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise InputError("the AlphaFold database sent an answer that cannot be read; try again")
    return answer
