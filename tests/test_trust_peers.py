"""What other programs say of the same mail: Rspamd, OpenDMARC and Exim verify what we sign and seal, we
verify what they sign, and on mail in order, changed and forged all agree."""
import json
import pathlib
import re
import tempfile

import pytest

from conftest import _factory, wait_for
from dns_zone import DnsZone
from peers import Exim
from remote import Remote
from test_dkim_sign import Signer, message
from test_trust import KEYS, MESSAGE, sign, txt
from trust_peers import OpenDmarc, Resolver, Rspamd

HERE = '@ TXT "v=spf1 ip4:192.0.2.1 -all"'


def zones():
    key = txt("rsa._domainkey", f"v=DKIM1; k=rsa; p={KEYS.rsa_p}")

    def domain(policy, spf=HERE):
        return "\n".join([key, spf, *([f'_dmarc TXT "v=DMARC1; p={policy}"'] if policy else [])])
    return {"signed.test": domain("reject"), "quarantine.test": domain("quarantine"),
            "none.test": domain("none"), "soft.test": domain("reject", '@ TXT "v=spf1 ~all"'),
            "home.test": domain("reject", '@ TXT "v=spf1 ip4:127.0.0.1 ip4:192.0.2.1 -all"'),
            "bare.test": domain(None), "nothing.test": "", "exim.test": txt(
                "exim._domainkey", f"v=DKIM1; k=rsa; p={KEYS.rsa_p}"), "example.test": ""}


@pytest.fixture(scope="module")
def all_here():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    with Remote() as remote, DnsZone(zones(), signed=[]) as zone, Rspamd(zone) as rspamd:
        signer = Signer(make, remote, zone, "trust { dmarc-policy = report }")
        signer.cli("create", "example.test", "--now")
        signer.publish()
        signer.rspamd = rspamd
        signer.server.cli("alias", "add", "away@example.test", "ann@far.test")
        yield signer
        dispose()


def ours(server, data, sender, ip):
    path = pathlib.Path(server.dir) / "letter.eml"
    path.write_bytes(data)
    found = json.loads(server.cli("explain", "--json", "--ip", ip, "--helo", "c.nothing.test", "--from",
                                  sender, path).stdout)
    return {v["method"]: (v["result"], v["properties"].get("policy.dmarc")) for v in reversed(found)}


SYMBOLS = {
    "dkim": {"pass": "R_DKIM_ALLOW", "fail": "R_DKIM_REJECT", "none": "R_DKIM_NA",
             "permerror": "R_DKIM_PERMFAIL"},
    "spf": {"pass": "R_SPF_ALLOW", "fail": "R_SPF_FAIL", "softfail": "R_SPF_SOFTFAIL", "none": "R_SPF_NA"},
}
POLICIES = {"reject": "DMARC_POLICY_REJECT", "quarantine": "DMARC_POLICY_QUARANTINE",
            "none": "DMARC_POLICY_SOFTFAIL"}


def dmarc_symbol(result, policy):
    return {"pass": "DMARC_POLICY_ALLOW", "none": "DMARC_NA"}.get(result) or POLICIES[policy]


def letters():
    """(what it is, the message, the sender, the host)"""
    def of(author):
        return MESSAGE.replace(b"ann@signed.test", b"ann@" + author.encode())
    away, home = "198.51.100.9", "192.0.2.1"
    yield "signed", sign(), "ann@nothing.test", away
    yield "signed by relaxed/simple", sign(canonicalize=(b"relaxed", b"simple")), "ann@nothing.test", away
    yield "changed", sign().replace(b"Hello, Alice", b"Hello, Malice"), "ann@nothing.test", away
    yield "no key", sign(selector=b"none"), "ann@nothing.test", away
    yield "from home", MESSAGE, "ann@signed.test", home
    yield "forged", MESSAGE, "ann@signed.test", away
    yield "signed by another", sign(domain=b"none.test"), "ann@none.test", home
    yield "quarantine", of("quarantine.test"), "ann@nothing.test", away
    yield "none", of("none.test"), "ann@none.test", away
    yield "soft", of("soft.test"), "ann@soft.test", away
    yield "subdomain", of("sub.signed.test"), "ann@nothing.test", away
    yield "from here", of("home.test"), "ann@home.test", home
    yield "no policy", of("bare.test"), "ann@bare.test", home


