# SPDX-License-Identifier: Apache-2.0
"""Tiny models for the checks of the tool."""
import json
import pathlib
import string


def tiny_llava(folder):
    """A LLaVA of random weights with a tokenizer of letters."""
    fixture = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "models" / "llava"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((fixture / name).read_bytes())
    specials = ["[PAD]", "<s>", "</s>", "[UNK]"]
    words = specials + [":"] + list(string.ascii_lowercase) + ["##" + c for c in string.ascii_lowercase]
    marks = [{"id": i, "content": w, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
             for i, w in enumerate(specials)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": marks, "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {w: i for i, w in enumerate(words)}},
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece"}}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"shortest_edge": 42}, "do_center_crop": True, "crop_size": 42,
                                                                 "image_processor_type": "CLIPImageProcessor"}))
    return folder
