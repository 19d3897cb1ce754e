"""What is probably meant by a word that the language does not have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from archspec import ops
from archspec.expressions import closest, suggestion
from archspec.ops.base import Operation

_OPERATIONS: Final = {
    "attention": "multi_head_attention", "avgpool": "avg_pool2d", "batchnormalization": "batch_norm",
    "bn": "batch_norm", "cat": "concat", "concatenate": "concat", "detach": "stop_gradient", "conv": "conv2d",
    "convolution": "conv2d", "conv1dtranspose": "conv_transpose1d", "conv2dtranspose": "conv_transpose2d",
    "conv3dtranspose": "conv_transpose3d", "deconv": "conv_transpose2d", "dense": "linear", "div": "divide",
    "fc": "linear", "fullyconnected": "linear", "gap": "global_avg_pool2d", "interpolate": "upsample",
    "layernormalization": "layer_norm", "lrn": "local_response_norm", "maxpool": "max_pool2d",
    "mha": "multi_head_attention", "mul": "multiply", "pow": "power", "resize": "upsample",
    "rmsnormalization": "rms_norm", "selfattention": "multi_head_attention", "sub": "subtract",
    "swish": "silu", "transpose": "permute", "transposedconv": "conv_transpose2d",
    "view": "reshape", "zeropad": "pad", "zeropadding": "pad",
}  # fmt: skip
_AROUND: Final = {
    "deformconv deformableconv modulateddeformconv":
        "deformable convolutions are not supported; grid_sample reads an image at places that are computed",
    "roialign roipool psroialign cropandresize":
        "boxes are not supported; affine_grid and grid_sample cut one out of each image",
    "nms batchednms nonmaxsuppression nonmaximumsuppression softnms":
        "not supported, and nothing learns behind it: make boxes and scores outputs, and choose among them afterwards",
    "stft istft spectrogram melspectrogram mfcc":
        "not supported; make the spectrogram the input of the network, or write a conv1d",
    "convlstm convgru convrnn": "a block along an axis (over) says it, as in conv_lstm, which comes along",
    "lambda custom function module functional pyfunc":
        "code is not supported; elementwise steps, matmul and einsum say what is computed",
    "timedistributed wrapper": "not needed: linear and normalizations work at each place of a sequence",
    "bidirectional": "rnn, lstm and gru have it as an attribute",
    "lstmcell grucell rnncell simplernncell":
        "not supported; lstm, gru and rnn take a sequence, and a block along an axis (over) is a cell of one's own",
    "embeddingbag": "not supported; it is an embedding, then sum or mean over time",
    "nonzero maskedselect booleanmask unique uniqueconsecutive bincount":
        "not supported: a shape cannot follow from values; multiply by a mask, or where, keeps it",
    "weightnorm weightnormalization weightstandardization modulatedconv":
        "compute the weight from a parameter; conv2d_with and linear_with take it as an input",
    "spectralnorm spectralnormalization":
        "not supported; weights that were trained with it are written into the layer as they came out",
    "blur blurpool antialias sobel haar": "a conv2d_with takes such a kernel from a constant",
    "identity noop passthrough": "leave it out: a branch of [] is what flows in",
    "crossentropyloss mseloss l1loss bceloss bcewithlogitsloss nllloss ctcloss kldivloss loss":
        "losses stand in training: {losses: ...}",
    "input inputlayer placeholder": "what goes in stands in inputs: {...}",
    "output outputlayer": "what comes out stands in outputs: {...}",
    "quantize dequantize fakequantize quantstub dequantstub":
        "not supported; the generated model is quantized with what its framework has",
    "svd eig eigh qr cholesky inverse inv det lstsq solve": "decompositions are not supported",
    "fractionalmaxpool stochasticpool": "random pools are not supported",
}  # fmt: skip
"""Words for what there is no operation for, and the way around."""
_ATTRIBUTES: Final = {
    "alpha": "negative_slope", "axes": "axis", "bias_attr": "bias", "dilation_rate": "dilation", "dim": "axis",
    "dims": "axis", "eps": "epsilon", "features": "out_features", "filters": "out_channels",
    "kernel": "kernel_size", "ksize": "kernel_size", "out_dim": "out_features", "pad": "padding",
    "pool_size": "kernel_size", "prob": "p", "probability": "p", "rate": "p", "strides": "stride",
    "units": "out_features", "use_bias": "bias",
}  # fmt: skip
_KNOWN: Final = {"in_channels", "in_features", "num_features", "input_size", "input_shape", "input_dim", "num_channels",
                 "normalized_shape", "embed_dim"}  # fmt: skip
"""Attributes elsewhere that say what flows in."""
_RECURRENT: Final = frozenset({"rnn", "lstm", "gru"})
_OF_RECURRENT: Final = {
    "lengths sequencelength sequencelengths sequencelens mask": "lengths are an input, the last: from: [x, lengths]",
    "activation recurrentactivation projsize projection cellclip clip recurrentdropout peepholes usepeepholes unroll":
        "not supported; a block along an axis (over) says such a cell",
}  # fmt: skip
"""Attributes that recurrent layers have elsewhere, and the way around."""
_FROM: Final = {"source", "input", "inputs", "takes"}


_RULES: Final = {
    "bce": "binary_cross_entropy", "bcewithlogits": "binary_cross_entropy", "categoricalcrossentropy": "cross_entropy",
    "sparsecategoricalcrossentropy": "cross_entropy", "nll": "cross_entropy", "softmax": "cross_entropy",
    "l2": "mse", "meansquarederror": "mse", "meanabsoluteerror": "l1", "mae": "l1", "smoothl1": "huber",
    "kldiv": "kl_divergence", "kl": "kl_divergence", "momentum": "sgd", "cosineannealing": "cosine",
    "cosinedecay": "cosine", "piecewiseconstant": "multi_step", "multistep": "multi_step", "onecycle": "one_cycle",
}  # fmt: skip
_RULE_ATTRIBUTES: Final = {
    "lr": "learning_rate", "eta": "learning_rate", "l2": "weight_decay", "decay": "weight_decay", "wd": "weight_decay",
    "eps": "epsilon", "betas": "beta1", "beta_1": "beta1", "beta_2": "beta2", "rho": "alpha", "gamma": "factor",
    "step_size": "every", "drop": "factor", "t_max": "length", "total_steps": "length", "eta_min": "least",
    "boundaries": "milestones", "warmup_steps": "warmup", "smoothing": "label_smoothing", "weights": "class_weights",
    "ignore_class": "ignore_index", "ignore": "ignore_index", "beta": "delta", "from_logits": "of",
}  # fmt: skip


def rule(word: str, known: Iterable[str]) -> str:
    """A hint for what is no loss, optimizer or schedule."""
    plain = re.sub("[^a-z0-9]", "", word.lower())
    known = list(known)
    found = {name.replace("_", ""): name for name in known}
    for each in (plain, re.sub("(loss|lr|optimizer|schedule)$", "", plain)):
        name = found.get(each) or _RULES.get(each)
        if name in known:
            return f"did you mean '{name}'?"
    if plain.startswith("warm") and "cosine" in known:
        return "every schedule has warmup, as in {schedule: constant, warmup: 500}"
    return one_of(word, known)


def rule_attribute(word: str, known: Iterable[str]) -> str:
    """A hint for what is no attribute of a rule of training."""
    known = list(known)
    meant = _RULE_ATTRIBUTES.get(word.lower())
    return f"did you mean '{meant}'?" if meant in known else one_of(word, known, "it has")


def operation(word: str) -> str:
    """A hint for what is no operation."""
    plain = re.sub("[^a-z0-9]", "", word.lower())
    plain = plain.replace("average", "avg").replace("pooling", "pool")
    if plain == "sequential":
        return "steps in order are a step of their own: {layers: [...]}"
    known = {name.replace("_", ""): name for name in ops.names()}
    bare = re.sub(r"[123]d$", "", plain)
    for name in (known.get(plain), _OPERATIONS.get(plain), known.get(bare), _OPERATIONS.get(bare)):
        if name is not None:
            return f"did you mean '{name}'?"
    for words, around in _AROUND.items():
        if plain in words.split() or bare in words.split():
            return around
    return suggestion(word, ops.names())


def attribute(word: str, cls: type[Operation]) -> str:
    """A hint for what is no attribute of an operation."""
    if not word.isidentifier():
        return "inside { } a comma ends a value: quotes keep an expression together, square brackets a list"
    meant = _ATTRIBUTES.get(word)
    if meant in cls.model_fields:
        return f"did you mean '{meant}'?"
    if word in _KNOWN:
        return "what flows in is known: leave it out"
    if word in _FROM:
        return "what flows in is named with 'from'"
    if cls.key in _RECURRENT:
        plain = word.replace("_", "").lower()
        for words, around in _OF_RECURRENT.items():
            if plain in words.split():
                return around
    if word in ("trainable", "requires_grad"):
        return "a step that training leaves alone has frozen: true"
    if word == "activation":
        return "an activation is a step of its own"
    return one_of(word, cls.model_fields, "it has")


def meant(given: Iterable[str], known: Collection[str]) -> set[str]:
    """The attributes that hints propose for words which are none: they are not missing as well."""
    words = [word for word in given if word not in known]
    tables = ((table, word) for word in words for table in (_ATTRIBUTES, _RULE_ATTRIBUTES))
    return {*meant_params(given, known), *(table.get(word.lower(), "") for table, word in tables)}


def meant_params(given: Iterable[str], known: Collection[str]) -> set[str]:
    """The same for params of a block."""
    return {closest(word, known) for word in given if word not in known}


def param(word: str, params: Iterable[str]) -> str:
    """A hint for what is no param of a block."""
    return one_of(word, params, "it has")


def one_of(word: str, words: Iterable[str], lead: str = "there are") -> str:
    """The closest of some words, or all of them."""
    words = list(words)
    more = ", ..." if len(words) > 20 else ""
    return suggestion(word, words) or f"{lead}: {', '.join(words[:20]) or 'none'}{more}"