def test_rspamd_finds_the_same(all_here):
    for what, data, sender, ip in letters():
        mine = ours(all_here.server, data, sender, ip)
        theirs = all_here.rspamd.symbols(data, sender=sender, ip=ip, helo="c.nothing.test")
        wanted = {SYMBOLS["dkim"][mine["dkim"][0]], SYMBOLS["spf"][mine["spf"][0]],
                  dmarc_symbol(*mine["dmarc"])}
        assert wanted <= set(theirs), (what, mine, theirs)


def test_rspamd_takes_our_signatures_and_seals(all_here):
    data = all_here.send(message())
    found = all_here.rspamd.symbols(data, sender="alice@example.test")
    assert len(found["R_DKIM_ALLOW"]) == 2, found
    assert "R_DKIM_REJECT" in all_here.rspamd.symbols(data + b"more\r\n", sender="alice@example.test")
    before = len(all_here.remote.taken)
    with all_here.server.smtp() as smtp:
        smtp.sendmail("ann@signed.test", ["away@example.test"], sign())
    wait_for(lambda: len(all_here.remote.taken) > before, 30, "the message")
    sealed = all_here.remote.taken[-1].data
    assert "ARC_ALLOW" in all_here.rspamd.symbols(sealed)
    assert "ARC_REJECT" in all_here.rspamd.symbols(sealed.replace(b"Hello, Alice", b"Hello, Malice"))


def test_signed_by_rspamd(all_here):
    all_here.zone.set("signed.test", zones()["signed.test"] + "\n"
                      + txt("rspamd._domainkey", all_here.rspamd.record))
    data = all_here.rspamd.signature(MESSAGE) + MESSAGE
    assert ours(all_here.server, data, "ann@nothing.test", "198.51.100.9")["dkim"][0] == "pass"
    changed = data.replace(b"Hello, Alice", b"Hello, Malice")
    assert ours(all_here.server, changed, "ann@nothing.test", "198.51.100.9")["dkim"][0] == "fail"


def test_opendmarc_finds_the_same(all_here):
    """It reads what we found from Authentication-Results."""
    with Resolver(all_here.zone) as resolver, OpenDmarc("mx.example.test", resolver) as opendmarc:
        for what, data, sender, _ in letters():
            before = len(all_here.server.messages())
            with all_here.server.smtp() as smtp:
                smtp.sendmail(sender, ["alice@example.test"], data)
            got = all_here.server.wait_messages(before + 1)[-1]
            mine = re.search(rb"dmarc=(\w+)", got)
            theirs = re.search(rb"dmarc=(\w+)", opendmarc.fields(got, sender=sender.encode()))
            assert mine and theirs and mine[1] == theirs[1], (what, mine, theirs, got)


def test_exim(all_here):
    """Signs what we verify, and verifies what we sign."""
    transport = "  dkim_domain = exim.test\n  dkim_selector = exim\n  dkim_canon = relaxed\n" \
                "  dkim_private_key = ${readfile{KEY}}"
    signed = all_here.send(message())
    before = len(all_here.server.messages())
    with Resolver(all_here.zone) as resolver, \
            Exim(all_here.server.port["smtp"], "log_selector = +dkim_verbose", transport) as exim:
        (exim.dir / "key").write_bytes(KEYS.rsa)
        configuration = exim.dir / "exim.conf"
        configuration.write_text(configuration.read_text().replace("{KEY}", f"{{{exim.dir}/key}}"))
        exim.inside.append(resolver.mount(exim.dir))
        text = signed.decode().replace("\r\n", "\n").replace("\n.", "\n..")
        exim.smtp("EHLO client.test\nMAIL FROM:<ann@exim.test>\nRCPT TO:<alice@example.test>\nDATA\n"
                  + text + ".\nQUIT\n")
        log = exim.log()
    verified = re.findall(r"DKIM: d=example\.test .* a=(\S+) .*\[(.*?)\]", log)
    assert ("rsa-sha256", "verification succeeded") in verified, log
    assert all(said == "verification succeeded" for _, said in verified), log
    got = all_here.server.wait_messages(before + 1)[-1].decode()
    field = " ".join(re.search(r"^Authentication-Results: (.*?)^\S", got, re.M | re.S)[1].split())
    assert re.search(r"dkim=pass header\.d=exim\.test header\.s=exim", field), field
