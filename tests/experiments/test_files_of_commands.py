"""The commands on files as people have them: what is read, what is said, and one line where nothing can be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.experiments.__main__ import app
from tests.made_structures import as_mmcif, as_pdb, chain, entry

FIRST, SECOND = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDG", "GSHMLEDPVDAFKWQNRTYLVACG"
GENE = "ATGAAAACCGCGTATATTGCGAAACAGCGTCAGATTAGCTTTGTG"


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "core.experiments", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def start_codon(tmp_path: Path, name: str, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / name).write_text(text)
    settings = ("--proteins", tmp_path / name, "--out", tmp_path / "out", "--workers", 1, "--only", "first-residue")
    return call("start-codon", *settings, *options)


def test_bad_and_long_records_are_left_out_and_said(tmp_path):
    text = f">good\n{FIRST}\n>stop\nMKT*AYI\n>long\n{'MKTAYIAKQR' * 103}\n>three\nMet Lys Thr Ala Tyr Ile\n"
    done = start_codon(tmp_path, "set.fasta", text)
    assert done.returncode == 0, done.stderr
    assert "left out: stop, reading: stop: residue 4 is '*'" in done.stderr
    assert "left out: long, reading: long has 1,030 residues, and at most 1,022 are taken" in done.stderr
    assert "note: three: three-letter codes were read as one-letter ones" in done.stderr
    assert json.loads((tmp_path / "out" / "results.json").read_text())["settings"]["sequences"] == 2 + 2 + 15 + 8


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gene.fasta", f">gene\n{GENE}\n", "error: gene is DNA or RNA, not protein: translate it first"),
        ("table.csv", "name,sequence\na,MKT\n", "error: table.csv is a table (CSV)"),
        ("no_gt.fasta", f">first\n{FIRST}\nsecond\n{SECOND}\n", "error: first: the line 'second' looks like a header"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(tmp_path, name, text, message):
    failed = start_codon(tmp_path, name, text)
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert failed.stderr.startswith(message)


def test_translated_genes_alignments_and_long_proteins_are_read_when_asked(tmp_path):
    done = start_codon(
        tmp_path, "gene.fasta", f">gene\n{GENE}\n>long\n{'MKTAYIAKQR' * 103}\n", "--translate", "--allow-long"
    )
    assert done.returncode == 0, done.stderr
    assert "note: gene: translated from 45 letters of DNA or RNA" in done.stderr
    assert "left out: long" not in done.stderr


def test_both_commands_offer_the_pages_options():
    for command, options in (("start-codon", ("--allow-long", "--translate")), ("contacts", ("--allow-long",))):
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
        for option in options:
            assert option in shown


def test_the_contacts_command_says_what_reading_structures_left_out(tmp_path):
    folder = tmp_path / "structures"
    folder.mkdir()
    (folder / "odd.pdb").write_text(as_pdb(entry(chain("A", FIRST), chain("B", SECOND, shift=40))))
    (folder / "cut.cif").write_text(as_mmcif(entry(chain("A", FIRST)))[:-400] + "'")
    failed = call("contacts", "--structures", folder, "--out", tmp_path / "out")
    assert failed.returncode == 2
    assert failed.stderr.startswith(
        f"error: none of the 2 proteins in {folder} can be used: cut.cif cannot be read as mmCIF"
    )
    assert failed.stderr.count("\n") == 1
