"""An API that fails at any stage of what is posted: said in bounded time, nothing twice, mended by the next run."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attacks import Attack
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_api import FakeApi, Fault
from making import bisect_report, step

from bisect_cache.action.event import Place
from bisect_cache.action.inputs import Posting
from bisect_cache.action.posting import api as speaking
from bisect_cache.action.posting.api import Api
from bisect_cache.action.posting.post import Said, post_comments, post_issues
from bisect_cache.report.marker import marker
from bisect_cache.report.occasion import Occasion

RED = bisect_report()
GREEN = bisect_report("no-regression", first_bad=None, verdict="No regression.", steps=(step(0), step(1)))
MARK = marker("comment", "default")
AT = datetime.datetime(2026, 11, 23, 4, 17, tzinfo=datetime.UTC)
LONGEST = 120.0
"""Seconds that are slept at most."""

HONEST = {
    "drops": Fault.drop(),
    "drops after the work": Fault.drop_after(),
    "stops in the middle of its answer": Fault.half(),
    "500": Fault.status(500),
    "502 after the work": Fault.after(502),
    "a proxy's page": Fault.html(503),
    "too much asked": Fault.secondary_limit(3),
    "refuses": Fault.status(403, body={"message": "no"}),
    "is somewhere else": Fault.redirect("http://localhost:1/elsewhere"),
    "sends to another place": Fault.redirect("/repos/octo/models", 302),
}
LYING = {
    "nothing": Fault.junk(""),
    "null": Fault.junk("null"),
    "an empty list": Fault.junk("[]"),
    "an empty object": Fault.junk("{}"),
    "a page of HTML": Fault.junk("<html>hello</html>"),
    "half a document": Fault.junk('[{"id": 1, "body": '),
    "wrong types": Fault.junk('{"id": "one", "user": 3, "body": [], "number": {}}', works=True),
    "a list of wrong things": Fault.junk('[null, 3, "x", {"body": 4, "user": null}]'),
    "a deep hole": Fault.junk("[" * 100_000),
}
LYING_ABOUT_ISSUES = ("null", "an empty list", "wrong types")


def speak(server: FakeApi, what: str, report: object, run: int) -> tuple[list[Said], float]:
    """One run of ours; what was said, and the seconds that it slept."""
    slept: list[float] = []
    api = Api(Place(server.repository, server.web_url, server.url), server.token, slept.append, writes_apart=0)
    occasion = Occasion(f"{server.web_url}/{server.repository}", run, "a" * 40)
    if what == "comment":
        said = list(post_comments(api, report, Posting(), occasion, (1,)))
    else:
        wanted = Posting(tracking="nights", regressions=True)
        said = list(post_issues(api, report, wanted, occasion, AT + datetime.timedelta(days=run)))
    return said, sum(slept)


@contextmanager
def stage(name: str) -> Iterator[tuple[FakeApi, str, int]]:
    """A server as an earlier run left it, what is said to it, and which run it is."""
    with FakeApi.start() as server:
        if name.startswith("comment"):
            server.add_pull()
            if name == "comment again":
                server.add_comment(1, f"{MARK}\nold")
            yield server, "comment", 7
        else:
            if name == "issues again":
                speak(server, "issues", RED, 6)
            yield server, "issues", 7


STAGES = {"comment": RED, "comment again": RED, "issues": RED, "issues again": GREEN}


def as_it_should_be(server: FakeApi, what: str, report: object) -> None:
    """One comment or one issue of each kind, whatever happened before, with what was said last."""
    words = "a model regressed" if report is RED else "no regression"
    if what == "comment":
        assert len(server.comments) == 1
        assert words in server.comments[0].body
        return
    nights = [issue for issue in server.issues.values() if issue.title == "nights" and issue.state == "open"]
    assert len(nights) == 1
    assert len(nights[0].comments) == 1
    assert words in nights[0].comments[0].body
    about = [issue for issue in server.issues.values() if issue.title == "model_01 got worse"]
    assert [issue.state for issue in about if issue.state == "open"] == (["open"] if report is RED else [])


def twice(server: FakeApi) -> bool:
    titles = [issue.title for issue in server.issues.values()]
    return len(titles) > len(set(titles)) or any(len(issue.comments) > 1 for issue in server.issues.values())


@pytest.mark.parametrize("name", STAGES)
def test_a_fault_at_any_request_is_said_and_mended_by_the_next_run(
    name: str, attack: Callable[[str], Attack], thorough: bool
) -> None:
    report = STAGES[name]
    with stage(name) as (server, what, run):
        before = len(server.requests)
        speak(server, what, report, run)
        requests = len(server.requests) - before
    assert requests >= 2
    tried = attack("network faults")
    lies = {kind: fault for kind, fault in LYING.items() if name.startswith("comment") or kind in LYING_ABOUT_ISSUES}
    for place, (kind, fault) in enumerate({**HONEST, **lies}.items()):
        for request in range(requests) if thorough else {place % requests, requests - 1}:
            with stage(name) as (server, what, run), tried.case():
                server.fail("*", "/", fault, after=request)
                said, slept = speak(server, what, report, run)
                assert said
                assert slept <= LONGEST
                assert all("Traceback" not in one.text and server.token not in one.text for one in said)
                assert kind in LYING or not twice(server), (kind, request)
                server.faults.clear()
                speak(server, what, report, run)
                speak(server, what, report, run)  # two made by the server's lie are seen by the one after
                as_it_should_be(server, what, report)


@pytest.mark.parametrize("kind", HONEST)
def test_a_fault_that_stays_is_given_up_in_bounded_time(kind: str, attack: Callable[[str], Attack]) -> None:
    for name, report in STAGES.items():
        with stage(name) as (server, what, run), attack("network faults").case():
            server.fail("*", "/", HONEST[kind], times=10_000)
            asked = len(server.requests)
            said, slept = speak(server, what, report, run)
            assert any(one.failed for one in said)
            assert slept <= LONGEST
            assert len(server.requests) - asked < 150
            assert not twice(server)


def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack]
) -> None:
    monkeypatch.setattr(speaking, "_SECONDS_TO_ANSWER", 1)
    monkeypatch.setattr(speaking, "ATTEMPTS", 2)
    with stage("comment") as (server, what, run), attack("network faults").case():
        server.fail("GET", "/", Fault.slow(1.2), times=1000)
        said, slept = speak(server, what, RED, run)
        assert "the server did not answer (ReadTimeout)" in said[0].text
        assert (slept, len(server.comments)) == (1.0, 0)


def test_a_comment_that_was_written_while_nobody_waited_is_not_written_again(
    monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack]
) -> None:
    with stage("comment") as (server, _, run), attack("network faults").case():
        server.fail("POST", "/comments$", Fault.slow(1.3))
        monkeypatch.setattr(speaking, "_SECONDS_TO_ANSWER", 1)

        class Patient(list[float]):
            def append(self, seconds: float) -> None:
                threading.Event().wait(0.6)
                super().append(seconds)

        slept = Patient()
        api = Api(Place(server.repository, server.web_url, server.url), server.token, slept.append, writes_apart=0)
        (said,) = list(post_comments(api, RED, Posting(), Occasion("", run), (1,)))
        assert not said.failed
        assert len(server.comments) == 1


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_server_that_leads_in_a_circle_is_left(attack: Callable[[str], Attack], code: int) -> None:
    with stage("comment") as (server, what, run), attack("network faults").case():
        circle = Fault.redirect("/repos/octo/models/issues/1/comments?per_page=100", code)
        server.fail("GET", "/comments$", circle, times=10_000)
        (said,), slept = speak(server, what, RED, run)
        assert said.failed
        assert "reading the comments of #1: the server" in said.text
        assert (server.comments, slept <= LONGEST) == ([], True)
        assert len(server.requests) < 2000


# Names and certificates


def unreachable(base: str) -> tuple[list[Said], float]:
    slept: list[float] = []
    api = Api(Place("octo/models", base, base), "t0ken", slept.append, writes_apart=0)
    return list(post_comments(api, RED, Posting(), Occasion(), (1,))), sum(slept)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where every connection is handed to ``answer``."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    try:
                        connection.settimeout(2)
                        answer(connection)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def certificate(at: Path, host: str, days: int) -> ssl.SSLContext:
    """A server's side with a certificate that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = at / "pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize("days", [10, -1])
