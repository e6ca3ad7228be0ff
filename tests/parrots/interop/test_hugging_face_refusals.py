"""What cannot be exchanged is refused in one line that says why, and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.routers import ROUTERS
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.interop.hugging_face import CONFIG, INDEX, WEIGHTS, export_hugging_face, load_hugging_face
from theory.errors import InputError

DENSE = DecoderConfig(vocabulary=30, width=8, layers=2, heads=2, positions=9, kv_heads=1)
MIXTURE = replace(DENSE, router=TokenChoice(4, 2))


def decoder(config: DecoderConfig) -> Decoder:
    return Decoder(config, torch.Generator().manual_seed(0))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as raised:
        call()
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (replace(MIXTURE, shared=4), "has no shared expert"),
        (replace(MIXTURE, router=TokenChoice(4, 1)), "top_k 1 with renormalise None"),
        (replace(MIXTURE, router=TokenChoice(4, 2, renormalise=False)), "top_k 2 with renormalise False"),
        (replace(MIXTURE, router=TokenChoice(4, 2, balance_rate=0.1)), "balance_rate 0.1"),
        *((replace(MIXTURE, router=kind(4)), f"router {name}") for name, kind in ROUTERS.items()
          if kind is not TokenChoice),
    ],
    ids=str,
)  # fmt: skip
def test_decoders_that_transformers_has_not(tmp_path, config, said):
    assert said in refused(lambda: export_hugging_face(decoder(config), tmp_path / "hf"))
    assert [*tmp_path.iterdir()] == []


def test_a_folder_in_use_and_weights_that_are_no_numbers(tmp_path):
    model = decoder(DENSE)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("used", "file"):
        assert "is there already" in refused(lambda name=name: export_hugging_face(model, tmp_path / name))
    model.norm.weight.data[0] = torch.nan
    assert "not finite" in refused(lambda: export_hugging_face(model, tmp_path / "new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "used"]
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["notes"]


def test_an_interrupted_export_leaves_nothing(tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        export_hugging_face(decoder(DENSE), tmp_path / "hf")
    assert [*tmp_path.iterdir()] == []


def test_an_empty_folder_is_taken_and_others_may_read_it(tmp_path):
    (tmp_path / "hf").mkdir()
    (tmp_path / "ordinary").mkdir()
    export_hugging_face(decoder(DENSE), tmp_path / "hf")
    assert sorted(path.name for path in (tmp_path / "hf").iterdir()) == [CONFIG, WEIGHTS]
    assert (tmp_path / "hf").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf", "ordinary"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "gpt2"}, "model_type 'gpt2': allowed are mistral, mixtral, llama"),
        ({"model_type": ["x"]}, "model_type"),
        ({"architectures": ["MixtralForSequenceClassification"]}, "architecture"),
        ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
        ({"attention_bias": True}, "attention_bias"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"sliding_window": 8}, "sliding_window 8 below 9 positions"),
        ({"head_dim": 8}, "head_dim 8: heads here are width / heads = 4 wide"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rope scaling"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}, "rope scaling"),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, "rope scaling"),
        ({"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}}, "partial_rotary_factor 0.5"),
        ({"rope_parameters": {"rope_theta": "x"}}, "readable"),
        ({"rope_parameters": [1]}, "readable"),
        ({"num_experts_per_tok": 1}, "num_experts_per_tok 1"),
        ({"num_experts_per_tok": 5}, "top_k 5"),
        ({"num_hidden_layers": "2"}, "layers '2'"),
        ({"num_attention_heads": 0}, "heads 0"),
        ({"num_hidden_layers": 10**12}, "fewer than its configuration says"),
        ({"num_local_experts": 10**12}, "fewer than its configuration says"),
        ({"num_hidden_layers": 3}, "arrays are missing"),
        ({"num_hidden_layers": 1}, "is an array that decoders here do not have"),
        ({"num_local_experts": 3}, "is an array that decoders here do not have"),
        ({"intermediate_size": 10**14}, "its configuration"),
        ({"intermediate_size": 10**18}, "sizes that no array can have"),
        ({"intermediate_size": 10**30}, "sizes that no array can have"),
        ({"intermediate_size": 9}, "its configuration says"),
        ({"vocab_size": 31}, "model.embed_tokens.weight is (30, 8), its configuration says (31, 8)"),
        ({"tie_word_embeddings": True}, "lm_head.weight is not the embedding"),
        ({"rms_norm_eps": None}, "readable"),
    ],
    ids=str,
)
def test_configurations_that_decoders_here_have_not(tmp_path, changes, said):
    export_hugging_face(decoder(MIXTURE), tmp_path / "hf")
    path = tmp_path / "hf" / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert said in refused(lambda: load_hugging_face(tmp_path / "hf"))


def test_a_field_missing(tmp_path):
    export_hugging_face(decoder(MIXTURE), tmp_path / "hf")
    path = tmp_path / "hf" / CONFIG
    plain = json.loads(path.read_text())
    del plain["hidden_size"]
    path.write_text(json.dumps(plain))
    assert "without hidden_size" in refused(lambda: load_hugging_face(tmp_path / "hf"))


def changed(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        arrays = load_file(folder / WEIGHTS)
        save_file(arrays | {name: change(arrays.get(name, torch.ones(8)))}, folder / WEIGHTS)

    return act


def written(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def indexed(text: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / WEIGHTS).rename(folder / "part.safetensors")
        (folder / INDEX).write_text(text)

    return act


NORM, EXPERT = "model.norm.weight", "model.layers.1.block_sparse_moe.experts.3.w2.weight"
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no configuration": (lambda folder: (folder / CONFIG).unlink(), "no readable config.json"),
    "no JSON": (written(CONFIG, "{"), "no readable config.json"),
    "a list": (written(CONFIG, "[]"), "config.json is no object"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "pickled weights are not read"),
    "truncated": (
        lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1]) and None,
        "is no whole checkpoint",
    ),
    "an array that is no number": (changed(NORM, lambda x: x * torch.nan), "model.norm.weight holds what are not"),
    "an expert that is no number": (changed(EXPERT, lambda x: x / 0), "experts.0.w2.weight holds what are not"),
    "integers": (changed(NORM, Tensor.int), "of type I32"),
    "an expert's shape": (changed(EXPERT, lambda x: x.mT.repeat(2, 1).contiguous()), "experts.3.w2.weight is (16, 8)"),
    "a bias": (changed("model.layers.0.self_attn.q_proj.bias", lambda x: x), "q_proj.bias is an array that"),
    "a shard elsewhere": (indexed('{"weight_map": {"a": "../part.safetensors"}}'), "not in the folder"),
    "a shard missing": (indexed('{"weight_map": {"a": "other.safetensors"}}'), "is no whole checkpoint"),
    "no map": (indexed("{}"), "has no weight_map"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_folders(tmp_path, name):
    damage, said = DAMAGE[name]
    export_hugging_face(decoder(MIXTURE), tmp_path / "hf")
    damage(tmp_path / "hf")
    text = refused(lambda: load_hugging_face(tmp_path / "hf"))
    assert said in text and "hf" in text


def test_no_folder(tmp_path):
    assert "no readable config.json" in refused(lambda: load_hugging_face(tmp_path / "none"))


def test_arrays_that_mean_nothing_here_are_passed_over(tmp_path):
    """Angles, which old checkpoints of Llama hold, and a tied head that is written out."""
    model = decoder(replace(DENSE, tied=True))
    export_hugging_face(model, tmp_path / "hf")
    arrays = load_file(tmp_path / "hf" / WEIGHTS)
    arrays |= {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)}
    save_file(arrays | {"lm_head.weight": arrays["model.embed_tokens.weight"].clone()}, tmp_path / "hf" / WEIGHTS)
    tokens = torch.arange(9)[None]
    assert torch.equal(load_hugging_face(tmp_path / "hf")(tokens).logits, model(tokens).logits)


def test_importing_and_exporting_need_no_transformers():
    import subprocess
    import sys

    program = "import parrots.interop.hugging_face, sys; print('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"
