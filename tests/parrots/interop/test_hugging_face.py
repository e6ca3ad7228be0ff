"""Decoders equal transformers' Mistral, Mixtral and Llama, both ways."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, rms_norm

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.generate import generate
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.interop.families import FAMILIES
from parrots.interop.hugging_face import export_hugging_face, load_hugging_face
from parrots.interop.hugging_face_arrays import places
from parrots.interop.hugging_face_config import EXCHANGED

transformers = pytest.importorskip("transformers")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

VOCABULARY = 61
TOKENS = torch.randint(0, VOCABULARY, (3, 20), generator=torch.Generator().manual_seed(1))

OURS = {
    "dense": {"kv_heads": 2},
    "dense, tied, wide": {"tied": True, "hidden": 64, "rope_base": 500.0, "norm_epsilon": 1e-3},
    "2 of 4": {"kv_heads": 2, "router": TokenChoice(4, 2), "hidden": 24},
    "limits in training": {"router": TokenChoice(4, 2, capacity=0.5, noise=1.0)},
    "3 of 8, tied": {"kv_heads": 1, "router": TokenChoice(8, 3), "tied": True, "norm_epsilon": 1e-4},
}
ROUTED = ["2 of 4", "limits in training", "3 of 8, tied"]


def ours(name: str) -> Decoder:
    """With logits of order 1, and norms that are not ones, so that none can be left out unseen."""
    shape = {"vocabulary": VOCABULARY, "width": 16, "layers": 3, "heads": 4, "positions": 40} | OURS[name]
    generator = torch.Generator().manual_seed(0)
    model = Decoder(DecoderConfig(**shape), generator).eval()
    model.embedding.weight.data.normal_(0.0, 0.5, generator=generator)
    for weight in model.parameters():
        if weight.ndim == 1:
            weight.data.uniform_(0.5, 1.5, generator=generator)
    return model


def exported(model: Decoder, folder: Path, **options: object) -> transformers.PreTrainedModel:
    export_hugging_face(model, folder / "hf")
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(folder / "hf", output_loading_info=True, **options)
    assert not any(info.values()), info
    return theirs.eval()


THEIRS = {
    "mistral": {},
    "mistral, tied": {"tie_word_embeddings": True, "num_key_value_heads": 1},
    "mixtral": {"num_local_experts": 5},
    "mixtral, tied": {"num_local_experts": 4, "num_experts_per_tok": 3, "tie_word_embeddings": True},
    "mixtral, no choice": {"num_local_experts": 1, "num_experts_per_tok": 1},
    "llama": {"num_key_value_heads": 4},
}


def theirs(name: str) -> transformers.PreTrainedModel:
    family = name.split(",")[0]
    config = transformers.AutoConfig.for_model(
        family,
        **{"vocab_size": VOCABULARY, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 50, "rms_norm_eps": 3e-4}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 700.0}, "initializer_range": 0.3}
        | {"sliding_window": None}
        | THEIRS[name],
    )
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for weight in model.parameters():
        if weight.ndim == 1:
            weight.data.uniform_(0.5, 1.5)
    return model.eval()


def furthest(one: Tensor, other: Tensor) -> float:
    return float((one - other).detach().abs().max())


@pytest.mark.parametrize("name", OURS)
def test_an_exported_decoder_gives_the_same_logits(tmp_path, name):
    model = ours(name)
    other = exported(model, tmp_path)
    assert type(other).__name__ == ("MixtralForCausalLM" if name in ROUTED else "MistralForCausalLM")
    logits = model(TOKENS).logits
    assert logits.abs().max() > 1
    assert furthest(logits, other(TOKENS).logits) < 1e-5


def unrounded(model: transformers.PreTrainedModel, config: DecoderConfig) -> None:
    """Norms, angles and gates of transformers are float32 in a float64 model too; here they are not."""
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = partial(
                rms_norm, normalized_shape=[config.width], weight=module.weight, eps=config.norm_epsilon
            )
        if type(module).__name__ == "MixtralTopKRouter":
            module.forward = partial(choose, weight=module.weight, top_k=config.router.top_k)
    half = torch.arange(config.head_width // 2, dtype=torch.float64)
    frequencies = config.rope_base ** (-2 * half / config.head_width)
    model.model.rotary_emb.forward = lambda x, position_ids: angles(position_ids.double()[..., None] * frequencies)


def angles(turns: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat((turns, turns), -1).cos(), torch.cat((turns, turns), -1).sin()


def choose(hidden_states: Tensor, weight: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    logits = hidden_states @ weight.T
    gates, experts = logits.softmax(-1).topk(top_k)
    return logits, gates / gates.sum(-1, keepdim=True), experts


@pytest.mark.parametrize("name", OURS)
def test_in_float64_logits_agree_to_rounding(tmp_path, name):
    model = ours(name).double()
    eager = {"experts_implementation": "eager"} if name in ROUTED else {}
    other = exported(model, tmp_path, dtype=torch.float64, **eager)
    assert next(other.parameters()).dtype == torch.float64
    assert furthest(model(TOKENS).logits, other(TOKENS).logits) < 1e-5
    unrounded(other, model.config)
    assert furthest(model(TOKENS).logits, other(TOKENS).logits) < 1e-12


@pytest.mark.parametrize("name", THEIRS)
def test_a_checkpoint_of_theirs_gives_the_same_logits(tmp_path, name):
    other = theirs(name)
    other.save_pretrained(tmp_path)
    logits = other(TOKENS).logits
    assert logits.abs().max() > 1
    assert furthest(load_hugging_face(tmp_path)(TOKENS).logits, logits) < 1e-5


@pytest.mark.parametrize("options", [{"max_shard_size": "8KB"}, {"save_original_format": False}], ids=str)
@pytest.mark.parametrize("name", ["mistral", "mixtral"])
def test_in_shards_and_under_the_names_of_a_loaded_model(tmp_path, name, options):
    other = theirs(name)
    other.save_pretrained(tmp_path, **options)
    assert (tmp_path / "model.safetensors.index.json").exists() == ("max_shard_size" in options)
    assert furthest(load_hugging_face(tmp_path)(TOKENS).logits, other(TOKENS).logits) < 1e-5


def test_a_configuration_as_written_before_transformers_5(tmp_path):
    other = theirs("mixtral")
    other.save_pretrained(tmp_path)
    plain = json.loads((tmp_path / "config.json").read_text())
    plain |= {"rope_theta": plain.pop("rope_parameters")["rope_theta"], "rope_scaling": None}
    plain["torch_dtype"] = plain.pop("dtype")
    (tmp_path / "config.json").write_text(json.dumps(plain))
    assert furthest(load_hugging_face(tmp_path)(TOKENS).logits, other(TOKENS).logits) < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_are_read_exactly(tmp_path, dtype):
    halved = theirs("mixtral").to(dtype)
    halved.save_pretrained(tmp_path)
    model, expected = load_hugging_face(tmp_path), dict(halved.named_parameters())
    for place in places(model.config, fused=True):
        weight = model.get_parameter(place.ours)
        assert weight.dtype == torch.float32
        for name, part in zip(place.theirs, place.split(weight), strict=True):
            assert torch.equal(part, expected[name].float()), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", [name for name in OURS if name != "limits in training"])
def test_there_and_back_is_bit_for_bit(tmp_path, name, dtype):
    model = ours(name).to(dtype)
    export_hugging_face(model, tmp_path / "hf")
    again = load_hugging_face(tmp_path / "hf")
    for (one, weight), (other, restored) in zip(model.named_parameters(), again.named_parameters(), strict=True):
        assert one == other and torch.equal(weight, restored) and weight.dtype == restored.dtype


@pytest.mark.parametrize("experts", ["eager", None])
@pytest.mark.parametrize("name", OURS)
def test_gradients_of_every_parameter(tmp_path, name, experts):
    model, other = ours(name), exported(ours(name), tmp_path)
    if name in ROUTED and experts is not None:
        other.set_experts_implementation(experts)
    cross_entropy(model(TOKENS).logits[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten()).backward()
    other(TOKENS, labels=TOKENS).loss.backward()
    expected = {name: weight.grad for name, weight in other.named_parameters()}
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    seen = set()
    for place in places(model.config, fused=True):
        for theirs, part in zip(place.theirs, place.split(gradients[place.ours]), strict=True):
            torch.testing.assert_close(part, expected[theirs], rtol=1e-4, atol=1e-6, msg=theirs)
            assert part.abs().max() > 0, theirs
            seen.add(theirs)
    assert seen == expected.keys()


@pytest.mark.parametrize("name", ["dense", "2 of 4"])
def test_greedy_text_is_the_same(tmp_path, name):
    model, other = ours(name), exported(ours(name), tmp_path)
    lengths = [4, 11, 7]
    prompts = [TOKENS[row, :length] for row, length in enumerate(lengths)]
    padded = torch.stack([torch.cat((torch.zeros(11 - len(prompt), dtype=torch.int64), prompt)) for prompt in prompts])
    mask = (torch.arange(11) >= 11 - torch.tensor(lengths)[:, None]).long()
    written = other.generate(padded, attention_mask=mask, max_new_tokens=12, do_sample=False, pad_token_id=0)
    assert torch.equal(written[:, 11:], generate(model, prompts, 12))


@pytest.mark.parametrize("family", EXCHANGED)
def test_fields_left_out_mean_what_they_mean_to_transformers(family):
    config = transformers.AutoConfig.for_model(family)
    for name, value in {**FAMILIES[family].defaults, **EXCHANGED[family]}.items():
        if name == "rope_theta":
            assert config.rope_parameters == {"rope_type": "default", "rope_theta": value}
        elif name == "num_key_value_heads" and value is None:
            assert config.num_key_value_heads == config.num_attention_heads
        else:
            assert getattr(config, name, None) == value
