"""The test suite of openspf.org for RFC 7208, as Debian's python3-spf brings it: 203 questions in 16
worlds, each with the results that may be given."""
import concurrent.futures
import gzip
import json
import pathlib
import re

import dns.rcode
import pytest
import yaml

from odd_dns import OddDns

SUITE = pathlib.Path("/usr/share/doc/python3-spf/rfc7208-tests.yml.gz")


def scenarios():
    if not SUITE.exists():   # systems without /usr/share/doc
        return []
    with gzip.open(SUITE, "rt", encoding="utf-8") as text:
        return [s for s in yaml.safe_load_all(text) if s]


class World:
    """Answers from what the suite calls zonedata: {name: [{type: value}, "TIMEOUT"]}. An SPF stands for
    a TXT, unless there is one; what comes after "TIMEOUT" of a name that is not there gets no answer."""

    def __init__(self, zonedata):
        self.records, self.silent = {}, set()
        for name, entries in zonedata.items():
            name = name.lower().rstrip(".")
            kinds = self.records.setdefault(name, {})
            for entry in entries:
                if entry == "TIMEOUT":
                    self.silent.add(name)
                    continue
                for kind, value in entry.items():
                    if value != []:   # a TXT without any string is none on the wire
                        kinds.setdefault(kind, []).append(value)
            if "SPF" in kinds and "TXT" not in kinds:
                kinds["TXT"] = kinds["SPF"]

    @staticmethod
    def text(kind, value):
        if kind == "TXT":
            strings = [value] if isinstance(value, str) else value
            return " ".join('"' + "".join(f"\\{b:03}" for b in s.encode()) + '"' for s in strings)
        if kind == "MX":
            return f"{value[0]} {value[1] or ''}".rstrip(".") + "."
        if kind in ("PTR", "CNAME"):
            return value.rstrip(".") + "."
        return value

    def __call__(self, server, name, kind, query):
        name = name.replace("\\032", " ")
        kinds = self.records.get(name)
        if kinds is None:
            return server.nothing(query)
        values = kinds.get(kind, [])
        values = [v for v in values if v != "NONE"]
        if "TIMEOUT" in values or (not values and name in self.silent):
            return None
        if not values and "CNAME" in kinds:
            return server.reply(query, "CNAME", *[self.text("CNAME", v) for v in kinds["CNAME"]])
        return server.reply(query, kind, *[self.text(kind, v) for v in values])


def wanted(case):
    return case["result"] if isinstance(case["result"], list) else [case["result"]]


def judge(server, case):
    local, at, domain = case["mailfrom"].rpartition("@")
    if at and not re.fullmatch(r"[\w.+=-]+", local):
        local = f'"{local}"'
    done = server.cli("explain", "--json", "--ip", case["host"], "--helo", case["helo"], "--from",
                      local + at + domain or "<>", server.dir / "letter.eml", check=False)
    # What is no address never comes so far: MAIL FROM is refused.
    if "no address" in done.stderr:
        return {"result": "none", "evidence": {}}
    verdicts = json.loads(done.stdout)
    found = [v for v in verdicts if v["method"] == "spf"]
    return found[0] if found else {"result": "none", "evidence": {}}


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s["description"].replace(" ", "-"))
def test_suite(make_server, scenario):
    with OddDns(World(scenario["zonedata"])) as odd:
        hasty, patient = (make_server(start=False, config=f"""
            dns {{ forwarder = "{odd.forwarder}" trust-anchor = "{odd.anchor}" }}
            trust {{ timeout = {seconds}s }}""") for seconds in (2, 6))
        for server in hasty, patient:
            (server.dir / "letter.eml").write_bytes(b"From: a@b.test\r\n\r\nHello\r\n")

        def found_in(case):
            # Who waits in vain need not wait long.
            return judge(hasty if wanted(case) == ["temperror"] else patient, case)

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            names = list(scenario["tests"])
            found = list(pool.map(lambda n: found_in(scenario["tests"][n]), names))
    wrong = []
    for name, verdict in zip(names, found):
        case = scenario["tests"][name]
        text = verdict["evidence"].get("explanation", "DEFAULT")
        # The suite has digits of IPv6 addresses in upper case, section 7.4 has them in lower case.
        if verdict["result"] not in wanted(case) or (
                verdict["result"] == "fail" and
                case.get("explanation", text).lower() != text.lower()):
            wrong.append((name, wanted(case), case.get("explanation"), verdict))
    assert not wrong, json.dumps(wrong, indent=1)
