"""The experiments of a sweep: configurations, names, and what is refused before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from stages.configuration import Layer
from stages.errors import UsageError
from stages.sweep.config import Axis, SweepConfig, parse_vary, resolve_sweep
from stages.sweep.points import names_of, points, short_keys, text_of

RIDGE = ("kinematics-ridge",)


def sweep_of(*axes: tuple[str, tuple[Any, ...]], **keys: Any) -> SweepConfig:
    return SweepConfig(**{"methods": RIDGE, "vary": [Axis(key=key, values=values) for key, values in axes], **keys})


def test_points__a_grid_per_curve_in_the_order_that_was_given() -> None:
    config = sweep_of(("settings.inner_folds", (4, 2)), ("split_seed", (0, 1)), methods=("kinematics-svr", "kinematics-ridge"))
    found = points(config)
    assert [(point.curve, point.values) for point in found[:5]] == [
        ("kinematics-svr", (4, 0)),
        ("kinematics-svr", (4, 1)),
        ("kinematics-svr", (2, 0)),
        ("kinematics-svr", (2, 1)),
        ("kinematics-ridge", (4, 0)),
    ]
    assert (found[2].config.settings["inner_folds"], found[1].config.split_seed) == (2, 1)
    assert len({names_of("s", config.vary, point) for point in found}) == 8
    assert names_of("s", config.vary, found[0]) == "s-kinematics-svr-inner_folds-4-split_seed-0"


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("kimore/5-fold", ["kimore/5-fold/12.5-percent-labels/seed-3", "kimore/5-fold"]),
        (None, ["12.5-percent-labels/seed-3", None]),
    ],
    ids=["named", "default"],
)
def test_points__labels_are_a_part_of_the_protocol(protocol, expected) -> None:
    found = points(sweep_of(("labels", (12.5, 100)), labels_seed=3, finetune={"protocol": protocol} if protocol else {}))
    assert [point.config.protocol for point in found] == expected


def test_points__labels_follow_the_protocol_that_is_varied_or_a_curve_s_own() -> None:
    found = points(sweep_of(("labels", (10,)), ("protocol", ("3-fold", "70-30")), finetune={"protocol": "5-fold"}))
    assert [point.config.protocol for point in found] == ["3-fold/10-percent-labels/seed-0", "70-30/10-percent-labels/seed-0"]
    own = {"kinematics-ridge": {"protocol": "2-fold"}}
    assert points(sweep_of(("labels", (10,)), own=own))[0].config.protocol == "2-fold/10-percent-labels/seed-0"


def test_points__a_method_s_preset_holds_until_a_key_is_set() -> None:
    from stages.finetune.config import resolve_finetune

    alone = resolve_finetune([Layer("flag", {"method": "sme-gcn"})]).config
    (point,) = points(sweep_of(("training.epochs", (7,)), methods=("sme-gcn",)))
    assert point.config.training == alone.training.model_copy(update={"epochs": 7})
    assert point.config.settings == alone.settings


def test_points__a_curve_s_own_keys_and_init() -> None:
    own = {"frozen": {"method": "sme-gcn", "settings": {"freeze": True}, "init": "motion"}}
    found = points(sweep_of(("training.epochs", (1,)), methods=("sme-gcn", "frozen"), own=own, init="none"))
    assert [(point.config.method, point.config.settings["freeze"], point.init) for point in found] == [
        ("sme-gcn", False, "none"),
        ("sme-gcn", True, "motion"),
    ]
    varied = points(sweep_of(("init", ("none", "motion")), methods=("sme-gcn",)))
    assert [point.init for point in varied] == ["none", "motion"]


def test_points__keys_within_what_another_module_checks_can_be_varied() -> None:
    (point,) = points(sweep_of(("settings.encoder_settings.width", (8,)), methods=("sme-gcn",)))
    assert point.config.settings["encoder_settings"] == {"width": 8}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (sweep_of(), "Nothing is varied."),
        (sweep_of(("labels", (10,)), ("labels", (20,))), "'labels' is varied twice."),
        (sweep_of(("method", ("a", "b"))), "Methods are the curves and cannot be varied."),
        (sweep_of(("labels", ("ten",))), "'labels' takes percents above 0 and up to 100, found 'ten'."),
        (sweep_of(("labels", (0,))), "'labels' takes percents above 0 and up to 100, found '0'."),
        (sweep_of(("labels", (True,))), "'labels' takes percents above 0 and up to 100, found 'true'."),
        (
            sweep_of(("labels", (10,)), finetune={"protocol": "5-fold/20-percent-labels/seed-0"}),
            "'labels' is varied, but the protocol '5-fold/20-percent-labels/seed-0' withholds labels already.",
        ),
        (sweep_of(("labels", (10,)), methods=("kinematics-rigde",)), "Unknown finetune method 'kinematics-rigde'. Did you mean 'kinemat"),
        (
            sweep_of(("settings.freeze", (True, False)), methods=("sme-gcn", "kinematics-ridge")),
            "The method 'kinematics-ridge' has no key 'settings.freeze', which is to be varied.",
        ),
        (
            sweep_of(("settings.inner_fold", (2,)), methods=("mine",), own={"mine": {"method": "kinematics-ridge"}}),
            "'kinematics-ridge' of the curve 'mine' has no key 'settings.inner_fold', which is to be varied. Did you mean 'settings.inner_",
        ),
        (sweep_of(("settings.inner_folds", ("many",))), "kinematics-ridge: 'inner_folds' (--vary): Input should be a valid integer"),
        (
            sweep_of(("labels", (10,)), finetune={"settings": {"inner_fold": 3}}),
            "kinematics-ridge: Unknown key 'inner_fold' (all methods). Did you mean 'inner_folds'?",
        ),
        (sweep_of(("labels", (10,)), own={"frozn": {}, "frozen": {"method": "sme-gcn"}}), "'own' names 'frozn', which is no curve"),
        (sweep_of(("split_seed", (1, 1.0))), "Two experiments would be called 'kinematics-ridge-split_seed-1'."),
    ],
    ids=[
        "no axis",
        "axis twice",
        "method",
        "labels word",
        "labels zero",
        "labels bool",
        "withheld already",
        "unknown method",
        "one method lacks it",
        "nearest",
        "value",
        "shared key",
        "own",
        "value twice",
    ],
)
def test_points__refused(config, message) -> None:
    with pytest.raises(UsageError) as caught:
        points(config)
    assert message in caught.value.message


def test_parse_vary__values_are_yaml() -> None:
    found = parse_vary(["training.lr=1e-3,0.5,2", "target.column=score,null,[a, b],true,x y"])
    assert found == [
        {"key": "training.lr", "values": [1e-3, 0.5, 2]},
        {"key": "target.column", "values": ["score", None, ["a", "b"], True, "x y"]},
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["labels"], "--vary takes KEY=V1,V2,…, found 'labels'."),
        (["labels="], "--vary takes KEY=V1,V2,…, found 'labels='."),
        (["a=1", "b=2", "c=3"], "--vary can be given once or twice, found 3."),
        (["a=1,[2"], "--vary a=1,[2 is not valid YAML"),
    ],
    ids=["no values", "empty", "three", "yaml"],
)
def test_parse_vary__refused(texts, message) -> None:
    with pytest.raises(UsageError, match="--vary") as caught:
        parse_vary(texts)
    assert message in str(caught.value)


def test_resolve_sweep__finetune_s_keys_stand_beside_its_own() -> None:
    file = Layer("file", {"method": "kinematics-svr", "protocol": "5-fold", "training": {"epochs": 3, "lr": 0.1}, "labels_seed": 2})
    flag = Layer("flag", {"training": {"epochs": 4}})
    resolved = resolve_sweep([file, flag])
    assert resolved.config.methods == ("kinematics-svr",)
    assert resolved.config.labels_seed == 2
    assert resolved.config.finetune == {"protocol": "5-fold", "training": {"epochs": 4, "lr": 0.1}}
    assert resolved.sources["finetune.training.epochs"] == "flag"
    with pytest.raises(UsageError, match=r"Unknown key 'labels_sed' \(file\)\. Did you mean 'labels_seed'\?"):
        resolve_sweep([Layer("file", {"labels_sed": 1})])


def test_names__are_folders_and_tell_values_apart() -> None:
    config = sweep_of(("protocol", ("5-fold/leave", "5-fold_leave", "x" * 90)), ("split_seed", (0,)))
    names = [names_of("s", config.vary, point) for point in points(config)]
    assert len(set(names)) == 3
    assert all("/" not in name and len(name) < 100 for name in names)
    axes = [Axis(key="settings.input.frames", values=(1,)), Axis(key="settings.augmentation.frames", values=(1,))]
    assert short_keys(axes) == ["settings.input.frames", "settings.augmentation.frames"]
    assert [text_of(value) for value in (True, None, 0.1, 10.0, 1e-5, "a", [1, 2])] == ["true", "none", "0.1", "10", "1e-05", "a", "[1,2]"]
