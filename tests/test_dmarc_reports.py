"""DMARC aggregate reports (RFC 9990): mail is counted, its domains are told once a day, and what they
tell of us is read."""
import email
import email.message
import email.policy
import gzip
import io
import json
import sqlite3
import time
import zipfile
from xml.etree import ElementTree

import pytest

from conftest import wait_for, within_a_day
from dns_zone import DnsZone
from remote import Remote
from test_relay import SLOW
from test_trust import KEYS, sign, txt

NS = {"d": "urn:ietf:params:xml:ns:dmarc-2.0"}
KEY = txt("rsa._domainkey", f"v=DKIM1; p={KEYS.rsa_p}")
HERE, NOWHERE = '@ TXT "v=spf1 ip4:127.0.0.1 -all"', '@ TXT "v=spf1 -all"'


def zones():
    def domain(record, more=""):
        return f'@ MX 10 mx.hosts.test.\n_dmarc TXT "v=DMARC1; {record}"\n{KEY}\n{NOWHERE}\n{more}'

    return {
        "hosts.test": "mx A 127.0.0.1",
        "good.test": domain("p=reject; rua=mailto:dmarc%2Brua@good.test!10m", f"sub {HERE[2:]}"),
        "bad.test": domain("p=reject; sp=none; rua=mailto:a@bad.test"),
        "trying.test": domain("p=quarantine; t=y; rua=mailto:a@trying.test"),
        "silent.test": domain("p=none"),
        "away.test": domain("p=none; rua=mailto:a@collect.test,mailto:b@stranger.test"),
        "collect.test": '@ MX 10 mx.hosts.test.\naway.test._report._dmarc TXT "v=DMARC1"',
        "stranger.test": "@ MX 10 mx.hosts.test.",
        "a.test": "@ MX 10 mx.hosts.test.",
    }


@pytest.fixture(scope="module")
def dns():
    with DnsZone(zones()) as zone:
        yield zone


@pytest.fixture
def remote():
    with Remote() as remote:
        yield remote


def by_mx(zone, port):
    return (f'dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}\n'
            f'queue {{ smtp-port = {port} retry-first = 100ms retry-max = 1s }}\n')


@pytest.fixture
def server(dns, remote, make_server):
    return make_server(domain="a.test", config=by_mx(dns, remote.port)
                       + 'dmarc-report { enabled = yes organization = "A & B" }\n')


def letter(author):
    return (f"From: Ann <ann@{author}>\r\nTo: alice@a.test\r\nSubject: Hello\r\n"
            f"Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@letter.test>\r\n\r\nHello.\r\n"
            ).encode()


def hand_in(server, author, sender="x@silent.test", signer=None, refused=False):
    message = letter(author)
    if signer:
        message = sign(message, domain=signer.encode(), include_headers=[b"from", b"subject"])
    with server.smtp() as smtp:
        smtp.ehlo()
        smtp.mail(sender)
        smtp.rcpt("alice@a.test")
        code, reply = smtp.data(message)
    assert code == (550 if refused else 250), reply


def reports(server):
    return json.loads(server.cli("dmarc", "report", "--json").stdout)


def counts(server):
    with sqlite3.connect(f"file:{server.dir}/veredus.db?mode=ro", uri=True, timeout=60) as db:
        return db.execute("SELECT count(*) FROM report_count WHERE kind = 1").fetchone()[0]


def test_a_day_has_so_many_rows(dns, remote, make_server):
    server = make_server(domain="a.test", config=by_mx(dns, remote.port)
                         + "dmarc-report { enabled = yes max-rows-a-day = 2 }\n")
    within_a_day()
    for i in range(4):
        hand_in(server, "trying.test", sender=f"x@s{i}.silent.test")
    hand_in(server, "trying.test", sender="x@s0.silent.test")
    server.cli("dmarc", "send")
    report, = reports(server)
    assert report["successes"] + report["failures"] in (2, 3)   # s0 may be one of the two
    assert server.log_text().count("report.counts.full") == 1


