"""Lineage: nested, counted, and told in words."""

from __future__ import annotations

import json

from stages.artifacts.provenance import in_words, of_inputs, provenance
from stages.version import __version__


def test_provenance__one_entry_for_many_clips_of_one_command() -> None:
    made = provenance("import-poses", 1, {"dataset": "toy"})
    entry = of_inputs("poses", [(f"clip-{n}", f"{n}", made) for n in range(500)])
    assert (entry["role"], entry["count"], len(entry["made_by"])) == ("poses", 500, 1)
    assert entry["made_by"][0] == {"count": 500, "provenance": made}


def test_provenance__the_fingerprint_of_inputs_follows_names_and_contents() -> None:
    members = [("a", "1", {}), ("b", "2", {})]
    assert of_inputs("r", members)["fingerprint"] == of_inputs("r", members[::-1])["fingerprint"]
    assert of_inputs("r", members)["fingerprint"] != of_inputs("r", [("a", "2", {}), ("b", "1", {})])["fingerprint"]


def test_provenance__is_nested_json() -> None:
    poses = provenance("import-poses", 1, {"dataset": "toy"})
    encoder = provenance("pretrain", 2, {"method": "sme-gcn"}, [of_inputs("poses", [("a", "0", poses)])], seed=3)
    back = json.loads(json.dumps(encoder))
    assert back["seed"] == 3
    assert back["created_by"] == f"aqa-toolkit {__version__}"
    assert back["inputs"][0]["made_by"][0]["provenance"]["config"] == {"dataset": "toy"}


def test_in_words__a_tree_of_what_was_made_from_what() -> None:
    poses = provenance("import-poses", 1, {"dataset": "toy", "flags": [1], "sure": True})
    inputs = [of_inputs("poses", [(f"clip-{n}", f"{n}", poses) for n in range(60)])]
    models = [provenance("finetune", 1, {"method": "ridge", "fold": f"fold-{n}", "seed": n}, inputs) for n in range(2)]
    version = f"aqa-toolkit {__version__}"
    assert in_words(models) == [
        f"2 × finetune 1 ({version}): method ridge, different fold and seed",
        "  from poses:",
        f"    60 × import-poses 1 ({version}): dataset toy",
    ]
    assert in_words(models[:1])[0] == f"finetune 1 ({version}): method ridge, fold fold-0, seed 0"


def test_in_words__an_entry_without_a_count_and_an_empty_origin() -> None:
    encoder = {"role": "encoder", "fingerprint": "0", "made_by": [{"count": 1, "provenance": {}}]}
    lines = in_words([provenance("finetune", 1, {}, [encoder])])
    assert lines[1:] == ["  from encoder:", "    origin not recorded"]
