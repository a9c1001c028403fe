#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What svad exports is what transformers loads: every fixture, imported and exported by svad, gives the logits of the original.

    tests/tool/roundtrip.py SVAD [PYTHON]

The interpreter PYTHON (or the environment's) needs torch and transformers; without them the test is skipped.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures/models"

# What transformers compares: the class and the inputs of each fixture.
CHECK = """
import sys, torch, transformers
from safetensors.torch import load_file
fixtures, exported = sys.argv[1:]
torch.manual_seed(1)
transformers.logging.set_verbosity_error()
ids = torch.randint(3, 60, (2, 9))
def words(model): return model(input_ids=ids).logits
def hidden(model): return model(input_ids=ids).last_hidden_state
def pictures(model):
    c = model.config
    return model(pixel_values=torch.randn(2, c.num_channels, c.image_size, c.image_size)).last_hidden_state
def everything(model):   # whole systems have inputs of many kinds: the parameters decide, and the words alone are run
    return model.get_input_embeddings()(ids)
cases = {"llama_mha": ("AutoModelForCausalLM", words), "llama_gqa": ("AutoModelForCausalLM", words), "llama_rope_llama3": ("AutoModelForCausalLM", words),
         "gpt2": ("AutoModelForCausalLM", words), "opt": ("AutoModelForCausalLM", words), "bert": ("AutoModel", hidden), "vit": ("AutoModel", pictures),
         "llava": ("LlavaForConditionalGeneration", everything), "video_llava": ("VideoLlavaForConditionalGeneration", everything),
         "blip2_opt": ("Blip2ForConditionalGeneration", everything), "instructblipvideo": ("InstructBlipVideoForConditionalGeneration", everything),
         "qwen2_vl": ("Qwen2VLForConditionalGeneration", everything), "git_video": ("GitForCausalLM", everything)}
failed = 0
for name, (kind, run) in cases.items():
    load = getattr(transformers, kind).from_pretrained
    models = []
    for folder in (f"{fixtures}/{name}", f"{exported}/{name}"):
        model, report = load(folder, output_loading_info=True, dtype=torch.float32)
        for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if folder.startswith(exported) and report.get(what) != models[0][1].get(what):
                print(f"{name}: {what} {report.get(what)}, the original {models[0][1].get(what)}"); failed += 1
        models.append((model.eval(), report))
    with torch.no_grad():
        outputs = []
        for model, _ in models:
            torch.manual_seed(2)
            outputs.append(run(model))
    worst = (outputs[0] - outputs[1]).abs().max().item()
    a, b = models[0][0].state_dict(), models[1][0].state_dict()
    same = a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    print(f"{name}: {len(a)} tensors {'the same' if same else 'NOT the same'}, outputs differ by {worst}")
    failed += worst != 0 or not same
sys.exit(1 if failed else 0)
"""


def main():
    python = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("PYTHON", sys.executable)
    probe = subprocess.run([python, "-c", "import torch, transformers, safetensors"], capture_output=True, text=True)
    if probe.returncode:
        print(f"roundtrip: skipped: {python} has no torch and transformers; name an interpreter that has them in PYTHON")
        sys.exit(77)
    tests = pathlib.Path(sys.argv[1]).resolve().parent / "tests/svad_tests"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([tests, "--test-case=export:*"], env=dict(os.environ, SVAD_EXPORT=folder), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"roundtrip: the export failed:\n{done.stdout}")
        done = subprocess.run([python, "-c", CHECK, str(FIXTURES), folder], capture_output=True, text=True, timeout=500)
        print(done.stdout)
        if done.returncode:
            sys.exit(f"roundtrip: transformers disagrees:\n{done.stderr[-3000:]}")
        print("roundtrip: ok")


main()
