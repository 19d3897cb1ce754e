"""Lines of each spec beside those of the same family in the frameworks' own libraries; writes docs/lines.md.

Empty lines, comments and docstrings do not count.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import statistics
import tokenize
from pathlib import Path

from archspec.spec.catalogue import files, variants_in

PAGE = Path(__file__).parent.parent / "docs" / "lines.md"
ROOTS = {"torchvision": "torchvision/models", "keras": "keras/src/applications", "paddle": "paddle/vision/models"}
NAMES = {
    "torchvision": {
        "alexnet": "alexnet", "convnext": "convnext", "deeplab_v3": "segmentation/deeplabv3",
        "deeplab_v3_mobilenet": "segmentation/deeplabv3", "densenet": "densenet",
        "efficientnet": "efficientnet", "fcn": "segmentation/fcn",
        "fpn": "../ops/feature_pyramid_network", "googlenet": "googlenet", "regnet": "regnet",
        "inception_v3": "inception", "mnasnet": "mnasnet", "mobilenet_v2": "mobilenetv2", "resnet": "resnet",
        "mobilenet_v3": "mobilenetv3", "shufflenet_v2": "shufflenetv2", "squeezenet": "squeezenet", "vgg": "vgg",
        "swin": "swin_transformer", "vit": "vision_transformer",
    },
    "keras": {
        "convnext": "convnext", "densenet": "densenet", "efficientnet": "efficientnet", "nasnet": "nasnet",
        "efficientnet_v2": "efficientnet_v2", "inception_resnet": "inception_resnet_v2", "resnet": "resnet",
        "inception_v3": "inception_v3", "mobilenet_v1": "mobilenet", "mobilenet_v2": "mobilenet_v2", "vgg": "vgg16",
        "mobilenet_v3": "mobilenet_v3", "resnet_v2": "resnet_v2", "xception": "xception",
    },
    "paddle": {
        "alexnet": "alexnet", "densenet": "densenet", "googlenet": "googlenet", "inception_v3": "inceptionv3",
        "lenet": "lenet", "mobilenet_v1": "mobilenetv1", "mobilenet_v2": "mobilenetv2", "resnet": "resnet",
        "mobilenet_v3": "mobilenetv3", "shufflenet_v2": "shufflenetv2", "squeezenet": "squeezenet", "vgg": "vgg",
    },
}  # fmt: skip


def python_lines(source: str) -> int:
    """Lines with code on them."""
    documented = {
        number
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    found = {
        number
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in skipped
        for number in range(token.start[0], token.end[0] + 1)
    }
    return len(found - documented)


def spec_lines(path: Path) -> int:
    return sum(
        1 for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.strip().startswith("#")
    )


def library(name: str, family: str) -> int | None:
    """Lines of the family in a library; None where it has none, or is not installed."""
    package = importlib.util.find_spec(name)
    module = NAMES[name].get(family)
    if package is None or package.origin is None or module is None:
        return None
    root = Path(package.origin).parent.parent
    return python_lines((root / ROOTS[name] / f"{module}.py").read_text(encoding="utf-8"))


def main() -> None:
    rows, ratios, others = [], [], []
    for path in files():
        own, variants = spec_lines(path), len(variants_in(path)) or 1
        found = [library(name, path.stem) for name in NAMES]
        link = f"[{path.stem}](../specs/{path.name})"
        known = [lines for lines in found if lines is not None]
        if not known:
            others.append(f"{link} {own}")
            continue
        ratios.append(statistics.mean(known) / own)
        cells = [link, str(variants), str(own), *("" if lines is None else str(lines) for lines in found)]
        rows.append(f"| {' | '.join(cells)} |")
    head = f"| family | variants | spec | torchvision | Keras Applications | PaddlePaddle |\n|{' --- |' * 6}"
    text = f"""# Lines

Lines of each spec, which stands for three frameworks, and of the same family in the frameworks' own libraries, without
comments, docstrings and empty lines. A library's file also loads weights, and has not always the same variants:
torchvision's EfficientNet has both versions, DeepLab and FPN only what is on top of a network. The
mean of the libraries that have a family is {statistics.median(ratios):.1f} times the spec, in the median of
{len(ratios)} families. Made by `benchmarks/lines.py`.

{head}
{chr(10).join(rows)}

Families that no library has a file for: {", ".join(others)}.
"""
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
