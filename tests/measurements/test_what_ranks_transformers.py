"""What ranks FlexiBERT's transformers: trainings of one network count once, and within a depth."""

import numpy as np
import pytest
from scipy.stats import linregress

from gennas.errors import InputError
from gennas.spaces import flexibert
from measurements.flexibert import Row, f_test, networks, read_published, t_values, table

NETWORKS = [flexibert.from_id(f"{hidden}|{'|'.join(['h2-f1'] * depth)}") for depth in (2, 4) for hidden in (128, 256)]


def rows(*glue):
    """A row of each network, its score the hidden size."""
    return [Row(one, value, {"hidden": float(one.hidden)}) for one, value in zip(NETWORKS, glue, strict=True)]


def test_the_trainings_of_a_network_become_one():
    again = Row(NETWORKS[0], 62.0, {"hidden": 130.0})
    first, *others = networks([*rows(60, 61, 70, 71), again])
    assert (first.glue, first.scores) == (61.0, {"hidden": 129.0})
    assert others == rows(60, 61, 70, 71)[1:]


@pytest.mark.filterwarnings("ignore:The BCa")  # of so few networks
def test_rho_is_that_of_all_and_of_each_number_of_layers():
    head, _, line = table(rows(60, 61, 70, 71) * 2).splitlines()
    assert head == "| score | all (8) | 2 layers (4) | 4 layers (4) |"
    overall, of_two, of_four = (cell.split()[0] for cell in line.split("|")[2:5])
    assert float(overall) == pytest.approx(0.447, abs=1e-3) and of_two == of_four == "1.000"


def test_scores_of_other_trainings_are_refused(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("ID,GLUE Score,Saliency\n0,70,0.5\n1,71,0.75\n")
    assert read_published(path, 2) == [{"Saliency": 0.5}, {"Saliency": 0.75}]
    with pytest.raises(InputError, match=r"published\.csv: not the scores of the trainings 0 to 2 in order; get"):
        read_published(path, 3)


def test_of_one_column_f_and_t_are_those_of_the_regression():
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    found = linregress(x, y)
    t = found.slope / found.stderr
    assert t_values(x[:, None], y) == pytest.approx([t])
    assert f_test(x[:, None], y, np.zeros(20)) == pytest.approx((t**2, 1, 18, found.pvalue))


def test_what_differs_between_groups_explains_nothing_within_them():
    groups = np.repeat([0, 1], 10)
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    assert f_test(x[:, None], y, groups) == pytest.approx(f_test(x[:, None] + groups[:, None], y - 5 * groups, groups))
