"""Databases, played by a server on this machine: what is asked for, what comes back, what is refused before asking."""

import gzip
import json
import socket

import pytest

from core.errors import InputError
from core.proteins import databases
from core.proteins.databases import fetch_alphafold, fetch_rcsb, fetch_uniprot, protein_from_identifier
from core.proteins.protein import Protein
from tests.local_server import LocalServer, serving
from tests.made_structures import as_mmcif, chain, entry

SEQUENCE = "MKTAYIAKQG"
FASTA = f">sp|P12345|MADE_TEST Made-up protein OS=Nobody OX=1\n{SEQUENCE[:5]}\n{SEQUENCE[5:]}\n"
MMCIF = as_mmcif(entry(chain("A", SEQUENCE), chain("B", "GSGSGS", shift=40))).encode()


@pytest.fixture
def server():
    with serving({}) as running:
        isoform = {"uniprotAccession": "P12345-2", "cifUrl": f"{running.url}/files/isoform.cif"}
        prediction = {"uniprotAccession": "P12345", "cifUrl": f"{running.url}/files/anything-v9.cif"}
        running.files = {
            "/P12345.fasta": FASTA.encode(),
            "/P05067-2.fasta": b">sp|P05067-2|X\nMKT",
            "/Q00001.fasta": b"",
            "/1ABC.cif.gz": gzip.compress(MMCIF),
            "/2ABC.cif.gz": b"<html>busy</html>",
            "/P12345": json.dumps([isoform, prediction]).encode(),
            "/P00001": b"[]",
            "/P00002": b"not json",
            "/P00003": b'{"error": 1}',
            "/P00004": b'[{"uniprotAccession": "P00004", "cifUrl": "file:///etc/passwd"}]',
            "/files/anything-v9.cif": MMCIF,
        }
        yield running


def asked(server: LocalServer) -> list[str]:
    return [path for path, _ in server.requests]


def test_uniprot_gives_a_named_sequence(server):
    protein = fetch_uniprot(" p12345 ", base_url=server.url)
    assert (protein.name, protein.sequence) == ("sp|P12345|MADE_TEST Made-up protein", SEQUENCE)
    assert protein.notes == ("UniProt P12345",)
    assert protein.structure is None
    assert fetch_uniprot("P05067-2", base_url=server.url).sequence == "MKT"
    assert asked(server) == ["/P12345.fasta", "/P05067-2.fasta"]


def test_uniprot_is_asked_for_an_entrys_name(server):
    server.files["/MADE_TEST.fasta"] = FASTA.encode()
    assert fetch_uniprot("made_test", base_url=server.url).sequence == SEQUENCE
    server.files["/search?query=id:OTHER_TEST&format=fasta"] = FASTA.encode()
    assert fetch_uniprot("OTHER_TEST", base_url=server.url).sequence == SEQUENCE
    with pytest.raises(InputError, match="UniProt has no entry NONE_TEST"):
        fetch_uniprot("NONE_TEST", base_url=server.url)


def test_parts_of_long_proteins_are_refused_by_name():
    with pytest.raises(InputError, match="'AF-Q8WZ42-F2' is part 2 of a long protein: only part F1 is fetched"):
        protein_from_identifier("AF-Q8WZ42-F2")


def test_rcsb_gives_a_chain_with_its_structure(server):
    protein = fetch_rcsb("1abc", base_url=server.url)
    assert (protein.name, protein.sequence) == ("1ABC chain A", SEQUENCE)
    assert protein.structure is not None
    assert protein.structure.source == "RCSB PDB 1ABC"
    assert fetch_rcsb("1ABC", "B", base_url=server.url).sequence == "GSGSGS"
    with pytest.raises(InputError, match="RCSB PDB 1ABC has no protein chain 'C'"):
        fetch_rcsb("1ABC", "C", base_url=server.url)


def test_alphafold_is_asked_where_the_file_is(server):
    protein = fetch_alphafold("P12345", base_url=server.url)
    assert protein.sequence == SEQUENCE
    assert protein.notes[-1] == "predicted by AlphaFold, not measured"
    assert asked(server) == ["/P12345", "/files/anything-v9.cif"]


@pytest.mark.parametrize(
    ("ask", "identifier", "message"),
    [
        (fetch_uniprot, "P99999", "UniProt has no entry P99999"),
        (fetch_uniprot, "Q00001", "UniProt has no entry Q00001"),
        (fetch_rcsb, "9ZZZ", "the RCSB has no mmCIF file for entry 9ZZZ"),
        (fetch_rcsb, "2ABC", "RCSB PDB 2ABC is a web page"),
        (fetch_alphafold, "P99999", "the AlphaFold database has no prediction for P99999"),
        (fetch_alphafold, "P00001", "the AlphaFold database has no prediction for P00001"),
        (fetch_alphafold, "P00002", "an answer that cannot be read"),
        (fetch_alphafold, "P00003", "an answer that cannot be read"),
        (fetch_alphafold, "P00004", r"not an http\(s\) address: file:///etc/passwd"),
    ],
)
def test_entries_that_cannot_be_had(server, ask, identifier, message):
    with pytest.raises(InputError, match=message):
        ask(identifier, base_url=server.url)


