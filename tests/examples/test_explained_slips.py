"""``examples/explained_slips.py`` on a small set."""

from __future__ import annotations

import re

from examples import explained_slips


def test_explained_slips__counts_what_was_found(aqa, workspace, capfd) -> None:
    name = "generated-6x2+0-slips"
    assert aqa("import-poses", "--dataset", name)[0] == 0
    assert aqa("finetune", "--dataset", name, "--method", "kinematics-ridge", "--protocol", "2-fold", "--name", "kin")[0] == 0
    capfd.readouterr()
    explained_slips.main("kin", "replacement")
    first, *rest = capfd.readouterr().out.splitlines()
    count = int(re.search(r"(\d+) clips with a fault", first)[1])
    assert 0 < count <= 12
    for line, title in zip(rest, ("part", "moment", "both"), strict=True):
        share, chance = (float(value) for value in re.findall(r"\d\.\d{3}", line))
        assert line.startswith(title)
        assert 0 <= share <= 1
        assert 0 < chance < 0.6
