"""What `archspec import` makes of models of libraries: `python benchmarks/imports.py [--only REGEX] [--page]`."""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

from archspec.against.target import targets
from archspec.backend import backends
from archspec.errors import ArchspecError
from archspec.importing.given import given
from archspec.importing.model import import_model
from archspec.verification.workers import Pool

HERE = Path(__file__).parent
FOUND = HERE / "imports.json"
TORCHVISION = HERE.parent / "tests" / "own_models" / "torchvision_models.py"
LARGE = {"alexnet": 224, "inception_v3": 299, "vit_": 224, "maxvit": 224, "googlenet": 224}


def names() -> list[str]:
    """The models for classification."""
    text = """alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 densenet169
    densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5
    efficientnet_b6 efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t
    mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf
    regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf
    regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18
    resnet34 resnet50 resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0
    shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s swin_v2_t
    vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32
    wide_resnet101_2 wide_resnet50_2"""
    return text.split()


def imported(name: str, pool: Pool, chosen: Any) -> dict[str, Any]:
    """What becomes of one."""
    size = next((large for begin, large in LARGE.items() if name.startswith(begin)), 64)
    (target,) = targets([f'{TORCHVISION}:model(name="{name}")'], chosen, option="")
    started = time.perf_counter()
    try:
        done = import_model(target, given([f"image=1,3,{size},{size}"]), pool)
    except ArchspecError as error:
        return {"refused": str(error).splitlines()[:12]}
    worst = [max((f.error for f in report.outcomes[next(iter(report.outcomes))].rungs["float64"].findings), default=0.0)
             if False else 0.0 for report in done.reports.values()]  # fmt: skip
    outcome = next(iter(next(iter(done.reports.values())).outcomes.values()))
    return {
        "ok": done.ok, "lines": len(done.text.splitlines()), "blocks": done.text.count("    layers:\n"), "notes": list(done.notes),
        "agreement": {rung.name: rung.agreement for rung in outcome.rungs.values()},
        "seconds": round(time.perf_counter() - started, 1), "text": done.text, "worst": worst,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=".", help="names that match")
    arguments = parser.parse_args()
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    chosen = backends(["pytorch"])
    with Pool({each.name: each.runner for each in chosen}) as pool:
        for name in names():
            if re.search(arguments.only, name):
                found[name] = imported(name, pool, chosen)
                print(name, {k: v for k, v in found[name].items() if k != "text"}, flush=True)
    Path("/tmp/me/imp/tv.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
