"""Published figures of the methods that are here, on the data sets that are: what stands in the report beside what was obtained.

A literal table.  Every figure is printed in the paper (or picture) that its source names; shares in per cent are divided by 100, R-ℓ2 is
times 100 as everywhere.  What a source does not state is said not to be stated: hardly a paper says how the epoch was chosen, and the
released code that is known chooses it on the test clips.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.workspace import folded

NOT_STATED = "not stated"
ON_TEST = "the best on the test clips, for every figure by itself, in its released code"
BEST_ON_TEST = "the best on the test clips, in its released code"

_TWO_M_AF, _S4AQA, _TWO_STAGE = "2M-AF (ACM MM 2024)", "S4AQA", "the two-stage non-expert and expert paper"
_U_VI, _AQA_7 = "U-VI (BMVC 2021), table 6", "AQA-7 (WACV 2019), table 2"
_RICA = "the comparison in RICA²'s repository (results_fig.png)"
_DIVES_AND_OTHERS = ("diving", "gym_vault", "ski_big_air", "snowboard_big_air", "sync_diving_3m", "sync_diving_10m")
_FISHER, _MEAN, _POOLED = "spearman_fisher_mean", "spearman_mean", "spearman_pooled"


@dataclass(frozen=True)
class Published:
    """Figures of one row of one table.

    Attributes:
        dataset, method: as they are called here.
        label: what the source calls the row.
        source: where the figures are printed.
        figures: their names here (``per_class/CLASS/spearman``, or of an overall figure) → the printed values.
        split: the split that they were obtained on, in words.
        pattern: what a protocol's name here holds if it is that split, or the nearest there is.
        clips: on how many clips it tests; 0 where that is not stated.
        selection: how the epoch was chosen, in words.
        target: the manifest's column that was predicted.
        remark: what else must be known.
    """

    dataset: str
    method: str
    label: str
    source: str
    figures: Mapping[str, float]
    split: str
    pattern: str
    clips: int = 0
    selection: str = NOT_STATED
    target: str = "score"
    remark: str = ""


def _each(classes: Sequence[str], values: Sequence[float], **average: float) -> dict[str, float]:
    """Return the figures of classes and their average."""
    return {f"per_class/{name}/spearman": value for name, value in zip(classes, values, strict=True)} | average


def _aqa_7(method: str, label: str, *values: float, selection: str = NOT_STATED, source: str = "", remark: str = "") -> Published:
    """Return a row of AQA-7: six classes, their Fisher-z mean, and where there is one the figure of all clips pooled."""
    *classes, average = values[:7]
    figures = _each(_DIVES_AND_OTHERS, classes, **{_FISHER: average}, **({_POOLED: values[7]} if len(values) > 7 else {}))
    split, about = (
        "the official one (split 4)",
        "a model for each action; " + ("one for all where all are pooled; " if len(values) > 7 else ""),
    )
    where = source or f"{_TWO_M_AF}, table 1"
    return Published("aqa-7", method, label, where, figures, split, "official", 303, selection, remark=(about + remark).rstrip("; "))


def _unlv(method: str, label: str, value: float, selection: str = NOT_STATED, remark: str = "", table: int = 2) -> Published:
    source = f"{_TWO_M_AF}, table {table}"
    split = "the official one (300 to train, 70 to test)"
    return Published("unlv-dive", method, label, source, {"spearman": value}, split, "official", 70, selection, "score.execution", remark)


def _mmfs(method: str, label: str, value: float, selection: str = NOT_STATED, remark: str = "", table: int = 3) -> Published:
    source = f"{_TWO_M_AF}, table {table}"
    return Published("mmfs-63", method, label, source, {"spearman": value}, "the official one", "official", 956, selection, remark=remark)


def _mtl(method: str, label: str, remark: str = "", selection: str = NOT_STATED, **figures: float) -> Published:
    split = "the official one, all labels"
    return Published("mtl-aqa", method, label, _RICA, figures, split, "official$", 353, selection, remark=remark)


def _few(method: str, label: str, ten: float, forty: float) -> list[Published]:
    """Return the two figures of a row of S4AQA's table I."""
    shared = "features of 10 segments by an I3D that is not trained along; which clips keep their labels is not published"
    return [
        Published(
            "mtl-aqa",
            method,
            f"{label}, {percent} % of the labels",
            f"{_S4AQA}, table I",
            {"spearman": value},
            f"the official one with {percent} % of the labels",
            f"{percent}-percent-labels",
            353,
            remark=shared,
        )
        for percent, value in ((10, ten), (40, forty))
    ]