def test_sent(server, remote):
    within_a_day()
    hand_in(server, "good.test", signer="good.test")
    hand_in(server, "good.test", signer="good.test")
    hand_in(server, "good.test", sender="x@sub.good.test")
    hand_in(server, "bad.test", refused=True)
    hand_in(server, "trying.test")
    hand_in(server, "silent.test")
    hand_in(server, "away.test")
    server.cli("dmarc", "send")
    rows = {(r["domain"], r["to"]): r for r in reports(server)}
    assert set(rows) == {("good.test", "mailto:dmarc%2Brua@good.test"), ("bad.test", "mailto:a@bad.test"),
                         ("trying.test", "mailto:a@trying.test"), ("away.test", "mailto:a@collect.test")}
    assert {d: (r["successes"], r["failures"]) for (d, _), r in rows.items()} == {
        "good.test": (3, 0), "bad.test": (0, 1), "trying.test": (0, 1), "away.test": (0, 1)}
    assert all(r["kind"] == "sent" and r["state"].startswith("in the queue as") for r in rows.values())
    assert counts(server) == 0
    wait_for(lambda: len(remote.taken) == 4, SLOW, "the reports")
    by_domain = {}
    for taken in remote.taken:
        got = email.message_from_bytes(taken.data, policy=email.policy.default)
        by_domain[got["Subject"].split()[2]] = (taken, got)
    taken, got = by_domain["good.test"]
    assert (taken.sender, taken.recipients) == ("postmaster@a.test", ["dmarc+rua@good.test"])
    assert got["From"] == "postmaster@a.test" and got.get_content_type() == "multipart/mixed"
    text, attached = got.iter_parts()
    assert "3 succeeded, 0 failed" in text.get_content()
    assert attached.get_content_type() == "application/gzip"
    midnight = int(time.time()) // 86400 * 86400
    assert attached.get_filename() == f"mx.a.test!good.test!{midnight}!{midnight + 86399}.xml.gz"
    feedback = ElementTree.fromstring(gzip.decompress(attached.get_content()))
    assert [e.tag.split("}")[1] for e in feedback] == ["version", "report_metadata", "policy_published",
                                                       "record", "record"]
    assert feedback.findtext(".//d:org_name", None, NS) == "A & B"
    report_id = feedback.findtext(".//d:report_id", None, NS)
    assert f"Report-ID: <{report_id}>" in got["Subject"] and "Submitter: mx.a.test" in got["Subject"]
    policy = {e.tag.split("}")[1]: e.text for e in feedback.find("d:policy_published", NS)}
    assert policy == {"domain": "good.test", "discovery_method": "treewalk", "p": "reject", "sp": "reject",
                      "np": "reject", "adkim": "r", "aspf": "r", "testing": "n"}
    told = {(r.findtext(".//d:policy_evaluated/d:dkim", None, NS),
             r.findtext(".//d:policy_evaluated/d:spf", None, NS),
             r.findtext(".//d:envelope_from", None, NS)): r for r in feedback.findall("d:record", NS)}
    signed = told["pass", "fail", "silent.test"]
    assert signed.findtext(".//d:count", None, NS) == "2"
    assert signed.findtext(".//d:source_ip", None, NS) == "127.0.0.1"
    assert signed.findtext(".//d:disposition", None, NS) == "pass"
    assert signed.findtext(".//d:header_from", None, NS) == "good.test"
    assert [e.text for e in signed.find(".//d:auth_results/d:dkim", NS)][:3] == ["good.test", "rsa", "pass"]
    assert [e.text for e in signed.find(".//d:auth_results/d:spf", NS)] == ["silent.test", "mfrom", "fail"]
    assert told["fail", "pass", "sub.good.test"].findtext(".//d:count", None, NS) == "1"

    def evaluated(domain):
        attached = list(by_domain[domain][1].iter_parts())[1]
        xml = ElementTree.fromstring(gzip.decompress(attached.get_content()))
        return (xml.findtext(".//d:disposition", None, NS), xml.findtext(".//d:reason/d:type", None, NS))

    assert evaluated("bad.test") == ("reject", None)
    assert evaluated("trying.test") == ("none", "policy_test_mode")
    shown = server.cli("dmarc", "report", str(rows["bad.test", "mailto:a@bad.test"]["id"])).stdout
    assert "policy of bad.test: p=reject sp=none np=none" in shown
    assert "1  127.0.0.1  dkim fail, spf fail: reject  from bad.test, envelope silent.test" in shown


