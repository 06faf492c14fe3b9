"""What RFC 8617 says of each tag of a chain, after the plan of the ARC test suite and with what the
example in the RFC's appendix B reports: chains that are made here, and what they come to."""
import base64
import concurrent.futures
import hashlib
import json
import pathlib
import re
import tempfile

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from conftest import _factory
from dns_zone import DnsZone
from test_trust import KEYS, Keys, txt

KEY = serialization.load_pem_private_key(KEYS.rsa, None)
SMALL = serialization.load_pem_private_key(Keys(1024).rsa, None)
TINY = Keys(512)
HEADER = ["Return-Path: <jqd@d1.example>", "Message-ID: <54B84785.1060301@d1.example.org>",
          "Date: Thu, 15 Jan 2015 15:00:01 -0800", "From: John Q Doe <jqd@d1.example>",
          "To: arc@dmarc.example", "Subject: [List 2] Example  1", "Subject: a second one"]
BODY = "Hey gang,\r\nThis is a  test message. \r\n--J.\r\n"
FOUND = "lists.example.org; spf=pass smtp.mailfrom=jqd@d1.example; dkim=pass (1024-bit key) " \
        "header.i=@d1.example; dmarc=pass"


def public(key):
    return base64.b64encode(key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()


def relaxed(field):
    name, _, value = field.partition(":")
    value = re.sub(r"[ \t]+", " ", value.replace("\r\n", "")).strip()
    return f"{name.strip().lower()}:{value}"


def signature(key, text):
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def change(edits, part, instance, when, text):
    """Edits are (part, instance, before or after it is signed, pattern, replacement)."""
    for p, i, w, pattern, new in edits:
        if (p, i, w) == (part, instance, when):
            text, count = re.subn(pattern, new, text, flags=re.S)
            assert count, (pattern, text)
    return text


def signed(edits, part, instance, text, data_before, key):
    text = change(edits, part, instance, "before", text + "; b=")
    value = signature(key, data_before + relaxed(text))
    if re.search(r"\bb\s*=\s*;?$", text):
        text = re.sub(r"(\bb\s*=\s*)(;?)$", lambda m: m[1] + value + m[2], text)
    return change(edits, part, instance, "after", text)


def body_hash(body):
    lines = [re.sub(r"[ \t]+", " ", line).rstrip() for line in body.split("\r\n")]
    return base64.b64encode(hashlib.sha256(("\r\n".join(lines)).encode()).digest()).decode()


def chain(sets, edits=(), key=KEY, names="from:to:date:subject:subject:message-id"):
    """A message with so many sets."""
    header, seals = list(HEADER), []
    selector = "small" if key is SMALL else "rsa"
    for i in range(1, sets + 1):
        aar = change(edits, "aar", i, "before", f"ARC-Authentication-Results: i={i}; {FOUND}")
        ams = f"ARC-Message-Signature: i={i}; a=rsa-sha256; c=relaxed/relaxed; d=example.org; " \
              f"s={selector}; t=12345; h={names}; bh={body_hash(BODY)}"
        left, data = list(header), ""
        shown = re.search(r"\bh\s*=\s*([^;]*)", change(edits, "ams", i, "before", ams + "; b="))
        for name in shown[1].split(":") if shown else []:
            found = [f for f in left if f.partition(":")[0].lower() == name.strip().lower()]
            if found:
                left.pop(len(left) - 1 - left[::-1].index(found[-1]))
                data += relaxed(found[-1]) + "\r\n"
        ams = signed(edits, "ams", i, ams, data, key)
        before = "".join(relaxed(f) + "\r\n" for s in seals for f in s)
        seal = signed(edits, "as", i, f"ARC-Seal: i={i}; a=rsa-sha256; cv={'pass' if i > 1 else 'none'}; "
                      f"d=example.org; s={selector}; t=12345",
                      before + relaxed(aar) + "\r\n" + relaxed(ams) + "\r\n", key)
        seals.append((aar, ams, seal))
        header = [seal, ams, aar, *header]
    text = "\r\n".join(header) + "\r\n\r\n" + BODY
    for part, _, when, pattern, new in edits:
        if (part, when) == ("message", "after"):
            text, count = re.subn(pattern, lambda m: new, text, count=1)
            assert count, pattern
    return text.encode()


def one(part, when, pattern, new, instance=1, sets=1, **options):
    return chain(sets, [(part, instance, when, pattern, new)], **options)


def cases():
    """(what, message, result)"""
    yield "none", chain(0), None
    for n in (1, 2, 3, 5, 50):
        yield f"{n} sets", chain(n), "pass"
    yield "1024 bits", chain(2, key=SMALL), "pass"
    for part, name in (("as", "ARC-Seal"), ("ams", "ARC-Message-Signature")):
        for what, when, pattern, new, wanted in (
                ("white space at ;", "before", "; ", " ;  ", "pass"),
                ("white space at =", "before", "([a-z])=", r"\1 = ", "pass"),
                ("; at the end", "before", "$", ";", "pass"),
                ("an unknown tag", "before", "; t=", "; unknown=tag; t=", "pass"),
                ("no t=", "before", "; t=12345", "", "pass"),
                ("white space in b=", "after", r"(\bb=.{20})", "\\1\r\n\t ", "pass"),
                ("the name's case", "after", f"^{name}", name.upper(), "pass"),
                ("folded lines", "after", "; ", ";\r\n    ", "pass"),
                ("trailing white space", "after", "$", "   ", "pass"),
                ("white space at :", "after", "^([^:]*):", r"\1 :  ", "pass"),
                ("no name", "before", "; t=", "; =t; t=", "fail"),
                ("a tag of no letter", "before", "; t=", "; 9=x; t=", "fail"),
                ("a tag twice", "before", "; t=", "; t=1; t=", "fail"),
                ("a tag's case", "after", "; t=", "; T=", "fail"),
                ("a value's case", "after", "d=example.org", "d=Example.org", "fail"),
                ("; in a value", "after", "d=example.org", "d=exam;ple.org", "fail"),
                ("no i=", "before", " i=1;", "", "fail"),
                ("i=0", "before", "i=1", "i=0", "fail"),
                ("i=a", "before", "i=1", "i=a", "fail"),
                ("i=51", "before", "i=1", "i=51", "fail"),
                ("no a=", "before", " a=rsa-sha256;", "", "fail"),
                ("empty a=", "before", "a=rsa-sha256", "a=", "fail"),
                ("rsa-sha1", "before", "rsa-sha256", "rsa-sha1", "fail"),   # RFC 8301
                ("unknown a=", "before", "rsa-sha256", "rsa-md5", "fail"),
                ("no b=", "before", "; b=$", "", "fail"),
                ("empty b=", "after", r"\bb=.*", "b=", "fail"),
                ("no base64", "after", r"\bb=.*", "b=!!!!", "fail"),
                ("another b=", "after", r"\bb=.{4}", "b=AAAA", "fail"),
                ("no d=", "before", " d=example.org;", "", "fail"),
                ("empty d=", "before", "d=example.org", "d=", "fail"),
                ("no domain", "before", "d=example.org", "d=exa..org", "fail"),
                ("no s=", "before", " s=rsa;", "", "fail"),
                ("empty s=", "before", "s=rsa", "s=", "fail"),
                ("empty t=", "before", "t=12345", "t=", "fail"),
                ("no time", "before", "t=12345", "t=soon", "fail"),
                ("no key", "before", "s=rsa", "s=gone", "fail"),
                ("a key of 512 bits", "before", "s=rsa", "s=tiny", "fail"),
                ("no key in the record", "before", "s=rsa", "s=text", "fail")):
            yield f"{part}: {what}", one(part, when, pattern, new), wanted
    for what, pattern, new in (("no cv=", " cv=none;", ""), ("empty", "cv=none", "cv="),
                               ("unknown", "cv=none", "cv=maybe"), ("pass", "cv=none", "cv=pass"),
                               ("fail", "cv=none", "cv=fail"), ("with h=", "; t=", "; h=from; t=")):
        yield f"as: cv: {what}", one("as", "before", pattern, new), "fail"
    for said in ("none", "fail"):
        yield f"second says {said}", one("as", "before", "cv=pass", f"cv={said}", 2, 2), "fail"
    for what, pattern, new, wanted in (
            ("names in another case", "h=from:to", "h=FROM:To", "pass"),
            ("white space", "h=from:to:date", "h=from : to  :date", "pass"),
            ("what is not there", "h=from", "h=reply-to:reply-to:from", "pass"),
            ("no h=", " h=[^;]*;", "", "fail"), ("an empty name", "h=from:", "h=from::", "fail"),
            ("seals", "h=from", "h=arc-seal:from", "fail"),
            ("no bh=", " bh=[^;]*;", "", "fail"), ("empty bh=", " bh=[^;]*", " bh=", "fail"),
            ("no hash", " bh=[^;]*", " bh=!!!!", "fail"), ("other hash", " bh=....", " bh=AAAA", "fail"),
            ("no c=", " c=relaxed/relaxed;", "", "fail"), ("empty c=", "c=relaxed/relaxed", "c=", "fail"),
            ("simple", "c=relaxed/relaxed", "c=simple/simple", "fail"),
            ("unknown c=", "c=relaxed/relaxed", "c=nofws", "fail")):
        yield f"ams: {what}", one("ams", "before", pattern, new), wanted
    yield "ams: order", one("ams", "after", "h=from:to", "h=to:from"), "fail"
    for what, old, new, wanted in (
            ("white space in the body", "a  test", "a test", "pass"),
            ("at a line's end", "message. ", "message.   ", "pass"),
            ("lines at the end", "--J.\r\n", "--J.\r\n\r\n\r\n", "pass"),
            ("white space in a field", "Example  1", "Example 1", "pass"),
            ("a folded field", "Example  1", "Example\r\n\t1", "pass"),
            ("the order of others", HEADER[1] + "\r\n" + HEADER[2], HEADER[2] + "\r\n" + HEADER[1], "pass"),
            ("the body", "gang", "gong", "fail"), ("From", "John Q", "Gene Q", "fail"),
            ("Subjects turned", HEADER[5] + "\r\n" + HEADER[6], HEADER[6] + "\r\n" + HEADER[5], "fail"),
            ("a Subject more", HEADER[5], "Subject: first\r\n" + HEADER[5], "pass"),
            ("a To more", HEADER[5], "To: them\r\n" + HEADER[5], "fail")):
        yield f"changed: {what}", one("message", "after", re.escape(old), new), wanted
    whole = chain(2)
    fields = whole.split(b"\r\n")[:6]   # of the second set, then of the first
    for what, at in (("seal 2", 0), ("message 2", 1), ("results 2", 2), ("seal 1", 3), ("message 1", 4),
                     ("results 1", 5)):
        yield f"without {what}", whole.replace(fields[at] + b"\r\n", b"", 1), "fail"
        yield f"twice {what}", fields[at] + b"\r\n" + whole, "fail"
    yield "turned", b"\r\n".join(fields[::-1] + whole.split(b"\r\n")[6:]), "pass"
    for instance in (1, 2):
        for part, pattern in (("aar", "dkim=pass"), ("ams", "t=12345"), ("as", "t=12345")):
            done = fields[{"as": 0, "ams": 1, "aar": 2}[part] + 3 * (2 - instance)]
            broken = whole.replace(done, done.replace(pattern.encode(), pattern.encode() + b"1"))
            yield f"changed {part} {instance}", broken, "fail"
    for what, pattern, new in (("no i=", " i=1;", ""), ("another i=", "i=1", "i=2"),
                               ("i= not in front", r"i=1; ([^;]*);", r"\1; i=1;"),
                               ("no ;", "i=1;", "i=1")):
        yield f"aar: {what}", one("aar", "before", pattern, new), "fail"


@pytest.fixture(scope="module")
def server():
    make, dispose = _factory(pathlib.Path(tempfile.mkdtemp(prefix="veredus-")))
    keys = {"rsa": public(KEY), "small": public(SMALL), "tiny": TINY.rsa_p}
    zone = [txt(f"{name}._domainkey", f"v=DKIM1; p={p}") for name, p in keys.items()]
    with DnsZone({"example.org": "\n".join([*zone, 'text._domainkey TXT "v=DKIM1; p=text"'])}) as dns:
        yield make(start=False, config=f'dns {{\n forwarder = "{dns.forwarder}"\n'
                                       f' trust-anchor = "{dns.anchor}"\n}}')
    dispose()


def test_chains(server):
    def judge(item):
        number, (what, message, wanted) = item
        path = server.dir / f"{number}.eml"
        path.write_bytes(message)
        verdicts = json.loads(server.cli("explain", "--json", path).stdout)
        found = next((v for v in verdicts if v["method"] == "arc"), {"result": None})
        return None if found["result"] == wanted else (what, wanted, found)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        wrong = [w for w in pool.map(judge, enumerate(cases())) if w]
    assert not wrong, json.dumps(wrong, indent=1)
