"""torchvision's own models, beside any build of torch: that from PyPI misses operators beside the CPU build."""

import torch

try:
    import torchvision
except RuntimeError:
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision


def model(name, **arguments):
    return torchvision.models.get_model(name, **arguments)
