"""The command `features`: its tables hold what the features of each protein say, its refusals name the rule."""

from pathlib import Path

import pandas as pd
import pytest

from core.alphabet import tokenize
from core.errors import InputError
from core.experiments.features.command import features
from core.features.activations import feature_activations
from core.features.descriptions import descriptions_in
from tests.made_features import LAYER, SHORT, write_made_features


def test_the_table_lists_named_features_residue_by_residue(tmp_path: Path) -> None:
    folder = tmp_path / "dictionaries"
    model = write_made_features(folder)
    known = descriptions_in(folder, model)[LAYER]
    fasta = tmp_path / "two.fasta"
    fasta.write_text(f">one\n{SHORT}\n>two\n{SHORT[::-1]}\n")
    features(tmp_path / "out", proteins=fasta, dictionaries=folder, workers=1)
    table = pd.read_csv(tmp_path / "out" / "tables" / "concepts-L3.csv")
    found = {(row["subject"], row["position"], row["feature"]) for _, row in table.iterrows()}
    expected = set()
    for name, sequence in (("one", SHORT), ("two", SHORT[::-1])):
        dense = feature_activations(model, tokenize(sequence), LAYER).numpy()
        for feature, described in enumerate(known.features):
            if described.f1 >= 0.5:
                positions = (dense[:, feature] > described.threshold * described.largest).nonzero()[0]
                expected |= {(name, int(position), f"L3F{feature}") for position in positions}
    assert expected
    assert found == expected
    counts = pd.read_csv(tmp_path / "out" / "tables" / "proteins-per-concept-L3.csv")
    assert counts["proteins"].max() <= 2
    assert "concepts in 2 proteins" in (tmp_path / "out" / "results.json").read_text()
    assert (tmp_path / "out" / "report.html").is_file()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "dictionaries"
    write_made_features(folder)
    with pytest.raises(InputError, match="holds no dictionary of layer 4"):
        features(tmp_path / "out", dictionaries=folder, layer=[4], workers=1)
    with pytest.raises(InputError, match="no dictionary of features in"):
        features(tmp_path / "out", dictionaries=tmp_path / "nothing", workers=1)
