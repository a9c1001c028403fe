#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad stats from end to end: figures equal to a plain count in Python, exit status, and a page without outside markup.

usage: tests/tool/stats.py SVAD
"""
import collections
import gzip
import html.parser
import json
import math
import pathlib
import random
import tempfile

from support.tool import check, errors, finish, run


def captions(count):
    chance = random.Random(7)
    words = [f"word{i}" for i in range(60)] + ["café", "it's", "Up,", "一个"]
    for i in range(count):
        text = " ".join(chance.choice(words) for _ in range(chance.randint(0, 12)))
        yield f"video{i // 3}", 2 + i // 3 % 9 + 0.25, text


def check_figures(folder):
    rows = list(captions(500))
    path = folder / "set.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("video\tseconds\tcaption\n")
        file.writelines(f"{v}\t{s}\t{t}\n" for v, s, t in rows)
    status, out, _ = run("stats", "--words", "blanks", "--json", f"mine={path}")
    got = json.loads(out)[0]
    cut = [t.split() for _, _, t in rows]
    check("exit status of a clean set", status == 0)
    check("name", got["name"] == "mine")
    check("sizes", (got["annotations"], got["videos"], got["words"]) == (500, 167, sum(map(len, cut))))
    ratio = sum(len(w) / s for (_, s, _), w in zip(rows, cut)) / 500
    check("words per second", math.isclose(got["time"]["words_per_second"], ratio, rel_tol=1e-12))
    lengths = collections.Counter(map(len, cut))
    check("lengths", got["words_per_annotation"]["counts"] == {str(k): v for k, v in lengths.items()})
    for n in range(1, 5):
        grams = [list(zip(*(w[i:] for i in range(n)))) for w in cut]
        counts = collections.Counter(g for gs in grams for g in gs)
        within = collections.Counter(g for gs in grams for g in set(gs))
        curve = [len({g for gs in grams[:500 * k // 20] for g in gs}) for k in range(1, 21)]
        want = {"types": len(counts), "tokens": counts.total(), "occurring_once": sum(c == 1 for c in counts.values()),
                "in_one_annotation_only": sum(c == 1 for c in within.values()), "distinct_within_annotations": within.total(),
                "types_per_annotation": len(counts) / 500, "curve": curve}
        check(f"{n}-grams", got["ngrams"][str(n)] == want)


def check_taggers(folder):
    english, chinese = folder / "english.tsv", folder / "chinese.tsv"
    english.write_text("video\tcaption\na\tThe young woman quickly opens a door.\n")
    chinese.write_text("video\tcaption\na\t她打开冰箱，拿出一瓶牛奶\n")
    status, out, _ = run("stats", "--json", english, chinese)
    en, zh = json.loads(out)
    check("exit status with taggers", status == 0)
    check("English words and tags", en["words"] == 7 and en["tags_are"] == "universal tags of svad's tagger")
    check("English shares", en["tags"]["counts"] == {"ADJ": 1, "ADV": 1, "DET": 2, "NOUN": 2, "VERB": 1})
    check("Chinese words", zh["words"] == 8 and zh["words_are"] == "those of svad's Chinese segmenter")
    _, out, _ = run("stats", "--json", "--taggers", "none", english, chinese)
    en, zh = json.loads(out)
    check("no tags without taggers", en["tags"] is None and zh["tags"] is None)
    check("characters without a segmenter", zh["words"] == 12)


def check_page(folder):
    bad = folder / "bad.tsv"
    bad.write_bytes("video\tcaption\ttokens\ttags\tcategory\tsplit\n"
                    "v<1>\ta dog\ta dog\tDET NOUN\t<script>x</script>\t\"train'\n"
                    "v2\ta \x00cat runs\ta \x00cat runs\tDET NOUN VERB\t</svg>\ttest\n".encode() + b"v3\t\xff\t\xff\tX\t\t\n")
    status, out, err = run("stats", "--html", folder / "page.html", f"<b>&={bad}", bad)
    page = (folder / "page.html").read_text(encoding="utf-8")
    check("exit status of a set with a bad line", status == 3)
    check("the bad line is named", "bad.tsv:4: the line is not valid utf-8" in err)
    tags = collections.Counter()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags[tag] += 1
            for name, value in attributes:
                if name in ("src", "href") or name.startswith("on"):
                    errors.append(f"the page has an attribute {name}={value}")

    Reader().feed(page)
    check("no markup from outside", tags["script"] == tags["b"] - 2 == 0)   # the two <b> name the sets
    check("figures", tags["svg"] == 6 and tags["figure"] == 6)              # lengths, verbs, nouns, 2 categories, curve
    check("no control characters", not [c for c in page if c < " " and c not in "\n\t"])


def check_refusals(folder):
    empty = folder / "empty.jsonl"
    empty.write_text("")
    for name, arguments, want in (("a missing file", [folder / "none.tsv"], 1), ("an empty file", [empty], 1), ("no file", [], 2),
                                  ("an unknown cut", ["--words", "syllables", empty], 2),
                                  ("taggers that are not there", ["--taggers", folder / "nowhere", empty], 2)):
        status, _, err = run("stats", *arguments)
        check(f"exit status of {name}: {status}", status == want and err.strip())


with tempfile.TemporaryDirectory() as name:
    for part in (check_figures, check_taggers, check_page, check_refusals):
        part(pathlib.Path(name))
finish("stats")
