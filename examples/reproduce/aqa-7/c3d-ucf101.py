"""C3D trained on UCF-101 as Parmar and Morris (WACV 2019, section 5) say, for mmaction2's ``tools/train.py``; see README.md."""

_base_ = "mmaction::recognition/c3d/c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb.py"

model = {"backbone": {"pretrained": None}}
train_cfg = {"_delete_": True, "type": "IterBasedTrainLoop", "max_iters": 100_000, "val_interval": 10_000}
optim_wrapper = {
    "_delete_": True,
    "optimizer": {"type": "SGD", "lr": 0.001, "momentum": 0.9, "weight_decay": 0.005},
}
param_scheduler = [{"type": "StepLR", "step_size": 40_000, "gamma": 0.1, "by_epoch": False}]
default_hooks = {"checkpoint": {"interval": 10_000, "by_epoch": False}, "logger": {"interval": 100}}
log_processor = {"by_epoch": False}
auto_scale_lr = {"enable": False}
