"""The tokenizer of an exported decoder: every token is a word, ids are places, unknown words are refused."""

import pytest
import torch

from experiments.tasks import TASKS
from parrots.decoder import Decoder, DecoderConfig
from parrots.interop.hugging_face import export_hugging_face, load_hugging_face
from parrots.interop.hugging_face_tokenizer import tokenizer_files
from theory.errors import InputError


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


@pytest.mark.parametrize("name", sorted(TASKS))
def test_words_and_ids_of_every_task(tmp_path, name, transformers):
    vocabulary = TASKS[name]().vocabulary
    config = DecoderConfig(vocabulary=len(vocabulary), width=4, layers=1, heads=1, positions=12)
    model = Decoder(config, torch.Generator().manual_seed(0))
    export_hugging_face(model, tmp_path / "hf", vocabulary)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    text = " ".join(vocabulary)
    assert tokenizer(text)["input_ids"] == list(range(len(vocabulary)))
    assert tokenizer.decode(range(len(vocabulary))) == text
    end = vocabulary.index("<end>") if "<end>" in vocabulary else 0
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.model_max_length) == (0, end, 12)
    with pytest.raises(Exception, match="UNK"):
        tokenizer("neverheard")
    again = load_hugging_face(tmp_path / "hf")
    assert all(torch.equal(x, y) for x, y in zip(model.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [
        ((), "does not begin with <pad>"),
        (("a", "<pad>"), "does not begin with <pad>"),
        (("<pad>", "a b"), "token 'a b': a tokeniser of words cannot hold it"),
        (("<pad>", ""), "token ''"),
        (("<pad>", "a", "a"), "stands twice"),
    ],
)
def test_refuses_what_no_words_are(vocabulary, said):
    with pytest.raises(InputError, match=said):
        tokenizer_files(vocabulary, 8)


def test_refuses_more_tokens_than_the_model_knows(tmp_path):
    model = Decoder(DecoderConfig(vocabulary=2, width=4, layers=1, heads=1, positions=4))
    with pytest.raises(InputError, match="3 tokens, the model knows 2"):
        export_hugging_face(model, tmp_path / "hf", ("<pad>", "a", "b"))
    assert not (tmp_path / "hf").exists()
