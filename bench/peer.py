#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SVAD-VLM as its user would write it in PyTorch: the peer of bench/peer.cpp, with the same sizes and the same work a step.

    bench/peer.py {train|encode|decode} [--config demo|small] [--dtype f32|bf16] [--compile] [--threads N] [--steps N] [--serve]
    bench/peer.py gemm [--threads N]

train: frames and words to the loss, backward, clipping at 1, AdamW. encode: frames to the Q-Former's output, no gradient. decode:
as many words as a text has, one clip, greedy, from a cache of keys and values. bf16 is autocast (decode: weights in bf16).
With --serve it prints `ready`, does one step for every line that it reads, prints its milliseconds, and at the end its peak memory:
bench/compare.py asks several programs in turns.
"""
import argparse
import dataclasses
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass
class Sizes:
    batch: int
    words: int                       # of a text
    side: int                        # of a frame
    patch: int
    width: int                       # of the video encoder and the Q-Former
    depth: int
    readers: tuple                   # the blocks that a GMHRA block follows
    query_depth: int
    queries: int
    word_width: int
    word_depth: int
    word_heads: int
    hidden: int
    vocabulary: int
    frames: int = 8
    heads: int = 4


SIZES = {
    "demo": Sizes(16, 64, 64, 8, 128, 4, (1, 3), 2, 16, 192, 4, 6, 512, 1024),
    "small": Sizes(8, 80, 112, 14, 256, 6, (2, 5), 4, 32, 384, 6, 6, 1024, 4096),
}

GEMM = [(2048, 2048, 2048), (1040, 1536, 384), (1040, 384, 1536), (256, 576, 576), (1280, 192, 192), (1, 1536, 576), (1, 49152, 576)]


def split(x, heads):
    """[B, N, heads * d] as [B, heads, N, d]"""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def look(q, k, v, **options):
    return F.scaled_dot_product_attention(q, k, v, **options).transpose(1, 2).flatten(2)


class Feed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class SelfLook(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.all, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = (split(part, self.heads) for part in self.all(x).chunk(3, -1))
        return self.out(look(q, k, v))


class CrossLook(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.q, self.kv, self.out = heads, nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x, memory):
        k, v = (split(part, self.heads) for part in self.kv(memory).chunk(2, -1))
        return self.out(look(split(self.q(x), self.heads), k, v))


class FrameBlock(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(s.width), SelfLook(s.width, s.heads)
        self.norm2, self.feed = nn.LayerNorm(s.width), Feed(s.width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.feed(self.norm2(x))


class Relation(nn.Module):
    """GMHRA: one token a clip reads the tokens of all frames, which know their place by a depthwise convolution."""

    def __init__(self, s):
        super().__init__()
        self.s, self.place = s, nn.Conv3d(s.width, s.width, 3, padding=1, groups=s.width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(s.width) for _ in range(3))
        self.attn, self.feed = CrossLook(s.width, s.heads), Feed(s.width)

    def forward(self, whole, tokens):                                           # [B, 1, D], [B * T, 1 + N, D]
        rows = self.s.side // self.s.patch
        first, patches = tokens[:, :1], tokens[:, 1:]
        clip = patches.reshape(-1, self.s.frames, rows, rows, self.s.width).permute(0, 4, 1, 2, 3)
        placed = self.place(clip).permute(0, 2, 3, 4, 1).reshape(patches.shape) + patches
        memory = torch.cat((first, placed), 1).reshape(whole.shape[0], -1, self.s.width)
        whole = whole + self.attn(self.norm1(whole), self.norm3(memory))
        return whole + self.feed(self.norm2(whole))


class QueryBlock(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.attn, self.cross, self.feed = SelfLook(s.width, s.heads), CrossLook(s.width, s.heads), Feed(s.width)
        self.norms = nn.ModuleList(nn.LayerNorm(s.width) for _ in range(3))

    def forward(self, q, memory):
        q = self.norms[0](q + self.attn(q))
        q = self.norms[1](q + self.cross(q, memory))
        return self.norms[2](q + self.feed(q))


class WordBlock(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.heads = s.word_heads
        self.norm1, self.norm2 = nn.RMSNorm(s.word_width), nn.RMSNorm(s.word_width)
        self.qkv = nn.Linear(s.word_width, 3 * s.word_width, bias=False)
        self.out = nn.Linear(s.word_width, s.word_width, bias=False)
        self.gate = nn.Linear(s.word_width, s.hidden, bias=False)
        self.up = nn.Linear(s.word_width, s.hidden, bias=False)
        self.down = nn.Linear(s.hidden, s.word_width, bias=False)

    @staticmethod
    def turn(x, cos, sin):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat((-b, a), -1) * sin

    def forward(self, h, cos, sin, cache=None, at=0):
        q, k, v = (split(part, self.heads) for part in self.qkv(self.norm1(h)).chunk(3, -1))
        q, k = self.turn(q, cos, sin), self.turn(k, cos, sin)
        if cache is not None:
            n = at + h.shape[1]
            cache[0][:, :, at:n], cache[1][:, :, at:n] = k, v
            k, v = cache[0][:, :, :n], cache[1][:, :, :n]
        h = h + self.out(look(q, k, v, is_causal=h.shape[1] > 1))
        y = self.norm2(h)
        return h + self.down(F.silu(self.gate(y)) * self.up(y))


class Model(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s, patches = s, (s.side // s.patch) ** 2
        self.patch = nn.Conv2d(3, s.width, s.patch, s.patch)
        self.first = nn.Parameter(0.02 * torch.randn(s.width))
        self.places = nn.Parameter(0.02 * torch.randn(1 + patches, s.width))
        self.blocks = nn.ModuleList(FrameBlock(s) for _ in range(s.depth))
        self.relations = nn.ModuleList(Relation(s) for _ in s.readers)
        self.whole = nn.Parameter(torch.zeros(s.width))
        self.asked = nn.Parameter(0.02 * torch.randn(s.queries, s.width))
        self.ask = nn.ModuleList(QueryBlock(s) for _ in range(s.query_depth))
        self.primary, self.auxiliary = nn.Linear(s.width, s.word_width), nn.Linear(s.width, s.word_width)
        self.table = nn.Embedding(s.vocabulary, s.word_width)
        nn.init.normal_(self.table.weight, std=0.02)
        self.words = nn.ModuleList(WordBlock(s) for _ in range(s.word_depth))
        self.norm = nn.RMSNorm(s.word_width)
        half = s.word_width // s.word_heads // 2
        angles = torch.outer(torch.arange(s.queries + s.words), 1e4 ** (-torch.arange(half) / half)).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def encode(self, frames):                                                   # [B, T, 3, S, S] -> [B, Q, W]
        clips = frames.shape[0]
        x = self.patch(frames.flatten(0, 1)).flatten(2).transpose(1, 2)
        x = torch.cat((self.first.expand(x.shape[0], 1, -1), x), 1) + self.places
        whole, readers = self.whole.expand(clips, 1, -1), iter(self.relations)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.s.readers:
                whole = next(readers)(whole, x)
        memory = torch.cat((whole, x.reshape(clips, -1, self.s.width)), 1)
        q = self.asked.expand(clips, -1, -1)
        for block in self.ask:
            q = block(q, memory)
        return q

    def read(self, vectors, caches=None, at=0):
        n = vectors.shape[1]
        cos, sin = self.cos[at:at + n].to(vectors.dtype), self.sin[at:at + n].to(vectors.dtype)
        for i, block in enumerate(self.words):
            vectors = block(vectors, cos, sin, caches[i] if caches else None, at)
        return self.norm(vectors)

    def forward(self, frames, ids):
        prefix = self.primary(self.encode(frames))
        h = self.read(torch.cat((prefix, self.table(ids).to(prefix.dtype)), 1))
        scores = F.linear(h[:, self.s.queries:-1], self.table.weight)
        return F.cross_entropy(scores.flatten(0, 1).float(), ids[:, 1:].flatten())

    def write(self, prefix):
        """As many words as a text has, the likeliest one each time."""
        s, d = self.s, self.s.word_width // self.s.word_heads
        caches = [[torch.zeros(1, s.word_heads, s.queries + s.words, d, dtype=prefix.dtype) for _ in "kv"] for _ in self.words]
        h, out = self.read(prefix, caches), []
        for i in range(s.words):
            out.append(F.linear(h[:, -1], self.table.weight).argmax(-1))
            if i + 1 < s.words:
                h = self.read(self.table(out[-1])[:, None], caches, s.queries + i)
        return out


def work(a):
    """A function that does one step."""
    s = SIZES[a.config]
    model = Model(s)
    frames = torch.rand(s.batch, s.frames, 3, s.side, s.side)
    ids = torch.randint(s.vocabulary, (s.batch, s.words))
    if a.what == "train":
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        run = torch.compile(model) if a.compile else model

        def step():
            with torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
                loss = run(frames, ids)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return step
    if a.what == "encode":
        run = torch.compile(model.encode) if a.compile else model.encode

        def step():
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
                run(frames)
        return step
    dtype = torch.bfloat16 if a.dtype == "bf16" else torch.float32
    model, prefix = model.to(dtype), torch.randn(1, s.queries, s.word_width, dtype=dtype)
    if a.compile:
        model.read = torch.compile(model.read)

    def step():
        with torch.no_grad():
            model.write(prefix)
    return step


def timed(step):
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


def gemm():
    for dtype in (torch.float32, torch.bfloat16):
        for m, n, k in GEMM:
            x, w = torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype)
            with torch.no_grad():
                ms = statistics.median([timed(lambda: F.linear(x, w)) for _ in range(12)][2:])
            print(f"gemm_{str(dtype)[6:]}_{m}x{n}x{k} {2e-6 * m * n * k / ms:.1f} GFLOP/s", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["train", "encode", "decode", "gemm"])
    p.add_argument("--config", default="demo", choices=SIZES)
    p.add_argument("--dtype", default="f32", choices=["f32", "bf16"])
    p.add_argument("--compile", action="store_true")
    p.add_argument("--serve", action="store_true")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--steps", type=int, default=10)
    a = p.parse_args()
    torch.manual_seed(0)
    if a.threads > 0:
        torch.set_num_threads(a.threads)
    if a.what == "gemm":
        return gemm()
    step = work(a)
    step(), step()
    if a.serve:
        print("ready", flush=True)
        for _ in sys.stdin:
            print(f"{timed(step):.3f}", flush=True)
    else:
        print(f"{a.what}_{a.config}_{a.dtype}{'_compiled' * a.compile} {statistics.median(timed(step) for _ in range(a.steps)):.1f} ms/step")
    print(f"peak_rss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


main()