def _routines(method: str, label: str, *values: float) -> Published:
    figures = _each(("Ball", "Clubs", "Hoop", "Ribbon"), values[:4], **{_FISHER: values[4]})
    split = "the official one with 40 % of the labels"
    source, about = f"{_S4AQA}, table II", "a model for each apparatus; which clips keep their labels is not published"
    return Published("rhythmic-gymnastics", method, label, source, figures, split, "40-percent-labels", 200, remark=about)


def _trials(method: str, label: str, *values: float) -> Published:
    figures = _each(("Suturing", "Needle_Passing", "Knot_Tying"), values[:3], **{_FISHER: values[3]})
    split = "four folds with 50 % of the labels"
    about = "a model for each task, on the frequencies of the kinematics; which clips keep their labels is not published"
    return Published("jigsaws", method, label, f"{_S4AQA}, table III", figures, split, "4-fold/50-percent-labels", 103, remark=about)


def _kimore(method: str, label: str, *values: float, selection: str = NOT_STATED, remark: str = "") -> Published:
    scaled = [round(value / 100, 6) for value in values]
    figures = _each(("Es1", "Es2", "Es3", "Es4", "Es5"), scaled[:5], **{_MEAN: scaled[5]})
    split = "70 % to train, 30 % to test; whose is not published, nor whether subjects were kept apart"
    about = f"a model for each exercise; {remark}".rstrip("; ")
    return Published("kimore", method, label, f"{_TWO_STAGE}, table 1", figures, split, "70-30", 0, selection, remark=about)


def _qmar(method: str, label: str, split: str, *values: float, selection: str = NOT_STATED) -> Published:
    figures = _each(("W-P", "W-S", "SS-P", "SS-S"), values[:4], **{_MEAN: values[4]})
    words = {"view": "one frontal and one side view to train, the others to test", "subject": "by subject, as VI-Net has it"}[split]
    about = "a model for each movement test"
    return Published("qmar", method, f"{label}, cross-{split}", _U_VI, figures, words, f"cross-{split}", 0, selection, "label", about)


def _infants(method: str, label: str, value: float) -> Published:
    about = "averaged over what is not stated; of one label per clip the micro-averaged F1 is the accuracy"
    return Published(
        "infants", method, label, f"{_TWO_STAGE}, table 3", {"accuracy": value}, NOT_STATED, "$^", target="label", remark=about
    )


