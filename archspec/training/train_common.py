"""What scripts that train share: options, data, order of samples, log and checkpoints.

Written by archspec beside them; knows nothing of a network or a framework.
"""

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from zipfile import BadZipFile

import numpy as np


def options(title: str, batch_size: int, epochs: int, evaluates: bool = True):
    parser = argparse.ArgumentParser(description=title.splitlines()[0])
    add = parser.add_argument
    add("--data", required=True, help="an .npz file, or folders of images by class")
    if evaluates:
        add("--test", help="the same, to evaluate on")
    add("--output", type=Path, default=Path("runs"), help="for log and checkpoint")
    add("--epochs", type=int, default=epochs)
    add("--batch-size", type=int, default=batch_size)
    add("--seed", type=int, default=0)
    add("--start", help="weights to begin with, as the framework writes them")
    add("--resume", action="store_true", help="go on from the checkpoint")
    add("--dtype", choices=["float32", "float64"], default="float32")
    add("--device", default="cpu")
    return parser.parse_args()


def load(path: str, arrays: dict, like: str = "") -> dict:
    """The arrays of an .npz file, or of images by class, those of `like`.

    `arrays` has the shape of a sample and, for classes, those that there are.
    """
    try:
        folder = Path(path).is_dir()
        data = images(path, arrays, like or path) if folder else dict(np.load(path))
    except (OSError, TypeError, ValueError, BadZipFile) as error:
        sys.exit(f"{path} cannot be read: {error}")
    for name, (shape, classes) in arrays.items():
        if name not in data:
            sys.exit(f"{path}: there is no array '{name}'")
        given = data[name].shape[1:]
        if [None if b is None else a for a, b in zip(given, shape)] != [*shape]:
            sys.exit(f"{path}: a sample of {name} is {given}, not {shape}")
        if classes and not np.isin(data[name], [*classes]).all():
            sys.exit(f"{path}: {name} has other classes than {classes}")
    counts = {name: data[name].shape[:1] for name in arrays}
    if len({*counts.values()}) > 1 or () in counts.values():
        sys.exit(f"{path}: not as many samples in each array: {counts}")
    return data


@contextlib.contextmanager
def reading(file):
    """Ends in a line for a file of weights that is damaged, or of another model."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (of whatever kind a framework has)
        told = " ".join(str(error).split())
        sys.exit(f"{file} does not fit: {type(error).__name__}: {told[:500]}")


def images(path: str, arrays: dict, like: str) -> dict:
    """A folder of folders of images, numbered as those of `like`."""
    from PIL import Image  # what is hidden, or no picture, is left out

    (image, (shape, _)), (label, (rest, classes)) = [*arrays.items(), ("", ((), 0))][:2]
    if len(arrays) != 2 or len(shape) != 3 or shape[0] not in (1, 3) or None in shape:
        sys.exit(f"{path}: the network takes no folder of images, but an .npz file")
    if rest or not classes:
        sys.exit(f"{path}: the network tells no class of an image: it takes .npz files")
    kinds = Image.registered_extensions()
    files, known = (
        [each for each in sorted(found) if each.suffix.lower() in kinds]
        for found in (Path(p).glob("[!.]*/[!.]*") for p in (path, like))
    )
    names = sorted({f.parent.name for f in (known if Path(like).is_dir() else files)})
    if other := sorted({file.parent.name for file in files} - {*names}):
        sys.exit(f"{path}: {other} are no classes of {like}")
    if not files:
        sys.exit(f"{path}: there are no folders of pictures")
    mode, size = "RGB" if shape[0] == 3 else "L", (shape[2], shape[1])
    found = (Image.open(file).convert(mode).resize(size) for file in files)
    pixels = np.stack([np.atleast_3d(each) for each in found]) / 255
    numbers = np.array([names.index(file.parent.name) for file in files])
    return {image: pixels.transpose(0, 3, 1, 2), label: numbers}


def batches(samples: int, size: int, seed: int, epoch: int, accumulate: int = 1):
    """The samples of each batch of a pass, by number; what is left is not full."""
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    count = samples // (size * accumulate) * accumulate
    return order[: count * size].reshape(count, size)


def shares(scores, label) -> dict:
    """The share of right answers, and of wrong ones."""
    scores, label = np.asarray(scores), np.asarray(label)
    right = np.take_along_axis(scores, label[:, None], 1)
    rank = (~(scores < right)).sum(1)  # NaN is last
    top1, top5 = (float(np.mean(rank <= k)) for k in (1, 5))
    return {"top1": top1, "top5": top5, "error": 1 - top1}


class Run:
    """`log.jsonl` and a checkpoint after each pass, in the folder of `--output`."""

    def __init__(self, args, spec: str, samples: int, suffix: str, accumulate: int = 1):
        self.args = args
        self.steps = len(batches(samples, args.batch_size, 0, 0, accumulate))
        if not self.steps:
            sys.exit(f"{args.data}: {samples} samples are less than one batch")
        self.kind = {key: vars(args)[key] for key in ("batch_size", "seed", "dtype")}
        self.kind |= {"spec": spec, "samples": samples}
        self.begin = self.epoch = 0
        self.log = args.output / "log.jsonl"
        self.checkpoint = args.output / f"checkpoint{suffix}"
        self.aside = args.output / f"new{suffix}"
        if self.checkpoint.exists() and not args.resume:
            sys.exit(f"{self.checkpoint} exists already; --resume goes on from it")
        if args.resume and not self.checkpoint.exists():
            sys.exit(f"{self.checkpoint} is not there: nothing to go on from")
        if args.start and not Path(args.start).is_file():
            sys.exit(f"{args.start} is not there: nothing to begin with")
        args.output.mkdir(parents=True, exist_ok=True)
        if not args.resume:
            self.log.write_text("")

    @property
    def state(self) -> str:
        """What a checkpoint tells of the run."""
        return json.dumps({"run": self.kind, "epoch": self.epoch})

    def resume(self, state: str) -> None:
        """Goes on from a checkpoint, if it is one of such a run."""
        saved = json.loads(state)
        if saved["run"] != self.kind:
            sys.exit(f"{self.checkpoint} is of {saved['run']}, not of {self.kind}")
        self.begin = self.epoch = saved["epoch"]
        lines = self.log.read_text().splitlines(True)
        self.log.write_text("".join(lines[: self.begin * (self.steps + 1)]))

    def epochs(self) -> range:
        return range(self.begin, self.args.epochs)

    def tell(self, step: int, rate: float, loss: float) -> None:
        """A line of the log for a step, and a bar on the screen."""
        self._write({"step": step, "loss": loss, "lr": rate})
        bar = "=" * (20 * (step % self.steps + 1) // self.steps)
        told = f"\repoch {self.epoch + 1} [{bar:20}] {step + 1} loss {loss:.4f}"
        print(told, end="", file=sys.stderr, flush=True)

    def end(self, results: dict) -> None:
        """A line of the log for a pass."""
        self.epoch += 1
        self._write({"epoch": self.epoch, **results})
        print(f"\nepoch {self.epoch}: {results}", file=sys.stderr)

    def keep(self) -> None:
        """The checkpoint that was written aside takes its place."""
        os.replace(self.aside, self.checkpoint)

    def _write(self, line: dict) -> None:
        with open(self.log, "a") as file:
            print(json.dumps(line), file=file)
