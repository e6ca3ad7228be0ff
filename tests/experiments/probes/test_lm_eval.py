"""The exported tasks run through lm-eval: by an oracle that reads prompts, and by a tiny Hugging Face model."""

from __future__ import annotations

import json
import re

import pytest
from probe_oracle import answer, last_question

from experiments.cli import main

pytest.importorskip("lm_eval")
pytest.importorskip("accelerate", reason="lm-eval's models of transformers need it: pip install 'lm-eval[hf]'")

GROUPS = ("parrots_length2", "parrots_shortest_path", "parrots_open_book", "parrots_closed_book")
METRIC = {"parrots_length2": "acc,none"} | dict.fromkeys(GROUPS[1:], "exact_match,answer")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("probes") / "probes"
    words = ["--vertices", "4", "7", "--entries", "12", "--examples", "12", "--json"]
    assert main(["probes", "--out", str(path), *words]) == 0
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def evaluate(folder, cache, monkeypatch):
    return evaluator(folder, cache, monkeypatch)


def evaluator(folder, cache, monkeypatch):
    """lm-eval, run in the folder, without a network, with a cache of its own."""
    import datasets
    import lm_eval
    from lm_eval.tasks import TaskManager

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.chdir(folder)
    manager = TaskManager(include_path=str(folder), include_defaults=False)

    def run(model, *tasks, **options):
        return lm_eval.simple_evaluate(
            model=model, tasks=list(tasks), task_manager=manager, bootstrap_iters=0, log_samples=True, **options
        )

    return run


def asked(folder, task):
    return [json.loads(line) for line in (folder / f"{task}.asked.jsonl").read_text().splitlines()]


class TestOracle:
    """Everything but the closed book can be answered from the prompt; that alone is what it is asked without."""

    @pytest.fixture
    def results(self, evaluate):
        from lm_eval.api.model import LM

        class Oracle(LM):
            prompts = ()

            def loglikelihood(self, requests):
                self.prompts += tuple(request.args[0] for request in requests)
                return [(0.0 if said.strip() == answer(prompt) else -9.0, True) for prompt, said in
                        (request.args for request in requests)]  # fmt: skip

            def generate_until(self, requests):
                self.prompts += tuple(request.args[0] for request in requests)
                return [f" {answer(request.args[0])}" for request in requests]

            def loglikelihood_rolling(self, requests):
                raise AssertionError("no probe asks for it")

        oracle = Oracle()
        return evaluate(oracle, "parrots_probes")["results"], oracle.prompts

    def test_reads_the_answer_off_the_prompt(self, results, folder):
        scores, prompts = results
        for group, metric in METRIC.items():
            expected = 0.0 if group == "parrots_closed_book" else 1.0
            for name, found in scores.items():
                if name.startswith(group):
                    assert found[metric] == expected, name
        assert scores["parrots_length2"]["sample_count"][METRIC["parrots_length2"]] == 2 * 12
        assert len({last_question(prompt) for prompt in prompts}) == 6 * 12 + 12
        assert {prompt.count("\n\n") for prompt in prompts} == {2}
        self.shown_are_not_asked(prompts, folder)

    def shown_are_not_asked(self, prompts, folder):
        questions = {item["prompt"] for path in folder.glob("*.asked.jsonl") for item in asked(folder, path.name[:-12])}
        shown = {text for prompt in prompts for text in prompt.split("\n\n")[:-1]}
        assert shown and not [text for text in shown for one in questions if text.startswith(one)]


def test_who_goes_on_as_the_texts_to_learn_do_knows_the_closed_book(evaluate, folder):
    """The texts hold what is asked, in the words in which it is asked."""
    from lm_eval.api.model import LM

    texts = [json.loads(line)["text"] for path in folder.glob("*.learn.jsonl") for line in path.open()]

    class Learned(LM):
        def generate_until(self, requests):
            asked = [last_question(request.args[0]) for request in requests]
            return [next(text.removeprefix(one) for text in texts if text.startswith(one)) for one in asked]

        def loglikelihood(self, requests):
            raise AssertionError("a closed book is answered in writing")

        loglikelihood_rolling = loglikelihood

    found = evaluate(Learned(), "parrots_closed_book")["results"]
    assert found["parrots_closed_book"][METRIC["parrots_closed_book"]] == 1.0


@pytest.fixture(scope="module")
def language_model():
    """A random Llama of two layers and a tokeniser of words, and both as lm-eval's model."""
    import torch
    from lm_eval.models.huggingface import HFLM
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from experiments.probes.words import WORDS

    texts = "Directed Undirected edges Question Is there a vertex X with the two and What is shortest path from to The "
    texts += "phone number of Answer yes no : , ? . - -> \n"
    vocabulary = ["<pad>", "<end>", "<unk>", *dict.fromkeys(texts.split(" ")), *WORDS, *"0123456789"]
    tokens = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("[A-Za-z]+|->|[0-9:,?.-]|\n"), "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )  # fmt: skip
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=1024, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()

    class Helped(HFLM):
        """Says the answer in every second case, so that scores are neither 0 nor 1."""

        def generate_until(self, requests, disable_tqdm=False):
            said = super().generate_until(requests, disable_tqdm)
            prompts = [request.args[0] for request in requests]
            return [f" {answer(prompts[i])}" if i % 2 else text for i, text in enumerate(said)]

    return model, tokenizer, Helped(pretrained=model, tokenizer=tokenizer, batch_size=12, device="cpu")


