"""The library behind ``aqa``: video → pose → features → encoder → model → an honest score.

=====================  ================================================================================================
``errors``             every error that a user can cause, with its hint and exit code
``configuration``      how a stage's configuration is put together: default < file < ``--set`` < flag, typos named
``workspace``          where every stage finds and leaves its artifacts by default
``artifacts``          the HDF5 format (``docs/format.md``): schema, store, fingerprint, provenance, collections
``engine``             how any stage runs: plan, skip, shard, device, seed, the method contract, the training loop, several processes
``datasets``           the manifest, one adapter per data set, splits and protocols
``skeletons``          joint layouts, graphs, transforms, importers of other tools' pose files
``encoders``           networks from a pose sequence to a representation, one file each
``video``              frames out of videos and folders of images, sampling, optical flow, writing videos
``weights``            published weights: where they lie, downloading, reading without running code
``openmmlab``          the one door to mmpose and mmaction2
``extract_pose``       stage: videos into poses; estimators, one file each
``extract_features``   stage: what video networks see in the segments of a clip; backbones, one file each
``extract_kinematics`` stage: poses, or a robot's kinematics, into frequencies of their segments
``extract_maps``       stage: poses, videos and published maps into pictures of bodies, from real and virtual cameras
``import_poses``       stage: a data set's skeletons, or another tool's files, into pose artifacts
``import_features``    stage: other people's features into feature artifacts
``render``             stage: skeletons drawn over their videos
``pretrain``           stage: unlabelled motion into an encoder; one module per method
``examine``            stage: what pretraining has learned, on clips that the encoder did not see
``finetune``           stage: a few scored clips into a model; one module per method
``profile``            what a method costs: parameters, operations, time, memory
``evaluate``           stage: predictions, metrics with intervals, a report
``compare``            stage: evaluations side by side, with paired differences
``explain``            why a score: what parts of the body and moments cost, by replacement or by gradients
``score``              stage: a new video in, a score with its interval and its reliability out
``export``             stage: models as ONNX and safetensors files, with a card
``sweep``              stage: an experiment for every value of one or two settings, as one figure
=====================  ================================================================================================

Nothing here prints, exits or knows the command line.  Shapes in docstrings share one legend: N clips, T frames, V joints,
M people, C channels, S segments, D feature dimensions.
"""

from stages.version import __version__

__all__ = ["__version__"]
