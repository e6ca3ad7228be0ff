"""A tokeniser for an exported decoder: its task's tokens are words between blanks, and nothing else can be said.

The files are written as they are read by ``transformers.AutoTokenizer.from_pretrained``; neither transformers nor
tokenizers is needed here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from theory.errors import InputError

PAD, END = "<pad>", "<end>"


def tokenizer_files(vocabulary: Sequence[str], positions: int) -> dict[str, bytes]:
    """``tokenizer.json`` and ``tokenizer_config.json`` for tokens whose ids are their places in ``vocabulary``.

    Text is split at white space; a word that is no token is an error of the tokeniser.  Decoding joins tokens by
    blanks.  Token 0 pads; ``<end>`` ends a text, or the padding where there is no such token.

    Raises:
        InputError: for a token twice, an empty one or one with white space, or a first one other than ``<pad>``.
    """
    if not vocabulary or vocabulary[0] != PAD:
        raise InputError(f"a vocabulary that does not begin with {PAD}: token 0 pads; give a task's own vocabulary.")
    for token in vocabulary:
        if not token or token.split() != [token]:
            raise InputError(f"token {token[:40]!r}: a tokeniser of words cannot hold it; give words without blanks.")
    if len(set(vocabulary)) < len(vocabulary):
        raise InputError("a token stands twice in the vocabulary: give each token once.")
    end = END if END in vocabulary else PAD
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    plain = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": vocabulary.index(token), "content": token, **special} for token in dict.fromkeys((PAD, end))
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        # No token is called so, which makes an unknown word an error instead of a token that was never trained.
        "model": {"type": "WordLevel", "vocab": {t: i for i, t in enumerate(vocabulary)}, "unk_token": "<unknown>"},
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": end,
        "model_max_length": positions,
        "clean_up_tokenization_spaces": False,
    }
    return {"tokenizer.json": _json(plain), "tokenizer_config.json": _json(settings)}


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
