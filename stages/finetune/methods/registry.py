"""The list of finetuning methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.engine.registry import Entry, load_named

_METHODS = "stages.finetune.methods"

METHODS: Mapping[str, Entry] = {
    "sme-gcn": Entry(
        f"{_METHODS}.sme_gcn:SMEGCN",
        "skeleton encoder with a linear regressor, from scratch, frozen or fine-tuned",
        "2M-AF, section 3.2",
        "poses, encoder (optional)",
    ),
    "2m-af": Entry(
        f"{_METHODS}.two_modality:TwoModality",
        "skeleton encoder and video features, with preference fusion or those it is compared with",
        "2M-AF, section 3.2",
        "poses, features, encoder (optional)",
    ),
    "coreg": Entry(
        f"{_METHODS}.coreg:COREG",
        "two nearest-neighbour regressors label clips for each other",
        "COREG, IJCAI 2005",
        "features, unlabelled clips",
    ),
    "usdl": Entry(f"{_METHODS}.usdl:USDL", "mean segment feature to a distribution over scores", "USDL, CVPR 2020", "features"),
    "musdl": Entry(
        f"{_METHODS}.musdl:MUSDL",
        "mean segment feature to a distribution over every judge's marks",
        "MUSDL, CVPR 2020",
        "features, judges' marks in the manifest",
    ),
    "core": Entry(
        f"{_METHODS}.core:CoRe",
        "mean segment features of a clip and of exemplars to the difference of their scores, by a tree of intervals",
        "CoRe, ICCV 2021",
        "features",
    ),
    "dae": Entry(f"{_METHODS}.dae:DAE", "mean segment feature to a Gaussian over scores", "DAE-MLP, arXiv 2111.11029", "features"),
    "dae-core": Entry(
        f"{_METHODS}.dae:DAECoRe",
        "mean segment features of a clip and of exemplars to a Gaussian over the difference of their scores",
        "DAE-CoRe, arXiv 2111.11029",
        "features",
    ),
    "gdlt": Entry(
        f"{_METHODS}.gdlt:GDLT",
        "transformer over the segments of a long video, with a query for every grade",
        "GDLT, CVPR 2022",
        "features",
    ),
    "jrg": Entry(
        f"{_METHODS}.jrg:JRG",
        "what joints near each other have in common and how they differ, in squares around them, and the whole scene",
        "JRG, ICCV 2019",
        "features (of the scene and of squares around joints)",
    ),
    "c3d-avg": Entry(
        f"{_METHODS}.c3d_avg:C3DAVG",
        "mean segment feature to the score, and if told so to attributes and a commentary",
        "C3D-AVG-STL and -MTL, CVPR 2019",
        "features",
    ),
    "c3d-lstm": Entry(
        f"{_METHODS}.c3d_lstm:C3DLSTM",
        "recurrent network over the segments of a clip, for one action or for several at once",
        "C3D-LSTM, WACV 2019",
        "features",
    ),
    "action-net": Entry(
        f"{_METHODS}.action_net:ActionNet",
        "context-aware attention over the segments of a long video, over single frames of its performer, or both",
        "ACTION-NET, ACM MM 2020",
        "features (a second kind for both streams)",
    ),
    "tsa-net": Entry(
        f"{_METHODS}.tsa_net:TSANet",
        "video network, trained along, in whose middle the performer's places attend to each other",
        "TSA-Net, ACM MM 2021",
        "images, poses",
    ),
    "falcons": Entry(
        f"{_METHODS}.falcons:FALCONS",
        "execution by joints and video times difficulty by joints, each learned; or the execution alone",
        "FALCONS, CVPR workshops 2020",
        "poses, features (either optional), execution and difficulty in the manifest",
    ),
    "s4aqa": Entry(
        f"{_METHODS}.s4aqa:S4AQA",
        "segment features, recovery of masked segments of unlabelled clips, aligned representations",
        "S4AQA, section III",
        "features, unlabelled clips",
    ),
    "vat": Entry(
        f"{_METHODS}.vat:VAT", "S4AQA's network with virtual adversarial training", "VAT, TPAMI 2019", "features, unlabelled clips"
    ),
    "pseudo-labels": Entry(
        f"{_METHODS}.pseudo_labels:PseudoLabels",
        "S4AQA's network taught the scores of the nearest labelled clips",
        "pseudo-labels as in S4AQA",
        "features, unlabelled clips",
    ),
    "s4l": Entry(
        f"{_METHODS}.s4l:S4L",
        "S4AQA's network tells how a video was turned",
        "S4L, ICCV 2019",
        "features (four views), unlabelled clips",
    ),
    "mean-teacher": Entry(
        f"{_METHODS}.mean_teacher:MeanTeacher",
        "S4AQA's network agreeing with the average of its former selves",
        "Mean Teacher, NeurIPS 2017",
        "features, unlabelled clips",
    ),
    "eagle-eye": Entry(
        f"{_METHODS}.eagle_eye:EagleEye",
        "joint coordination in heat maps of the joints + appearance dynamics, at several tempos; either alone",
        "EAGLE-Eye, WACV 2021",
        "poses, features (either optional)",
    ),
    "vi-net": Entry(
        f"{_METHODS}.vi_net:VINet",
        "view-invariant trajectories of the joints' heat maps + a 2-D network",
        "VI-Net, Sensors 2020",
        "poses",
    ),
    "expert": Entry(
        f"{_METHODS}.expert:Expert",
        "recurrent pose stream on the non-expert's encoder, and an appearance stream on video features",
        "two-stage non-expert and expert, section 3.2",
        "poses, features (optional), encoder (optional)",
    ),
    "linear-probe": Entry(
        f"{_METHODS}.probes:LinearProbe", "linear regression or classification of a frozen encoder's features", "probe", "poses, encoder"
    ),
    "knn-probe": Entry(
        f"{_METHODS}.probes:NeighbourProbe", "nearest neighbours among a frozen encoder's features", "probe", "poses, encoder"
    ),
    "kinematics-ridge": Entry(
        f"{_METHODS}.kinematics:KinematicsRidge", "kinematic statistics of the joints + ridge regression", "baseline", "poses"
    ),
    "kinematics-svr": Entry(
        f"{_METHODS}.kinematics:KinematicsSVR", "kinematic statistics of the joints + support vector regression", "baseline", "poses"
    ),
    "kinematics-trees": Entry(
        f"{_METHODS}.kinematics:KinematicsTrees", "kinematic statistics of the joints + extremely randomised trees", "baseline", "poses"
    ),
    "u-vi": Entry(f"{_METHODS}.u_vi:UVIAssessor", "canonical poses of pictures + recurrent network", "U-VI, BMVC 2021", "images"),
    "features-ridge": Entry(f"{_METHODS}.features:FeaturesRidge", "mean segment feature + ridge regression", "baseline", "features"),
    "features-svr": Entry(f"{_METHODS}.features:FeaturesSVR", "mean segment feature + support vector regression", "baseline", "features"),
    "features-mlp": Entry(f"{_METHODS}.features:FeaturesMLP", "mean segment feature + perceptron", "baseline", "features"),
}


def method_class(name: str) -> Any:
    """Import and return a method's class (an Assessor with ``SETTINGS`` and ``TRAINING``, or an Estimator with ``SETTINGS``)."""
    return load_named("finetune method", name, METHODS)
