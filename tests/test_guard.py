"""Who may speak: rules, rates, bans, and clients that don't wait for their turn.

Clients come through listeners behind a "proxy", which names the address that each is to have."""
import contextlib
import json
import pathlib
import re
import socket
import sqlite3
import subprocess
import tempfile
import time

import pytest

from conftest import _factory, free_port, wait_for
from dns_zone import DnsZone

KINDS = ("smtp", "submission", "pop3", "imap")
# What went wrong is not forgotten while a test looks at it.
FAST = ("guard {\n\tgreeting-wait = 0\n\tslow-max = 20ms\n\trdns = no\n\tscore-half-life = 10h\n"
        "%s\n}\n")


class Client:
    """A line-based client that has the address it wants; early is what it says before it is greeted."""
    with_codes = False    # of refusals, which are others each time

    def __init__(self, server, ip="192.0.2.1", kind="smtp", early=""):
        self.socket = socket.create_connection(("127.0.0.1", server.guarded[kind]), timeout=60)
        family = "TCP6" if ":" in ip else "TCP4"
        here = "::1" if ":" in ip else "127.0.0.1"
        self.socket.sendall(f"PROXY {family} {ip} {here} 4711 25\r\n{early}".encode())
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def line(self):
        try:
            line = self.file.readline().decode()
        except ConnectionResetError:
            return ""
        return line if self.with_codes else re.sub(r" \(ref [2-9A-Z]{8}\)", "", line)

    def reply(self):
        """All lines of an SMTP reply."""
        text = line = self.line()
        while line[3:4] == "-":
            line = self.line()
            text += line
        return text

    def send(self, text):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(text.encode())

    def say(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def hello(self, name="client.test"):
        assert self.reply().startswith("220 ")
        reply = self.say(f"EHLO {name}")
        assert reply.startswith("250"), reply
        return self

    def envelope(self, sender="someone@remote.test", recipient="alice@example.test"):
        """The replies to MAIL and, if that was taken, to RCPT."""
        replies = [self.say(f"MAIL FROM:<{sender}>")]
        if replies[0].startswith("250"):
            replies.append(self.say(f"RCPT TO:<{recipient}>"))
        return replies

    def message(self, text="Subject: hello\r\n\r\nhello\r\n"):
        assert self.say("DATA").startswith("354")
        return self.say(text + ".")


def guard_server(make, config="", guard="", dns=None, start=True):
    server = make(start=False)
    server.guarded = {kind: free_port() for kind in KINDS}
    server.configure("".join(
        f'listen "far-{kind}" {{\n\tprotocol = {kind}\n'
        f'\taddress = {{ "127.0.0.1:{port}" }}\n'
        f'\tproxy-networks = {{ "127.0.0.0/8" }}\n}}\n'
        for kind, port in server.guarded.items()))
    if dns:
        server.configure(f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}')
    server.configure(config if "guard {" in config else config + FAST % guard)
    return server.start() if start else server


@pytest.fixture
def guarded(make_server):
    return lambda *args, **options: guard_server(make_server, *args, **options)


def ban_list(server):
    return json.loads(server.cli("ban", "list", "--json").stdout)


def metric(server, name):
    text = subprocess.run(["curl", "-sS", "--unix-socket", server.dir / "control.sock",
                           "http://localhost/metrics"], capture_output=True, text=True,
                          check=True).stdout
    found = re.search(rf"^veredus_{re.escape(name)} (\S+)$", text, re.M)
    return found and float(found[1])


# --- rules ------------------------------------------------------------------------------------

RULES = """
rule "friends" { client = { "192.0.2.128/25" } verdict = allow }
rule "bad network" { client = { "192.0.2.0/24", "!192.0.2.7" } verdict = reject
                     reply = "550 5.7.1 Not from there" }
rule "bad name" { helo = { "*.bad.test", "localhost" } verdict = reject }
rule "spoofed" { authenticated = no sender-is = { ours } verdict = reject
                 reply = "550 5.7.1 That is one of us" }
rule "slow list" { sender = { "list@*" } verdict = defer }
rule "closed" { recipient = { "bob@example.test" } tls = no verdict = reject
                reply = "530 5.7.0 For bob use TLS" }
rule "mark" { sender = { "<>" } verdict = tag tag = bounce }
rule "mark more" { helo = { "odd.*" } verdict = tag tag = odd }
rule "wait" { helo = { "wait.test" } verdict = delay delay = 700ms }
"""


@pytest.fixture(scope="module")
def ruled():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    yield guard_server(make, RULES)
    dispose()


def test_rules_at_each_stage(ruled):
    server = ruled
    with Client(server, "192.0.2.3") as c:
        assert c.line() == "554 5.7.1 Not from there\r\n"
        assert c.line() == ""
    for ip in ("192.0.2.7", "192.0.2.200", "198.51.100.1", "2001:db8::1"):
        with Client(server, ip) as c:
            c.hello()
            assert c.envelope()[1].startswith("250 "), ip
    with Client(server, "198.51.100.1") as c:
        assert c.line().startswith("220")
        assert c.say("EHLO x.bad.test") == "550 5.7.1 Refused by local policy\r\n"
        # It may give another name, but not go on without one.
        assert c.say("MAIL FROM:<a@remote.test>").startswith("503 5.5.1")
        assert c.say("EHLO good.test").startswith("250")
        assert c.envelope("alice@example.test") == ["550 5.7.1 That is one of us\r\n"]
        assert c.envelope("list@lists.test")[0].startswith("450 4.7.1")
        assert c.envelope(recipient="bob@example.test")[1] == "530 5.7.0 For bob use TLS\r\n"
        assert c.say("RCPT TO:<alice@example.test>").startswith("250")
    log = server.log_text()
    assert 'guard.refused rule="bad network" stage=connect verdict=reject' in log
    assert re.search(r"guard.refused rule=closed stage=rcpt .*to=bob@example.test", log)


def test_who_has_logged_in_is_one_of_us(ruled):
    server = ruled
    with server.submission() as smtp:
        smtp.sendmail("alice@example.test", ["alice@example.test"], "Subject: mine\n\nx\n")


def test_tags_go_with_the_message(ruled):
    server = ruled
    with Client(server, "198.51.100.1") as c:
        c.hello("odd.test")
        c.envelope("")
        assert c.message().startswith("250")
        c.envelope("plain@remote.test")
        assert c.message().startswith("250")
    both, one = server.messages()[-2:]
    assert b"\r\nX-Veredus-Tag: mx.example.test; bounce, odd\r\nSubject: hello" in both
    assert b"\r\nX-Veredus-Tag: mx.example.test; odd\r\n" in one


def test_the_journey_tells_of_it(ruled):
    server = ruled
    with Client(server, "198.51.100.1") as c:
        c.hello("odd.test")
        c.envelope("told@remote.test", "bob@example.test")
        assert c.say("RCPT TO:<alice@example.test>").startswith("250")
        assert c.message().startswith("250")
    journey = server.cli("trace", "--from", "told@remote.test", "--to", "bob@example.test").stdout
    assert re.search(r'refused +bob@example.test +by rule "closed": 530 5.7.0 For bob use TLS',
                     journey), journey
    assert re.search(r"tagged +odd", journey), journey
    assert re.search(r"delivered +alice@example.test", journey), journey


def test_delay(ruled):
    server = ruled
    with Client(server, "198.51.100.1") as c:
        c.line()
        began = time.monotonic()
        c.say("EHLO wait.test")
        assert time.monotonic() - began > 0.6

        def is_quick():
            began = time.monotonic()
            c.envelope()
            return time.monotonic() - began < 0.6
        wait_for(is_quick, what="what comes after it, which does not wait")


MISTAKES = {
    "client = { 192.0.2 } verdict = reject": "client: '192.0.2' is no network",
    "client = { 10.0.0.1 }": "there is no verdict",
    'verdict = reject reply = "450 no"': "reply: reject needs a code of 500",
    "verdict = tag": "the verdict tag needs a tag",
    'rate = "5 letters/1m"': "rate: '5 letters/1m' is none",
    'rate = "5 connections/1m" sender = { "<>" }': "only known at stage mail",
    "stage = connect helo = { x } verdict = reject": "only known at stage helo",
    "rdns = { nome } verdict = reject": "'nome' is not known: it may be none",
    "sender-is = { our } verdict = reject": "'our' is not known",
    "verdict = reject delay = 5s": "delay: the verdict is another",
}


def test_mistakes_are_told_by_line(guarded):
    server = guarded("".join(f'rule "r{n}" {{ {rule} }}\n' for n, rule in enumerate(MISTAKES)),
                     start=False)
    result = server.cli("check", check=False)
    assert result.returncode != 0
    for n, complaint in enumerate(MISTAKES.values()):
        assert re.search(rf'veredus.conf:\d+: rule "r{n}": .*{re.escape(complaint)}',
                         result.stderr), result.stderr


def test_rules_for_readers_of_mail(guarded):
    """They hold where a rule names the listener, and only there."""
    server = guarded("""
        rule "mail only" { client = { "192.0.2.0/24" } verdict = reject }
        rule "not from there" { listener = { "far-pop3", "far-imap" } verdict = reject
                                client = { "198.51.100.0/24" } reply = "550 Not from there" }
        rule "few" { listener = { "far-*" } rate = "1 connections/1h" }""")
    for kind, refused, later in (("pop3", "-ERR [SYS/PERM] Not from there\r\n", "-ERR [SYS/TEMP] Too"),
                                 ("imap", "* BYE [NOPERM] Not from there\r\n",
                                  "* BYE [UNAVAILABLE] Too")):
        with Client(server, "198.51.100.1", kind) as c:
            assert c.line() == refused
            assert c.line() == ""
        with Client(server, "192.0.2.1" if kind == "pop3" else "192.0.2.2", kind) as c:
            assert c.line().startswith(("+OK", "* OK"))
        with Client(server, "192.0.2.1", kind) as c:
            assert c.line().startswith(later)


def test_the_client_is_who_xclient_names(guarded):
    server = guarded("""
        listen "filtered" { protocol = smtp address = { "127.0.0.1:%d" }
                            xclient-networks = { "127.0.0.1" } }
        rule "bad" { client = { "192.0.2.66" } verdict = reject }
        rule "named" { rdns = { "*.pool.test" } stage = mail verdict = reject }
        guard { rdns-timeout = 10ms }""" % (port := free_port()))
    server.guarded["filtered"] = port
    server.cli("ban", "add", "192.0.2.99")
    def client(told):
        stack = contextlib.ExitStack()
        c = stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", port))))
        file = stack.enter_context(c.makefile("rb"))
        file.readline()
        c.sendall(f"XCLIENT {told}\r\n".encode())
        line = file.readline().decode()
        if line.startswith("220"):
            c.sendall(b"HELO x.test\r\n")
            file.readline()
            c.sendall(b"MAIL FROM:<a@remote.test>\r\n")
            line = file.readline().decode()
        stack.close()
        return line[:9]
    assert client("ADDR=192.0.2.1 NAME=[UNAVAILABLE]") == "250 2.1.0"
    assert client("ADDR=192.0.2.66 NAME=[UNAVAILABLE]") == "554 5.7.1"
    assert client("ADDR=192.0.2.99 NAME=[UNAVAILABLE]") == "421 4.7.0"
    assert client("ADDR=192.0.2.2 NAME=x.pool.test") == "550 5.7.1"


# --- the DNS ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def dns():
    zones = {"2.0.192.in-addr.arpa": "1 PTR mail.client.test.\n2 PTR liar.client.test.\n"
                                     "4 PTR dyn-4.pool.client.test.",
             "100.51.198.in-addr.arpa": "",
             "client.test": "mail A 192.0.2.1\nliar A 192.0.2.99\ndyn-4.pool A 192.0.2.4\n"
                            "@ MX 10 mail\nnull MX 0 .\nonly-a A 192.0.2.9\nonly-txt TXT x"}
    with DnsZone(zones, signed=[]) as zone:
        yield zone


def test_the_name_of_the_client(guarded, dns):
    server = guarded("""
        rule "nameless" { rdns = { none } verdict = reject stage = mail }
        rule "liars" { rdns = { unconfirmed } verdict = defer stage = rcpt }
        rule "dynamic" { rdns = { "*.pool.client.test" } verdict = reject }
        guard { rdns-timeout = 20s greeting-wait = 0 }""", dns=dns)
    with Client(server, "192.0.2.1") as c:
        c.hello("[192.0.2.1]").envelope()
        assert c.message().startswith("250")
    with Client(server, "198.51.100.7") as c:
        assert c.hello().envelope()[0].startswith("550 5.7.1")
    with Client(server, "192.0.2.2") as c:
        assert c.hello().envelope()[1].startswith("450 4.7.1")
    with Client(server, "192.0.2.4") as c:
        assert c.line().startswith("554 5.7.1")
    [connect] = json.loads(server.cli("policy", "test", "--json", "--client",
                                      "192.0.2.4").stdout)
    assert connect["rule"] == "dynamic" and connect["why"] == "rdns *.pool.client.test"
    received = server.wait_messages(1)[0].decode()
    assert "Received: from [192.0.2.1] (mail.client.test [192.0.2.1])\r\n" in received


def test_what_the_client_calls_itself(guarded, dns):
    server = guarded("""
        rule "us" { helo-is = { ours } verdict = reject }
        rule "bare" { helo-is = { bare } stage = mail verdict = tag tag = bare }
        rule "none" { helo-is = { unresolvable } stage = mail verdict = tag tag = unresolvable }
        rule "other" { helo-is = { elsewhere } stage = mail verdict = tag tag = elsewhere }""",
                     dns=dns)
    with Client(server) as c:
        c.line()
        assert c.say("EHLO example.test").startswith("550 5.7.1")
        assert c.say("EHLO MX.example.test").startswith("550 5.7.1")
    for name, tag in (("mail.client.test", None), ("[192.0.2.1]", None), ("[192.0.2.2]", "elsewhere"),
                      ("liar.client.test", "elsewhere"), ("only-txt.client.test", "unresolvable"),
                      ("gone.client.test", "unresolvable"), ("localhost", "bare")):
        before = len(server.messages())
        with Client(server) as c:
            c.hello(name).envelope()
            assert c.message(f"Subject: {name}\r\n\r\nx\r\n").startswith("250"), name
        message = server.wait_messages(before + 1)[-1]
        found = re.search(rb"X-Veredus-Tag: \S+; (\S+)\r\n", message)
        assert (found and found[1].decode()) == tag, name


def test_no_answer_from_the_dns_holds_up_nobody_for_long(guarded):
    """The greeting does not wait, and who must wait does so for the time that is configured."""
    wait = "guard { greeting-wait = 0 rdns-timeout = "
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = guarded(f"""
            rule "wait" {{ rdns = {{ unknown }} verdict = defer stage = mail }}
            dns {{ forwarder = "127.0.0.1@{silent.getsockname()[1]}" }}
            {wait}1m }}""")
        with Client(server, "192.0.2.1") as c:
            c.socket.settimeout(40)
            c.hello()
        server.configure(wait + "1s }")
        server.cli("reload")
        began = time.monotonic()
        with Client(server, "192.0.2.2") as c:
            c.hello()
            assert c.envelope()[0].startswith("450 4.7.1")
            assert time.monotonic() - began > 0.9


def test_senders_must_have_a_domain(guarded, dns):
    server = guarded("""
        rule "nowhere" { sender-is = { unresolvable } verdict = reject
                         reply = "550 5.1.8 No mail can go back there" }
        rule "not now" { sender-is = { unresolved } verdict = defer }""", dns=dns)
    with Client(server) as c:
        c.hello()
        for sender in ("x@client.test", "x@only-a.client.test", "", "alice@example.test"):
            assert c.envelope(sender)[-1].startswith("250"), sender
            c.say("RSET")
        for sender in ("x@null.client.test", "x@only-txt.client.test", "x@none.client.test"):
            assert c.envelope(sender) == ["550 5.1.8 No mail can go back there\r\n"], sender


def test_what_senders_without_a_domain_are_told(guarded, dns):
    server = guarded('rule "nowhere" { sender-is = { unresolvable } verdict = reject }', dns=dns)
    with Client(server) as c:
        c.hello()
        for sender, reply in (("x@null.client.test", "550 5.7.27 "), ("x@none.client.test", "550 5.1.8 ")):
            [told] = c.envelope(sender)
            assert told.startswith(reply)


# --- rates ------------------------------------------------------------------------------------

def test_rates_and_a_restart(guarded):
    server = guarded("""
        rule "few connections" { rate = "2 connections/1h per network" client = { 192.0.2.1 } }
        rule "few messages" { rate = "2 messages/1h per sender" sender = { "bulk@*" } }
        rule "few recipients" { rate = "3 recipients/1h" client = { "198.51.100.0/24" }
                                verdict = reject reply = "550 5.7.1 Enough" }
        rule "stolen" { rate = "2 recipients/1h per account" }""")
    for _ in range(2):
        with Client(server) as c:
            assert c.line().startswith("220")
    with Client(server) as c:
        assert c.line() == "421 4.7.1 Too much at a time, try again later\r\n"
    # Another host does not suffer, but its sender has a rate, too.
    with Client(server, "192.0.2.2") as c:
        c.hello()
        for _ in range(2):
            assert c.envelope("bulk@remote.test")[0].startswith("250")
            c.say("RSET")
        assert c.envelope("bulk@remote.test")[0].startswith("450 4.7.1")
        assert c.envelope("bulk@other.test")[0].startswith("250")
    with Client(server, "198.51.100.9") as c:
        c.hello().envelope()
        replies = [c.say("RCPT TO:<bob@example.test>") for _ in range(3)]
        assert [r[:3] for r in replies] == ["250", "250", "550"]
    for user, last in (("alice", 450), ("bob", 250)):
        with server.submission(user) as smtp:
            smtp.mail(f"{user}@example.test")
            assert smtp.rcpt("alice@example.test")[0] == 250
            if user == "alice":
                assert smtp.rcpt("someone@remote.test")[0] == 250
            assert smtp.rcpt("other@remote.test")[0] == last
    assert metric(server, "guard_over_rate_total") == 4
    for end in (server.stop, server.stop):
        end()
        server.start()
        with Client(server) as c:
            assert c.line().startswith("421 4.7.1")
        with Client(server, "192.0.2.2") as c:
            assert c.hello().envelope("bulk@remote.test")[0].startswith("450")
        with Client(server, "192.0.2.3") as c:
            assert c.hello().envelope("someone@remote.test")[0].startswith("250")


def test_rates_are_saved_from_time_to_time(guarded):
    server = guarded('rule "one" { rate = "1 connections/1h" }', "save-interval = 100ms")
    with Client(server) as c:
        assert c.line().startswith("220")

    def saved():
        with contextlib.closing(sqlite3.connect(server.dir / "veredus.db", timeout=60)) as db:
            return db.execute("SELECT count(*) FROM guard_bucket").fetchone()[0]
    wait_for(saved, what="the rate in the store")
    server.kill()
    server.start()
    with Client(server) as c:
        assert c.line().startswith("421")


# --- bans -------------------------------------------------------------------------------------

def is_shut_out(server, ip):
    with Client(server, ip) as c:
        line = c.line()
        assert line.startswith("220") or line == "421 4.7.0 You are shut out for now, closing\r\n"
        return line.startswith("421")


def test_by_hand(guarded):
    server = guarded()
    server.cli("ban", "add", "192.0.2.0/24", "--reason", "spam run")
    server.cli("ban", "add", "2001:db8::5/64", "--for", "1h")
    for kind, answer in {"smtp": "421 4.7.0 ", "submission": "421 4.7.0 ",
                         "pop3": "-ERR [SYS/TEMP] ", "imap": "* BYE [UNAVAILABLE] "}.items():
        for ip in ("192.0.2.77", "2001:db8::ffff"):
            with Client(server, ip, kind) as c:
                assert c.line().startswith(answer), kind
                assert c.line() == ""
    assert not is_shut_out(server, "192.0.3.1")
    first, second = ban_list(server)
    assert first["network"] == "192.0.2.0/24" and first["reason"] == "spam run"
    assert first["by_hand"] and first["left_ms"] is None
    assert second["network"] == "2001:db8::/64" and 3500000 < second["left_ms"] <= 3600000
    assert "192.0.2.0/24" in server.cli("ban", "list").stdout
    assert metric(server, "guard_bans") == 2
    server.stop()
    # All of it works while the server does not run.
    assert len(ban_list(server)) == 2
    server.cli("ban", "remove", "2001:db8::/64")
    server.cli("ban", "add", "198.51.100.1")
    assert server.cli("ban", "remove", "203.0.113.1", check=False).returncode == 1
    server.start()
    assert is_shut_out(server, "192.0.2.77") and is_shut_out(server, "198.51.100.1")
    assert not is_shut_out(server, "2001:db8::5")
    server.cli("ban", "remove", "192.0.2.0/24")
    assert not is_shut_out(server, "192.0.2.77")
    assert server.cli("ban", "add", "nonsense", check=False).returncode == 1


def test_unknown_users_lead_to_a_ban(guarded):
    server = guarded(guard="\tban-score = 30\n\tslow-score = 20")
    with Client(server, "192.0.2.1") as c:
        c.hello()
        c.envelope()
        for n in range(9):
            assert c.say(f"RCPT TO:<u{n}@example.test>").startswith("550 5.1.1")
        assert c.say("RCPT TO:<u@example.test>") == "421 4.7.0 Too much went wrong, closing\r\n"
        assert c.line() == ""
    assert is_shut_out(server, "192.0.2.1")
    [ban] = ban_list(server)
    assert ban["network"] == "192.0.2.1" and ban["reason"] == "unknown_user"
    # A ban is durable at once.
    server.kill()
    server.start()
    assert is_shut_out(server, "192.0.2.1")
    with Client(server, "192.0.2.1", "imap") as c:
        assert c.line().startswith("* BYE")
    server.cli("ban", "remove", "192.0.2.1")
    assert not is_shut_out(server, "192.0.2.1")
    assert "guard.ban network=192.0.2.1" in server.log_text()
    assert "guard.unban network=192.0.2.1" in server.log_text()


def guess(server, kind, ip):
    """Wrong passwords until the server has had enough; the last line."""
    with Client(server, ip, kind) as c:
        c.line()
        for n in range(20):
            if kind == "pop3":
                c.send("USER alice@example.test\r\nPASS wrong\r\n")
                c.line()
                line = c.line()
                ends = "-ERR [SYS/TEMP]"
            else:
                c.send(f"a{n} LOGIN alice@example.test wrong\r\n")
                line = c.line()
                ends = "* BYE [UNAVAILABLE]"
            if line.startswith(ends) or line == "":
                return line
    return None


def test_harvesting(guarded):
    """VRFY has a rate; who goes on nevertheless is shut out."""
    server = guarded("smtp { vrfy = everybody }\n", "\tmax-questions = 5\n\tban-score = 20")
    with Client(server, "192.0.2.1") as c:
        c.hello()
        replies = [c.say("VRFY alice")[:9] for _ in range(8)]
        assert replies == ["250 2.1.5"] * 5 + ["450 4.7.1"] * 3
    # Who has logged in, or is one of ours, may ask.
    with server.smtp() as smtp:
        assert [smtp.verify("alice")[0] for _ in range(8)] == [250] * 8
    with Client(server, "192.0.2.1") as c:
        c.hello()
        for _ in range(5):
            c.say("VRFY alice")
    assert is_shut_out(server, "192.0.2.1")
    assert ban_list(server)[0]["reason"] == "harvest"


@pytest.mark.parametrize("kind", ["pop3", "imap"])
def test_guessing_leads_to_a_ban(guarded, kind):
    server = guarded(
        f"{kind} {{\n\tauth-without-tls = yes\n\tmax-login-failures = 100\n}}\n"
        "auth {\n\trefusal-pause = 1ms\n}\n", "\tban-score = 20\n\tslow-score = 15")
    assert guess(server, kind, "2001:db8::1").startswith(("-ERR", "* BYE"))
    assert is_shut_out(server, "2001:db8::2")
    assert not is_shut_out(server, "2001:db8:0:1::2")
    assert ban_list(server)[0]["reason"] == "failed_login"


def test_exempt_networks_are_left_alone(guarded):
    server = guarded('relay-networks = { "192.0.2.0/24" }',
                     '\tban-score = 5\n\tslow-score = 5\n\texempt-networks = { "198.51.100.0/24" }')
    for ip in ("192.0.2.1", "198.51.100.1", "127.0.0.1"):
        with Client(server, ip) as c:
            c.hello()
            for _ in range(12):
                assert c.say("XYZZY").startswith("500")
    with Client(server, "203.0.113.1") as c:
        c.hello()
        assert c.say("XYZZY").startswith("500")
        assert c.say("XYZZY").startswith("421 4.7.0")
    assert metric(server, 'guard_offences_total{offence="protocol_error"}') == 2


def test_the_control_socket_works_whoever_is_banned(guarded):
    server = guarded(guard="\texempt-loopback = no")
    server.cli("ban", "add", "127.0.0.0/8")
    with Client(server, "127.0.0.1") as c:
        assert c.line().startswith("421")
    assert len(ban_list(server)) == 1
    server.cli("ban", "remove", "127.0.0.0/8")
    with Client(server, "127.0.0.1") as c:
        assert c.line().startswith("220")


# --- who does not wait for his turn -----------------------------------------------------------

@pytest.mark.parametrize("answer", ["reject", "count", "allow"])
def test_early_talkers(guarded, answer):
    server = guarded(f"guard {{ greeting-wait = 400ms early-talkers = {answer} rdns = no "
                     "ban-score = 40 score-half-life = 10h }")
    began = time.monotonic()
    with Client(server, "192.0.2.1") as c:
        assert c.line().startswith("220")
        assert time.monotonic() - began > 0.3
    for _ in range(2):
        with Client(server, "192.0.2.1", early="EHLO early.test\r\n") as c:
            line = c.line()
            if answer != "reject":
                continue
            assert line.startswith(("554 5.5.0 ", "421 4.7.0 "))
            assert c.line() == ""
    assert is_shut_out(server, "192.0.2.1") == (answer != "allow")
    def is_greeted_at_once():
        began = time.monotonic()
        with server.smtp():
            return time.monotonic() - began < 0.3
    wait_for(is_greeted_at_once, what="a greeting for one of our own")


def test_bad_pipelining(guarded):
    server = guarded(guard="\tbad-pipelining = reject")
    with Client(server) as c:
        assert c.line().startswith("220")
        c.send("EHLO a.test\r\nMAIL FROM:<a@remote.test>\r\n")
        assert c.line() == "503 5.5.0 You did not wait for the answer, closing\r\n"
        assert c.line() == ""
    with Client(server) as c:
        c.hello()
        c.send("MAIL FROM:<a@remote.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
        assert [c.line()[:3] for _ in range(3)] == ["250", "250", "354"]
        assert c.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
        c.send("MAIL FROM:<a@remote.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nSubject: x\r\n")
        assert [c.line()[:3] for _ in range(3)] == ["250", "250", "503"]
    # Nobody who said HELO was told that he may.
    with Client(server) as c:
        assert c.line().startswith("220")
        assert c.say("HELO a.test").startswith("250")
        c.send("MAIL FROM:<a@remote.test>\r\nRCPT TO:<alice@example.test>\r\n")
        assert c.line().startswith("503 5.5.0")
    assert metric(server, 'guard_offences_total{offence="bad_pipelining"}') == 3


def test_floods(guarded):
    server = guarded(guard="\tmax-junk-commands = 10\n\tban-score = 20\n\tslow-score = 10")
    with Client(server) as c:
        c.hello()
        replies = [c.say("NOOP") for _ in range(30)]
        assert replies[8].startswith("250") and replies[-1] == ""
        assert any(r.startswith("421 4.7.0") for r in replies)
    assert is_shut_out(server, "192.0.2.1")


def test_slowed_before_shut_out(guarded):
    server = guarded("guard { greeting-wait = 0 rdns = no slow-score = 6 slow-max = 400ms "
                     "score-half-life = 10h }")
    with Client(server) as c:
        c.hello()
        times = []
        for _ in range(6):
            began = time.monotonic()
            assert c.say("XYZZY").startswith("500")
            times.append(time.monotonic() - began)
        assert min(times[-2:]) > 0.3


def test_earlier_answers_do_not_wait_with_a_slowed_one(guarded):
    server = guarded(FAST % "" + 'rule "slow" { recipient = { "alice@*" } verdict = delay '
                     'delay = 60s }')
    with Client(server) as c:
        c.hello()
        c.socket.settimeout(30)
        c.send("MAIL FROM:<someone@remote.test>\r\nRCPT TO:<alice@example.test>\r\n")
        assert c.reply().startswith("250 2.1.0")


# --- what would it say? -----------------------------------------------------------------------

def test_policy_test(guarded):
    server = guarded(RULES + 'rule "few" { rate = "1 connections/1h" client = { 203.0.113.9 } }')
    def ask(*words):
        return json.loads(server.cli("policy", "test", "--json", *words).stdout)
    stages = ask("--client", "192.0.2.5", "--from", "x@remote.test", "--to", "alice@example.test")
    assert [(s["stage"], s["verdict"], s["rule"]) for s in stages] == [
        ("connect", "reject", "bad network")]
    assert stages[0]["why"] == "client 192.0.2.0/24"
    assert stages[0]["reply"] == "554 5.7.1 Not from there"
    stages = ask("--client", "198.51.100.1", "--helo", "odd.test", "--from", "",
                 "--to", "bob@example.test", "--to", "alice@example.test")
    assert [(s["stage"], s["verdict"]) for s in stages] == [
        ("connect", "allow"), ("helo", "allow"), ("mail", "allow"), ("rcpt", "reject"),
        ("rcpt", "allow")]
    assert stages[1]["tags"] == ["odd"] and stages[2]["tags"] == ["bounce", "odd"]
    assert stages[3]["why"] == "tls no, recipient bob@example.test"
    assert stages[3]["to"] == "bob@example.test"
    stages = ask("--client", "198.51.100.1", "--tls", "--user", "alice@example.test", "--from",
                 "alice@example.test", "--to", "bob@example.test")
    assert {s["verdict"] for s in stages} == {"allow"}
    # It takes no token and counts nothing, but sees what is used up, and who is banned.
    for _ in range(3):
        assert ask("--client", "203.0.113.9")[0]["verdict"] == "allow"
    Client(server, "203.0.113.9").close()
    wait_for(lambda: ask("--client", "203.0.113.9")[0]["verdict"] == "defer", what="the token")
    server.cli("ban", "add", "203.0.113.0/24")
    assert ask("--client", "203.0.113.9")[0]["verdict"] == "banned"
    # Rules that name no listener for readers of mail are not for them.
    assert ask("--client", "192.0.2.5", "--listener", "far-imap")[0]["verdict"] == "allow"
    assert "no section listen" in server.cli("policy", "test", "--client", "192.0.2.5",
                                             "--listener", "nowhere", check=False).stderr
    text = server.cli("policy", "test", "--client", "192.0.2.5").stdout
    assert "reject" in text and "bad network" in text
    server.stop()
    assert ask("--client", "192.0.2.5")[0]["rule"] == "bad network"
    assert server.cli("policy", "test", "--client", "x", check=False).returncode == 1
