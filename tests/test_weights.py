"""Weights of other libraries: rules for names, what is missing or left over, and the example in the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archspec
from archspec.errors import UsageError
from archspec.spec import catalogue
from archspec.weights.names import Rules, read_rules, renamed

ROOT = Path(__file__).parent.parent

RULES: list[tuple[Rules, list[str], list[str]]] = [
    ({}, ["a.weight"], ["a.weight"]),
    ({"a": "b"}, ["a.weight", "ab.weight", "c.a.weight"], ["b.weight", "ab.weight", "c.a.weight"]),
    ({"a.weight": "b"}, ["a.weight"], ["b"]),
    ({"a{i}": "b.{i - 1}"}, ["a1.weight", "a12.bias", "a.bias"], ["b.0.weight", "b.11.bias", "a.bias"]),
    ({"a_{i}.{x}": "{x}.{i}"}, ["a_0.b.w", "a_b.0.w"], ["b.0.w", "0.b.w"]),
    ({"a{n}": "b{n // 2}.{n % 2}"}, ["a5.w"], ["b2.1.w"]),
    ({"a": "b", "b": "c"}, ["a.w"], ["c.w"]),
    ({"a": None}, ["a.w", "b.w"], ["b.w"]),
    ({"a.b": "c"}, ["axb.w"], ["axb.w"]),
]


@pytest.mark.parametrize(("rules", "names", "expected"), RULES)
def test_rules(rules: Rules, names: list[str], expected: list[str]) -> None:
    assert list(renamed({name: np.zeros(2) for name in names}, rules)) == expected


def test_several_names_share_rows() -> None:
    found = renamed({"in.weight": np.arange(6).reshape(6, 1)}, {"in.{kind}": ["q.{kind}", "k.{kind}", "v.{kind}"]})
    assert {name: array.ravel().tolist() for name, array in found.items()} == {
        "q.weight": [0, 1], "k.weight": [2, 3], "v.weight": [4, 5],
    }  # fmt: skip


WRONG_RULES: list[tuple[Rules, list[str], str]] = [
    ({"a": "c", "b": "c"}, ["a.w", "b.w"], "two arrays are called 'c.w': 'a.w' and 'b.w'"),
    ({"a": "b"}, ["a.w", "b.w"], "two arrays are called 'b.w'"),
    ({"a": ["b", "b"]}, ["a.w"], "two arrays are called 'b.w'"),
    ({"a": ["b", "c", "d"]}, ["a.w"], "'a.w' has rows that 3 cannot share equally: 2"),
    ({"a{i}": "b{i -}"}, ["a1"], "'b{i -}': expected a number"),
    ({"a{i}": "b{j}"}, ["a1"], "'b{j}': "),
    ({"a{i}{i}": "b"}, ["a1"], "'a{i}{i}' is not the beginning of names"),
    ({"a{1}": "b"}, ["a1"], "'a{1}' is not the beginning of names"),
    ({"a": 3}, ["a1"], "'a: 3' is no rule"),  # type: ignore[dict-item]
    ({"a": []}, ["a1"], "'a: []' is no rule"),
]


@pytest.mark.parametrize(("rules", "names", "message"), WRONG_RULES)
def test_rules_that_are_none(rules: Rules, names: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        renamed({name: np.zeros(2) for name in names}, rules)


@pytest.mark.slow
def test_the_spec_s_own_names_need_no_rules() -> None:
    """Of every family: what is called as the spec says is taken as it is, whatever the spec is called."""
    for path in catalogue.files():
        model = archspec.load(path, variant=next(iter(catalogue.variants_in(path)), None))
        due = model.graph.parameters()
        arrays = {name: np.broadcast_to(np.float32(0), tuple(map(int, p.shape))) for name, p in due.items()}
        assert model.renamed(arrays, origin="canonical").keys() == due.keys()


def test_what_is_no_array(lenet: dict[str, Any]) -> None:
    model = archspec.load("lenet5")
    with pytest.raises(UsageError, match=r"is no NumPy array but list; tensor.numpy\(\) gives one"):
        model.weights({**lenet, next(iter(lenet)): [1.0]}, to="keras")  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="a mapping of names to NumPy arrays"):
        model.weights([lenet], to="keras")  # type: ignore[arg-type]


@pytest.fixture
def lenet() -> dict[str, Any]:
    graph = archspec.load("lenet5").graph
    return {name: np.zeros(tuple(map(int, p.shape)), np.float32) for name, p in graph.parameters().items()}


def test_layouts(lenet: dict[str, Any]) -> None:
    name = next(name for name, array in lenet.items() if array.ndim == 4)
    lenet[name] = np.random.default_rng(0).random(lenet[name].shape, np.float32)
    model = archspec.load("lenet5")
    found = model.weights(lenet | {"steps": np.int64(3)}, to="keras")
    kernel = found[name.removesuffix(".weight").replace(".", "_") + "/kernel"]
    assert kernel.flags.c_contiguous  # as files take it
    np.testing.assert_array_equal(kernel, lenet[name].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(model.weights(lenet, to="pytorch")[name], lenet[name])


def test_everything_that_is_wrong_is_told(lenet: dict[str, Any]) -> None:
    names = list(lenet)
    lenet["other"] = lenet.pop(names[0])
    lenet[names[1]] = np.zeros((1, 99), np.float32)
    with pytest.raises(UsageError) as raised:
        archspec.load("lenet5").weights(lenet, to="pytorch")
    assert f"nothing gives '{names[0]}'" in str(raised.value)
    assert "'other' is none of its weights" in str(raised.value)
    assert f"'{names[1]}' has shape [1, 99], not " in str(raised.value)


def test_axes_of_size_one_come_and_go(lenet: dict[str, Any]) -> None:
    name = next(name for name, array in lenet.items() if array.ndim == 1)
    lenet[name] = lenet[name].reshape(1, -1, 1)
    assert archspec.load("lenet5").weights(lenet, to="pytorch")[name].ndim == 1


@pytest.mark.frameworks
def test_the_example_in_the_docs(tmp_path: Path) -> None:
    save, convert, pour = re.findall(r"```python\n(.*?)```", (ROOT / "docs/weights.md").read_text(), re.DOTALL)
    beside = f"import sys; sys.path.insert(0, {str(ROOT / 'tests/judges')!r}); import library as judges"
    run(tmp_path, f"{beside}; judges.torchvision_beside()\n{save.replace('save_file(library', RANDOM)}{TORCH}")
    run(tmp_path, convert)
    run(tmp_path, "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n" + pour + KERAS)
    expected, found = np.load(tmp_path / "torch.npy"), np.load(tmp_path / "keras.npy")
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert np.abs(expected[0] - expected[1]).max() > 0.01 * np.abs(expected).max()


RANDOM = """
for weight in library.state_dict().values():
    if weight.ndim > 1:
        weight.normal_(std=(1.5 / weight[0].numel()) ** 0.5)
    elif weight.is_floating_point():
        weight.uniform_(0.5, 1.5)
