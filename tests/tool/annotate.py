#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad dataset annotate from end to end: the server against strangers, saves against crashes, the page in a browser.

usage: tests/tool/annotate.py SVAD      (exit status 77: something it needs is not here, what could be tried is good)
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from support import browser

TOOL = sys.argv[1]
PICTURES = pathlib.Path(TOOL).resolve().parent
SKIPPED = 77
errors = []


def check(name, ok):
    if not ok:
        errors.append(name)
        print("FAILED", name, flush=True)


class Served:
    """with Served(folder) as server: the tool at work, and requests to it."""

    def __init__(self, folder, *options):
        self.process = subprocess.Popen([TOOL, "dataset", "annotate", str(folder), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.url = self.process.stdout.readline().strip()
        self.why = "" if self.url else self.process.stderr.read()
        parts = urllib.parse.urlsplit(self.url)
        self.port, self.path = parts.port, parts.path
        self.errors = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.errors.start()

    def ask(self, path, method="GET", body=None, whole_path=False, **headers):
        """(status, headers, bytes) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path if whole_path else self.path + path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def save(self, **fields):
        request = {"id": "", "version": "", "user": "Ann", "description": "", "keywords": [], "status": "written", "note": ""} | fields
        status, _, body = self.ask("save", "POST", json.dumps(request).encode(), Content_Type="application/json")
        return status, json.loads(body)

    def version(self, clip):
        return next(c["annotation"]["version"] for c in json.loads(self.ask("clips")[2])["clips"] if c["id"] == clip)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        check("SIGTERM ends the server with status 0", self.process.wait(timeout=30) == 0)


def make_set(folder):
    """A folder of eight short videos, each two clips; one of them has an annotation, and one name is hostile."""
    subprocess.run([TOOL, "synth", "--out", str(folder), "--primary", "8", "--held-out", "0", "--auxiliary", "0", "--pretrain", "0"],
                   check=True, capture_output=True)
    rows = [json.loads(line) for line in (folder / "primary_train.jsonl").read_text().splitlines()]
    clips = [{"id": f"v{i}#{k:03}", "video": row["video"], "start": float(k), "end": k + 1.0, "seconds": 1.0,
              "category": ["food", "<img src=x onerror=alert(1)>"][i % 2], "split": "train"} for i, row in enumerate(rows) for k in range(2)]
    (folder / "clips.jsonl").write_text("".join(json.dumps(c) + "\n" for c in reversed(clips)))
    (folder / "annotations.jsonl").write_text(json.dumps({"id": "v0#000", "description": "<script>window.hurt = 1</script> a red jar",
        "keywords": [{"word": "red", "kind": "colour"}], "status": "written", "author": "Ann", "extra": [1]}) + "\n")
    return clips


def lines(folder):
    return [json.loads(line) for line in (folder / "annotations.jsonl").read_text(encoding="utf-8").splitlines()]


def check_strangers(server):
    here = f"127.0.0.1:{server.port}"
    status = lambda path, whole_path=True, **headers: server.ask(path, whole_path=whole_path, **headers)[0]
    check("without the secret: 403", status("/") == 403 and status("/clips") == 403 and status("/0123456789abcdef0123456789abcdef/clips") == 403)
    check("a part of the secret is not enough", status(server.path[:-2] + "/clips") == 403)
    for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example", "localhost.evil.example", ""):
        check(f"host '{host}' is refused", status("clips", False, Host=host) in (400, 403))
    check("localhost and forwarded ports are this machine", all(status("clips", False, Host=h) == 200 for h in ("localhost:9", "127.0.0.1", "[::1]:80")))
    for origin in ("http://evil.example", "null", f"https://{here}", "http://127.0.0.1:1"):
        check(f"origin '{origin}' is refused", status("clips", False, Origin=origin) == 403)
    check("the own origin is taken", status("clips", False, Origin=f"http://{here}") == 200)
    check("another site's request is refused", status("clips", False, Sec_Fetch_Site="cross-site") == 403)
    body = json.dumps({"id": "v1#000", "version": "", "user": "x", "description": "y", "keywords": [], "status": "written", "note": ""}).encode()
    post = lambda **headers: server.ask("save", "POST", body, **headers)[0]
    check("a form of another site cannot save", post(Content_Type="text/plain") == 415 and
          post(Content_Type="application/json", Origin="http://evil.example") == 403)
    check("a body without a known length is refused", server.ask("save", "POST", None, Content_Type="application/json", Transfer_Encoding="chunked")[0] == 415)
    check("a compressed body is refused", server.ask("save", "POST", b"x", Content_Type="application/json", Content_Encoding="gzip")[0] == 415)
    for path in ("../clips.jsonl", "..%2fclips.jsonl", "media/../../clips.jsonl", "media/..%2f..%2fetc%2fpasswd", "media/99", "media/-1", "media/1x",
                 "media//etc/passwd", "strip/99", "clips.jsonl", "media/99999999999999999999", "videos/primary_train/000000.mp4"):
        check(f"{path}: nothing", status(server.path + path) in (403, 404))
    check("other methods: nothing", server.ask("clips", "DELETE")[0] == 404 and server.ask("clips", "PUT", b"x")[0] == 404)
    check("too large a body is refused", server.ask("save", "POST", b" " * (2 << 20), Content_Type="application/json")[0] in (400, 413))
    headers = server.ask("")[1]
    policy = headers["Content-Security-Policy"]
    check("the page may run its own script only", "default-src 'none'" in policy and "unsafe" not in policy and "http:" not in policy)
    check("headers", headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer" and
          headers["X-Frame-Options"] == "DENY")


def check_media(server, folder, clips):
    number = next(i for i, c in enumerate(json.loads(server.ask("clips")[2])["clips"]) if c["id"] == "v3#001")
    whole = (folder / next(c for c in clips if c["id"] == "v3#001")["video"]).read_bytes()
    size = len(whole)
    status, headers, body = server.ask(f"media/{number}")
    check("the whole video", status == 200 and body == whole and headers["Accept-Ranges"] == "bytes" and headers["Content-Type"] == "video/mp4")
    for text, first, last in (("0-0", 0, 0), ("0-", 0, size - 1), ("100-199", 100, 199), (f"{size - 1}-", size - 1, size - 1),
                              ("-5", size - 5, size - 1), (f"-{size * 9}", 0, size - 1), (f"10-{size * 9}", 10, size - 1)):
        status, headers, body = server.ask(f"media/{number}", Range="bytes=" + text)
        check(f"range {text}", status == 206 and body == whole[first:last + 1] and headers["Content-Range"] == f"bytes {first}-{last}/{size}")
    for text in (f"bytes={size}-", "bytes=5-4", "bytes=-0", "bytes=99999999999999999999-", "bytes=0-1,3-4", "bytes=x", "lines=1-2"):
        status, _, body = server.ask(f"media/{number}", Range=text)
        check(f"range {text} is refused: {status}", status == 416 and not body)
    status, headers, body = server.ask(f"strip/{number}")
    check("a film strip", status == 200 and headers["Content-Type"] == "image/jpeg" and body[:2] == b"\xff\xd8" and body[-2:] == b"\xff\xd9")
    kept = list((folder / "strips").iterdir())
    check("it is kept", any(p.read_bytes() == body for p in kept) and server.ask(f"strip/{number}")[2] == body)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: server.ask(f"strip/{n % len(clips)}")[0], range(40)))
    check("strips for many at once", got == [200] * 40)


def check_saves(server, folder):
    status, answer = server.save(id="v1#000", description="First a cup stands; then 茶 is poured. </script>", keywords=[{"word": "cup", "kind": "object"}])
    check("a save is in the file", status == 200 and [r["id"] for r in lines(folder)] == ["v0#000", "v1#000"] and
          lines(folder)[1]["description"].startswith("First a cup stands; then 茶"))
    check("fields of others are kept", lines(folder)[0]["extra"] == [1])
    version = answer["annotation"]["version"]
    before = (folder / "annotations.jsonl").read_bytes()
    status, answer = server.save(id="v1#000", user="Bob", description="mine", version="")
    check("a save from an old version is a conflict", status == 409 and answer["annotation"]["version"] == version)
    refusals = (("the author cannot approve", 422, {"user": " ann", "status": "approved", "description": lines(folder)[1]["description"],
                                                    "keywords": lines(folder)[1]["keywords"]}),
                ("approving changed words", 422, {"user": "Bob", "status": "approved", "description": "other"}),
                ("a nameless save", 422, {"user": " ", "description": "x"}), ("an unknown status", 422, {"status": "done", "description": "x"}),
                ("a wrong type", 400, {"description": 3}), ("an unknown clip", 404, {"id": "v9", "description": "x"}),
                ("a long text", 422, {"description": "x" * 20_001}))
    for name, expected, fields in refusals:
        status, answer = server.save(**({"id": "v1#000", "version": version} | fields))
        check(f"{name} is refused: {status}", status == expected and answer["error"])
    check("nothing of that is in the file", (folder / "annotations.jsonl").read_bytes() == before)
    words = {"description": lines(folder)[1]["description"], "keywords": lines(folder)[1]["keywords"]}
    status, answer = server.save(id="v1#000", user="Bob", version=version, status="approved", **words)
    check("another approves", status == 200 and (answer["annotation"]["author"], answer["annotation"]["reviewer"]) == ("Ann", "Bob"))
    revision = json.loads(server.ask("changes/0")[2])["revision"]
    rows = lines(folder)
    rows[0]["note"] = "by hand"
    (folder / "annotations.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    news = json.loads(server.ask(f"changes/{revision}")[2])["annotations"]
    check("an edit by hand is seen", [(a["id"], a["note"]) for a in news] == [("v0#000", "by hand")])
    (folder / "annotations.jsonl").write_text("no json\n")
    status, answer = server.save(id="v1#001", description="x")
    check("a broken file is never written over", status == 500 and ":1:" in answer["error"] and
          (folder / "annotations.jsonl").read_text() == "no json\n")
    (folder / "annotations.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    status, _, err = second(folder)
    check("a second server on the folder says why it does not start", status == 1 and "locked by another process" in err)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda i: server.save(id="v2#000", user=f"p{i}", description=f"text {i}")[0], range(16)))
    check("of saves at once from one version, one wins", sorted(saved) == [200] + [409] * 15)


def second(folder):
    done = subprocess.run([TOOL, "dataset", "annotate", str(folder)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def check_odd_files(folder):
    """Clips whose files are no videos: nothing of them is sent, and nothing waits for them."""
    folder.mkdir()
    (folder / "secret.txt").write_text("secret")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no video")
    os.mkfifo(folder / "pipe.mp4")
    names = ("empty.mp4", "gone.mp4", "pipe.mp4", "secret.txt", "text.mp4")
    row = lambda i, name: json.dumps({"id": f"{i}", "video": name, "start": 0, "end": 1, "category": ""}) + "\n"
    (folder / "clips.jsonl").write_text("".join(row(i, name) for i, name in enumerate(names)))
    with Served(folder) as server:
        media = [server.ask(f"media/{i}")[0] for i in range(5)]
        check(f"odd files: media {media}", media == [200, 500, 500, 404, 200] and server.ask("media/0")[2] == b"")
        strips = [server.ask(f"strip/{i}") for i in range(5)]
        check("odd files: no strips", all(s == 500 and b"secret" not in b.replace(b"secret.txt", b"") for s, _, b in strips))
    for bad in (row(0, "a.mp4") * 2, "", "no json\n", row("", "a.mp4"), row(0, ""), json.dumps({"id": "a", "video": "b", "start": 2, "end": 1})):
        (folder / "clips.jsonl").write_text(bad)
        status, out, err = second(folder)
        check(f"odd clips: {bad[:40]!r} is refused in one line: {err}", status == 1 and not out and "clips.jsonl" in err and err.count("\n") == 1)


def check_kill(folder):
    """The file after the server was killed in the middle of saves: whole, and with every save that was answered."""
    random.seed(5)
    for round_ in range(8):
        server, answered = Served(folder), []
        if not server.url:
            return check(f"kill: the server starts again: {server.why}", False)
        version = server.version("v3#000")

        def keep_saving(version=version):
            for i in range(10_000):
                text = f"round {round_} save {i} " + "word " * 2000
                status, answer = server.save(id="v3#000", version=version, description=text)
                if status == 200:
                    version = answer["annotation"]["version"]
                    answered.append(text.strip())

        def quietly():
            try:
                keep_saving()
            except (OSError, http.client.HTTPException):
                pass   # it was killed, as it should be

        thread = threading.Thread(target=quietly)
        thread.start()
        time.sleep(random.uniform(0.05, 0.4))
        server.process.kill()
        server.process.wait()
        thread.join()
        try:
            rows = {r["id"]: r for r in lines(folder)}
        except ValueError as e:
            return check(f"kill: the file is torn: {e}", False)
        number = lambda text: tuple(map(int, text.split()[1:4:2]))
        check("kill: what was answered is there", not answered or number(rows["v3#000"]["description"]) >= number(answered[-1]))
        check("kill: other lines are there", rows["v0#000"]["extra"] == [1])
    with Served(folder):
        check("kill: leftovers are removed", not list(folder.glob("annotations.jsonl.tmp-*")))


def check_page(server, folder, clips):
    with browser.Browser(server.url + "#v0%23000") as page:
        check("page: it begins", page.wait("document.body.dataset.ready"))
        ids = page.js("clips.map(c => c.id)")
        check("page: it knows all clips", ids == sorted(c["id"] for c in clips))
        seen = set()
        for top in range(0, 58 * len(clips), 58):
            page.js(f"(list => {{ list.scrollTop = {top}; drawRows(); }})(document.getElementById('list'))")
            seen |= set(page.js("[...document.querySelectorAll('.clip b')].map(e => e.textContent)"))
        check("page: its list shows them all", seen == set(ids))
        check("page: a hostile text is a text", page.js("$('text').value") == "<script>window.hurt = 1</script> a red jar" and
              page.js("window.hurt === undefined") and page.js("document.querySelectorAll('#main img').length") == 1)
        check("page: a keyword is marked", page.js("[...document.querySelectorAll('#back mark')].map(e => e.textContent).join()") == "red")
        check("page: the film strip is there", page.wait("$('strip').naturalWidth > 400"))
        check("page: the video is there", page.wait("video.readyState >= 1 && video.videoWidth > 0") and
              page.js("Math.abs(clipEnd() - 1) < 0.01"))
        check_player(page)
        check_writing(page, folder)
        check_conflict(page, server, folder)
        check_filters(page)
        page.view(1280, 800)
        page.js("select(byId.get('v0#000'))")
        page.wait("$('strip').naturalWidth > 400 && video.readyState >= 2")
        page.screenshot(PICTURES / "annotate.png")
        for name, size, dark in (("annotate_dark", (1280, 800), True), ("annotate_phone", (390, 844), False)):
            page.view(*size, dark, size[0] < 500)
            page.wait("false", 0.5)
            check(f"page: {name} fits its width", page.js("document.documentElement.scrollWidth <= innerWidth"))
            page.screenshot(PICTURES / f"{name}.png")
        check(f"page: no complaint of the browser but the refused save: {page.complaints}", all("409" in c for c in page.complaints))
        check("page: nothing is loaded from elsewhere", all(u.startswith((server.url, "data:", "about:", "blob:")) for u in page.loads) and page.loads)


def check_player(page):
    page.js("select(byId.get('v3#001'))")
    page.wait("video.readyState >= 2")
    check("page: a clip begins at its start", page.wait("Math.abs(video.currentTime - 1) < 0.1"))
    page.js("seekTo(0.8); video.playbackRate = 1; playOrPause()")
    if page.wait("!video.paused", 5):
        time.sleep(1.2)
        check("page: it plays within its clip", page.wait("video.currentTime >= 0.95 && video.currentTime <= 2.1"))
        page.js("video.pause()")


def check_writing(page, folder):
    page.js("$('user').value = 'Cleo'; select(byId.get('v4#001')); $('text').focus()")
    page.type("First a woman in a red coat lifts the jar, then she opens it.")
    check("page: words are counted and hints given", page.js("$('count').textContent") == "14 words" and
          page.js("document.querySelectorAll('.hint.ok').length") == 2)
    page.js("$('text').setSelectionRange(19, 22); $('kind').value = 'colour'")
    check("page: the selection is a word", page.js("$('text').value.slice(19, 22)") == "red")
    page.press("k", 2)
    page.press("Enter", 2, 13)
    check("page: Ctrl Enter saves", page.wait("$('message').textContent === 'Saved as written.'"))
    row = next((r for r in lines(folder) if r["id"] == "v4#001"), {})
    check(f"page: what it saved {row}", row.get("author") == "Cleo" and row.get("status") == "written" and
          row.get("keywords") == [{"kind": "colour", "word": "red"}] and row.get("description", "").startswith("First a woman in a red coat"))
    check("page: the author cannot approve", page.js("$('approve').disabled"))
    page.js("$('user').value = 'Dora'; $('user').oninput(); $('text').blur(); $('user').blur()")
    page.press("a")
    check("page: another approves by a key", page.wait("$('message').textContent === 'Saved as approved.'"))
    page.js("$('note').value = ''; $('reject').click()")
    check("page: a rejection needs a note", "note" in page.js("$('message').textContent") and
          next(r for r in lines(folder) if r["id"] == "v4#001")["status"] == "approved")


def check_conflict(page, server, folder):
    page.js("select(byId.get('v5#000')); $('text').focus()")
    page.type("my text")
    page.js("select(byId.get('v5#001'))")
    check("page: unsaved text stays with its clip", page.js("textOf(byId.get('v5#000'))") == "my text")
    page.js("select(byId.get('v5#000'))")
    server.save(id="v5#000", user="Eve", description="<b>their</b> text")
    page.js("save('written')")
    check("page: a conflict is shown", page.wait("!$('conflict').hidden") and page.js("$('conflict-who').textContent") == "Eve" and
          "<b>their</b> text" in page.js("$('conflict-text').textContent"))
    check("page: nothing is written over", next(r for r in lines(folder) if r["id"] == "v5#000")["description"] == "<b>their</b> text")
    check("page: nor lost", page.js("$('text').value") == "my text")
    page.js("$('keep-mine').click()")
    check("page: keeping mine is a decision", page.wait("$('message').textContent === 'Saved as written.'") and
          next(r for r in lines(folder) if r["id"] == "v5#000")["description"] == "my text")
    server.save(id="v5#001", user="Eve", description="news")
    check("page: what others save appears", page.wait("stateOf(byId.get('v5#001')) === 'written'", 15))


def check_filters(page):
    page.js("$('search').value = 'RED COAT'; $('search').oninput()")
    check("page: search", page.js("listed.filter(c => c !== current).map(c => c.id).join()") == "v4#001")
    page.js("$('search').value = ''; $('category').value = '=food'; narrow()")
    check("page: category", page.js("listed.every(c => c === current || c.category === 'food') && listed.length >= 8"))
    page.js("$('category').value = ''; narrow(); $('spot-count').value = 5; $('spot-seed').value = 7; drawSample()")
    first = page.js("listed.map(c => c.id)")
    page.js("drawSample(); drawSample()")
    check("page: a spot check draws as many as asked, the same for a seed", len(first) == 5 and page.js("listed.map(c => c.id)") == first)
    page.js("drawSample(); $('spot-seed').value = 8; drawSample()")
    check("page: another seed, other clips", page.js("listed.map(c => c.id)") != first)
    page.js("drawSample()")
    check("page: and it ends", page.js("listed.length") == 16)


def check_written(folder):
    """The page as a file: no server, saved by download."""
    page_file = folder / "page.html"
    done = subprocess.run([TOOL, "dataset", "annotate", str(folder), "--write", str(page_file), "--strips", "3"], capture_output=True, text=True)
    text = page_file.read_text(encoding="utf-8")
    check(f"written: {done.stderr}", done.returncode == 0 and text.count("data:image/jpeg;base64,") == 3)
    check("written: no text ends the script", text.count("</script>") == 3)
    if not browser.find():
        return
    with browser.Browser(page_file.as_uri()) as page:
        check("written: it begins", page.wait("document.body.dataset.ready") and page.js("clips.length") == 16)
        check("written: its strips", page.wait("$('strip').naturalWidth > 400"))
        check("written: beside the videos it plays them", page.wait("video.readyState >= 1"))
        page.js("$('user').value = 'Fay'; select(byId.get('v6#000')); changeContent({description: 'Then a cup.'}); save('written')")
        blob = page.js("(async () => { let kept; const make = URL.createObjectURL; URL.createObjectURL = b => { kept = b; return make(b); };"
                       " $('download').click(); return kept.text(); })()")
        rows = [json.loads(line) for line in blob.splitlines()]
        check("written: the download is annotations.jsonl", rows == sorted(rows, key=lambda r: r["id"]) and
              next(r for r in rows if r["id"] == "v6#000")["author"] == "Fay" and rows[0]["extra"] == [1] and "version" not in rows[0])
        check(f"written: no complaint {page.complaints}", not page.complaints)


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    clips = make_set(folder)
    probe = Served(folder)
    if "without cpp-httplib" in probe.why:
        print("this svad was built without cpp-httplib: only the written page is tried")
        check_written(folder)
        sys.exit(1 if errors else SKIPPED)
    with probe as server:
        check_strangers(server)
        check_media(server, folder, clips)
        check_saves(server, folder)
        if browser.find():
            check_page(server, folder, clips)
    check_odd_files(folder / "odd")
    check_kill(folder)
    check_written(folder)
print(f"{len(errors)} failures")
if not browser.find():
    print("no Chromium is installed: the page itself was not tried")
sys.exit(1 if errors else 0 if browser.find() else SKIPPED)
