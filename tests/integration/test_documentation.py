"""What the documentation shows is what happens."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from making import SIX, linear, model, save
from onnx import TensorProto, helper, numpy_helper
from videos import clip, encode, run

from bisect_cache.cache.generate import generate
from bisect_cache.cache.manifest import Table

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def workflow() -> str:
    """The README's example, with a commit where the reader puts the one that they trust."""
    shown = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]  # type: ignore[index]
    return shown.replace("OWNER/bisect-cache@COMMIT", f"owner/bisect-cache@{'5' * 40} # v1")


def test_generated_texts_are_current() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "update_docs.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, f"{checked.stdout}run `python tools/update_docs.py`"


def test_the_example_workflow_names_only_inputs_that_there_are() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = yaml.safe_load(workflow())["jobs"]["bisect"]["steps"]
    mine = [step for step in steps if "bisect-cache" in step["uses"]]
    assert len(mine) == 1
    assert set(mine[0]["with"]) <= set(action["inputs"])


@pytest.mark.parametrize(
    "linter",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
        ["zizmor", "--offline", "-q"],
        ["act", "--validate", "--workflows"],
    ],
)
def test_the_example_workflow_passes_the_linters(tmp_path: Path, linter: list[str]) -> None:
    file = tmp_path / ".github" / "workflows" / "example.yml"
    file.parent.mkdir(parents=True)
    file.write_text(workflow())
    command = shutil.which(linter[0], path=str(BIN)) or shutil.which(linter[0])
    assert command, f"{linter[0]} is not installed: make test"
    linted = subprocess.run([command, *linter[1:], str(file)], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_real_example_gives_the_output_that_is_shown(real_data: Path, tmp_path: Path) -> None:
    shown = re.search(r"<!-- example: checked by the tests -->\n```console\n(.*?)```", README, re.DOTALL)[1]  # type: ignore[index]
    (tmp_path / "data").symlink_to(real_data)
    printed = ""
    for line in [line for line in shown.splitlines() if line.startswith("$ ")]:
        command = shlex.split(line[2:])
        assert command[0] == "bisect-cache"
        completed = subprocess.run(
            [sys.executable, "-m", "bisect_cache", *command[1:]],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        printed += f"{line}\n{completed.stderr}{completed.stdout}"
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()


def without_build(text: str) -> str:
    """On one line, without what depends on the machine: the frozen ffmpeg is another on each platform."""
    return re.sub(r"sha256:[0-9a-f]+|ffmpeg \S+,", "…", " ".join(text.split()))


def test_the_example_with_videos_gives_the_output_that_is_shown(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "real-caches.md").read_text(encoding="utf-8")
    pairs, shown = re.search(
        r"```\n(key,reference.*?)```.*?<!-- example: checked by the tests -->\n```console\n(.*?)```", page, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    (tmp_path / "pairs.csv").write_text(pairs, encoding="utf-8")
    for name in ("carphone_pristine.mp4", "carphone_distorted.mp4", "bigbuckbunny.mp4"):
        shutil.copy(clip(name), tmp_path / name)
    for quality in ("20", "48"):
        made = tmp_path / f"crf{quality}.mp4"
        encode(tmp_path / "bigbuckbunny.mp4", made, "-c:v", "libx264", "-crf", quality, "-threads", "1")
    printed = ""
    for line in [line for line in shown.splitlines() if line.startswith("$ bisect-cache ")]:
        done = run(tmp_path, *shlex.split(line)[2:])
        printed += f"{line}\n{done.stderr}{done.stdout}"
    assert without_build(printed) == without_build(shown)


def shipped(folder: Path) -> None:
    """The cache and the models of docs/models.md: scores from 0 to 100, a linear model in three shapes."""
    rng = np.random.default_rng(7)
    rows = rng.uniform(0.2, 0.9, (120, 6)).round(6)
    rows[:, 5] *= 40  # the one that drowns the others where it is not normalised
    weights, mean, std = np.array([20.0, 10, 10, 10, 10, -15]), rows.mean(axis=0).round(6), rows.std(axis=0).round(6)
    scores = (rows - mean) / std @ weights / 4 + 50 + rng.normal(0, 2, 120)
    lines = [",".join([*SIX, "mos"]), *(",".join(map(str, [*row, mos])) for row, mos in zip(rows, scores, strict=True))]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    generate(folder / "cache", Table(table="../table.csv", scale=(0, 100)))
    save(linear([*(weights / std / 4)]), folder / "models" / "v1.onnx")
    save(linear([*(weights / 4)]), folder / "models" / "v2.onnx")
    nodes = [
        helper.make_node("Concat", ["features", "codec"], ["all"], axis=1),
        helper.make_node("MatMul", ["all", "W"], ["score"]),
    ]
    third = np.array([*(weights / 100), 2.5, 3, 3.5], np.float32).reshape(-1, 1)
    ports = [("features", TensorProto.FLOAT, ["N", 6]), ("codec", TensorProto.FLOAT, ["N", 3])]
    made = model(nodes, ports, [("score", TensorProto.FLOAT, ["N", 1])], [numpy_helper.from_array(third, "W")])
    save(made, folder / "models" / "v3.onnx")
    for name in ("v2", "v3"):
        sidecar = {"feature_mean": mean.tolist(), "feature_std": std.tolist()}
        (folder / "models" / f"{name}.json").write_text(json.dumps(sidecar))


def test_the_example_of_declared_models_gives_the_output_that_is_shown(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- example: checked by the tests -->\n```console\n(.*?)```", page, re.DOTALL)[1]  # type: ignore[index]
    shipped(tmp_path)
    printed = ""
    for line, said in re.findall(r"^(\$ .*)\n((?:(?!\$ ).*\n)*)", shown, re.MULTILINE):
        words = shlex.split(line[2:])
        if words[0] == "cat":
            (tmp_path / words[1]).write_text(said)
            printed += f"{line}\n{said}"
            continue
        command = [sys.executable, "-m", "bisect_cache", *words[1:]]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        printed += f"{line}\n{ran.stderr}{ran.stdout}"
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()


def as_shown(report: Path, surface: str) -> str:
    command = [sys.executable, "-m", "bisect_cache", "report", str(report), "--as", surface]
    return without_versions(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def without_versions(markdown: str) -> str:
    return re.sub(r"(<sub>|<br>)cache `.*$", "", markdown, flags=re.MULTILINE)


def drawn(name: str) -> str:
    return without_versions((ROOT / "docs" / "images" / name).read_text(encoding="utf-8"))


def test_the_comment_in_the_readme_is_the_one_of_the_real_example(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(real_data)
    lines = [line[2:] for line in README.splitlines() if line.startswith("$ bisect-cache ")]
    for line in lines:
        command = [sys.executable, "-m", "bisect_cache", *shlex.split(line)[1:]]
        more = ["--json", "report.json"] if command[3] == "bisect" else []
        subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, check=False)
    assert as_shown(tmp_path / "report.json", "comment") == drawn("comment.md")


def test_the_summary_in_the_readme_is_the_one_of_the_embedded_cache(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bisect_cache", "bisect", "--json", str(tmp_path / "r.json")]
    subprocess.run(command, capture_output=True, check=True)
    assert as_shown(tmp_path / "r.json", "summary") == drawn("summary.md")


def test_the_pictures_in_the_readme_are_drawn_from_what_stands_beside_them() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "pictures.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}run `make pictures`"


def test_the_readme_shows_the_first_example() -> None:
    assert f"```yaml\n{(ROOT / 'examples' / 'pull-request.yml').read_text(encoding='utf-8')}```" in README


@pytest.mark.parametrize("file", ["README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md"))])
def test_links_between_documents_lead_somewhere(file: str) -> None:
    path = ROOT / file if file == "README.md" else ROOT / "docs" / file
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