save_file(library"""
TORCH = """
import numpy, torch
image = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
numpy.save("image.npy", image.numpy())
numpy.save("torch.npy", library(image).detach().numpy())
"""
KERAS = """
import numpy
image = numpy.load("image.npy").transpose(0, 2, 3, 1)
numpy.save("keras.npy", network(image, training=False).numpy())
"""


def run(folder: Path, code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("library", ["keras", "paddle", "timm", "torchvision", "transformers"])
def test_rules_that_come_along_are_of_networks_that_do(library: str) -> None:
    names = {name for path in catalogue.files() for name in (path.stem, *catalogue.variants_in(path))}
    for path in (catalogue.folder() / library).glob("*.yaml"):
        assert path.stem in names
        assert renamed({"nothing.like.these": np.zeros(6)}, read_rules(path)), path


SMALL: dict[str, int] = {"vocabulary": 50, "width": 16, "depth": 1, "num_heads": 2}
CLIP: dict[str, int] = {
    "vocabulary": 50, "text_width": 8, "text_depth": 1, "text_heads": 2, "image_size": 32, "patch_size": 16,
    "width": 16, "depth": 1, "num_heads": 2, "embedding": 4,
}  # fmt: skip
TRANSFORMERS: dict[str, tuple[str, dict[str, int], str]] = {
    "GPT2LMHeadModel": ("gpt2", SMALL, """
        transformer.wte.weight 50x16, transformer.wpe.weight 1024x16, lm_head.weight 50x16,
        transformer.h.0.ln_1.weight 16, transformer.h.0.ln_1.bias 16, transformer.h.0.attn.bias 1x1x1024x1024,
        transformer.h.0.attn.c_attn.weight 16x48, transformer.h.0.attn.c_attn.bias 48,
        transformer.h.0.attn.c_proj.weight 16x16, transformer.h.0.attn.c_proj.bias 16,
        transformer.h.0.ln_2.weight 16, transformer.h.0.ln_2.bias 16, transformer.h.0.mlp.c_fc.weight 16x64,
        transformer.h.0.mlp.c_fc.bias 64, transformer.h.0.mlp.c_proj.weight 64x16, transformer.h.0.mlp.c_proj.bias 16,
        transformer.ln_f.weight 16, transformer.ln_f.bias 16"""),
    "BertForPreTraining": ("bert_base", SMALL, """
        bert.embeddings.word_embeddings.weight 50x16, bert.embeddings.position_embeddings.weight 512x16,
        bert.embeddings.token_type_embeddings.weight 2x16, bert.embeddings.LayerNorm.gamma 16,
        bert.embeddings.LayerNorm.beta 16, bert.encoder.layer.0.attention.self.query.weight 16x16,
        bert.encoder.layer.0.attention.self.query.bias 16, bert.encoder.layer.0.attention.self.key.weight 16x16,
        bert.encoder.layer.0.attention.self.key.bias 16, bert.encoder.layer.0.attention.self.value.weight 16x16,
        bert.encoder.layer.0.attention.self.value.bias 16, bert.encoder.layer.0.attention.output.dense.weight 16x16,
        bert.encoder.layer.0.attention.output.dense.bias 16, bert.encoder.layer.0.attention.output.LayerNorm.gamma 16,
        bert.encoder.layer.0.attention.output.LayerNorm.beta 16, bert.encoder.layer.0.intermediate.dense.weight 64x16,
        bert.encoder.layer.0.intermediate.dense.bias 64, bert.encoder.layer.0.output.dense.weight 16x64,
        bert.encoder.layer.0.output.dense.bias 16, bert.encoder.layer.0.output.LayerNorm.weight 16,
        bert.encoder.layer.0.output.LayerNorm.bias 16, bert.pooler.dense.weight 16x16, bert.pooler.dense.bias 16,
        cls.predictions.bias 50"""),
    "LlamaForCausalLM": ("llama_tiny", {"depth": 1}, """
        model.embed_tokens.weight 256x48, model.layers.0.self_attn.q_proj.weight 48x48,
        model.layers.0.self_attn.k_proj.weight 16x48, model.layers.0.self_attn.v_proj.weight 16x48,
        model.layers.0.self_attn.o_proj.weight 48x48, model.layers.0.self_attn.rotary_emb.inv_freq 4,
        model.layers.0.mlp.gate_proj.weight 128x48, model.layers.0.mlp.up_proj.weight 128x48,
        model.layers.0.mlp.down_proj.weight 48x128, model.layers.0.input_layernorm.weight 48,
        model.layers.0.post_attention_layernorm.weight 48, model.norm.weight 48, lm_head.weight 256x48"""),
    "T5EncoderModel": ("t5_small", {**SMALL, "hidden": 32}, """
        shared.weight 50x16, encoder.embed_tokens.weight 50x16,
        encoder.block.0.layer.0.SelfAttention.q.weight 128x16, encoder.block.0.layer.0.SelfAttention.k.weight 128x16,
        encoder.block.0.layer.0.SelfAttention.v.weight 128x16, encoder.block.0.layer.0.SelfAttention.o.weight 16x128,
        encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32x2,
        encoder.block.0.layer.0.layer_norm.weight 16, encoder.block.0.layer.1.DenseReluDense.wi.weight 32x16,
        encoder.block.0.layer.1.DenseReluDense.wo.weight 16x32, encoder.block.0.layer.1.layer_norm.weight 16,
        encoder.final_layer_norm.weight 16"""),
    "AlbertForPreTraining": ("albert_base", {**SMALL, "embedding": 8, "depth": 2}, """
        albert.embeddings.word_embeddings.weight 50x8, albert.embeddings.position_embeddings.weight 512x8,
        albert.embeddings.token_type_embeddings.weight 2x8, albert.embeddings.LayerNorm.weight 8,
        albert.embeddings.LayerNorm.bias 8, albert.encoder.embedding_hidden_mapping_in.weight 16x8,
        albert.encoder.embedding_hidden_mapping_in.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.weight 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight 16x16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.key.weight 16x16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.key.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.value.weight 16x16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.value.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.dense.weight 16x16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.dense.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.weight 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.bias 16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight 64x16,
        albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.bias 64,
        albert.encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight 16x64,
        albert.encoder.albert_layer_groups.0.albert_layers.0.ffn_output.bias 16, albert.pooler.weight 16x16,
        albert.pooler.bias 16, predictions.bias 50, predictions.LayerNorm.weight 8, predictions.LayerNorm.bias 8,
        predictions.dense.weight 8x16, predictions.dense.bias 8, predictions.decoder.weight 50x8,
        predictions.decoder.bias 50, sop_classifier.classifier.weight 2x16, sop_classifier.classifier.bias 2"""),
    "CLIPModel": ("clip_vit_b_32", CLIP, """
        text_model.embeddings.token_embedding.weight 50x8, text_model.embeddings.position_embedding.weight 77x8,
        text_model.encoder.layers.0.self_attn.k_proj.weight 8x8, text_model.encoder.layers.0.self_attn.k_proj.bias
        8, text_model.encoder.layers.0.self_attn.v_proj.weight 8x8,
        text_model.encoder.layers.0.self_attn.v_proj.bias 8, text_model.encoder.layers.0.self_attn.q_proj.weight
        8x8, text_model.encoder.layers.0.self_attn.q_proj.bias 8,
        text_model.encoder.layers.0.self_attn.out_proj.weight 8x8,
        text_model.encoder.layers.0.self_attn.out_proj.bias 8, text_model.encoder.layers.0.layer_norm1.weight 8,
        text_model.encoder.layers.0.layer_norm1.bias 8, text_model.encoder.layers.0.mlp.fc1.weight 32x8,
        text_model.encoder.layers.0.mlp.fc1.bias 32, text_model.encoder.layers.0.mlp.fc2.weight 8x32,
        text_model.encoder.layers.0.mlp.fc2.bias 8, text_model.encoder.layers.0.layer_norm2.weight 8,
        text_model.encoder.layers.0.layer_norm2.bias 8, text_model.final_layer_norm.weight 8,
        text_model.final_layer_norm.bias 8, vision_model.embeddings.class_embedding 16,
        vision_model.embeddings.patch_embedding.weight 16x3x16x16, vision_model.embeddings.position_embedding.weight
        5x16, vision_model.pre_layrnorm.weight 16, vision_model.pre_layrnorm.bias 16,
        vision_model.encoder.layers.0.self_attn.k_proj.weight 16x16,
        vision_model.encoder.layers.0.self_attn.k_proj.bias 16,
        vision_model.encoder.layers.0.self_attn.v_proj.weight 16x16,
        vision_model.encoder.layers.0.self_attn.v_proj.bias 16,
        vision_model.encoder.layers.0.self_attn.q_proj.weight 16x16,
        vision_model.encoder.layers.0.self_attn.q_proj.bias 16,
        vision_model.encoder.layers.0.self_attn.out_proj.weight 16x16,
        vision_model.encoder.layers.0.self_attn.out_proj.bias 16, vision_model.encoder.layers.0.layer_norm1.weight
        16, vision_model.encoder.layers.0.layer_norm1.bias 16, vision_model.encoder.layers.0.mlp.fc1.weight 64x16,
        vision_model.encoder.layers.0.mlp.fc1.bias 64, vision_model.encoder.layers.0.mlp.fc2.weight 16x64,
        vision_model.encoder.layers.0.mlp.fc2.bias 16, vision_model.encoder.layers.0.layer_norm2.weight 16,
        vision_model.encoder.layers.0.layer_norm2.bias 16, vision_model.post_layernorm.weight 16,
        vision_model.post_layernorm.bias 16, visual_projection.weight 4x16, text_projection.weight 4x8"""),
    "T5ForConditionalGeneration": ("t5_small_whole", {**SMALL, "hidden": 32}, """
        shared.weight 50x16, encoder.embed_tokens.weight 50x16, encoder.block.0.layer.0.SelfAttention.q.weight
        128x16, encoder.block.0.layer.0.SelfAttention.k.weight 128x16,
        encoder.block.0.layer.0.SelfAttention.v.weight 128x16, encoder.block.0.layer.0.SelfAttention.o.weight
        16x128, encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32x2,
        encoder.block.0.layer.0.layer_norm.weight 16, encoder.block.0.layer.1.DenseReluDense.wi.weight 32x16,
        encoder.block.0.layer.1.DenseReluDense.wo.weight 16x32, encoder.block.0.layer.1.layer_norm.weight 16,
        encoder.final_layer_norm.weight 16, decoder.embed_tokens.weight 50x16,
        decoder.block.0.layer.0.SelfAttention.q.weight 128x16, decoder.block.0.layer.0.SelfAttention.k.weight
        128x16, decoder.block.0.layer.0.SelfAttention.v.weight 128x16,
        decoder.block.0.layer.0.SelfAttention.o.weight 16x128,
        decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight 32x2,
        decoder.block.0.layer.0.layer_norm.weight 16, decoder.block.0.layer.1.EncDecAttention.q.weight 128x16,
        decoder.block.0.layer.1.EncDecAttention.k.weight 128x16, decoder.block.0.layer.1.EncDecAttention.v.weight
        128x16, decoder.block.0.layer.1.EncDecAttention.o.weight 16x128, decoder.block.0.layer.1.layer_norm.weight
        16, decoder.block.0.layer.2.DenseReluDense.wi.weight 32x16, decoder.block.0.layer.2.DenseReluDense.wo.weight
        16x32, decoder.block.0.layer.2.layer_norm.weight 16, decoder.final_layer_norm.weight 16, lm_head.weight
        50x16"""),
}  # fmt: skip
"""Their weights as the library has them, with one layer; what the models compute was compared with its own."""
SHARED = ("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def of_transformers(theirs: str) -> dict[str, Any]:
    random = np.random.default_rng(0)
    entries = [entry.split() for entry in TRANSFORMERS[theirs][2].split(",")]
    found = {name: random.standard_normal(tuple(map(int, shape.split("x")))) for name, shape in entries}
    for name in SHARED:
        if name in found and theirs != "LlamaForCausalLM":
            found[name] = next(array for array in found.values() if array.shape == found[name].shape)
    return found


@pytest.mark.parametrize("theirs", TRANSFORMERS)
def test_names_of_transformers(theirs: str) -> None:
    name, params, _ = TRANSFORMERS[theirs]
    model, arrays = archspec.load(name, params=params), of_transformers(theirs)
    assert model.renamed(arrays, "transformers").keys() == model.graph.parameters().keys()
    with pytest.raises(UsageError, match=r"'other.weight' is none of its weights"):
        model.renamed({**arrays, "other.weight": np.eye(2)}, "transformers")


def test_transposed_matrices_of_gpt2() -> None:
    arrays = of_transformers("GPT2LMHeadModel")
    found = archspec.load("gpt2", params=SMALL).renamed(arrays, "transformers")
    packed, out = (arrays[f"transformer.h.0.attn.{name}.weight"] for name in ("c_attn", "c_proj"))
    np.testing.assert_array_equal(found["h.0.attn.k_proj_weight"], packed[:, 16:32].T)
    np.testing.assert_array_equal(found["h.0.attn.out_proj_weight"], out.T)
    with pytest.raises(UsageError, match=r"two arrays are called 'wte.weight'"):
        archspec.load("gpt2", params=SMALL).renamed({**arrays, "lm_head.weight": packed[:, :16]}, "transformers")


def test_what_two_layers_share_may_be_there_twice() -> None:
    arrays = of_transformers("LlamaForCausalLM")
    model = archspec.load("llama_tiny", params={"depth": 1, "tie_embeddings": True})
    same = {**arrays, "lm_head.weight": arrays["model.embed_tokens.weight"]}
    assert "lm_head.weight" not in model.renamed(same, "transformers")
    with pytest.raises(UsageError, match=r"'lm_head.weight' is none of its weights"):
        model.renamed(arrays, "transformers")
