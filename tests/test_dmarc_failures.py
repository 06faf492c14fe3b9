"""DMARC failure reports (RFC 9991): domains are told of single messages, and what they tell us of is
read."""
import email
import email.policy
import json

from conftest import wait_for, within_a_day
from dns_zone import DnsZone
from remote import Remote
from test_relay import SLOW
from test_trust import KEYS, txt


def zones():
    def domain(record, more=""):
        return (f'@ MX 10 mx.hosts.test.\n_dmarc TXT "v=DMARC1; {record}"\n@ TXT "v=spf1 -all"\n'
                + txt("s._domainkey", f"v=DKIM1; p={KEYS.rsa_p}") + "\n" + more)

    return {
        "hosts.test": "mx A 127.0.0.1",
        "fail.test": domain("p=reject; ruf=mailto:f@fail.test,mailto:x@stranger.test",
                            "one MX 0 .\ntwo MX 0 .\nthree MX 0 ."),
        "away.test": domain("p=none; ruf=mailto:b@collect.test!1m"),
        "collect.test": '@ MX 10 mx.hosts.test.\naway.test._report._dmarc TXT "v=DMARC1"',
        "stranger.test": "@ MX 10 mx.hosts.test.",
        "quiet.test": domain("p=none"),
        "suffix.test": domain("p=none; psd=y; ruf=mailto:f@suffix.test"),
        "a.test": "@ MX 10 mx.hosts.test.",
    }


def hand_in(server, author, sender="bob@quiet.test", more=""):
    message = (f"From: Ann <ann@{author}>\r\nTo: Alice <alice@a.test>\r\nSubject: Private\r\n"
               f"Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@letter.test>\r\n{more}\r\n"
               "Hello.\r\n")
    with server.smtp() as smtp:
        smtp.ehlo()
        smtp.mail(sender)
        smtp.rcpt("alice@a.test")
        return smtp.data(message.encode())[0]


def failures(server):
    return json.loads(server.cli("dmarc", "failure", "--json").stdout)


def test_told_and_read(make_server):
    with DnsZone(zones()) as zone, Remote() as remote:
        server = make_server(domain="a.test", config=f"""
dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}
queue {{ smtp-port = {remote.port} retry-first = 100ms retry-max = 1s }}
dmarc-report {{ failures = yes failures-per-day = 2 address = "alice@a.test" }}""")
        within_a_day()
        signature = "DKIM-Signature: v=1; a=rsa-sha256; d=fail.test; s=s; h=from; bh=YWJj; b=YWJj\r\n"
        assert hand_in(server, "fail.test", more=signature) == 550
        wait_for(lambda: len(remote.taken) == 1, SLOW, "a report")
        # The same again is no news; who did not agree to be told is not.
        assert hand_in(server, "fail.test", more=signature) == 550
        assert hand_in(server, "quiet.test") == 250
        assert hand_in(server, "suffix.test") == 250
        assert hand_in(server, "away.test") == 250
        wait_for(lambda: len(remote.taken) == 2, SLOW, "the report of another domain")
        assert remote.taken[1].recipients == ["b@collect.test"]
        # Other ways to fail, and no more than two reports a day to one address.
        assert hand_in(server, "fail.test", "x@one.fail.test") == 550
        wait_for(lambda: len(remote.taken) == 3, SLOW, "the second report")
        assert hand_in(server, "fail.test", "x@two.fail.test") == 550
        wait_for(lambda: "enough for today" in server.log_text(), SLOW, "the limit")
        rows = failures(server)
        assert [(r["domain"], r["to"]) for r in rows] == [
            ("fail.test", "mailto:f@fail.test"), ("away.test", "mailto:b@collect.test"),
            ("fail.test", "mailto:f@fail.test")]

        taken = remote.taken[0]
        assert (taken.sender, taken.recipients) == ("postmaster@a.test", ["f@fail.test"])
        got = email.message_from_bytes(taken.data, policy=email.policy.default)
        assert got.get_content_type() == "multipart/report"
        assert got["Content-Type"].params["report-type"] == "feedback-report"
        text, report, header = got.iter_parts()
        assert "fail.test" in text.get_content()
        assert report.get_content_type() == "message/feedback-report"
        fields = report.get_payload()[0]
        assert fields["Feedback-Type"] == "auth-failure" and fields["Auth-Failure"] == "dmarc"
        assert fields["Identity-Alignment"] == "dkim, spf" and fields["Delivery-Result"] == "reject"
        assert fields["Source-IP"] == "127.0.0.1" and fields["Reported-Domain"] == "fail.test"
        assert fields["DKIM-Domain"] == "fail.test" and fields["DKIM-Selector"] == "s"
        assert fields["Original-Mail-From"] == "<redacted@quiet.test>"
        assert "dmarc=fail" in fields["Authentication-Results"]
        assert header.get_content_type() == "text/rfc822-headers"
        shown = header.get_payload()
        assert "From: Ann <redacted@fail.test>" in shown and "<1@letter.test>" in shown
        assert "Private" not in shown and "alice" not in shown and "bob" not in taken.data.decode()

        # Read as they come, and a broken one does no harm.
        with server.smtp() as smtp:
            smtp.sendmail("f@quiet.test", ["alice@a.test"], taken.data)
            smtp.sendmail("f@quiet.test", ["alice@a.test"],
                          taken.data.replace(b"auth-failure", b"\xff\xfe").replace(b": 1", b""))
        came, = wait_for(lambda: [r for r in failures(server) if r["kind"] == "received"], SLOW, "it")
        assert came["domain"] == "fail.test" and came["failures"] == 1
        shown = server.cli("dmarc", "failure", str(came["id"])).stdout
        assert "Auth-Failure: dmarc\n" in shown and "Source-IP: 127.0.0.1\n" in shown
        assert json.loads(server.cli("dmarc", "report", "--json").stdout) == []
