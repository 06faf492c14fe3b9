"""Every way in which a remote may fail, at every stage: what is kept of it with the recipient, and
what the journey says.

Each scenario is a remote of its own and a domain with a smarthost there. All messages are handed in
at once, so that the whole takes as long as the slowest time-out."""
import dataclasses
import json
import pathlib
import re
import tempfile

import pytest

from conftest import _factory, wait_for
from remote import CLOSE, SILENCE, Remote
from test_relay import report

CONFIG = """
relay-networks = { "127.0.0.0/8" }
queue { retry-first = 1h retry-max = 1h connect-timeout = 6s command-timeout = 6s data-timeout = 6s
        max-connections = 500 }
"""
WAITS, BOUNCES, ARRIVES = "waiting", "bounced", "relayed"
LOST = r"the connection was lost"
QUIET = r"no answer in time"
NO_SMTP = r"the other side does not speak SMTP"
TOO_LONG = r"a reply was longer than any should be"
TOO_SOON = r"it replied before it was asked"


@dataclasses.dataclass
class Scenario:
    name: str
    script: object                # as of Remote
    end: str
    status: str                   # enhanced code that is kept
    text: str                     # pattern of the text that is kept
    options: str = ""             # of the smarthost's section
    remote: dict = dataclasses.field(default_factory=dict)
    lmtp: bool = False
    messages: int = 1
    to: tuple = ("x",)


ALL = []


def add(name, script, end, status, text, **more):
    ALL.append(Scenario(name, script, end, status, text, **more))


def at(verb, reply, times=1 << 30):
    """Says that at this verb, so many times."""
    left = [times]

    def script(session, said, line):
        if said != verb or left[0] == 0:
            return None
        left[0] -= 1
        return reply(session) if callable(reply) else reply
    return script


def both(*scripts):
    def script(session, verb, line):
        return next((r for s in scripts if (r := s(session, verb, line)) is not None), None)
    return script


# --- refusals -------------------------------------------------------------------------------

# A NUL in a text is told, and shown to nobody.
add("rcpt-nul", at("RCPT", b"450 4.2.1 bu\0sy\r\n"), WAITS, "4.2.1", "^450 4.2.1 bu sy$")

