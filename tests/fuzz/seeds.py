"""Seeds: files that our own commands and factories make, and real ones where there are any, read where they are."""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz.changing import zipped
from fuzz.promises import workplace
from making import SIX, bisect_report, cache_at, check_report, run_report, step, table_cache_at

from bisect_cache.cache.datasets.description import dataset_file, shipped
from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import MANIFEST_NAME, Parts, Reports
from bisect_cache.judge.thresholds import parse_thresholds
from bisect_cache.report.history import hidden, night
from bisect_cache.report.marker import marker, run_marker
from bisect_cache.report.occasion import Occasion
from bisect_cache.report.structs import encode_report
from bisect_cache.runs.request import BisectRequest, CheckRequest
from bisect_cache.runs.run import run_bisect, run_check

_REPOSITORY = Path(__file__).resolve().parents[2]


def real(pattern: str, most: int = 3) -> Iterator[bytes]:
    """Some of the real data's files, none where there is none or it is not wanted."""
    wanted = os.environ.get("BISECT_CACHE_REAL_DATA", "") or "../shared/data"
    if wanted != "skip":
        found = sorted((_REPOSITORY / wanted).glob(pattern))
        yield from (path.read_bytes() for path in itertools.islice(found, most))


def libvmaf_reports() -> Sequence[bytes]:
    frames = [{"frameNum": n, "metrics": dict.fromkeys(SIX, 0.1 * n + 0.2)} for n in range(3)]
    integer = [{"frameNum": 0, "metrics": {f"integer_{name}": 0.5 for name in SIX} | {"vmaf": None}}]
    layouts: list[object] = [
        {"version": "3.0.0", "fps": 60.5, "frames": frames, "pooled_metrics": {"adm2": {"min": 0.2, "mean": 0.3}}},
        {"params": {"model": "x"}, "metrics": ["adm2"], "frames": integer, "aggregate_metrics": {}},
    ]
    return [*(json.dumps(layout).encode() for layout in layouts), *_real_frames()]


def _real_frames() -> Iterator[bytes]:
    """The first frames of a real report: a whole one has hundreds, all alike."""
    for data in real("avt-vqdb-uhd-1/test_1/vmaf_reports/*.json", 1):
        report = json.loads(data)
        yield json.dumps(report | {"frames": report["frames"][:4]}).encode()


def tables_csv() -> Sequence[bytes]:
    table_cache_at(workplace() / "seed" / "cache", rows=6)
    made = (workplace() / "seed" / "table.csv").read_bytes()
    quoted = b'key,"adm2",motion2,MOS,content_id\n"a,b.mp4",0.5,1.25,3.5,007\n'
    quoted += b"b.mp4,NaN,,4,007\nc.mp4,1e-3,2,1.5,x\nd,1,2,3,y\n"
    return [
        made,
        quoted,
        *(data[:1000].rpartition(b"\n")[0] + b"\n" for data in real("avt-vqdb-uhd-1/test_1/*.csv", 2)),
    ]


def tables_json() -> Sequence[bytes]:
    rows = [{"key": f"{clip}.mp4", "adm2": 0.1 * n, "mos": n + 1, "content": n % 2} for n, clip in enumerate("abcd")]
    documents = [rows, {"labels": rows}, {row["key"]: row for row in rows}]
    return [json.dumps(document).encode() for document in documents]


def tables_python() -> Sequence[bytes]:
    rows = "".join(
        f"  {{'key': d + '/{clip}.yuv', 'adm2': 0.{n}, 'mos': {n + 1}.5, 'content': {n % 2}}},\n"
        for n, clip in enumerate("abcd")
    )
    return [f"import os\nd = os.sep\nclips = [\n{rows}]\nname = 'x'\n".encode(), b"x = [{'a': -1}, {'a': 'b' 'c'}]\n"]


def pair_lists() -> Sequence[bytes]:
    plain = b"key,reference,distorted,content,mos\na,r.mp4,d.mp4,x,3.5\nb/c,r.mp4,e.mkv,x,2\n"
    declared = (
        b"key,reference,distorted,size,pixel_format,fps,distorted_fps,compare_size,compare_fps,compare_pixel_format,"
    )
    declared += b"frames,model,features\na,r.yuv,d.raw,64x48,yuv420p10le,60000/1001,25,32x24,29.97,yuv444p,shortest,"
    declared += b"vmaf_v0.6.1neg,cambi psnr\nb,r.yuv,d.raw,64x48,yuv420p,50,,,,,12,m.json,\n"
    return [plain, declared]


def logs() -> Sequence[bytes]:
    streams = [
        f"[graph 0 input from stream {video}:0 @ 0x7fdc68010bc0] [verbose] w:64 h:48 pixfmt:yuv420p tb:1/30000 "
        f"fr:{rate} sar:128/117 csp:unknown range:unknown"
        for video, rate in enumerate(("30000/1001", "30/1"))
    ]
    counts = [
        f"[in#{video}/mov,mp4,m4a @ 0x7fdc] [verbose]   Input stream #{video}:0 (video): 120 packets read (4735 "
        f"bytes); 119 frames decoded; 1 decode errors; "
        for video in range(2)
    ]
    errors = ["[h264 @ 0x55fe] [error] error while decoding MB 3 2", "[info]     title           : [error] x"]
    return ["\n".join(lines).encode() for lines in ([*streams, *counts], [*streams, *errors, *counts], errors)]