def test_by_policy(server, remote, dns):
    """A domain that changes its policy within a day gets a report for each."""
    within_a_day()
    hand_in(server, "good.test", signer="good.test")
    wait_for(lambda: counts(server) == 1, SLOW, "the count")
    with sqlite3.connect(server.dir / "veredus.db", timeout=60) as db:
        db.execute("UPDATE report_count SET policy = replace(policy, '\"p\":\"reject\"', '\"p\":\"none\"')")
    hand_in(server, "good.test", signer="good.test")
    server.cli("dmarc", "send")
    rows = reports(server)
    assert [(r["domain"], r["successes"]) for r in rows] == [("good.test", 1)] * 2
    shown = [json.loads(server.cli("dmarc", "report", str(r["id"]), "--json").stdout)[0] for r in rows]
    assert {s["report"]["policy_published"]["p"] for s in shown} == {"none", "reject"}


def test_off_by_default(dns, make_server):
    server = make_server(domain="a.test", config=by_mx(dns, 9))
    hand_in(server, "good.test", signer="good.test")
    server.cli("dmarc", "send")
    assert reports(server) == [] and counts(server) == 0


def example(report_id, domain="a.test"):
    return f"""<?xml version="1.0"?><feedback><report_metadata><org_name>Far \u00e4way</org_name>
<email>x@far.test</email><report_id>{report_id}</report_id><date_range><begin>1775001600</begin>
<end>1775087999</end></date_range></report_metadata><policy_published><domain>{domain}</domain>
<p>none</p><pct>100</pct></policy_published><record><row><source_ip>192.0.2.9</source_ip>
<count>7</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>pass</spf>
</policy_evaluated></row><identifiers><header_from>{domain}</header_from></identifiers><auth_results>
<spf><domain>{domain}</domain><result>pass</result></spf></auth_results></record></feedback>""".encode()


def zipped(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", text)
    return out.getvalue()


def message_with(body, subtype):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "x@far.test", "alice@a.test", "Report"
    message.set_content("A report.")
    message.add_attachment(body, "application", subtype, filename="report.bin")
    return message


def test_received(make_server):
    """In each packing that senders use; what is none is just delivered."""
    server = make_server(domain="a.test", config='dmarc-report { address = "alice@a.test" }')
    bombs = [gzip.compress(b"<feedback>" * 10_000_000), zipped(b" " * 100_000_000),
             b"junk", gzip.compress(b"<feedback/>"),
             gzip.compress(b'<!DOCTYPE f [<!ENTITY a "b">]>' + example("r9"))]
    parts = [(gzip.compress(example("r1")), "gzip"), (zipped(example("r2")), "zip"),
             (example("r3"), "xml"), (gzip.compress(example("r4")), "octet-stream"),
             *((b, "gzip") for b in bombs)]
    with server.smtp() as smtp:
        for body, subtype in parts:
            smtp.send_message(message_with(body, subtype), "x@far.test", ["alice@a.test"])
        smtp.send_message(message_with(gzip.compress(example("r5")), "gzip"), "x@far.test", ["bob@a.test"])
    assert len(server.wait_messages(len(parts))) == len(parts)
    rows = wait_for(lambda: len(r := reports(server)) >= 4 and r, SLOW, "the reports")
    assert sorted(r["report_id"] for r in rows) == ["r1", "r2", "r3", "r4"]
    assert all((r["kind"], r["successes"], r["domain"]) == ("received", 7, "a.test") for r in rows)
    assert rows[0]["organization"] == "Far ??way" and "not signed" in rows[0]["state"]
    assert "192.0.2.9" in server.cli("dmarc", "report", str(rows[0]["id"])).stdout
    assert json.loads(server.cli("tlsrpt", "list", "--json").stdout) == []


def test_not_running(make_server):
    server = make_server(start=False)
    assert reports(server) == []
    assert "does not run" in server.cli("dmarc", "send", check=False).stderr
    assert "there is no report 7" in server.cli("dmarc", "report", "7", check=False).stderr