# Before MAIL nothing is bounced, whatever the code: a host that talks to nobody may be mended.
HOST_STAGES = {"banner": "CONNECT", "ehlo": "EHLO"}
MESSAGE_STAGES = {"mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "dot": "."}

for stage, verb in HOST_STAGES.items():
    add(f"{stage}-4xx", at(verb, "450 4.3.2 not now"), WAITS, "4.3.2", "^450 4.3.2 not now$")
    add(f"{stage}-4xx-bare", at(verb, "450 not now"), WAITS, "4.0.0", "^450 not now$")
add("banner-5xx", at("CONNECT", "554 5.7.1 go away"), WAITS, "5.7.1", "^554 5.7.1 go away$")
add("ehlo-5xx", both(at("EHLO", "502 5.5.1 what"), at("HELO", "554 5.7.1 no")), WAITS, "5.7.1",
    "^554 5.7.1 no$")
add("helo-4xx", both(at("EHLO", "502 what"), at("HELO", "451 4.3.0 later")), WAITS, "4.3.0",
    "^451 4.3.0 later$")
add("helo-fine", at("EHLO", "502 5.5.1 what"), ARRIVES, "", "")
for stage, verb in MESSAGE_STAGES.items():
    add(f"{stage}-4xx", at(verb, "450 4.2.1 busy"), WAITS, "4.2.1", "^450 4.2.1 busy$")
    add(f"{stage}-4xx-bare", at(verb, "450 busy"), WAITS, "4.0.0", "^450 busy$")
    add(f"{stage}-5xx", at(verb, "550 5.1.1 unknown"), BOUNCES, "5.1.1", "^550 5.1.1 unknown$")
    add(f"{stage}-5xx-bare", at(verb, "550 unknown"), BOUNCES, "5.0.0", "^550 unknown$")
    add(f"{stage}-lying-code", at(verb, "450 5.1.1 both"), WAITS, "4.0.0", "^450 5.1.1 both$")
# What comes after the message takes nothing back.
add("quit-5xx", at("QUIT", "500 5.5.1 never"), ARRIVES, "", "")
add("quit-close", at("QUIT", CLOSE), ARRIVES, "", "")
add("quit-silence", at("QUIT", SILENCE), ARRIVES, "", "")
# RSET comes when the same connection is used for a second message after a refusal.
for reply, name in [("450 4.5.1 no", "4xx"), ("550 5.5.1 no", "5xx"), ("421 4.3.2 closing", "421"),
                    (CLOSE, "close")]:
    add(f"rset-{name}", both(at("RCPT", "450 4.2.1 busy", 1), at("RSET", reply)), "second", "4.2.1",
        "^450 4.2.1 busy$", messages=2)

# --- TLS and AUTH ---------------------------------------------------------------------------

TLS = {"certificate": True}
for name, reply, status, text in [
        ("4xx", "454 4.7.0 not now", "4.7.0", "^454 4.7.0 not now"),
        ("5xx", "554 5.7.3 never", "5.7.3", "^554 5.7.3 never"),
        ("421", "421 4.3.2 closing", "4.3.2", "^421 4.3.2 closing"),
        ("close", CLOSE, "4.4.2", LOST), ("silence", SILENCE, "4.4.2", QUIET),
        ("garbage", b"\x16\x03\x01 what\r\n", "4.5.0", NO_SMTP),
        ("then-garbage", b"220 go on\r\n" + bytes(range(200)), "4.7.4", "TLS: ")]:
    add(f"starttls-{name}", at("STARTTLS", reply), WAITS, status, text, options="tls = required",
        remote=TLS)
add("starttls-not-offered", None, WAITS, "4.7.4", "TLS: not offered", options="tls = required")
# What was said in clear before the handshake is not taken for what is said after it.
add("starttls-injected", at("STARTTLS", lambda s: inject_before_tls(s)), WAITS, "4.2.1",
    "^450 4.2.1 real$", options="tls = required", remote=TLS)
for name, reply, status, text in [
        ("4xx", "454 4.7.0 not now", "4.7.0", "^454 4.7.0 not now$"),
        ("5xx", "535 5.7.8 no", "5.7.8", "^535 5.7.8 no$"),
        ("421", "421 4.3.2 closing", "4.3.2", "^421 4.3.2 closing$"),
        ("close", CLOSE, "4.4.2", LOST), ("silence", SILENCE, "4.4.2", QUIET),
        ("garbage", b"\0\0\0\r\n", "4.5.0", NO_SMTP)]:
    add(f"auth-{name}", at("AUTH", reply), WAITS, status, text,
        options='user = "u" password-file = "p" tls = none', remote={"users": {"u": "p"}})


def inject_before_tls(session):
    session.sock.sendall(b"220 go on\r\n250 2.0.0 injected\r\n250 2.0.0 injected\r\n")
    session.sock = session.remote.tls_context().wrap_socket(session.sock, server_side=True)
    session.file = session.sock.makefile("rb")
    session.tls = session.sock.version()
    session.remote.script = at("RCPT", "450 4.2.1 real")
    return b""


# --- 421, hanging up, silence ---------------------------------------------------------------

EVERYWHERE = {**HOST_STAGES, **MESSAGE_STAGES}
for stage, verb in EVERYWHERE.items():
    status = "4.4.1" if stage == "banner" else "4.4.2"
    add(f"{stage}-421", at(verb, "421 4.3.2 closing"), WAITS, "4.3.2", "^421 4.3.2 closing$")
    add(f"{stage}-close", at(verb, CLOSE), WAITS, status, LOST)
    add(f"{stage}-silence", at(verb, SILENCE), WAITS, status, QUIET)
    add(f"{stage}-half-a-reply", at(verb, lambda s: half(s)), WAITS, status, LOST)


def half(session):
    session.sock.sendall(b"250-one\r\n250 tw")
    return CLOSE


# --- what is no SMTP ------------------------------------------------------------------------

GARBAGE = {
    "binary": (bytes(range(256)) * 20 + b"\r\n", NO_SMTP),
    "nul-first": (b"\0\0\0\0\r\n", NO_SMTP),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", NO_SMTP),
    "codes-change": (b"250-one\r\n550 two\r\n", NO_SMTP),
    "1xx": (b"199 soon\r\n", NO_SMTP),
    "6xx": (b"650 whatever\r\n", NO_SMTP),
    "no-code": (b"ok\r\n", NO_SMTP),
    "10000-lines": (b"250-more\r\n" * 10000 + b"250 end\r\n", TOO_LONG),
}
for name, (reply, text) in GARBAGE.items():
    for stage, verb in EVERYWHERE.items():
        add(f"{stage}-{name}", at(verb, reply), WAITS, "4.5.0", text)

NO_PIPELINING = {"extensions": ("8BITMIME",)}
# Looked at until its time is over, and not kept.
for stage, verb in EVERYWHERE.items():
    status = "4.4.1" if stage == "banner" else "4.4.2"
    add(f"{stage}-endless-line", at(verb, b"250 " + b"x" * 2_000_000), WAITS, status, QUIET,
        remote=NO_PIPELINING)

# --- replies that nobody asked for ------------------------------------------------------------

for stage, reply in [("banner", b"220 hi\r\n250 hi\r\n"), ("ehlo", b"250 hi\r\n250 fine\r\n"),
                     ("mail", b"250 ok\r\n250 ok\r\n"), ("rcpt", b"250 ok\r\n354 go on\r\n"),
                     ("data", b"354 go on\r\n250 2.0.0 taken\r\n")]:
    add(f"{stage}-too-soon", at(EVERYWHERE[stage], reply), WAITS, "4.5.0", TOO_SOON,
        remote=NO_PIPELINING)
# After the message it is too late to matter, but the connection is good for nothing more.
add("dot-too-many", at(".", b"250 2.0.0 taken\r\n250 2.0.0 taken\r\n"), ARRIVES, "", "", messages=2)
add("lmtp-too-many", at(".", b"250 2.0.0 one\r\n250 2.0.0 two\r\n550 5.1.1 three\r\n"), ARRIVES, "", "",
    lmtp=True, messages=2)
add("lmtp-too-few", at(".", b"250 2.0.0 one\r\n"), "second-waits", "4.4.2", QUIET, lmtp=True,
    to=("x", "y"))


# --- playing them ---------------------------------------------------------------------------

@pytest.fixture(scope="module")
def played():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    server = make(start=False, domain="a.test")
    certificate = (server.dir / "certificate.pem", server.dir / "certificate.key")
    remotes, config = {}, CONFIG
    try:
        for i, s in enumerate(ALL):
            options = dict(s.remote)
            if options.get("certificate"):
                options["certificate"] = certificate
            remotes[s.name] = remote = Remote(s.script, **options).__enter__()
            where = f'lmtp = "127.0.0.1:{remote.port}"' if s.lmtp else \
                f'host = "127.0.0.1" port = {remote.port} {s.options or "tls = none"}'
            config += f'{"transport" if s.lmtp else "smarthost"} "s{i}.test" {{ {where} }}\n'
        server.configure(config)
        (server.dir / "p").write_text("p\n")
        server.start()
        with server.smtp() as smtp:
            for turn in range(2):
                for i, s in enumerate(ALL):
                    if turn < s.messages:
                        smtp.sendmail(f"alice@a.test", [f"{u}@s{i}.test" for u in s.to],
                                      f"Subject: {s.name}\nMessage-ID: <{turn}.{s.name}@a.test>\n\nbody")
        yield server, remotes, Results(server)
    finally:
        for remote in remotes.values():
            remote.__exit__()
        dispose()


class Results:
    """What the queue and the journeys say once all was tried."""

    def __init__(self, server):
        wait_for(lambda: self.read(server), 60, "all messages tried")

    def read(self, server):
        listed = json.loads(server.cli("queue", "list", "--json").stdout)
        self.entries = {}
        for e in listed:
            self.entries.setdefault(e["to"].split("@")[1], []).append(e)
        return all(e["state"] == "waiting" and e["last"] for e in listed)


def events(server, domain, name):
    found = json.loads(server.cli("trace", f"<0.{name}@a.test>", "--json").stdout)
    return [(e["event"], e["detail"]) for e in found if e["address"].endswith("@" + domain)]


@pytest.mark.parametrize("scenario", ALL, ids=lambda s: s.name)
def test_stage(played, scenario):
    server, remotes, results = played
    i = ALL.index(scenario)
    domain = f"s{i}.test"
    waiting = results.entries.get(domain, [])
    told = events(server, domain, scenario.name)
    if scenario.end == ARRIVES:
        assert waiting == []
        assert [e for e, _ in told] == ["queued", "relayed"]
        return
    if scenario.end == BOUNCES:
        assert waiting == []
        assert [e for e, _ in told] == ["queued", "bounced"]
        assert re.search(scenario.text, told[-1][1])
        raw = next(r for r in server.messages("alice") if f"x@{domain}".encode() in r)
        [about] = report(raw)
        assert (about["Action"], about["Status"]) == ("failed", scenario.status)
        return
    if scenario.end == "second":
        assert [t.recipients for t in remotes[scenario.name].taken] == [[f"x@{domain}"]]
    if scenario.end == "second-waits":
        assert [e["to"] for e in waiting] == [f"y@{domain}"]
    [entry] = waiting
    assert entry["last_status"] == scenario.status
    assert re.search(scenario.text, entry["last"]), entry["last"]
    assert entry["attempts"] == 1
    assert entry["due_ms"] - entry["last_ms"] > 3_000_000
    assert told[-1][0] == "deferred" and told[-1][1] == entry["last"]
    assert told[0][0] == "queued"
    # What was begun for nothing (RFC 2920 section 3.1) was ended without a word of the message.
    taken = [t for t in remotes[scenario.name].taken if t.data]
    assert len(taken) == (1 if scenario.end == "second" else 0) or scenario.lmtp