def videos_y4m() -> Sequence[bytes]:
    frame = b"FRAME\n" + bytes(range(24))
    return [
        b"YUV4MPEG2 W4 H4 F25:1 Ip A1:1 C420jpeg\n" + frame * 2,
        b"YUV4MPEG2 W2 H2 F60000:1001 C444p10 XCOLORRANGE=LIMITED\n" + frame,
    ]


def datasets() -> Sequence[bytes]:
    return [dataset_file(name).read_bytes() for name in shipped()]


def tables_parquet() -> Sequence[bytes]:
    numbers = np.linspace(0.2, 0.9, 8)
    columns = {name: pa.array(numbers, pa.float32()) for name in SIX} | {
        "mos": pa.array(numbers * 5),
        "content": pa.array(["a", "b", None, "a", "é", "b", "a", ""]).dictionary_encode(),
        "key": pa.array([f"clip{n}" for n in range(8)]),
        "at": pa.array(range(8), pa.timestamp("ns")),
        "exact": pa.array(range(8), pa.decimal128(10, 2)),
        "list": pa.array([[1.0, None]] * 8),
    }
    made = []
    for options in ({"compression": "zstd"}, {"use_dictionary": False, "compression": "none"}):
        out = io.BytesIO()
        pq.write_table(pa.table(columns), out, **options)
        made.append(out.getvalue())
    return made


def manifests() -> Sequence[bytes]:
    folder = workplace() / "seed"
    table_cache_at(folder / "cache", rows=6, scale=(0.0, 1.0))
    cache_at(folder / "synthetic", rows=4, models=2, regress_at=1)
    reports = folder / "reports"
    reports.mkdir(exist_ok=True)
    for number, clip in enumerate("abc"):
        frames = [{"frameNum": 0, "metrics": dict.fromkeys(SIX, 0.1 * number + 0.1)}]
        (reports / f"{clip}_vmaf.json").write_text(json.dumps({"version": "3.0.0", "frames": frames}))
    (folder / "labels.csv").write_text("clip,mos,content\na.mp4,1,x\nb.mp4,2,x\nc.mp4,3,y\n")
    generate(
        folder / "of-reports", Reports("../reports", "../labels.csv", "clip", "{stem}_vmaf.json", pool="percentile:5")
    )
    part = Reports("reports", "labels.csv", "clip", "{stem}_vmaf.json", contents={"a*": "x", "*": "y"})
    generate(folder / "of-parts", Parts("..", {"one": part, "two": part}))
    return [(folder / name / MANIFEST_NAME).read_bytes() for name in ("cache", "synthetic", "of-reports", "of-parts")]


_ENTRIES = (
    {"name": "v1", "file": "models/a.onnx", "date": "2020-01-02", "version": 1.10, "sha256": "0" * 64, "kind": "fr"},
    {"name": "v2", "file": "models/b.onnx", "sidecar": "models/b.json", "commit": "abc", "kind": "nr"},
    {"id": "v2", "path": "c.onnx", "released": "2019-05-05"},
)
_FILTERS = (b"", b"kind=f*&name=v?")
_KEYS = b"name-key=name&file-key=file&list-key=models&kind=%66*"


def registries_json() -> Sequence[bytes]:
    listed: list[object] = [list(_ENTRIES), {"models": list(_ENTRIES)}]
    named: list[object] = [{"v1": "models/a.onnx", "v2": "c.onnx"}, {"timeline": ["models/a.onnx", "models/b.onnx"]}]
    asked = [query + b"\n" + json.dumps(document).encode() for document in listed for query in _FILTERS]
    plain = [b"\n" + json.dumps(document).encode() for document in named]
    keyed = _KEYS + b"\n" + json.dumps(listed[1]).encode()
    return [*asked, *plain, keyed, *(b"\n" + data for data in real("vmaf-history/*.json"))]


def registries_yaml() -> Sequence[bytes]:
    plain = b"# ours\nmodels:\n  - name: v1\n    file: models/a.onnx\n    date: 2020-01-02\n    version: 1.10\n"
    plain += b"    kind: fr\n"
    plain += b"  - {name: v2, file: models/b.onnx, sidecar: models/b.json, kind: 'nr', good: yes}\n  - c.onnx\n"
    mapping = b'"v1": c.onnx\nv2: >-\n  models/b.onnx\n? v3\n: "models/a.onnx"\n'
    flow = json.dumps({"models": list(_ENTRIES)}).encode()
    return [*(query + b"\n" + plain for query in (*_FILTERS, _KEYS)), b"\n" + mapping, b"\n" + flow]


