#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad generate and svad chat: the same text on any number of threads, streamed or as JSON, and errors that name the file.

usage: tests/tool/generate.py SVAD
"""
import json
import pathlib
import tempfile

from support.tool import check, finish, run


def make_model(folder):
    fixture = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models" / "llama_gqa"
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        (folder / name).write_bytes((fixture / name).read_bytes())
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    words = ["[UNK]", "a", "red", "jar", "<|im_start|>", "<|im_end|>"]
    words += [f"w{i}" for i in range(vocabulary - len(words))]
    marks = [{"id": i, "content": words[i], "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
             for i in (4, 5)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": marks, "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {w: i for i, w in enumerate(words)}},
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": {"type": "WordPiece"}}))
    return folder


def check_generate(model):
    status, text, err = run("--threads", "1", "generate", "--model", model, "--prompt", "a red jar", "--max-tokens", "12")
    check(f"generate: {status} {err}", status == 0 and text.strip() and "tokens behind 3 in" in err)
    check("two threads say the same", run("--threads", "2", "generate", "--model", model, "--prompt", "a red jar", "--max-tokens", "12")[1] == text)
    status, out, _ = run("generate", "--model", model, "--prompt", "a red jar", "--max-tokens", "12", "--json")
    got = json.loads(out)
    check(f"what is streamed is the text of --json {got}", status == 0 and got["text"] + "\n" == text and got["prompt_tokens"] == 3 and got["tokens"] == 12)
    sampled = [run("generate", "--model", model, "--prompt", "a red jar", "--max-tokens", "12", "--temperature", "2", "--seed", seed)[1] for seed in (1, 1, 2)]
    check("a seed decides what is sampled", sampled[0] == sampled[1] != sampled[2])
    status, out, _ = run("generate", "--model", model, "--prompt", "a jar", "--system", "red", "--max-tokens", "3", "--json")
    check(f"a system text makes it a chat {out}", status == 0 and json.loads(out)["prompt_tokens"] > 5)
    status, _, err = run("generate", "--model", model, "--prompt", "a jar " * 400)
    check(f"a prompt that is too long: {status} {err}", status != 0 and "the model takes 1 to" in err)
    status, _, err = run("generate", "--model", model, "--prompt", "a", "--temperature", "-1")
    check(f"a temperature below zero: {status} {err}", status == 2)


def check_chat(model):
    status, text, err = run("chat", "--model", model, "--max-tokens", "4", stdin="a red jar\n\na jar\n")
    check(f"chat answers each line: {status} {text!r} {err!r}", status == 0 and len(text.splitlines()) == 2 and err.count("> ") == 4)
    status, _, err = run("chat", "--model", model, "--chat", "plain", stdin="a\n")
    check(f"chat without a template: {status} {err}", status != 0 and "no marks of a known template" in err)


def check_errors(folder):
    for name, content, want in (("empty.gguf", b"", "empty.gguf"), ("text.gguf", b"hello there, this is no model at all", "does not start with 'GGUF'"),
                                ("cut.gguf", b"GGUF\x03\0\0\0" + b"\xff" * 16, "cut.gguf")):
        (folder / name).write_bytes(content)
        status, _, err = run("generate", "--model", folder / name, "--prompt", "a")
        check(f"{name}: {status} {err}", status == 1 and want in err and len(err.splitlines()) == 1)
    status, _, err = run("generate", "--model", folder / "nothing", "--prompt", "a")
    check(f"no such folder: {status} {err}", status == 1 and "nothing/config.json" in err)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "model").mkdir()
        model = make_model(folder / "model")
        check_generate(model)
        check_chat(model)
        check_errors(folder)
    finish("generate")


main()
