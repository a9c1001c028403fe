#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad judge, rewrite and keywords against a server of this script that misbehaves in every way a server can.

usage: tests/tool/judge.py SVAD
"""
import collections
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

from support.tool import TOOL, check, finish

KEY = "sk-test-0123456789abcdef"
outputs = []   # of every run, to look for the key


def good(text):
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}],
                            "usage": {"prompt_tokens": 10, "completion_tokens": 2}}), {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.asked.append((body["messages"][0]["content"], body["messages"][-1]["content"]))
            server.keys.add(self.headers.get("Authorization"))
            server.paths.add(self.path)
            number = len(server.asked)
        status, text, headers = server.answer(number, body)
        data = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass   # the tool hung up

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass   # a connection that the tool closed, as it must with a huge body


class Server:
    """A chat server on a free port; `answer` gets the number of the request and its body."""

    def __init__(self, answer):
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.answer, self.http.lock = answer, threading.Lock()
        self.http.asked, self.http.keys, self.http.paths = [], set(), set()
        self.endpoint = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    @property
    def asked(self):
        return self.http.asked


def start(*arguments):
    environment = {**os.environ, "SVAD_API_KEY": KEY, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen([TOOL, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def run(*arguments):
    process = start(*arguments)
    out, err = process.communicate(timeout=60)
    outputs.append(out + err)
    return process.returncode, out, err


def files(folder, count):
    refs, hyps = folder / "refs.jsonl", folder / "hyps.jsonl"
    refs.write_text("".join(json.dumps({"id": f"v{i}", "caption": f"a red jar number {i} turns"}) + "\n" for i in range(count)))
    hyps.write_text("".join(json.dumps({"id": f"v{i}", "caption": f"jar {i}"}) + "\n" for i in range(count)))
    return ["--refs", refs, "--hyps", hyps]


def judge(folder, server, *more, count=2):
    endpoint = server if isinstance(server, str) else server.endpoint
    return run("judge", *files(folder, count), "--endpoint", endpoint, "--model", "m", "--rounds", "20", *more)


def check_good(folder):
    scores = {"correctness": 4, "detail": 3, "context": 5, "order": 2}

    def answer(_, body):
        kind = "order" if "order" in body["messages"][0]["content"] else next(k for k in scores if k in body["messages"][0]["content"])
        return good(json.dumps({"score": scores[kind]}))

    with Server(answer) as server:
        status, out, err = judge(folder, server, "--json", "--parallel", "4", "--out", folder / "out.jsonl", count=5)
        got = json.loads(out)
        check(f"good: exit status {status} {err}", status == 0 and err == "")
        check("good: means", {k: v["mean"] for k, v in got["aspects"].items()} ==
              {"correctness": 4, "detail": 3, "context": 5, "temporal": 2} and got["mean"] == 3.5)
        check("good: requests", got["requests"] == {"asked": 20, "cached": 0, "failed": 0, "prompt_tokens": 200, "answer_tokens": 40})
        check("good: the signature names prompt and model", "svad-judge-1" in got["signature"] and "model:m" in got["signature"])
        check("good: one bearer key, one path", server.http.keys == {f"Bearer {KEY}"} and server.http.paths == {"/v1/chat/completions"})
        lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
        check("good: every raw answer is written", len(lines) == 20 and lines[1]["aspect"] == "detail" and
              lines[1]["answers"] == ['{"score": 3}'] and lines[1]["score"] == 3)
        status, out, _ = judge(folder, server, "--aspects", "detail,context")
        more = folder / "more.jsonl"
        more.write_text("".join(json.dumps({"id": f"v{i}", "caption": f"pot {i}"}) + "\n" for i in range(2)))
        scores["consistency"] = 1
        _, two, _ = judge(folder, server, "--aspects", "consistency", "--second-hyps", more, "--second-question", "What turns?")
        check("good: consistency sees both answers", "consistency    1.000" in two and
              all(part in server.asked[-1][1] for part in ("What turns?", "Second answer: pot ", "Answer: jar ")))
        check("good: a table", status == 0 and "detail         3.000" in out and "context        5.000" in out and "temporal" not in out)


def check_unreadable(folder):
    with Server(lambda n, b: good("I would say four") if "jar 1\n" in b["messages"][-1]["content"] else good('{"score": 4}')) as server:
        status, out, err = judge(folder, server, "--aspects", "detail", "--attempts", "2", "--json")
        got = json.loads(out)["aspects"]["detail"]
        check("no score: exit status", status == 3)
        check("no score: named", "item 'v1', detail: no answer was one object" in err)
        check("no score: never in a mean", got["mean"] == 4 and got["failed"] == 1 and got["scored"] == 1)
        check("no score: asked twice", len(server.asked) == 3)
    with Server(lambda *_: good("no")) as server:
        status, _, err = judge(folder, server, "--aspects", "detail", "--attempts", "1", count=25)
        check("no score: twenty are named, then counted", status == 3 and err.count("no score") == 20 and "and 5 more" in err)


def check_malformed(folder):
    with Server(lambda n, _: (200, '{"choices": [', {}) if n % 2 else good('{"score": 1}')) as server:
        status, _, err = judge(folder, server, "--aspects", "detail")
        check(f"malformed, then good: {status} {err}", status == 0 and len(server.asked) == 4)
    with Server(lambda *_: (200, "<html>\x1b[31m</html>", {})) as server:
        status, _, err = judge(folder, server, "--aspects", "detail", "--tries", "2")
        check("always malformed", status == 3 and "is not valid json: <html> [31m</html> (2 tries)" in err and "\x1b" not in err)
        check("always malformed: tries are bounded", len(server.asked) == 4)


def check_busy(folder):
    begin = time.monotonic()
    with Server(lambda n, _: (429, "slow down", {"Retry-After": "0"}) if n < 5 else good('{"score": 2}')) as server:
        status, _, err = judge(folder, server, "--aspects", "detail")
        check(f"429 with Retry-After: 0, then good: {status} {err}", status == 0 and len(server.asked) == 6)
        check("Retry-After: 0 is no wait", time.monotonic() - begin < 3.5)   # four waits without it take 3.75 at least
    with Server(lambda n, _: (500, "oops", {}) if n < 3 else good('{"score": 2}')) as server:
        status, _, err = judge(folder, server, "--aspects", "detail")
        check(f"500, then good: {status} {err}", status == 0 and len(server.asked) == 4)
    with Server(lambda *_: (503, "down", {"Retry-After": "0"})) as server:
        status, _, err = judge(folder, server, "--aspects", "detail", "--tries", "2", count=9)
        check("always 503", status == 3 and "status 503: down (2 tries)" in err)
        check("always 503: given up after three requests", len(server.asked) == 6 and "not asked, since 3 requests in a row" in err)


def check_refusals(folder):
    with Server(lambda *_: (401, f"the key {KEY} is wrong\r\n\x07" + "x" * 5000, {})) as server:
        status, _, err = judge(folder, server, "--aspects", "detail", count=9)
        check("401", status == 3 and "status 401: the key *** is wrong xxx" in err and max(map(len, err.splitlines())) < 500)
        check("401: asked once", len(server.asked) == 1)
    with Server(lambda *_: (302, "", {"Location": "http://127.0.0.1:1/"})) as server:
        status, _, err = judge(folder, server, "--aspects", "detail")
        check("a redirect is not followed", status == 3 and "status 302" in err)
    with Server(lambda *_: (200, "x" * (5 << 20), {})) as server:
        status, _, err = judge(folder, server, "--aspects", "detail")
        check("a huge body", status == 3 and "longer than 4194304 bytes" in err and len(server.asked) == 2)


def check_no_answer(folder):
    with Server(lambda *_: (time.sleep(9), good('{"score": 2}'))[1]) as server:
        begin = time.monotonic()
        status, _, err = judge(folder, server, "--aspects", "detail", "--timeout", "0.5", "--tries", "1", count=1)
        check(f"a server that hangs: {err}", status == 3 and "no answer: Timeout" in err and time.monotonic() - begin < 8)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        status, _, err = judge(folder, f"http://127.0.0.1:{free.getsockname()[1]}/v1", "--aspects", "detail", "--tries", "2", count=1)
        check(f"nobody there: {err}", status == 3 and "no answer: " in err and "(2 tries)" in err)


def check_arguments(folder):
    refs = files(folder, 1)
    server = ["--endpoint", "http://127.0.0.1:1", "--model", "m"]
    for name, arguments, want in (
            ("no model", refs, "a language model is needed"),
            ("no name", [*refs, "--endpoint", "http://h"], "--endpoint needs --model"),
            ("two models", [*refs, *server, "--local", folder], "either --endpoint"),
            ("another protocol", [*refs, "--endpoint", "file:///etc/passwd", "--model", "m"], "must start with http"),
            ("a user name", [*refs, "--endpoint", "http://u:p@h", "--model", "m"], "SVAD_API_KEY"),
            ("consistency alone", [*refs, *server, "--aspects", "consistency"], "--second-hyps")):
        status, _, err = run("judge", *arguments)
        check(f"{name}: {status} {err}", status == 2 and want in err)
    status, _, err = run("judge", *refs, "--local", folder / "none")
    check("no local model", status == 1 and "config.json" in err)


def check_kill(folder):
    """Killed in the middle and run again: nothing is asked twice, and the answers are those of a run that was not killed."""
    def answer(_, body):
        time.sleep(0.02)
        return good(json.dumps({"score": len(body["messages"][-1]["content"]) % 6}))

    with Server(answer) as server:
        arguments = ["judge", *files(folder, 12), "--endpoint", server.endpoint, "--model", "m", "--rounds", "20"]
        run(*arguments, "--out", folder / "whole.jsonl")
        whole = len(server.asked)
        server.asked.clear()
        process = start(*arguments, "--cache", folder / "cache", "--out", folder / "again.jsonl")
        while len(server.asked) < 20 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        check("killed: no half-written result", not (folder / "again.jsonl").exists())
        time.sleep(0.1)
        kept = (folder / "cache").read_bytes().count(b"\n")
        (folder / "cache").write_bytes((folder / "cache").read_bytes() + b'{"key": "torn')
        before = len(server.asked)
        status, _, _ = run(*arguments, "--cache", folder / "cache", "--out", folder / "again.jsonl")
        check("killed: done", status == 0)
        check(f"killed: what was answered is not asked again: {whole} {kept} {before} {len(server.asked)}",
              kept >= before - 1 and len(server.asked) - before == whole - kept)
        twice = [q for q, n in collections.Counter(server.asked).items() if n > 1]
        check(f"killed: only the request that was under way is asked twice: {len(twice)}", len(twice) <= 1)
        check("killed: the same bytes", (folder / "again.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes())
        before = len(server.asked)
        status, _, _ = run(*arguments, "--cache", folder / "cache", "--parallel", "8", "--out", folder / "third.jsonl")
        check("a whole cache: nothing is asked", status == 0 and len(server.asked) == before)
        check("a whole cache: the same bytes", (folder / "third.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes())


def check_rewrite(folder):
    refs = files(folder, 8)[:2]

    def answer(_, body):
        text = body["messages"][-1]["content"]
        return good(" \n" if "number 3 " in text else f"{text}, slowly\n")

    with Server(answer) as server:
        model = ["--endpoint", server.endpoint, "--model", "m"]
        status, out, err = run("rewrite", *refs, *model, "--json", "--out", folder / "rewritten.jsonl")
        got = json.loads(out)
        check(f"rewrite: one is left out and named: {status} {err}", status == 3 and "not rewritten: item 'v3': every reply was empty" in err)
        check("rewrite: scored without it", got["items"] == 7 and got["missing"] == 1 and got["requests"]["asked"] == 10)
        lines = (folder / "rewritten.jsonl").read_text().splitlines()
        check("rewrite: written", json.loads(lines[0]) == {"id": "v0", "caption": "a red jar number 0 turns, slowly"} and len(lines) == 7)
        status, out, _ = run("evaluate", refs[0], refs[1], "--hyps", folder / "rewritten.jsonl", "--missing", "skip", "--json")
        check("rewrite: the scores are those of evaluate", json.loads(out)["systems"][0]["scores"] == got["scores"])
        status, out, _ = run("rewrite", *refs, *model)
        check("rewrite: a table", "BLEU" in out and "svad-rewrite-1" in out)


    with Server(lambda *_: (400, "no such model", {})) as server:
        status, _, err = run("rewrite", *refs, "--endpoint", server.endpoint, "--model", "m")
        check(f"rewrite: nothing at all {err}", status == 1 and "item 'v0': the server answered with status 400: no such model" in err and
              "rewrote none of 8" in err)


def check_keywords(folder):
    manifest, out = folder / "m.jsonl", folder / "k.jsonl"
    rows = [{"id": "a", "video": "v/a.mp4", "description": "Two women hold a red jar on the left.", "category": "food", "extra": [1]},
            {"id": "b", "video": "/v/b.mp4", "description": "一个女人拿着红色的杯子。"},
            {"id": "c", "video": "v/c.mp4", "description": "A dog runs.", "keywords": [{"word": "dog", "kind": "object"}]}]
    manifest.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows) + "no clip\n", encoding="utf-8")
    read = lambda: [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()[:3]]
    status, text, err = run("keywords", manifest, "--out", out, "--json")
    got = read()
    words = lambda row: {k["word"]: k["kind"] for k in row["keywords"]}
    check(f"tagger: the bad line is named and copied: {status} {err}", status == 3 and "m.jsonl:4" in err and
          out.read_text(encoding="utf-8").endswith("\nno clip\n"))
    check(f"tagger: English {words(got[0])}", {"Two": "count", "women": "object", "red": "colour", "left": "side", "jar": "object"}.items()
          <= words(got[0]).items())
    check(f"tagger: Chinese {words(got[1])}", {"女人": "object", "红色": "colour", "杯子": "object"}.items() <= words(got[1]).items())
    check("tagger: counts", json.loads(text)["kept"] == sum(map(json.loads(text)["kinds"].get, json.loads(text)["kinds"])))
    check("tagger: the rest of a line is kept", {k: v for k, v in got[0].items() if k != "keywords"} == rows[0])
    status, _, err = run("keywords", manifest, "--out", out, "--taggers", folder / "none")
    check("no taggers", status == 2 and "--taggers" in err)

    def answer(_, body):
        text = body["messages"][-1]["content"]
        if "dog" in text:
            return good("I see a dog")
        return good(json.dumps([{"word": "red" if "red" in text else "红色", "kind": "colour"}, {"word": "cup", "kind": "object"}],
                               ensure_ascii=False))

    with Server(answer) as server:
        (folder / "other").mkdir()
        out = folder / "other" / "k.jsonl"
        status, text, err = run("keywords", manifest, "--out", out, "--by", "llm", "--endpoint", server.endpoint, "--model", "m",
                                "--parallel", "3", "--json", "--attempts", "2")
        counts, got = json.loads(text), read()
        check(f"llm: exit status {status}", status == 3 and "m.jsonl:3: description 1: no answer was one list of keywords; the line is as before" in err)
        check(f"llm: counts {counts}", (counts["kept"], counts["dropped"], counts["unread"], counts["failed"]) == (2, 2, 2, 1))
        check("llm: keywords", words(got[0]) == {"red": "colour"} and words(got[1]) == {"红色": "colour"})
        check("llm: a line without an answer is as before", got[2]["keywords"] == rows[2]["keywords"])
        check("llm: videos are found from another folder", got[0]["video"] == os.path.realpath(folder) + "/v/a.mp4" and
              got[1]["video"] == "/v/b.mp4")


def check_local(folder):
    fixtures = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
    words = ["[UNK]", "a", "red", "jar", "turns", "number"] + [f"w{i}" for i in range(154)]
    tokenizer = {"model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {w: i for i, w in enumerate(words)}},
                 "pre_tokenizer": {"type": "Whitespace"}, "decoder": {"type": "WordPiece"}}
    refs = files(folder, 2)[:2]
    for kind in ("gpt2", "llama_gqa", "llama_mha"):
        local = folder / kind
        local.mkdir()
        for name in ("config.json", "generation_config.json", "model.safetensors"):
            (local / name).write_bytes((fixtures / kind / name).read_bytes())
        (local / "tokenizer.json").write_text(json.dumps(tokenizer))
        said = []
        for threads in ("1", "2"):
            status, out, err = run("--threads", threads, "rewrite", *refs, "--local", local, "--out", folder / "said.jsonl", "--json",
                                   "--cache", folder / f"cache{threads}")
            check(f"{kind}: {status} {err}", status == 0)
            said.append((folder / "said.jsonl").read_text())
            got = json.loads(out)["requests"] if status == 0 else {"asked": 0}
            check(f"{kind}: tokens are counted {got}", got["asked"] == 2 and got["prompt_tokens"] > 50 and got["answer_tokens"] > 0)
        check(f"{kind}: greedy answers do not depend on threads", said[0] == said[1] and said[0])
        status, out, _ = run("rewrite", *refs, "--local", local, "--json", "--cache", folder / "cache1")
        check(f"{kind}: its cache holds them", json.loads(out)["requests"]["cached"] == 2)
        weights = bytearray((local / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (local / "model.safetensors").write_bytes(weights)
        status, out, _ = run("rewrite", *refs, "--local", local, "--json", "--cache", folder / "cache1")
        check(f"{kind}: another model does not get its replies", status == 1 or json.loads(out)["requests"]["asked"] == 2)
    status, _, err = run("judge", *files(folder, 1), "--local", folder / "gpt2", "--question", "a jar " * 50, "--aspects", "detail")
    check(f"a prompt that is too long: {err}", status == 3 and "the local model takes 1 to 95" in err)
    (folder / "gpt2" / "config.json").write_text('{"model_type": "mamba"}')
    status, _, err = run("rewrite", *refs, "--local", folder / "gpt2")
    check(f"a model that cannot be run: {err}", status == 1 and "model_type 'mamba' is not a decoder known here (llama, baichuan, qwen, qwen2, gpt2, opt)" in err)


def check_secret(folder):
    check("the key is in no output", not any(KEY in text for text in outputs))
    for path in folder.rglob("*"):
        check(f"the key is not in {path.name}", path.is_dir() or KEY.encode() not in path.read_bytes())


with tempfile.TemporaryDirectory() as name:
    parts = [check_local]
    if "without libcurl" in judge(pathlib.Path(name), "http://127.0.0.1:1", "--tries", "1")[2]:
        print("this svad was built without libcurl: only local models are tried")
    else:
        parts += [check_good, check_unreadable, check_malformed, check_busy, check_refusals, check_no_answer, check_arguments, check_kill,
                  check_rewrite, check_keywords]
    for part in parts:
        own = pathlib.Path(name) / part.__name__
        own.mkdir()
        part(own)
    check_secret(pathlib.Path(name))
finish("judge")