def declarations_json() -> Sequence[bytes]:
    keys = {"from": "sidecar", "mean": "norm.mean", "std": "norm.std"}
    other = {"codec": {"one_hot": 3, "of": 14}, "qp": {"columns": ["qp"]}, "fps": {"constant": [0.5, 30]}}
    whole = {"sidecar": "{stem}.json", "features": ["motion2", "adm2"], "normalisation": keys, "inputs": other}
    some = {"match": "a*", "sidecar": False, "normalisation": "none", "output": {"from": [1, 5], "to": [0, 100]}}
    numbers = {"input": "x", "normalisation": {"mean": {"adm2": 0.5}, "std": 2}, "output": {"times": 25, "plus": -1}}
    return [json.dumps(document).encode() for document in (whole | {"models": [some]}, {"models": [some]}, numbers)]


def declarations_toml() -> Sequence[bytes]:
    whole = b'sidecar = "{name}.json"  # ours\nnormalisation = { mean = [0.5, 1e-3], std = 2 }\n'
    whole += b"inputs.codec = { one_hot = 1 }\n[output]\nname = 'score'\ncolumn = 1\ntimes = 25\n"
    some = b'[[models]]\nmatch = "a"\nnormalisation = "none"\nsidecar = false\n[models.inputs.qp]\nconstant = 23\n'
    return [whole, whole + some, some + some]


def specs() -> Sequence[bytes]:
    return [
        b"files:models/*.onnx",
        b"models",
        b"models/a.onnx\nmodels/b.onnx",
        b"files:models/**/[ab]*.onnx",
        b"registry:registry.json?name=v*",
        b"git-log:models/a.onnx@HEAD~1..HEAD",
        b"git-log:models/a.onnx",
        b"tags:models/a.onnx@v*",
        b"git-log:models/*.onnx",
    ]


def thresholds() -> Sequence[bytes]:
    lines = b"plcc >= 0.85\nsrocc>=baseline - 0.02\nrmse_mapped <= previous * 1.05 # why\nrmse < 1e3\nPLCC > -.5\n"
    return [lines, *lines.splitlines()]


def inputs() -> Sequence[bytes]:
    judging = "mode=bisect cache=a|b|embedded timeline=registry:models.json thresholds=plcc>=0.80|rmse<=2 key=nightly"
    choosing = "baseline=v1 decision=interval strategy=scan by-content=true predicts=target fail-on=regression,drift"
    posting = "report=out/report.json comment=on-failure tracking-issue=#12 regression-issues=true github-token=ghs_012"
    return [text.replace(" ", "\n").encode() for text in (judging, choosing, posting)]


def events() -> Sequence[bytes]:
    sha, repository = "0123456789" * 4, {"full_name": "o/r", "id": 5}
    head = {"sha": sha, "ref": "x", "repo": repository}
    pull = {"number": 7, "head": head, "base": {"sha": sha[::-1], "repo": repository}, "title": "t"}
    payloads = [
        {"action": "opened", "number": 7, "pull_request": pull, "repository": repository},
        {"issue": {"number": 8, "pull_request": {"url": "x"}}, "comment": {"body": "hi"}},
        {"workflow_run": {"id": 12345678901, "event": "pull_request", "head_sha": sha, "pull_requests": []}},
        {"ref": "refs/heads/main", "commits": [{"id": sha}]},
    ]
    return [json.dumps(payload).encode() for payload in payloads]


@cache
def reports() -> Sequence[bytes]:
    """Of runs that were made, and of factories."""
    folder = cache_at(workplace() / "seed" / "regressing", rows=32, models=3, regress_at=2)
    gate = parse_thresholds(["plcc >= 0.85", "rmse <= baseline * 1.05"])
    made = [run_bisect(BisectRequest(cache=folder, thresholds=gate)), run_check(CheckRequest(folder))]
    steps = (step(0), step(1, "bad", reason="why", notes=("note",)), step(2, "untestable", reason="it crashed"))
    with_check = bisect_report("non-monotone", steps=steps, check=check_report("drift"))
    return [encode_report(report) for report in (*made, with_check, run_report())]


def artifacts() -> Sequence[bytes]:
    return [zipped({"bisect-cache-report.json": report}) for report in reports()]


def comments() -> Sequence[bytes]:
    at = datetime(2026, 10, 1, tzinfo=UTC)
    occasions = [Occasion("https://github.com/o/r", run, "a" * 40) for run in (7, 8)]
    nights = [night(report, occasion, at) for occasion in occasions for report in (bisect_report(), check_report())]
    head = f"{marker('tracking', 'mine')}\n{run_marker(7)}\n"
    return [
        f"{head}## x bisect-cache\n\n{hidden(nights)}\n".encode(),
        f"hand\r\n{head}\r\n{hidden(nights[:1])}".encode(),
    ]


def pointers() -> Sequence[bytes]:
    plain = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 12345\n"
    extended = plain.replace(b"oid", b"ext-0-foo sha256:" + b"cd" * 32 + b"\noid", 1)
    return [plain, extended, plain.replace(b"v1", b"v2"), b"\x08\x09 a model"]


def templates() -> Sequence[bytes]:
    return [
        b"{stem}_vmaf.json\na/b.mp4",
        b"{key}.json\nclip",
        b"{name}-{codec}.json\nx/y",
        b"{{}}{stem}\n..",
        b"{key:>10}\na",
    ]
