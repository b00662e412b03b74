"""``examples/reproduce/common.sh``, which the recipes of all papers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples import recipes


def test_folder__a_paper_has_a_readme_and_its_recipes_can_be_started() -> None:
    papers = sorted(path for path in recipes.ROOT.iterdir() if path.is_dir() and not path.name.startswith("__"))
    assert [path.name for path in papers] == ["2m-af", "aqa-7", "nekoui", "s4aqa", "u-vi"]
    for paper in papers:
        readme = (paper / "README.md").read_text(encoding="utf-8")
        started = [path for path in paper.glob("*.sh") if path.stat().st_mode & 0o100]
        assert started
        assert [path.name for path in started if f"`{path.name}`" not in readme] == []
        assert all(path.read_text(encoding="utf-8").startswith("#!/bin/sh\n") for path in started)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (4, 0), (3, 3), (5, 5)])
def test_common__clips_that_fail_are_left_out_and_other_errors_end_a_recipe(tmp_path: Path, code: int, expected: int) -> None:
    script = tmp_path / "recipe.sh"
    script.write_text(f'. "{recipes.ROOT}/common.sh"\nsome_may_fail sh -c "exit {code}"\necho reached\n')
    result = recipes.run(script, tmp_path)
    assert (result.returncode, result.stdout) == (expected, "reached\n" if expected == 0 else "")