@pytest.mark.parametrize("ask", [fetch_uniprot, fetch_rcsb, fetch_alphafold])
@pytest.mark.parametrize("identifier", ["", "../1UBQ", "P1234/5", "P12345?x=1", "1UBQQ", "P12345-", "hello world"])
def test_syntax_is_checked_before_anything_is_sent(server, ask, identifier):
    with pytest.raises(InputError, match="is not a"):
        ask(identifier, base_url=server.url)
    assert server.requests == []


@pytest.mark.parametrize(
    ("ask", "identifier"), [(fetch_uniprot, "P12345"), (fetch_rcsb, "1ABC"), (fetch_alphafold, "P12345")]
)
def test_without_network_says_what_to_do_instead(ask, identifier):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(InputError, match=r"no network.*paste the sequence or upload a file instead"):
            ask(identifier, base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")


@pytest.mark.parametrize(
    ("ask", "identifier"), [(fetch_uniprot, "P12345"), (fetch_rcsb, "1ABC"), (fetch_alphafold, "P12345")]
)
def test_proteins_that_are_too_long_are_refused(server, ask, identifier):
    with pytest.raises(InputError, match="has 10 residues, and at most 9 are taken"):
        ask(identifier, base_url=server.url, max_length=9)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("P69905", ("fetch_uniprot", "P69905")),
        (" p69905", ("fetch_uniprot", "p69905")),
        ("A0A024R1R8", ("fetch_uniprot", "A0A024R1R8")),
        ("P05067-2", ("fetch_uniprot", "P05067-2")),
        ("1UBQ", ("fetch_rcsb", "1UBQ", None)),
        ("1ake_B", ("fetch_rcsb", "1ake", "B")),
        ("1AKE:b", ("fetch_rcsb", "1AKE", "b")),
        ("AF-P69905", ("fetch_alphafold", "P69905")),
        ("af-P69905-F1", ("fetch_alphafold", "P69905")),
        ("AF-P69905-F1-model_v4", ("fetch_alphafold", "P69905")),
        ("AF-P69905-F1-model_v4.cif", ("fetch_alphafold", "P69905")),
        ("AF-P05067-2-F1", ("fetch_alphafold", "P05067-2")),
        ("AFDB:P69905", ("fetch_alphafold", "P69905")),
        ("AlphaFold: AF-P69905-F1", ("fetch_alphafold", "P69905")),
        ("HBA_HUMAN", ("fetch_uniprot", "HBA_HUMAN")),
        ("sp|P69905|HBA_HUMAN", ("fetch_uniprot", "P69905")),
        (">tr|A0A024R1R8|A0A024R1R8_HUMAN Made up OS=Nobody", ("fetch_uniprot", "A0A024R1R8")),
        ("UniProt:P69905", ("fetch_uniprot", "P69905")),
        ("UniProtKB: P69905", ("fetch_uniprot", "P69905")),
        ("P69905.fasta", ("fetch_uniprot", "P69905")),
        ("https://www.uniprot.org/uniprotkb/P69905/entry", ("fetch_uniprot", "P69905")),
        ("PDB:1UBQ", ("fetch_rcsb", "1UBQ", None)),
        ("pdb: 1UBQ", ("fetch_rcsb", "1UBQ", None)),
        ("PDB:1AKE:B", ("fetch_rcsb", "1AKE", "B")),
        ("pdb|1AKE|B", ("fetch_rcsb", "1AKE", "B")),
        ("pdb_00001ubq", ("fetch_rcsb", "1ubq", None)),
        ("PDB_00001UBQ", ("fetch_rcsb", "1UBQ", None)),
        ("pdb_00001ake_B", ("fetch_rcsb", "1ake", "B")),
        ("PDB:pdb_00001ubq", ("fetch_rcsb", "1ubq", None)),
        ("pdb1ubq.ent.gz", ("fetch_rcsb", "1ubq", None)),
        ("1ubq.cif", ("fetch_rcsb", "1ubq", None)),
        ("1akeB", ("fetch_rcsb", "1ake", "B")),
        ("1AKE.B", ("fetch_rcsb", "1AKE", "B")),
        ("https://www.rcsb.org/structure/1UBQ", ("fetch_rcsb", "1UBQ", None)),
        ("https://alphafold.ebi.ac.uk/entry/P69905", ("fetch_alphafold", "P69905")),
    ],
)
def test_the_syntax_of_an_identifier_tells_the_database(monkeypatch, text, call):
    calls = []

    def record(name):
        def fetch_it(*args, max_length):
            calls.append((name, *args))
            return Protein(name, SEQUENCE)

        return fetch_it

    for name in ("fetch_uniprot", "fetch_rcsb", "fetch_alphafold"):
        monkeypatch.setattr(databases, name, record(name))
    protein_from_identifier(text)
    assert calls == [call]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MKTAYIAKQG",
        "1UBQ/../..",
        "insulin",
        "P69905 P69906",
        "PDB:P69905",
        "UniProt:1UBQ",
        "sp|1UBQ|A",
        "pdb_00012abc",
        "https://example.org/",
        "gi|12345|ref",
    ],
)
def test_other_texts_are_no_identifiers(text):
    with pytest.raises(InputError, match="is no identifier: give a UniProt accession"):
        protein_from_identifier(text)
