#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same kernels as bench/gpu.cpp in PyTorch, eager and compiled: what its rows are to be held against."""
import torch
import torch.nn.functional as F


def milliseconds(repeats, call):
    for i in range(3):
        call(i)
    runs = []
    for _ in range(5):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for i in range(repeats):
            call(i)
        stop.record()
        stop.synchronize()
        runs.append(start.elapsed_time(stop) / repeats)
    return sorted(runs)[2]


def buffers(*shape):
    return [torch.full(shape, 0.5 + 0.1 * i, dtype=torch.bfloat16, device="cuda") for i in range(4)]


x, y, square = buffers(16384, 4096), buffers(16384, 4096), buffers(8192, 8192)
w, b = torch.ones(4096, dtype=torch.bfloat16, device="cuda"), torch.zeros(4096, dtype=torch.bfloat16, device="cuda")
labels = torch.arange(16384, device="cuda") % 4096
heads = {length: buffers(16384 // length, 16, length, 64) for length in (256, 2048)}
CASES = {
    "copy": (20, lambda i: y[i % 4].copy_(x[i % 4]), None),
    "matmul 8192 bf16": (5, lambda i: square[i % 4] @ square[(i + 1) % 4], None),
    "add 16384x4096": (20, lambda i: x[i % 4] + y[i % 4], None),
    "gelu 16384x4096": (20, lambda i: F.gelu(x[i % 4]), None),
    "swiglu 16384x4096": (20, None, (lambda a, c: F.silu(a) * c, lambda i: (x[i % 4], y[i % 4]))),
    "layer_norm 16384x4096": (20, None, (lambda a: F.layer_norm(a, (4096,), w, b), lambda i: (x[i % 4],))),
    "rms_norm 16384x4096": (20, None, (lambda a: F.rms_norm(a, (4096,), w), lambda i: (x[i % 4],))),
    "softmax 16384x4096": (20, None, (lambda a: F.softmax(a, -1), lambda i: (x[i % 4],))),
    "cross_entropy 16384x4096": (20, None, (lambda a: F.cross_entropy(a.float(), labels), lambda i: (x[i % 4],))),
}
for length, q in heads.items():
    CASES[f"attention 16 heads of 64, length {length}"] = (
        10, lambda i, q=q: F.scaled_dot_product_attention(q[i % 4], q[(i + 1) % 4], q[(i + 2) % 4]), None)

print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}")
with torch.no_grad():
    for name, (repeats, eager, formula) in CASES.items():
        if formula is None:
            print(f"{name:<34} {milliseconds(repeats, eager):9.4f} ms", flush=True)
            continue
        f, arguments = formula
        compiled = torch.compile(f)
        a, c = milliseconds(repeats, lambda i: f(*arguments(i))), milliseconds(repeats, lambda i: compiled(*arguments(i)))
        print(f"{name:<34} {a:9.4f} ms  compiled {c:9.4f} ms", flush=True)
