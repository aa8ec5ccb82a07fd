"""Proteins by their identifiers, from UniProt, the RCSB PDB and the AlphaFold database, when there is a network."""

import json
import re
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple

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
_ENTRY_NAME: Final = re.compile(r"[A-Z0-9]{1,10}_[A-Z0-9]{1,5}")
_PDB_ID: Final = re.compile(r"[0-9][A-Z0-9]{3}")
_PDB_ID_AND_CHAIN: Final = re.compile(
    r"(?:pdb_?(?:0000)?)?(?P<id>[0-9][A-Za-z0-9]{3})(?:[_:.|/-](?P<chain>[A-Za-z0-9]{1,4})|(?P<letter>[A-Za-z]))?",
    re.IGNORECASE,
)
_ALPHAFOLD_ID: Final = re.compile(
    r"AF-(?P<accession>[A-Z0-9]{6,10}(-[0-9]{1,3})?)(-F(?P<part>[0-9]+))?(-model_v[0-9]+)?", re.IGNORECASE
)
_DATABASES: Final = {
    "uniprot": "uniprot uniprotkb swissprot swiss-prot trembl sp tr up",
    "pdb": "pdb rcsb pdbe pdbj wwpdb",
    "alphafold": "af afdb alphafold alphafolddb",
}
_DATABASE_OF: Final = {word: database for database, words in _DATABASES.items() for word in words.split()}
_ENDING: Final = re.compile(r"\.(fasta|fa|txt|pdb|ent|cif|mmcif|bcif)(\.gz)?$", re.IGNORECASE)


class Identifier(NamedTuple):
    """An identifier as its database takes it, and a PDB entry's chain where one is named."""

    database: Literal["uniprot", "pdb", "alphafold"]
    name: str
    chain: str | None = None


def parse_identifier(text: str) -> Identifier:
    """What an identifier names, told by its syntax and by a database named before it.

    `P69905`, `HBA_HUMAN`, `sp|P69905|HBA_HUMAN` (UniProt); `1UBQ`, `1AKE_B`, `PDB:1AKE:B`, `pdb_00001ubq`, `1ubq.cif`
    (PDB); `AF-P69905-F1` (AlphaFold database); and the addresses of their pages. Raises `InputError` for anything else.
    """
    given = text.strip()
    database, name = _database_and_name(given)
    predicted = _ALPHAFOLD_ID.fullmatch(name)
    if database == "alphafold" and _ACCESSION.fullmatch(name.upper()):
        return Identifier("alphafold", name)
    if predicted and database in (None, "alphafold"):
        if predicted["part"] not in (None, "1"):
            raise InputError(
                f"{one_line(given)!r} is part {predicted['part']} of a long protein: only part F1 is fetched"
            )
        return Identifier("alphafold", predicted["accession"])
    entry = _PDB_ID_AND_CHAIN.fullmatch(name)
    if entry and database in (None, "pdb"):
        return Identifier("pdb", entry["id"], entry["chain"] or entry["letter"])
    is_uniprot = _ACCESSION.fullmatch(name.upper()) or _ENTRY_NAME.fullmatch(name.upper())
    if is_uniprot and database in (None, "uniprot"):
        return Identifier("uniprot", name)
    raise InputError(
        f"{one_line(given)!r} is no identifier: give a UniProt accession or entry name (P69905, HBA_HUMAN), a PDB entry"
        " with or without its chain (1AKE, 1AKE_B), or AF- and an accession for AlphaFold's prediction (AF-P69905)"
    )


def _database_and_name(text: str) -> tuple[str | None, str]:
    """The database that a prefix or an address names, and the identifier without it and without a file's ending."""
    if re.match(r"https?://", text, re.IGNORECASE):
        parts = [part for part in re.split(r"[/?#=]", text.partition("://")[2]) if part]
        named = [part for part in parts[1:] if parse_or_none(_ENDING.sub("", part))]
        database = "alphafold" if "alphafold" in parts[0].lower() else None
        return database, _ENDING.sub("", named[0]) if named else text
    words = text.removeprefix(">").split()
    bars = words[0].split("|") if words else [""]
    if len(bars) > 1 and bars[0].lower() in _DATABASE_OF:
        database = _DATABASE_OF[bars[0].lower()]
        return database, "_".join(bars[1:3]) if database == "pdb" and bars[2:] else bars[1]
    prefix, colon, rest = text.partition(":")
    if colon and prefix.strip().lower() in _DATABASE_OF:
        return _DATABASE_OF[prefix.strip().lower()], _ENDING.sub("", rest.strip())
    return None, _ENDING.sub("", text)


def parse_or_none(name: str) -> Identifier | None:
    """`parse_identifier`, None where it refuses."""
    try:
        return parse_identifier(name)
    except InputError:
        return None


def protein_from_identifier(text: str, *, max_length: int = MAX_LENGTH) -> Protein:
    """The protein that an identifier names: from UniProt a sequence, from the PDB and AlphaFold's database a sequence
    and its structure.

    Raises `InputError` as `parse_identifier` and the three functions below do.
    """
    database, name, chain = parse_identifier(text)
    if database == "alphafold":
        return fetch_alphafold(name, max_length=max_length)
    if database == "pdb":
        return fetch_rcsb(name, chain, max_length=max_length)
    return fetch_uniprot(name, max_length=max_length)


def fetch_uniprot(accession: str, *, base_url: str = UNIPROT, max_length: int = MAX_LENGTH) -> Protein:
    """The sequence that UniProt holds under an accession, an isoform's (`P05067-2`), or an entry's name (`HBA_HUMAN`).

    Raises `InputError`: not an accession, no network, no such entry, a sequence longer than `max_length`.
    """
    accession = accession.strip().upper()
    if not _ENTRY_NAME.fullmatch(accession):
        accession = _check(accession, _ACCESSION, "a UniProt accession, such as P69905")
    missing = f"UniProt has no entry {accession}"
    try:
        body = fetch(f"{base_url}/{accession}.fasta", advice=ADVICE, missing=missing)
    except InputError:
        if "_" not in accession:
            raise
        body = fetch(f"{base_url}/search?query=id:{accession}&format=fasta", advice=ADVICE, missing=missing)
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
