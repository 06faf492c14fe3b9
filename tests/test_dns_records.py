"""veredus dns: what it says to publish is what it wants to find, and what is wrong is named."""
import json
import re

import pytest

from dns_zone import DnsZone

REVERSE = "2.0.192.in-addr.arpa"
HOST = "mx A 192.0.2.25\n"


@pytest.fixture(scope="module")
def zone():
    with DnsZone({"example.test": "", REVERSE: ""}) as zone:
        yield zone


@pytest.fixture
def server(zone, make_server):
    return make_server(start=False, config=f"""
dns {{ forwarder = "{zone.forwarder}" trust-anchor = "{zone.anchor}" }}
mta-sts {{ timeout = 1s }}""")


def check(server):
    result = server.cli("dns", "check", "example.test", "--json", check=False)
    items = json.loads(result.stdout)
    return result.returncode, {(i["name"], i["type"]): i for i in items}


def states(items):
    return {name.removesuffix(".example.test"): i["state"] for (name, _), i in items.items()}


def test_what_it_shows_is_what_it_wants(server, zone):
    server.cli("dkim", "create", "example.test")
    zone.set("example.test", "")
    zone.set(REVERSE, "25 PTR mx.example.test.")
    code, items = check(server)
    assert code == 3
    assert items["example.test", "MX"]["state"] == "missing"
    assert items["_smtp._tls.example.test", "TXT"]["state"] == "none"

    shown = re.sub(r"\n\s+", " ", server.cli("dns", "show").stdout).splitlines()
    lines = [line for line in shown if not line.startswith(";")
             and not re.match(r"(mx\.example\.test|\S+\.arpa)\. ", line)]
    zone.set("example.test", HOST + "\n".join(lines))
    result = server.cli("dns", "check")
    assert result.returncode == 0
    assert "missing" not in result.stdout and "wrong" not in result.stdout
    code, items = check(server)
    assert code == 0
    # The port that is served, and an address that leads back.
    assert states(items)["_imaps._tcp"] == "good"
    assert items["25.2.0.192.in-addr.arpa", "PTR"]["found"] == "mx.example.test"
    # A zone that is signed, and the key of the certificate that is used.
    tlsa = next(line for line in shown if " IN TLSA " in line).removeprefix("; ")
    assert states(items)["_25._tcp.mx"] == "none"
    zone.set("example.test", HOST + "\n".join(lines + [tlsa]))
    assert states(check(server)[1])["_25._tcp.mx"] == "good"


def test_each_mistake_has_its_words(server, zone):
    server.cli("dkim", "create", "example.test", "--selector", "s", "--algorithm", "ed25519")
    zone.set(REVERSE, "25 PTR host-25.provider.test.")
    zone.set("example.test", HOST + f"""
@ MX 10 mail.elsewhere.test.
@ TXT "v=spf1 ip4:198.51.100.1 -all"
_dmarc TXT "v=DMARC1; p=none"
_dmarc TXT "v=DMARC1; p=reject"
s._domainkey TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
_25._tcp.mx TLSA 3 1 1 {'00' * 32}
_imaps._tcp SRV 0 1 993 imap.elsewhere.test.
_mta-sts TXT "v=STSv1; id=1"
""")
    code, items = check(server)
    assert code == 3
    said = {name.removesuffix(".example.test"): i["text"] for (name, kind), i in items.items()
            if i["state"] == "wrong" and kind != "MX"}
    assert "192.0.2.25 comes to fail" in said["example.test"]
    assert "several" in said["_dmarc"]
    assert "another key" in said["s._domainkey"]
    assert "DANE" in said["_25._tcp.mx"]
    assert "elsewhere" in said["_imaps._tcp"]
    assert "mta-sts.example.test/.well-known" in said["_mta-sts"]
    assert "another name" in said["25.2.0.192.in-addr.arpa"]
    assert items["example.test", "MX"]["found"] == "10 mail.elsewhere.test"
    # The same in words, with what belongs there.
    told = server.cli("dns", "check", check=False).stdout
    assert "example.test. IN MX 10 mx.example.test." in told and "8 missing or wrong" in told
    zone.set("example.test", "mx CNAME host.example.test.\nhost A 192.0.2.25\n")
    assert "CNAME" in check(server)[1]["mx.example.test", "A"]["text"]


def test_no_answer_and_no_domain(server, zone):
    assert "veredus domain add" in server.cli("dns", "show", "x.test", check=False).stderr
    server.configure('dns { forwarder = "127.0.0.1@1" timeout = 1s }')
    result = server.cli("dns", "check", check=False)
    assert result.returncode in (3, 75) and "unknown" in result.stdout
