"""Constructors of models that download weights by a flag, or unless a flag says otherwise."""

__all__ = ["CHOICES", "PRETRAINED_FLAGS"]

# Calls that download for some values of an argument, which stand beside its keyword.
CHOICES: dict[str, tuple[str, tuple[object, ...], str]] = {
    # Its package has the model of complexity 1 alone (mediapipe/python/solutions/pose.py).
    "mediapipe.solutions.pose.Pose": ("model_complexity", (0, 2), "a model of the body"),
    "mediapipe.solutions.holistic.Holistic": ("model_complexity", (0, 2), "a model of the body"),
}
# Constructors of models that download where a flag says so: full names begin so, and the keywords, with what the
# library takes where they are missing.
PRETRAINED_FLAGS: tuple[tuple[str, tuple[str, ...], object], ...] = (
    ("torchvision.models.detection.", ("weights_backbone", "pretrained_backbone"), "imagenet"),
    ("torchvision.models.segmentation.", ("weights_backbone", "pretrained_backbone"), "imagenet"),
    ("torchvision.models.", ("pretrained", "weights", "weights_backbone"), None),
    ("timm.create_model", ("pretrained",), None),
    ("tensorflow.keras.applications.", ("weights",), "imagenet"),
    ("keras.applications.", ("weights",), "imagenet"),
    ("efficientnet_pytorch.EfficientNet.from_name", ("pretrained",), None),
    *(
        (f"segmentation_models_pytorch.{name}", ("encoder_weights",), "imagenet")
        for name in (
            "Unet",
            "UnetPlusPlus",
            "MAnet",
            "Linknet",
            "FPN",
            "PSPNet",
            "PAN",
            "DeepLabV3",
            "DeepLabV3Plus",
            "Segformer",
            "UPerNet",
            "create_model",
        )
    ),
    *(
        (f"segmentation_models.{name}", ("encoder_weights",), "imagenet")
        for name in ("Unet", "FPN", "Linknet", "PSPNet")
    ),
    ("facenet_pytorch.InceptionResnetV1", ("pretrained",), None),
)
