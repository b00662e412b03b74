"""The command line as a whole: start-up, exit codes, typos."""

from __future__ import annotations

from tests.conftest import run_python

HEAVY = ("torch", "cv2", "h5py", "pandas", "sklearn", "matplotlib")


def test_help__imports_nothing_heavy() -> None:
    code = "import sys; sys.argv=['aqa','--help']\nfrom aqa_cli.main import main\ntry: main()\nexcept SystemExit: pass\n"
    result = run_python(code + f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])")
    assert "LOADED []" in result.stdout, result.stdout + result.stderr


def test_version(aqa) -> None:
    code, out, _ = aqa("--version")
    assert code == 0
    assert out.startswith("aqa 0.")


def test_unknown_flag__exit_2_names_the_nearest(aqa, workspace) -> None:
    code, _, err = aqa("finetune", "--protocl", "5-fold")
    assert code == 2
    assert "--protocol" in err


def test_unknown_key__exit_2_names_the_nearest(aqa, workspace) -> None:
    code, _, err = aqa("finetune", "--set", "training.epoch=3")
    assert code == 2
    assert "Unknown key 'training.epoch' (--set). Did you mean 'training.epochs'?" in err


def test_unknown_method__exit_2_names_the_nearest(aqa, workspace) -> None:
    code, _, err = aqa("finetune", "--method", "sme-gnc")
    assert code == 2
    assert "Unknown finetune method 'sme-gnc'. Did you mean 'sme-gcn'?" in err


def test_nothing_there__says_what_makes_it(aqa, workspace) -> None:
    code, _, err = aqa("finetune")
    assert code == 2
    assert "There is no pose set in the workspace." in err
    assert "aqa import-poses" in err
