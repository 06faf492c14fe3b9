"""TLS reports (RFC 8460): sessions are counted, reported once a day by mail or HTTPS."""
import email
import email.message
import email.policy
import gzip
import http.server
import json
import re
import sqlite3
import ssl
import threading
import time

import pytest

import conftest
from authority import Authority, tlsa
from conftest import free_port, wait_for, within_a_day
from dns_zone import DnsZone
from policy_server import PolicyServer, policy
from remote import Remote
from test_dane import deferred, delivered
from test_relay import SLOW, by_mx

RUA = '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls%2Brpt@rpt.test"'


class Collector:
    """Takes reports by HTTPS."""

    def __init__(self, certificate):
        self.got, self.status, self.seconds = [], 201, 0
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.got.append((self.path, self.headers["Content-Type"], body))
                time.sleep(collector.seconds)
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self, directory):
        self.ca = Authority(directory)
        self.certificate = self.ca.issue("*.mx.test")
        self.old = self.ca.issue("*.mx.test", days=-1)
        self.web = self.ca.issue("mta-sts.testing.test", "mta-sts.expired.test", "localhost")
        self.port = free_port()
        self.key = tlsa(self.certificate[0], 3, 1, 1)

    def zones(self, collector):
        def zone(name, more=RUA):
            return f"@ MX 10 {name}.mx.test.\nmta-sts A 127.0.0.1\n{more}"

        names = ("dane", "stale", "silent", "testing", "expired", "fetch", "none", "rpt", "web", "day")
        hosts = "\n".join(f"{n} A 127.0.0.1" for n in names)
        sts = RUA + '\n_mta-sts TXT "v=STSv1; id=1"'
        both = f'_smtp._tls TXT "v=TLSRPTv1;rua=https://localhost:{collector.port}/v1"'
        tls = f"_{self.port}._tcp"
        return {"mx.test": f"{hosts}\n{tls}.dane TLSA {self.key}\n{tls}.stale TLSA 3 1 1 {'ab' * 32}",
                **{f"{n}.test": zone(n) for n in ("dane", "stale", "none", "day")},
                **{f"{n}.test": zone(n, sts) for n in ("testing", "expired", "fetch")},
                "silent.test": zone("silent", ""), "rpt.test": zone("rpt", ""),
                "web.test": zone("web", both)}

    def remote(self, **options):
        return Remote(port=self.port, **{"certificate": self.certificate, **options})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def collector(world):
    with Collector(world.web) as collector:
        yield collector


@pytest.fixture(scope="module")
def dns(world, collector):
    with DnsZone(world.zones(collector), signed=["mx.test"]) as zone:
        yield zone


@pytest.fixture(scope="module")
def web(world):
    with PolicyServer(world.web) as web:
        yield web


def configuration(world, dns, web, report=""):
    return by_mx(dns, world.port) + (
        f'mta-sts {{ port = {web.port} ca = "{world.ca.path}" timeout = 2s }}\n'
        f'tls-report {{ organization = "A Test" ca = "{world.ca.path}" {report} }}\n')


@pytest.fixture
def server(world, dns, web, make_server):
    server = make_server(start=False, domain="a.test", config=configuration(world, dns, web))
    within_a_day()
    return server.start({"SSL_CERT_FILE": str(world.ca.path)})


def reports(server):
    return json.loads(server.cli("tlsrpt", "list", "--json").stdout)


def report_of(server, domain):
    [row] = [r for r in reports(server) if r["domain"] == domain]
    [shown] = json.loads(server.cli("tlsrpt", "show", str(row["id"]), "--json").stdout)
    return shown["report"]


def counts(server):
    with sqlite3.connect(f"file:{server.dir}/veredus.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM report_count").fetchone()[0]


