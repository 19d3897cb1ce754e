"""Which network of ours is which network of which library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from archspec.graph.mode import Mode


@dataclass(frozen=True)
class Network:
    """One network in a library."""

    library: str
    theirs: str
    ours: str
    size: tuple[int, int] | None = (96, 64)
    """Height and width of the images; None for those in the spec."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    by: Literal["name", "order"] = "order"
    """How weights are matched: by the names in `specs/LIBRARY`, or in the order of their definition."""
    first: tuple[str, ...] = ()
    """Steps of ours that the library defines before all else in their scope."""
    bridges: tuple[str, ...] = ()
    """Known differences of the library that are taken away: functions in `library.py`."""
    pixels: bool = False
    """Whether it takes numbers from 0 to 255."""
    mode: Mode = Mode.EVALUATION
    """Whether the library has and runs the heads that only training needs, too."""


def _keras(theirs: str, ours: str, **more: Any) -> Network:
    return Network("keras", theirs, ours, **more)


def _paddle(theirs: str, ours: str = "", **more: Any) -> Network:
    return Network("paddle", theirs, ours or theirs, **more)


def _torchvision(theirs: str, ours: str = "", **more: Any) -> Network:
    return Network("torchvision", theirs, ours or theirs, by="name", **more)


def _timm(theirs: str, ours: str = "", **more: Any) -> Network:
    return Network("timm", theirs, ours or theirs, by="name", **more)


def _timm_in_order(theirs: str, ours: str = "", **more: Any) -> Network:
    return Network("timm", theirs, ours or theirs, **more)


FLAT: Final[dict[str, Any]] = {"size": None}
"""Its last layers take images of one size."""
UNSCALED: Final[dict[str, Any]] = {"include_preprocessing": False}
"""Keras networks may scale pixels inside; ours begin after it."""
MOBILENETS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("", {}),
    ("_075", {"alpha": 0.75}),
    ("_minimalistic", {"minimalistic": True}),
]
MEDIUM: Final = (107, 91)
LARGE: Final = (139, 123)
LARGER: Final = (256, 288)

KERAS: Final = [
    _keras("VGG16", "vgg16", size=(64, 32)),
    _keras("VGG19", "vgg19", size=(64, 32)),
    *(_keras(f"ResNet{depth}", f"resnet{depth}_keras", first=("downsample",)) for depth in (50, 101, 152)),
    *(_keras(f"ResNet{depth}V2", f"resnetv2_{depth}_keras") for depth in (50, 101, 152)),
    _keras("DenseNet121", "densenet121_keras"),
    _keras("InceptionV3", "inception_v3_keras", first=("conv", "weight", "bias"), **FLAT),
    _keras("InceptionResNetV2", "inception_resnet_v2_keras", size=MEDIUM, first=("conv", "weight", "bias")),
    _keras("Xception", "xception", size=MEDIUM),
    _keras("MobileNet", "mobilenet_v1_keras"),
    _keras("MobileNet", "mobilenet_v1_025_keras", arguments={"alpha": 0.25}),
    _keras("MobileNetV2", "mobilenet_v2_keras"),
    _keras("MobileNetV2", "mobilenet_v2_035_keras", arguments={"alpha": 0.35}),
    *(
        _keras(f"MobileNetV3{size.title()}", f"mobilenet_v3_{size}{ours}_keras", arguments={**theirs, **UNSCALED})
        for size in ("small", "large")
        for ours, theirs in MOBILENETS
    ),
    *(_keras(f"EfficientNetB{i}", f"efficientnet_b{i}_keras", bridges=("pixels_as_they_are",)) for i in range(6)),
    _keras("EfficientNetV2S", "efficientnet_v2_s_keras", arguments=UNSCALED),
    *(_keras(f"EfficientNetV2B{i}", f"efficientnet_v2_b{i}", arguments=UNSCALED) for i in range(4)),
    _keras("NASNetMobile", "nasnet_mobile_keras"),
    _keras("ConvNeXtTiny", "convnext_tiny_keras", pixels=True, bridges=("exact_normalization",)),
    *(_keras(f"ConvNeXt{size.title()}", f"convnext_{size}", arguments=UNSCALED) for size in ("small", "base")),
]

