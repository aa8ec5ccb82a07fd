import pandas as pd

from core.tables import grid, means, rows

TABLE = pd.DataFrame(
    {"head": ["L2", "L2", "L1", "L1", "L2"], "scope": ["mask", "all", "mask", "all", "mask"], "gap": [1.0, 2, 3, 4, 5]}
)


def test_rows():
    assert rows(TABLE, head="L2", scope="mask").gap.tolist() == [1, 5]
    assert rows(TABLE).equals(TABLE)
    assert rows(TABLE, head="L9").empty


def test_means_keep_the_order_of_first_appearance():
    found = means(TABLE, ["head", "scope"], ["gap"])
    assert found.to_dict("list") == {
        "head": ["L2", "L2", "L1", "L1"],
        "scope": ["mask", "all", "mask", "all"],
        "gap": [3.0, 2.0, 3.0, 4.0],
    }


def test_grid_keeps_the_order_of_first_appearance():
    found = grid(TABLE.iloc[1:], "head", "scope", "gap")
    assert found.index.tolist() == ["L2", "L1"]
    assert found.columns.tolist() == ["all", "mask"]
    assert found.to_numpy().tolist() == [[2, 5], [4, 3]]
