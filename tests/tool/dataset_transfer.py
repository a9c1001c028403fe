#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad dataset convert, pack and unpack from end to end: sets in other forms come in, shards go out and come back.

usage: tests/tool/dataset_transfer.py SVAD
"""
import json
import pathlib
import tarfile
import tempfile

from support.tool import check, finish, run


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check_convert(folder):
    raw = folder / "raw" / "training" / "101"
    raw.mkdir(parents=True)
    (raw / "abc.mkv").write_bytes(b"x" * 10)
    segments = [{"segment": [1, 3.5], "sentence": "cut it"}, {"segment": [4, 9], "sentence": "fry it"}, {"segment": [3], "sentence": "?"}]
    database = {"abc": {"subset": "training", "recipe_type": "101", "annotations": segments},
                "gone": {"subset": "training", "annotations": [{"segment": [0, 1], "sentence": "x"}]}}
    (folder / "y.json").write_text(json.dumps({"database": database}))
    status, out, err = run("dataset", "convert", "youcook2", folder / "y.json", "--videos", folder / "raw", "--out", folder / "y.jsonl", "--json")
    check("convert: left out gives status 3", status == 3)
    check("convert: counts", json.loads(out) == {"clips": 2, "descriptions": 2, "without_file": 1, "left_out": 1})
    check("convert: names what is missing", "gone: is not in the folder" in err and "[start, end]" in err)
    got = lines(folder / "y.jsonl")
    check("convert: lines", [(c["id"], c["video"], c["start"], c["end"], c["descriptions"], c["category"]) for c in got]
          == [("abc#000", "raw/training/101/abc.mkv", 1, 3.5, ["cut it"], "101"), ("abc#001", "raw/training/101/abc.mkv", 4, 9, ["fry it"], "101")])

    (folder / "msvd.txt").write_text("a_1_2 a bird\na_1_2 a small bird\n")
    (folder / "raw" / "a_1_2.avi").write_bytes(b"y")
    status, _, _ = run("dataset", "convert", "msvd", folder / "msvd.txt", "--videos", folder / "raw", "--out", folder / "m.jsonl", "--split", "test", "--branch", "primary")
    check("convert: a whole set gives status 0", status == 0)
    check("convert: split and branch", [(c["split"], c["branch"]) for c in lines(folder / "m.jsonl")] == [("test", "primary")])

    (folder / "raw" / "other").mkdir()
    (folder / "raw" / "other" / "a_1_2.mp4").write_bytes(b"z")
    status, _, err = run("dataset", "convert", "msvd", folder / "msvd.txt", "--videos", folder / "raw", "--out", folder / "n.jsonl")
    check("convert: two files of a name are an error", status == 1 and "is there more than once" in err and not (folder / "n.jsonl").exists())
    status, _, err = run("dataset", "convert", "coco", folder / "y.json", "--videos", folder / "raw", "--out", folder / "n.jsonl")
    check("convert: the wrong set says what it lacks", status == 1 and "has no list 'images'" in err)


def check_shards(folder):
    (folder / "clips").mkdir(parents=True)
    rows = []
    for i in range(40):
        (folder / "clips" / f"v{i:02}.mp4").write_bytes(bytes([i]) * (100_000 + i))
        for part in range(1 + i % 2):
            rows.append({"id": f"v{i:02}#{part}", "video": f"clips/v{i:02}.mp4", "start": part, "end": part + 1, "description": f"text {i} {part}"})
    rows.append({"id": "gone", "video": "clips/gone.mp4", "description": "not there"})
    for name, part in (("train", rows[:50]), ("test", rows[50:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    status, out, err = run("dataset", "pack", folder, "--shard-mib", 1, "--json")
    shards = sorted((folder / "shards").glob("*.tar"))
    check("pack: a missing video is named", status == 3 and "gone.mp4: is missing" in err)
    check("pack: shards keep their limit", len(shards) > 3 and all(s.stat().st_size <= 1 << 20 for s in shards))
    check("pack: the index names them all", {s["file"] for split in json.loads(out)["splits"] for s in split["shards"]} == {s.name for s in shards})
    packed = {}
    for shard in shards:
        with tarfile.open(shard) as archive:
            names = archive.getnames()
            check("pack: pairs", all(a.split(".")[0] == b.split(".")[0] for a, b in zip(names[::2], names[1::2])))
            for name in names[1::2]:
                sample = json.load(archive.extractfile(name))
                packed[sample["video"]] = archive.extractfile(name.replace(".json", ".mp4")).read()
    check("pack: every video, byte for byte", packed == {f"clips/v{i:02}.mp4": bytes([i]) * (100_000 + i) for i in range(40)})

    before = {s.name: (s.read_bytes(), s.stat().st_mtime_ns) for s in shards}
    shards[1].write_bytes(before[shards[1].name][0][:-1] + b"?")
    shards[2].unlink()
    run("dataset", "pack", folder, "--shard-mib", 1)
    after = {s.name: (s.read_bytes(), s.stat().st_mtime_ns) for s in shards}
    check("pack: a second run mends what is damaged", {n: b for n, (b, _) in before.items()} == {n: b for n, (b, _) in after.items()})
    check("pack: and leaves the rest alone", all(before[s.name] == after[s.name] for i, s in enumerate(shards) if i not in (1, 2)))

    back = folder / "back"
    status, _, _ = run("dataset", "unpack", *shards, "--out", back)
    got = [row for name in ("train", "test") for row in lines(back / f"{name}.jsonl")]
    check("unpack: every clip", status == 0 and {r["id"]: r["description"] for r in got} == {r["id"]: r["description"] for r in rows[:-1]})
    check("unpack: every video", all((back / r["video"]).read_bytes() == packed["clips/" + r["id"][:3] + ".mp4"] for r in got))

    evil = folder / "evil-000000.tar"
    with tarfile.open(evil, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(folder / "clips" / "v00.mp4", "../../outside.mp4")
    status, _, err = run("dataset", "unpack", evil, "--out", folder / "evil")
    check("unpack: writes nowhere but below its folder", status == 1 and "leads out of the archive's folder" in err)


with tempfile.TemporaryDirectory() as place:
    for part, name in ((check_convert, "convert"), (check_shards, "shards")):
        folder = pathlib.Path(place) / name
        folder.mkdir()
        part(folder)
finish("dataset_transfer")