PADDLE: Final = [
    _paddle("LeNet", "lenet_paddle", **FLAT),
    _paddle("alexnet", bridges=("plain_dropout",), **FLAT),
    *(_paddle(f"vgg{depth}", **FLAT) for depth in (11, 13, 16, 19)),
    *(_paddle(f"vgg{depth}", f"vgg{depth}_bn", arguments={"batch_norm": True}, **FLAT) for depth in (11, 13, 16, 19)),
    *(_paddle(f"resnet{depth}") for depth in (18, 34, 50, 101, 152)),
    _paddle("resnext50_32x4d"),
    _paddle("resnext101_32x4d"),
    _paddle("resnext101_64x4d"),
    _paddle("wide_resnet50_2"),
    _paddle("wide_resnet101_2"),
    *(_paddle(f"densenet{depth}") for depth in (121, 161, 169, 201, 264)),
    _paddle("googlenet", "googlenet_paddle", bridges=("plain_dropout",), mode=Mode.AUXILIARY, **FLAT),
    _paddle("inception_v3", "inception_v3_paddle", bridges=("plain_dropout",), **FLAT),
    _paddle("squeezenet1_0", "squeezenet1_0_paddle", bridges=("plain_dropout",)),
    _paddle("squeezenet1_1", "squeezenet1_1_paddle", bridges=("plain_dropout",)),
    _paddle("mobilenet_v1"),
    *(
        _paddle("mobilenet_v1", f"mobilenet_v1_{percent:03}", arguments={"scale": percent / 100})
        for percent in (25, 50, 75)
    ),
    _paddle("mobilenet_v2"),
    *(
        _paddle("mobilenet_v2", f"mobilenet_v2_{percent:03}", arguments={"scale": percent / 100})
        for percent in (50, 75)
    ),
    _paddle("mobilenet_v3_small", bridges=("exact_hard_sigmoid",)),
    _paddle("mobilenet_v3_large", bridges=("exact_hard_sigmoid",)),
    *(_paddle(f"shufflenet_v2_{width}") for width in ("x0_5", "x1_0", "x1_5")),
    _paddle("shufflenet_v2_x2_0", "shufflenet_v2_x2_0_paddle"),
]

