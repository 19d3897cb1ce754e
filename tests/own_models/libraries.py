"""Models of the frameworks' own libraries, and the networks of ours that they are."""

_SMALL = "weights=None, input_shape=(64, 96, 3), classifier_activation=None"
LIBRARIES: dict[str, dict[str, str]] = {
    "pytorch": {
        name: f"OWN/torchvision_models.py:model(name='{its}'{more})" for name, (its, more) in {
            **{name: (name, "") for name in (
                "resnet18", "mobilenet_v2", "vit_b_32", "squeezenet1_1", "shufflenet_v2_x1_0", "mobilenet_v3_small",
                "densenet121",
            )},
            "googlenet_bn": ("googlenet", ", aux_logits=False, init_weights=False, transform_input=False"),
        }.items()
    },
    "keras": {
        "resnet50_keras": f"keras.applications:ResNet50({_SMALL})",
        "mobilenet_v2_keras": f"keras.applications:MobileNetV2({_SMALL})",
        "densenet121_keras": f"keras.applications:DenseNet121({_SMALL})",
        "efficientnet_b0_keras": f"keras.applications:EfficientNetB0({_SMALL})",
    },
    "paddle": {
        name: f"paddle.vision.models:{name}"
        for name in ("resnet18", "mobilenet_v2", "shufflenet_v2_x1_0", "densenet121")
    } | {"lenet_paddle": "paddle.vision.models:LeNet"},
}  # fmt: skip