def test_by_mail(world, server):
    """The message is as RFC 8460 section 5.3 has it, and goes also where TLS is broken."""
    with world.remote() as remote:
        delivered(server, remote, "dane.test")
        delivered(server, remote, "silent.test")
        server.cli("tlsrpt", "send")
        [row] = reports(server)
        assert row["kind"] == "sent" and row["to"] == "mailto:tls%2Brpt@rpt.test"
        assert row["due_ms"] == 0 and row["state"].startswith("in the queue as 38")
        assert (row["domain"], row["successes"], row["failures"]) == ("dane.test", 1, 0)
        wait_for(lambda: len(remote.taken) == 3, SLOW, "the report")
        assert counts(server) == 0
        assert "dane.test" in server.cli("tlsrpt", "list").stdout
    taken = remote.taken[2]
    assert (taken.sender, taken.recipients) == ("postmaster@a.test", ["tls+rpt@rpt.test"])
    got = email.message_from_bytes(taken.data, policy=email.policy.default)
    assert got.get_content_type() == "multipart/report" and got.get_param("report-type") == "tlsrpt"
    assert got["TLS-Report-Domain"] == "dane.test" and got["TLS-Report-Submitter"] == "mx.a.test"
    assert got["TLS-Required"] == "No" and got["From"] == "postmaster@a.test"
    assert got["Subject"].startswith("Report Domain: dane.test") and "Submitter: mx.a.test" in got["Subject"]
    text, attached = got.iter_parts()
    assert text.get_content_type() == "text/plain" and "1 succeeded, 0 failed" in text.get_content()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    report = json.loads(gzip.decompress(attached.get_content()))
    midnight = int(time.time()) // 86400 * 86400
    assert attached.get_filename() == f"mx.a.test!dane.test!{midnight}!{midnight + 86399}.json.gz"
    assert report["organization-name"] == "A Test" and report["contact-info"] == "postmaster@a.test"
    assert report["report-id"] in got["Subject"]
    assert report["date-range"]["end-datetime"].endswith("T23:59:59Z")
    assert report["policies"] == [{
        "policy": {"policy-type": "tlsa", "policy-string": [world.key],
                   "policy-domain": "dane.mx.test"},
        "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]


def test_failures(world, server, web):
    web.policies["testing.test"] = policy("testing.mx.test", mode="testing")
    web.policies["expired.test"] = policy("expired.mx.test")
    with world.remote(certificate=world.old) as remote:
        deferred(server, "expired.test")
        deferred(server, "stale.test")
    with world.remote(certificate=None) as remote:
        delivered(server, remote, "testing.test")
        delivered(server, remote, "fetch.test")
        delivered(server, remote, "none.test")
        server.cli("tlsrpt", "send")
        wait_for(lambda: len(remote.taken) == 8, SLOW, "the reports")

    def only(domain, kind):
        [one] = [p for p in report_of(server, domain)["policies"] if p["policy"]["policy-type"] == kind]
        [failure] = one["failure-details"]
        assert one["summary"]["total-failure-session-count"] >= 1
        assert failure["failed-session-count"] == one["summary"]["total-failure-session-count"]
        return one["policy"], failure

    told, failure = only("expired.test", "sts")
    assert told["mx-host"] == ["expired.mx.test"] and told["policy-domain"] == "expired.test"
    assert told["policy-string"] == ["version: STSv1", "mode: enforce", "mx: expired.mx.test",
                                     "max_age: 86400"]
    assert failure["result-type"] == "certificate-expired"
    assert failure["receiving-mx-hostname"] == "expired.mx.test"
    assert failure["receiving-ip"] == "127.0.0.1" and "expired" in failure["failure-reason-code"]
    told, failure = only("stale.test", "tlsa")
    assert told["policy-domain"] == "stale.mx.test" and failure["result-type"] == "tlsa-invalid"
    told, failure = only("testing.test", "sts")
    assert failure["result-type"] == "starttls-not-supported" and failure["sending-mta-ip"] == "127.0.0.1"
    assert only("fetch.test", "sts")[1]["result-type"] == "sts-webpki-invalid"
    assert only("fetch.test", "no-policy-found")[1]["result-type"] == "starttls-not-supported"
    assert only("none.test", "no-policy-found")[1]["result-type"] == "starttls-not-supported"
    [row] = [r for r in reports(server) if r["domain"] == "stale.test"]
    shown = server.cli("tlsrpt", "show", str(row["id"])).stdout
    assert "policy tlsa of stale.mx.test: 0 good, " in shown and "tlsa-invalid: host stale.mx.test" in shown


def test_by_https(world, server, collector):
    collector.got.clear()
    with world.remote() as remote:
        delivered(server, remote, "web.test")
    collector.status = 503
    server.cli("tlsrpt", "send")
    [row] = reports(server)
    assert row["state"] == "tried: the server answers 503" and row["due_ms"] > time.time() * 1000
    collector.status = 201
    server.cli("tlsrpt", "send")
    [row] = reports(server)
    assert row["state"] == "sent" and row["due_ms"] == 0
    assert [(p, t) for p, t, _ in collector.got] == [("/v1", "application/tlsrpt+gzip")] * 2
    report = json.loads(gzip.decompress(collector.got[1][2]))
    assert report["policies"][0]["policy"] == {"policy-type": "no-policy-found",
                                               "policy-domain": "web.test"}


def test_once_at_a_time(world, server, collector):
    """Two who send at once, or one and the clock, make one report of what was counted."""
    collector.got.clear()
    with world.remote() as remote:
        delivered(server, remote, "web.test")
    collector.seconds = 3
    senders = [threading.Thread(target=server.cli, args=("tlsrpt", "send")) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    collector.seconds = 0
    [row] = reports(server)
    assert row["state"] == "sent" and row["successes"] == 1 and len(collector.got) == 1


def test_once_a_day(world, dns, web, make_server):
    """What was counted yesterday is reported today, at a time by chance that a restart keeps."""
    server = make_server(start=False, domain="a.test",
                         config=configuration(world, dns, web, "spread = 10h"))
    within_a_day()
    with world.remote() as remote:
        server.start()
        delivered(server, remote, "day.test")
        server.stop()
        with sqlite3.connect(server.dir / "veredus.db") as db:
            db.execute("UPDATE report_count SET day = day - 1")
        server.start()
        [row] = wait_for(lambda: reports(server), SLOW, "a report")
        assert row["state"] == "waits" and row["at_ms"] <= row["due_ms"] <= row["at_ms"] + 36_000_000
        assert row["ends_ms"] < row["at_ms"] and counts(server) == 0
        server.stop()
        server.start()
        assert reports(server) == [row] and len(remote.taken) == 1
        server.cli("tlsrpt", "send")
        wait_for(lambda: len(remote.taken) == 2, SLOW, "the report")
        server.cli("tlsrpt", "send")
        assert len(reports(server)) <= 2


def test_not_running(make_server):
    server = make_server(start=False)
    assert reports(server) == []
    done = server.cli("tlsrpt", "send", check=False)
    assert done.returncode != 0 and "does not run" in done.stderr
    assert "there is no report 7" in server.cli("tlsrpt", "show", "7", check=False).stderr


def example(report_id="r1", **more):
    return {"organization-name": "Far \x1b[1m", "contact-info": "x@far.test", "report-id": report_id,
            "date-range": {"start-datetime": "2026-04-01T00:00:00Z",
                           "end-datetime": "2026-04-01T23:59:59Z"},
            "policies": [{"policy": {"policy-type": "sts", "policy-domain": "a.test",
                                     "policy-string": ["mode: \x1b[2Jtesting"]},
                          "summary": {"total-successful-session-count": 5,
                                      "total-failure-session-count": 2},
                          "failure-details": [{"result-type": "certificate-expired",
                                               "failed-session-count": 2}]}], **more}


def message_with(body, subtype="tlsrpt+gzip"):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "x@far.test", "alice@a.test", "Report"
    message.set_content("A report.")
    message.add_attachment(body, "application", subtype)
    return message


def test_received(make_server):
    """What others report of us is read, and delivered; what is no report is just delivered."""
    server = make_server(domain="a.test", config='tls-report { address = "alice@a.test" }')
    text = json.dumps(example()).encode()
    bodies = [gzip.compress(text), text, gzip.compress(b"{}"), gzip.compress(b"[" * 10_000_000),
              b"junk", gzip.compress(json.dumps(example("r2")).encode())]
    with server.smtp() as smtp:
        for body in bodies:
            smtp.send_message(message_with(body), "x@far.test", ["Alice@a.test"])
        smtp.send_message(message_with(json.dumps(example("r3")).encode(), "tlsrpt+json"),
                          "x@far.test", ["alice@a.test"])
        smtp.send_message(message_with(gzip.compress(json.dumps(example("r4")).encode())),
                          "x@far.test", ["bob@a.test"])
    rows = wait_for(lambda: len(r := reports(server)) >= 3 and r, SLOW, "the reports")
    assert sorted(r["report_id"] for r in rows) == ["r1", "r2", "r3"]
    assert all(r["kind"] == "received" and r["from"] == "x@far.test" for r in rows)
    assert all("not signed" in r["state"] for r in rows)
    assert (rows[0]["successes"], rows[0]["failures"], rows[0]["domain"]) == (5, 2, "a.test")
    assert len(server.wait_messages(7)) == 7
    shown = server.cli("tlsrpt", "show", str(rows[0]["id"])).stdout
    assert "policy sts of a.test: 5 good, 2 bad" in shown and "2  certificate-expired" in shown
    assert "\x1b" not in shown and "\x1b" not in server.cli("tlsrpt", "list").stdout


def test_signed(make_server):
    """From counting to reading: by the key of our domain, which the receiver finds in the DNS."""
    zones = {"rpt.test": "@ MX 10 mx\nmx A 127.0.0.1\n"
                         '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:alice@rpt.test"', "a.test": ""}
    with DnsZone(zones, signed=[]) as dns:
        forwarder = f'dns {{ forwarder = "{dns.forwarder}" trust-anchor = "{dns.anchor}" }}\n'
        receiver = make_server(domain="rpt.test",
                               config=forwarder + 'tls-report { address = "alice@rpt.test" }\n')
        sender = make_server(start=False, domain="a.test",
                             config=by_mx(dns, receiver.port["smtp"]))
        sender.cli("dkim", "create", "a.test", "--now")
        keys = re.sub(r"\n\s+", " ", sender.cli("dkim", "show", "a.test").stdout)
        dns.set("a.test", "\n".join(k for k in keys.splitlines() if not k.startswith(";")))
        within_a_day()
        sender.start()
        with sender.submission("alice") as smtp:
            smtp.sendmail("alice@a.test", ["bob@rpt.test"], "Subject: counted\n\nBody.\n")
        receiver.wait_messages(1, "bob", seconds=SLOW)
        wait_for(lambda: counts(sender) == 1, SLOW, "the session to be counted")
        sender.cli("tlsrpt", "send")
        [row] = wait_for(lambda: reports(receiver), SLOW, "the report")
        assert (row["from"], row["state"]) == ("postmaster@a.test", "its DKIM signature is good")
        assert (row["domain"], row["successes"], row["failures"]) == ("rpt.test", 1, 0)
        [raw] = receiver.wait_messages(1, "alice", seconds=SLOW)
        assert b"dkim=pass" in raw and b"d=a.test" in raw