_SOURCE_HAS = "2M-AF's table prints {} for this row; here are the figures of its own source"
PUBLISHED: tuple[Published, ...] = (
    _aqa_7("2m-af", "2M-AF", 0.8715, 0.8050, 0.7276, 0.7254, 0.9555, 0.9380, 0.8662, 0.8901, remark="poses by HRNet, features by I3D"),
    _aqa_7("dae-core", "DAE-CoRe", 0.8923, 0.7786, 0.7102, 0.6842, 0.9506, 0.9129, 0.8520, 0.8757),
    _aqa_7("dae", "DAE-MLP", 0.8420, 0.7754, 0.6836, 0.7230, 0.9237, 0.8902, 0.8258, 0.8693),
    _aqa_7(
        "tsa-net",
        "TSA-Net",
        *(0.8379, 0.8004, 0.6657, 0.6962, 0.9493, 0.9334, 0.8476),
        remark=_SOURCE_HAS.format(".6856 (snowboard) and .9459 (synchronised, 3 m)"),
    ),
    _aqa_7(
        "core",
        "CoRe",
        *(0.8824, 0.7746, 0.7115, 0.6624, 0.9442, 0.9078, 0.8401),
        selection=ON_TEST,
        remark="its network learns along with the rest; by Fisher's z the average of the six printed figures would be .8434",
    ),
    _aqa_7("musdl", "MUSDL", 0.8099, 0.7570, 0.6538, 0.7109, 0.9166, 0.8878, 0.8102, remark="its network learns along with the rest"),
    _aqa_7("jrg", "JRG", 0.7630, 0.7358, 0.6006, 0.5405, 0.9013, 0.9254, 0.7849),
    _aqa_7("features-svr", "C3D-SVR", 0.7902, 0.6824, 0.5209, 0.4006, 0.5937, 0.9120, 0.6937, source=_AQA_7, remark="features by C3D"),
    _aqa_7("c3d-lstm", "single-action C3D-LSTM", 0.6047, 0.5636, 0.4593, 0.5029, 0.7912, 0.6927, 0.6165, source=_AQA_7),
    replace(
        _aqa_7("c3d-lstm", "all-action C3D-LSTM", 0.6177, 0.6746, 0.4955, 0.3648, 0.8410, 0.7343, 0.6478, source=_AQA_7),
        remark="one model for all actions",
    ),
    Published(
        *("aqa-7", "sme-gcn", "skeleton stream, CTR-GCN from scratch", f"{_TWO_M_AF}, table 4", {_POOLED: 0.8696}),
        *("the official one (split 4)", "official", 303),
        remark="one model for all actions, poses by HRNet",
    ),
    Published(
        *("aqa-7", "sme-gcn", "skeleton stream, pretrained by SME-GCN (r_m = .38)", f"{_TWO_M_AF}, table 6", {_POOLED: 0.8848}),
        *("the official one (split 4)", "official", 303),
        remark="one model for all actions, poses by HRNet",
    ),
    _unlv("2m-af", "2M-AF", 0.8838, remark="poses by HRNet, features by I3D"),
    _unlv("core", "CoRe", 0.8663, remark="its network learns along with the rest"),
    _unlv("dae-core", "DAE-CoRe", 0.8477),
    _unlv("falcons", "FALCONS", 0.8453),
    _unlv("c3d-avg", "C3D-AVG-MTL", 0.8383, remark="its network learns along with the rest"),
    _unlv("features-svr", "C3D-SVR", 0.7800, remark="features by C3D"),
    _unlv("jrg", "JRG", 0.7630),
    _unlv("sme-gcn", "skeleton stream, CTR-GCN from scratch", 0.7744, remark="poses by HRNet", table=4),
    _mmfs("2m-af", "2M-AF", 0.8744),
    _mmfs("dae-core", "DAE-CoRe", 0.7548),
    _mmfs("core", "CoRe", 0.7313),
    _mmfs("dae", "DAE-MLP", 0.5915),
    _mmfs("c3d-lstm", "C3D-LSTM", 0.5234),
    _mmfs("c3d-avg", "C3D-AVG-STL", 0.3831),
    _mmfs("sme-gcn", "skeleton stream, CTR-GCN from scratch", 0.8595, table=4),
    _mtl("core", "CoRe", "with the degree of difficulty given; its network learns along", ON_TEST, spearman=0.9512, relative_l2=0.2600),
    _mtl("dae-core", "DAE-CoRe", spearman=0.9589),
    _mtl("tsa-net", "TSA-Net", spearman=0.9422),
    _mtl("musdl", "MUSDL", "its network learns along with the rest", spearman=0.9273),
    _mtl("c3d-avg", "C3D-AVG-MTL", "attributes and captions learned beside the score", spearman=0.9044),
    *_few("features-svr", "SVR", 0.427, 0.565),
    *_few("usdl", "USDL", 0.530, 0.646),
    *_few("c3d-avg", "C3D-AVG-STL", 0.561, 0.632),
    *_few("c3d-avg", "C3D-AVG-MTL", 0.584, 0.656),
    *_few("coreg", "COREG", 0.487, 0.526),
    *_few("pseudo-labels", "pseudo-labels", 0.622, 0.716),
    *_few("vat", "VAT", 0.635, 0.724),
    *_few("s4l", "S4L", 0.621, 0.721),
    *_few("s4aqa", "S4AQA", 0.676, 0.746),
    _routines("features-svr", "SVR", 0.175, 0.243, 0.261, 0.309, 0.248),
    _routines("action-net", "ACTION-NET, dynamic stream", 0.196, 0.403, 0.319, 0.305, 0.308),
    _routines("coreg", "COREG", 0.230, 0.338, 0.331, 0.268, 0.292),
    _routines("pseudo-labels", "pseudo-labels", 0.183, 0.330, 0.346, 0.305, 0.292),
    _routines("vat", "VAT", 0.208, 0.355, 0.345, 0.292, 0.301),
    _routines("s4l", "S4L", 0.209, 0.325, 0.324, 0.290, 0.288),
    _routines("s4aqa", "S4AQA", 0.248, 0.388, 0.372, 0.357, 0.342),
    _trials("usdl", "USDL", 0.439, 0.351, 0.680, 0.505),
    _trials("pseudo-labels", "pseudo-labels", 0.445, 0.501, 0.714, 0.566),
    _trials("vat", "VAT", 0.524, 0.526, 0.749, 0.612),
    _trials("s4l", "S4L", 0.455, 0.529, 0.730, 0.585),
    _trials("s4aqa", "S4AQA", 0.533, 0.552, 0.813, 0.655),
    _kimore("expert", "two-stage, both streams", 75.59, 72.87, 69.96, 74.67, 72.31, 73.08, remark="poses by OpenPose, video by C3D"),
    _kimore("eagle-eye", "EAGLE-Eye", 70.85, 67.34, 64.62, 65.23, 62.42, 66.09),
    _kimore("vi-net", "VI-Net", 79.00, 69.00, 57.00, 59.00, 70.00, 66.80, selection=BEST_ON_TEST, remark="the best of its backbones"),
    _qmar("u-vi", "from scratch", "view", 0.81, 0.58, 0.16, 0.53, 0.52),
    _qmar("u-vi", "fine-tuned", "view", 0.90, 0.76, 0.58, 0.64, 0.72),
    _qmar("u-vi", "unsupervised", "view", 0.78, 0.66, 0.29, 0.54, 0.54),
    _qmar("u-vi", "from scratch", "subject", 0.81, 0.51, 0.39, 0.72, 0.60),
    _qmar("u-vi", "fine-tuned", "subject", 0.89, 0.54, 0.62, 0.76, 0.70),
    _qmar("u-vi", "unsupervised", "subject", 0.70, 0.50, 0.48, 0.66, 0.58),
    _qmar("vi-net", "VI-Net", "view", 0.92, 0.81, 0.46, 0.61, 0.70, selection=BEST_ON_TEST),
    _qmar("vi-net", "VI-Net", "subject", 0.87, 0.52, 0.58, 0.69, 0.66, selection=BEST_ON_TEST),
    _infants("expert", "two-stage, full model", 0.89),
    _infants("eagle-eye", "EAGLE-Eye", 0.83),
)


def published(facts: Mapping[str, Any], table: Iterable[Published] = PUBLISHED) -> list[Published]:
    """Return the figures of an evaluation's data set and method: those of its own split where there are any, else all of them."""
    dataset, method = folded(str(facts.get("dataset", ""))), str(facts.get("method", ""))
    there = [each for each in table if folded(each.dataset) == dataset and each.method == method]
    same = [each for each in there if same_split(each, facts)]
    return same or there


def same_split(found: Published, facts: Mapping[str, Any]) -> bool:
    """Say whether an evaluation's protocol is called like the split of a published figure, or the nearest that there is to it."""
    return bool(re.search(found.pattern, str(facts.get("protocol", ""))))