TORCHVISION: Final = [
    _torchvision("alexnet", **FLAT),
    *(_torchvision(f"vgg{depth}{norm}", **FLAT) for norm in ("", "_bn") for depth in (11, 13, 16, 19)),
    *(_torchvision(f"resnet{depth}") for depth in (18, 34, 50, 101, 152)),
    *(_torchvision(name) for name in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d")),
    *(_torchvision(name) for name in ("wide_resnet50_2", "wide_resnet101_2")),
    *(_torchvision(f"densenet{depth}") for depth in (121, 161, 169, 201)),
    _torchvision("googlenet", "googlenet_bn", size=(128, 96), arguments={"init_weights": False}),
    _torchvision("inception_v3", arguments={"init_weights": False}, **FLAT),
    _torchvision("squeezenet1_0"),
    _torchvision("squeezenet1_1"),
    _torchvision("mobilenet_v2"),
    _torchvision("mobilenet_v3_small"),
    _torchvision("mobilenet_v3_large"),
    *(_torchvision(f"shufflenet_v2_{width}") for width in ("x0_5", "x1_0", "x1_5", "x2_0")),
    _torchvision("mnasnet0_5", "mnasnet_b1_050"),
    _torchvision("mnasnet0_75", "mnasnet_b1_075"),
    _torchvision("mnasnet1_0", "mnasnet_b1"),
    _torchvision("mnasnet1_3", "mnasnet_b1_130"),
    *(_torchvision(f"efficientnet_b{i}") for i in range(8)),
    *(_torchvision(f"efficientnet_v2_{size}") for size in "sml"),
    *(
        _torchvision(f"regnet_{kind}_{size}")
        for kind in "xy"
        for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")
    ),
    *(_torchvision(f"convnext_{size}") for size in ("tiny", "small", "base")),
    _torchvision("vit_b_16", **FLAT),
    _torchvision("vit_b_32", **FLAT),
    *(_torchvision(f"swin_{size}", **FLAT) for size in "tsb"),
    *(
        _torchvision(name, size=None, params={"size": 72}, arguments={"weights_backbone": None})
        for name in ("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large")
    ),
]

TIMM: Final = [
    *(_timm(f"resnetv2_{depth}") for depth in (50, 101, 152)),
    *(_timm(f"seresnet{depth}") for depth in (50, 101, 152)),
    _timm("seresnext50_32x4d"),
    _timm_in_order("legacy_seresnet50", "seresnet50_caffe"),
    _timm_in_order("legacy_seresnext50_32x4d", "seresnext50_32x4d_caffe"),
    _timm_in_order("inception_v4", size=LARGE),
    _timm_in_order("inception_resnet_v2", size=LARGE),
    _timm_in_order("legacy_xception", "xception_timm", size=MEDIUM),
    _timm("mobilenetv1_100", "mobilenet_v1_relu6"),
    _timm_in_order("mobilenetv2_035", "mobilenet_v2_035"),
    _timm_in_order("mobilenetv2_140", "mobilenet_v2_140"),
    _timm_in_order("tf_mobilenetv3_small_075", "mobilenet_v3_small_075_keras"),
    _timm_in_order("tf_mobilenetv3_small_minimal_100", "mobilenet_v3_small_minimalistic_keras"),
    _timm_in_order("mnasnet_small"),
    _timm_in_order("mnasnet_140", "mnasnet_b1_140"),
    _timm_in_order("semnasnet_100", "mnasnet_a1"),
    _timm_in_order("semnasnet_050", "mnasnet_a1_050"),
    _timm_in_order("semnasnet_075", "mnasnet_a1_075"),
    _timm_in_order("semnasnet_140", "mnasnet_a1_140"),
    _timm_in_order("tf_efficientnet_b0", "efficientnet_b0_keras"),
    *(_timm_in_order(f"tf_efficientnetv2_b{i}", f"efficientnet_v2_b{i}") for i in range(4)),
    _timm_in_order("efficientnetv2_s", "efficientnet_v2_s", bridges=("larger_epsilon",)),
    *(_timm(f"convnextv2_{size}") for size in ("atto", "femto", "pico", "nano", "tiny", "base")),
    _timm("vit_tiny_patch16_224", "vit_ti_16", **FLAT),
    _timm("vit_small_patch16_224", "vit_s_16", **FLAT),
    *(_timm(f"deit_{size}_patch16_224", **FLAT) for size in ("tiny", "small", "base")),
    *(_timm(f"deit_{size}_distilled_patch16_224", **FLAT) for size in ("tiny", "small", "base")),
    *(_timm(f"cait_{size}", **FLAT) for size in ("xxs24_224", "xxs36_224", "s24_224")),
    *(_timm(f"poolformer_{size}") for size in ("s12", "s24", "s36", "m36", "m48")),
    *(
        _timm(f"vit_{size}_patch14{reg4}_dinov2", f"dinov2_vit{size[0]}14{reg}", **FLAT)
        for reg4, reg in (("", ""), ("_reg4", "_reg"))
        for size in ("small", "base", "large")
    ),
    *(_timm(f"pvt_v2_{size}", size=LARGER) for size in ("b0", "b1", "b2", "b2_li", "b3", "b4", "b5")),
    *(_timm(f"levit_{size}", **FLAT) for size in ("128s", "128", "192", "256", "384")),
    _timm("swin_tiny_patch4_window7_224", "swin_t", **FLAT),
    *(_timm(f"mixer_{size}_224", f"mixer_{size}", **FLAT) for size in ("s16", "s32", "b16", "b32")),
    *(_timm(f"gmlp_{size}_224", f"gmlp_{size}", **FLAT) for size in ("ti16", "s16", "b16")),
    _timm_in_order("convmixer_1536_20"),
    _timm_in_order("convmixer_1024_20_ks9_p14", "convmixer_1024_20"),
    _timm_in_order("convmixer_768_32"),
    *(_timm(f"repvgg_{size}") for size in ("a0", "a1", "a2", "b0", "b1")),
    _timm_in_order("ghostnet_100"),
    *(_timm_in_order(f"dpn{depth}") for depth in (68, 92, 98, 107, 131)),
    *(_timm(name) for name in ("res2net50_26w_4s", "res2net101_26w_4s", "res2next50")),
    *(_timm_in_order(f"hrnet_{size}") for size in ("w18_small_v2", "w18", "w32", "w48")),
    *(_timm(f"resnet{size}") for size in ("18d", "26d", "26t", "34d", "50d", "101d", "152d", "200d")),
    *(_timm(f"ecaresnet{size}") for size in ("26t", "50d", "50t", "101d", "269d", "light")),
    *(_timm(f"resnest{size}") for size in ("14d", "26d", "50d", "101e", "200e", "269e", "50d_1s4x24d", "50d_4s2x40d")),
    *(_timm(f"sk{size}") for size in ("resnet18", "resnet34", "resnet50", "resnext50_32x4d")),
    *(_timm(f"vovnet{size}") for size in ("39a", "57a")),
    *(_timm(f"ese_vovnet{size}") for size in ("19b_dw", "19b_slim", "19b_slim_dw", "39b", "57b", "99b")),
    *(
        _timm(f"csp{name}", params={"slope": 0.01})
        for name in ("resnet50", "resnet50d", "resnet50w", "resnext50", "darknet53")
    ),
    *(_timm(f"darknet{depth}", params={"slope": 0.01}) for depth in (17, 21, 53)),
    *(_timm(f"lcnet_{percent:03}") for percent in (35, 50, 75, 100, 150)),
    *(_timm(f"starnet_{size}") for size in ("s1", "s2", "s3", "s4", "s050", "s100", "s150")),
    *(_timm(f"mobileone_s{number}") for number in range(5)),
    *(_timm(f"dla{size}") for size in ("34", "46_c", "46x_c", "60x_c", "60", "60x", "102", "102x", "102x2", "169")),
]

NETWORKS: Final = [*KERAS, *PADDLE, *TORCHVISION, *TIMM]

SMALL: Final = {
    "keras": ["mobilenet_v1_025_keras", "mobilenet_v2_035_keras", "mobilenet_v3_small_keras", "resnet50_keras"],
    "paddle": ["lenet_paddle", "resnet18", "densenet121", "googlenet_paddle", "squeezenet1_1_paddle",
               "mobilenet_v1_025", "mobilenet_v2_050", "mobilenet_v3_small", "shufflenet_v2_x0_5"],
    "torchvision": ["resnet18", "googlenet_bn", "squeezenet1_0", "mobilenet_v2", "mobilenet_v3_small",
                    "shufflenet_v2_x0_5", "mnasnet_b1_050", "efficientnet_b0", "regnet_y_400mf",
                    "deeplabv3_mobilenet_v3_large"],
    "timm": ["mnasnet_a1", "convnextv2_atto", "vit_ti_16", "mixer_s32", "repvgg_a0", "ghostnet_100", "res2next50"],
}  # fmt: skip
"""What the default suite compares; all of it, by `make judges`."""