class TestTinyModel:
    def test_every_score_is_our_own_grade_of_what_it_said(self, evaluate, language_model, folder):
        tasks = ("parrots_length2", "parrots_shortest_path_4", "parrots_open_book_4", "parrots_closed_book")
        found = evaluate(language_model[2], *tasks, gen_kwargs={"max_gen_toks": 8})
        for group, metric in METRIC.items():
            tasks = [name for name in found["samples"] if name.startswith(group)]
            right = []
            for task in tasks:
                mine = self.grades(found["samples"][task], asked(folder, task))
                assert found["results"][task][metric] == pytest.approx(sum(mine) / len(mine)), task
                right += mine
            if group in found["results"]:
                assert found["results"][group][metric] == pytest.approx(sum(right) / len(right))
            assert group == "parrots_closed_book" or 0 < sum(right) < len(right)
        self.likelihoods(found["samples"]["parrots_length2_7"], *language_model[:2])

    def grades(self, samples, questions):
        """1 or 0 for every question, from the raw responses."""
        assert [sample["doc"]["prompt"] for sample in samples] == [item["prompt"] for item in questions]
        said = []
        for sample in samples:
            if len(sample["resps"]) == 2:
                yes, no = (float(one[0][0]) for one in sample["resps"])
                said.append("yes" if yes >= no else "no")
            else:
                said.append(sample["resps"][0][0].split("\n")[0].strip())
        return [int(one == item["answer"]) for one, item in zip(said, questions, strict=True)]

    def likelihoods(self, samples, model, tokenizer):
        """lm-eval's log-likelihoods are those of the model on the prompt as lm-eval prints it."""
        import torch

        for sample in samples[:3]:
            for request, response in zip(sample["arguments"], sample["resps"], strict=True):
                prompt, choice = request
                ids = torch.tensor([tokenizer(prompt + choice, add_special_tokens=False)["input_ids"]])
                with torch.no_grad():
                    logits = model(ids).logits.log_softmax(-1)
                expected = float(logits[0, -2, ids[0, -1]])
                assert float(response[0][0]) == pytest.approx(expected, abs=1e-4)
                assert tokenizer.convert_ids_to_tokens(int(ids[0, -1])) == choice.strip()
                assert not re.search("<unk>", tokenizer.decode(ids[0]))


def test_a_decoder_of_ours_says_through_lm_eval_what_it_says_here(tmp_path, cache, monkeypatch):
    """Tokenizer, weights and questions as exported; a random decoder gets some one-digit numbers right."""
    import torch
    from lm_eval.models.huggingface import HFLM

    from experiments.studies.decoders.grading import grade, write
    from experiments.tasks.phone_book import PhoneBook
    from experiments.training.folder import RunFolder
    from experiments.training.plan import Plan
    from experiments.training.recipe import Recipe
    from parrots.decoder import Decoder, DecoderConfig
    from parrots.decoder.checkpoint import save_decoder
    from parrots.decoder.routers.token_choice import TokenChoice

    task = PhoneBook(entries=30, letters=2, digits=1, placed=True)
    config = DecoderConfig(
        vocabulary=len(task.vocabulary),
        width=16,
        layers=1,
        heads=2,
        positions=task.length - 1,
        router=TokenChoice(4, 2),
    )
    model = Decoder(config, torch.Generator().manual_seed(2)).eval()
    run = RunFolder(tmp_path / "run")
    with run.locked():
        run.settle(Plan(task, config, Recipe()))
    save_decoder(model, run.best)
    assert main(["export", str(run.path), "--out", str(tmp_path / "hf"), "--json"]) == 0
    assert main(["probes", "--trained", str(run.path), "--out", str(tmp_path / "own"), "--json"]) == 0
    name = "parrots_trained_phone_book_4"
    known = HFLM(pretrained=str(tmp_path / "hf"), max_length=task.length, batch_size=30, device="cpu")
    found = evaluator(tmp_path / "own", cache, monkeypatch)(known, name)
    examples = task.examples("test", 0, task.entries)
    texts = [" ".join(task.vocabulary[token] for token in row) for row in write(model, examples).tolist()]
    assert [sample["resps"][0][0].strip() for sample in found["samples"][name]] == texts
    score = found["results"][name]["exact_match,answer"]
    assert score == pytest.approx(grade(model, task, "test", task.entries)["correct"]) and 0 < score < 1
