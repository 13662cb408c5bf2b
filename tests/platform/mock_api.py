"""GitHub's API as GitHub describes it: prism answers from the description, a recorder sees every request.

It proves the form of a request and nothing else: it remembers nothing, and every token is welcome. What a body may
hold beside the described properties, GitHub's description leaves open, so a misspelt one is no violation here.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from node_toolbox import NODE

IN_USE = {
    "/user": ("get",),
    "/repos/{owner}/{repo}/issues": ("get", "post"),
    "/repos/{owner}/{repo}/issues/{issue_number}": ("get", "patch"),
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ("get", "post"),
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ("get", "patch"),
    "/repos/{owner}/{repo}/labels": ("get", "post"),
    "/repos/{owner}/{repo}/labels/{name}": ("get",),
    "/repos/{owner}/{repo}/pulls": ("get",),
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls": ("get",),
    "/repos/{owner}/{repo}/actions/runs/{run_id}": ("get",),
    "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": ("get",),
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": ("get",),
}
"""What of the API the action may ask for; anything else is refused."""
_HOSTS = r"https://(api\.github|pipelines\.actions\.githubusercontent)\.com"
"""Where answers send a client; here, nobody leaves."""
_LONGEST_START = 60.0
_NOT_FORWARDED = {"connection", "host", "keep-alive", "transfer-encoding"}
_NULL = {"type": "object", "nullable": True, "enum": []}
"""Null and nothing else: prism adds it to the values of whatever is nullable."""


class NoMock(Exception):
    """Prism did not start."""


@dataclass(frozen=True)
class Seen:
    """One request and what became of it."""

    method: str
    path: str
    body: str
    status: int
    violations: tuple[str, ...]
    """What GitHub's description has against it, in prism's words."""

    @property
    def accepted(self) -> bool:
        """Whether GitHub's description has nothing against it."""
        return self.status < 400 and not self.violations


@dataclass(frozen=True)
class MockApi:
    """A running mock: where it is, and the requests it has seen so far."""

    url: str
    seen: list[Seen] = field(default_factory=list)

    @property
    def refused(self) -> list[Seen]:
        """The requests that GitHub would not take."""
        return [request for request in self.seen if not request.accepted]


@contextmanager
def mocked(node_modules: Path, folder: Path) -> Iterator[MockApi]:
    """Start prism behind a recorder, and end both."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Recorder) as server:
        api = MockApi(f"http://127.0.0.1:{server.server_port}")
        description = folder / "api.json"
        given = json.loads((node_modules / "@octokit" / "openapi" / "generated" / "api.github.com.json").read_text())
        description.write_text(re.sub(_HOSTS, api.url, json.dumps(trimmed(given))))
        with _prism(node_modules, description, folder / "prism.log") as port:
            _Recorder.api, _Recorder.port = api, port
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield api
            finally:
                server.shutdown()
                thread.join()


def trimmed(description: dict[str, Any]) -> dict[str, Any]:
    """What of GitHub's description is in use, in a form that prism checks requests against.

    Links to further pages would lead to the real API, so answers name none.
    """
    paths: dict[str, Any] = {}
    for path, methods in IN_USE.items():
        paths[path] = {method: _without_links(description["paths"][path][method]) for method in methods}
    kept: dict[str, Any] = {}
    wanted = list(_references(paths))
    while wanted:
        _, _, kind, name = wanted.pop().split("/")
        if name not in kept.setdefault(kind, {}):
            kept[kind][name] = description["components"][kind][name]
            wanted.extend(_references(kept[kind][name]))
    heading = {name: description[name] for name in ("openapi", "info")}
    return {**heading, "paths": mended(paths), "components": mended(kept)}


def mended(node: Any) -> Any:
    """The same description without two things in it that prism passes over in silence.

    The validator knows no ``nullable`` beside ``oneOf``, and a body whose schema it cannot read, prism takes as it
    comes. An example that refers to another example would be answered with a wrapping around it.
    """
    if isinstance(node, list):
        return [mended(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("value"), dict) and "/examples/" in node["value"].get("$ref", ""):
        return node["value"]
    made = {name: mended(entry) for name, entry in node.items()}
    for choice in {"oneOf", "anyOf"} & made.keys():
        if made.pop("nullable", False):
            made[choice] = [*made[choice], _NULL]
    return made


def _without_links(operation: dict[str, Any]) -> dict[str, Any]:
    responses = {
        status: response | {"headers": {name: head for name, head in response["headers"].items() if name != "Link"}}
        if "headers" in response
        else response
        for status, response in operation["responses"].items()
    }
    return operation | {"responses": responses}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, entry in node.items():
            if name == "$ref":
                yield entry
            else:
                yield from _references(entry)
    elif isinstance(node, list):
        for entry in node:
            yield from _references(entry)


@contextmanager
def _prism(node_modules: Path, description: Path, log: Path) -> Iterator[int]:
    """Prism on a port of its own choice, which its log tells."""
    program = node_modules / "@stoplight" / "prism-cli" / "dist" / "index.js"
    command = [str(NODE), str(program), "mock", "--host", "127.0.0.1", "--port", "0", str(description)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT) as prism,
    ):
        try:
            until = time.monotonic() + _LONGEST_START
            while (told := re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text())) is None:
                if prism.poll() is not None or time.monotonic() > until:
                    raise NoMock(f"prism does not listen; it said:\n{log.read_text()[-2000:]}")
                time.sleep(0.05)
            yield int(told[1])
        finally:
            prism.terminate()


class _Recorder(BaseHTTPRequestHandler):
    """Hands a request to prism, its answer back, and keeps a note of both."""

    protocol_version = "HTTP/1.1"
    api: MockApi
    port: int

    def do_GET(self) -> None:
        """Any method is the same to a recorder."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
        # GitHub's own media types are another name for JSON, which the description does not say.
        if headers.get("Accept", "").startswith("application/vnd.github"):
            headers["Accept"] = "application/json"
        prism = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            prism.request(self.command, self.path, body, headers)
            answer = prism.getresponse()
            content = answer.read()
        finally:
            prism.close()
        self.api.seen.append(
            Seen(
                self.command,
                self.path,
                body.decode(errors="replace"),
                answer.status,
                _violations(answer.getheader("sl-violations"), answer.getheader("Content-Type"), content),
            )
        )
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*_NOT_FORWARDED, "content-length", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The tests look at ``seen``; nobody reads a log."""


def _violations(header: str | None, kind: str | None, content: bytes) -> tuple[str, ...]:
    """What prism found: in a header, or in a problem instead of an answer.

    Some of GitHub's own examples break its own rules: that is said in the same header, and is nobody's request.
    """
    if header:
        found = json.loads(header)
        return tuple(violation["message"] for violation in found if violation["location"][0] == "request")
    if kind == "application/problem+json":
        problem = json.loads(content)
        return tuple(violation["message"] for violation in problem.get("validation", [])) or (problem["detail"],)
    return ()