def test_a_certificate_that_nobody_vouches_for_gets_no_token(
    tmp_path: Path, attack: Callable[[str], Attack], days: int
) -> None:
    heard: list[bytes] = []
    context = certificate(tmp_path, "127.0.0.1", days)

    def greet(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            heard.append(secured.recv(1000))

    with listening(greet) as port, attack("network faults").case():
        (said,), slept = unreachable(f"https://127.0.0.1:{port}")
        assert said.failed
        assert "the server did not answer (SSLError)" in said.text
        assert slept <= LONGEST
        assert not any(b"t0ken" in words for words in heard)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("what speaks no TLS", lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")),
        ("what hangs up", lambda connection: None),
        ("what sends junk", lambda connection: connection.sendall(bytes(range(256)) * 10)),
    ],
)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_port_where_something_else_listens_is_said(
    attack: Callable[[str], Attack], name: str, answer: Callable[[socket.socket], None], scheme: str
) -> None:
    with listening(answer) as port, attack("network faults").case():
        (said,), slept = unreachable(f"{scheme}://127.0.0.1:{port}")
        assert said.failed
        assert "the server" in said.text
        assert slept <= LONGEST


@pytest.mark.parametrize(
    "base",
    [
        *("http://no-such-host.invalid", "https://no-such-host.invalid/api/v3", "http://[::1]:9", "http://127.0.0.1:9"),
        *("http://", "nonsense", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://a b", "http://\u2603.invalid"),
    ],
)
def test_an_address_that_leads_nowhere_is_said(attack: Callable[[str], Attack], base: str) -> None:
    with attack("network faults").case():
        (said,), slept = unreachable_or_said(base)
        assert said.failed
        assert "Traceback" not in said.text
        assert "t0ken" not in said.text
        assert slept <= LONGEST


def unreachable_or_said(base: str) -> tuple[list[Said], float]:
    from bisect_cache.action.posting.post import in_time

    slept = [0.0]

    def all_of_it() -> Iterator[Said]:
        said, slept[0] = unreachable(base)
        yield from said

    return in_time(all_of_it), slept[0]


def test_a_proxy_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, attack: Callable[[str], Attack]) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with attack("network faults").case():
        (said,), _ = unreachable("http://example.invalid")
        assert "the server did not answer (ProxyError)" in said.text
