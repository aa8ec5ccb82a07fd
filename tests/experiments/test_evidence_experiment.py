"""The calibration: what it counts is in its tables, and the command writes what the page reads."""

import msgspec
import pytest
from typer.testing import CliRunner

from core.answers.calibration import Calibration
from core.answers.evidence import Chosen
from core.experiments.__main__ import app
from core.experiments.evidence import EXPERIMENT
from core.experiments.evidence.study import JUDGED_FAMILIES, TUNED_ON, Study, held_out_members
from core.experiments.survey import StoredSurvey
from core.training.families import FAMILIES, split_family

KNOWN = {"one": "MKTAYIAKQR", "two": "MGDVEKGKKIFVQ"}


@pytest.fixture
def study(survey: StoredSurvey) -> Study:
    member = "ACDEFGHIKLMNPQRS"
    conserved = {"Kunitz": {"Kunitz 21": Chosen(member, (2, 5, 9))}}
    return Study(survey, KNOWN, {"no M": "AKTAYIAK"}, {"Kunitz": {"Kunitz 21": member}}, conserved, 2, 0)


def test_every_part_counts_what_its_tables_hold(study: Study):
    sections = {name: part(study) for name, part in EXPERIMENT.parts.items()}
    found = {criterion.name: criterion for criterion in study.criteria}
    for what in ("shuffled", "random"):
        top = sections["controls"].tables[f"controls-{what}"].query("role == 'top' and verdict != 'none'")
        assert (found[what].counted, found[what].of) == ((top.verdict == "evidence").sum(), len(top))
    kept = sections["families"].tables["conserved-Kunitz"]
    assert found["Kunitz"].of == 3
    letters = {2: "D", 5: "G", 9: "L"}
    own = kept[[letters[at] == letter for at, letter in zip(kept.residue, kept.letter, strict=True)]]
    assert found["Kunitz"].counted == (own.verdict == "evidence").sum()
    starts = sections["starts"].tables["starts"]
    assert set(starts.letter) <= {"M"}
    assert {name for name in found if name.startswith("start")} == {
        "start, known",
        "start, shuffled",
        "start, random",
        "start, first residue not M",
    }
    assert found["start, known"].of == 2
    assert len(sections["copying"].tables["copying"]) == 8 * 5
    for section in sections.values():
        assert section.finding.endswith(".")


def test_shuffles_keep_composition_and_do_not_depend_on_the_others(study: Study, survey: StoredSurvey):
    alone = Study(survey, KNOWN, {}, {}, {}, 2, 0)
    assert {name: sorted(s) for name, s in alone.shuffled.items()} == {
        f"{name} shuffled": sorted(s) for name, s in KNOWN.items()
    }
    only = Study(survey, {"two": KNOWN["two"]}, {}, {}, {}, 2, 0)
    assert only.shuffled["two shuffled"] == alone.shuffled["two shuffled"]
    assert list(study.shuffled) == ["Kunitz 21 shuffled"]


def test_judged_members_are_held_out_and_tuned_nothing(tmp_path):
    letters = "ACDEFGHIKLMNPQRSTVWY"
    lines, members = [], {}
    for family in (family for family in FAMILIES if family.name in JUDGED_FAMILIES):
        members[family] = [
            letters[at % 20 :] + letters[: at % 20] + "ACDW"[at // 20 % 4] * (1 + at // 80) for at in range(240)
        ]
        lines += [f">{family.prefix}_{at}\n{sequence}" for at, sequence in enumerate(members[family])]
    path = tmp_path / "families.fasta"
    path.write_text("\n".join(lines))
    found, conserved = held_out_members(path, 3, 100)
    for family, sequences in members.items():
        held_out = split_family(family, list(dict.fromkeys(sequences)), 0).held_out
        assert tuple(found[family.name].values()) == held_out[TUNED_ON : TUNED_ON + 3]
        for name, chosen in conserved[family.name].items():
            assert chosen.sequence == found[family.name][name]
            assert len(chosen.residues) == round(len(chosen.sequence) / 3)


def test_the_command_writes_what_the_page_reads(tmp_path, model_folder):
    proteins = tmp_path / "a.fasta"
    proteins.write_text(">one\nMKTAYIAKQR\n")
    out = tmp_path / "out"
    arguments = ["evidence", "--model", str(model_folder), "--proteins", str(proteins), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--workers", "1", "--random", "1", "--only", "poly-x,starts"])
    assert result.exit_code == 0, result.output
    calibration = msgspec.json.decode((out / "evidence.json").read_bytes(), type=Calibration)
    assert [criterion.name for criterion in calibration.criteria] == [
        "start, known",
        "start, shuffled",
        "start, random",
        "poly-X",
    ]
    text = (out / "EVIDENCE.md").read_text()
    for criterion in calibration.criteria:
        assert criterion.group in text
    assert (out / "tables" / "poly-x.csv").is_file()
    assert (out / "report.html").is_file()
