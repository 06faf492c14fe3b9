"""Scripts mean here what they mean elsewhere: the same scripts and messages go through Pigeonhole's
sieve-test, and both come to the same actions."""
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import VEREDUS

pytestmark = pytest.mark.skipif(not shutil.which("sieve-test"), reason="no sieve-test")

PLAIN = """\
Return-Path: <coyote@desert.example.org>
Received: from a.example (a.example [192.0.2.1]) by mx.example.test;
\tTue, 1 Apr 1997 09:06:31 -0800
Received: from b.example by a.example; Mon, 31 Mar 1997 23:00:00 +0100
Date: Tue, 1 Apr 1997 09:06:31 -0800
From: "Wile E." <coyote@desert.example.org>
To: roadrunner@acme.example.com, Second <second+tag@example.test>
Cc: undisclosed-recipients:;
Subject: =?utf-8?Q?I_have_a_pr=C3=A9sent?= for you
X-Count: 10
X-Count: 7
X-Empty:
X-Folded: one
  two
X-List: A list <list.example.org>
Message-ID: <1@desert.example.org>

Look, I'm sorry about the whole anvil thing.
"""
PARTS = """\
From: a@example.test
To: b@example.test
Subject: parts
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="xx"

prologue
--xx
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6n ist es
--xx
Content-Type: multipart/alternative; boundary=yy

--yy
Content-Type: text/html; charset=utf-8

<p>Ein <b>Anhang</b></p>
--yy--
--xx
Content-Type: application/zip; name="a.zip"
Content-Disposition: attachment; filename="a.zip"
Content-Transfer-Encoding: base64

UEsDBA==
--xx
Content-Type: message/rfc822

From: inner@example.test
Subject: inside
Content-Type: text/plain

deep
--xx--
epilogue
"""
R = 'require ["fileinto", "relational", "comparator-i;ascii-numeric", "variables", "envelope", ' \
    '"subaddress", "body", "copy", "imap4flags", "date", "index", "mime", "foreverypart", ' \
    '"extracttext", "encoded-character", "reject", "vacation", "editheader", "environment", ' \
    '"ihave", "duplicate", "enotify", "include", "mailbox"];\n'

ACTIONS = [
    "", "keep;", "discard;", "discard; keep;", "stop; discard;", 'fileinto "Work";',
    'fileinto "Work"; fileinto "Work";', 'fileinto "A"; fileinto "B"; keep;',
    'fileinto :copy "Work";', 'redirect "x@example.org";', 'redirect :copy "x@example.org";',
    'redirect "A B <x@example.org>"; keep;', 'reject "no";', 'fileinto :create "New/Deep";',
    'fileinto "INBOX";', 'addflag "\\\\Seen"; keep;', 'setflag ["a", "b c"]; removeflag "B"; '
    'fileinto "W";', 'keep :flags ["\\\\flagged", "x"];', 'addflag "\\\\Seen";',
    'setflag "v" "one two"; fileinto :flags "${v}" "W";',
    'if hasflag "x" { discard; } addflag "x"; if hasflag :contains "X" { fileinto "flag"; }',
    'vacation :days 3 "away";', 'vacation :addresses ["roadrunner@acme.example.com"] "away";',
    'notify :message "news" "mailto:n@example.org";',
    'if duplicate { discard; }',
    'addheader "X-A" "b"; if header "x-a" "b" { fileinto "added"; }',
    'deleteheader "x-count"; if exists "x-count" { discard; }',
    'deleteheader :index 2 "x-count"; if header "x-count" "10" { fileinto "first"; }',
    'deleteheader :index 1 :last "x-count"; if header "x-count" "7" { discard; }',
    'if ihave "nonesuch" { nonesuch; } else { fileinto "none"; }',
    'if ihave "fileinto" { fileinto "has"; }',
]
TESTS = [
    'header "x-count" "10"', 'header :is "X-Count" "7"', 'header "x-empty" ""',
    'header :contains "x-empty" ""', 'header :contains "x-none" ""', 'header :matches "x-empty" "*"',
    'header :matches "x-empty" "?*"', 'header "x-folded" "one two"', 'header "x-folded" "one   two"',
    'header :contains "subject" "présent"', 'header :matches "subject" "I * a pr?sent*"',
    'header :matches "subject" "*you"', 'header :matches "subject" "*\\\\*"',
    'header :comparator "i;octet" :contains "subject" "i have"',
    'header :contains ["x", "subject"] ["y", "FOR"]', 'exists ["from", "to"]', 'exists "x-none"',
    'size :over 100', 'size :under 100', 'size :over 0', 'not size :over 1M',
    'address "from" "coyote@desert.example.org"', 'address :all "from" "wile"',
    'address :localpart "to" ["second+tag"]', 'address :user "to" "second"',
    'address :detail "to" "tag"', 'address :detail "from" ""', 'address :domain "cc" ""',
    'address :count "eq" :comparator "i;ascii-numeric" "to" "2"',
    'envelope "from" "coyote@desert.example.org"', 'envelope :detail "to" "tag"',
    'envelope :user "to" "second"', 'envelope :domain :matches "from" "*.org"',
    'header :value "gt" :comparator "i;ascii-numeric" "x-count" "9"',
    'header :value "lt" :comparator "i;ascii-numeric" "x-empty" "5"',
    'header :value "gt" "x-count" "9"', 'header :count "ge" "x-count" "2"',
    'header :count "lt" "x-none" "1"', 'header :comparator "i;ascii-numeric" "x-count" "0010"',
    'header :comparator "i;ascii-numeric" "subject" "nothing"',
    'header :index 2 "x-count" "7"', 'header :index 1 :last "x-count" "7"',
    'header :index 3 "x-count" "7"', 'date :index 1 :originalzone "received" "hour" "09"',
    'date :zone "+0100" "date" "date" "1997-04-01"', 'date :zone "+0000" "date" "julian" "50539"',
    'date :zone "-0500" "date" "iso8601" "1997-04-01T12:06:31-05:00"',
    'date :zone "+0000" "date" "weekday" "2"', 'date "x-none" "year" "1997"',
    'date :originalzone "date" "zone" "-0800"', 'currentdate :value "ge" "year" "2024"',
    'body :contains "anvil"', 'body :raw :contains "ANVIL"', 'body :content "text" :contains "sorry"',
    'body :content "image" :contains ""', 'anyof (false, header "x-count" "7")',
    'allof (true, not exists "x-none")', 'string "${none}" ""', 'string :count "eq" ["a", ""] "1"',
    'string :matches "abc" "a?c"', 'environment "name" "nobody"', 'header "subject" ["${none}", "x"]',
    'header :contains "subject" "${hex:66 6F 72}"', 'header :contains "x-list" "<list.example.org>"',
    'mailboxexists "INBOX"',
]
PART_TESTS = [
    'body :contains "Schön"', 'body :raw :contains "Sch=F6n"', 'body :contains "Anhang"',
    'body :text :contains "PK"', 'body :content "application" :contains "PK"',
    'body :content "text/html" :contains "<b>"', 'body :content "message/rfc822" :contains "inside"',
    'body :content "text" :contains "deep"', 'body :content "multipart/mixed" :contains "prologue"',
    'body :content "multipart" :contains "epilogue"', 'body :raw :contains "epilogue"',
    'header :mime :contenttype "content-type" "multipart/mixed"',
    'header :mime :anychild :contenttype "content-type" "text/html"',
    'header :mime :anychild :subtype "content-type" "zip"',
    'header :mime :anychild :param "filename" "content-disposition" "a.zip"',
    'header :mime :param "boundary" "content-type" "xx"', 'exists :mime :anychild '
    '"content-disposition"', 'exists "content-disposition"', 'header :mime :type "content-type" "text"',
    'header :mime :anychild "subject" "inside"', 'address :mime :anychild "from" '
    '"inner@example.test"',
]
VARIABLES = [
    'set "a" "b"; fileinto "x-${A}-${none}-${";',
    'if header :matches "subject" "* * *" { fileinto "${1}/${2}/${3}"; }',
    'if header :matches "subject" "*a*a*" { fileinto "${1}|${2}|${3}"; }',
    'if header :matches "x-count" "?*" { fileinto "${0}|${1}|${2}"; }',
    'set :upperfirst :lower "a" "jOHN"; set :length "n" "${a}"; fileinto "${a}${n}";',
    'set :quotewildcard "a" "a*?\\\\b"; fileinto "${a}";',
    'if header :matches "subject" "nothing*" {} fileinto "${1}x";',
    'if address :matches :localpart "to" "*+*" { fileinto "${1}.${2}"; }',
    'set "b" "c"; set "a" "${hex:24}{b}"; fileinto "${a}";', 'fileinto "${unicode:20AC 41}";',
    'if envelope :matches "to" "*@*" { fileinto "${2}"; }',
]
LOOPS = [
    'foreverypart { if header :mime :subtype "content-type" "html" { extracttext "t"; break; } } '
    'if string :contains "${t}" "Anhang" { fileinto "text"; }',
    'foreverypart { if header :mime :contenttype "content-type" "application/zip" { fileinto "zip"; } }',
    'foreverypart :name "o" { foreverypart { if header :mime :subtype "content-type" "html" { '
    'fileinto "html"; break :name "o"; } } }',
    'foreverypart { if header :mime "subject" "inside" { fileinto "inside"; } }',
    'set "n" ""; foreverypart { set "n" "${n}x"; } fileinto "${n}";',
]
CASES = [(PLAIN, a) for a in ACTIONS + VARIABLES] + \
        [(PLAIN, f"if {t} {{ discard; }}") for t in TESTS] + \
        [(PARTS, f"if {t} {{ discard; }}") for t in PART_TESTS] + [(PARTS, s) for s in LOOPS]
ERRORS = [
    "keep", "kepp;", 'fileinto "x";', "if { keep; }", 'require "nonesuch";', "if true keep;",
    "else { }", 'redirect "x y z";', 'redirect "a@b', "if header :is { }", "if not { }",
    'if header :is :contains "a" "b" { }', 'keep; require "copy";', "stop 1;", "if size 5 { }",
    'if header :comparator "i;none" "a" "b" { }', "if anyof true { }", "/* ", "discard; }",
    'require "envelope"; if envelope "x" "y" { }', 'if header "a" { }', 'require "variables"; '
    'set "1" "x";', 'require "vacation"; vacation;', 'require "fileinto"; fileinto ["a", "b"];',
    'require "variables"; redirect "${foo.bar}";', "keep stop;", 'if exists "a", "b" { }', "if exists [] { }",
]


@pytest.fixture(scope="module")
def peer():
    directory = tempfile.mkdtemp(prefix="veredus-sieve-")
    os.chmod(directory, 0o777)
    with open(f"{directory}/conf", "w") as conf:
        conf.write(f"mail_uid = nobody\nmail_gid = nogroup\nmail_home = {directory}/home\n"
                   f"mail_location = maildir:{directory}/mail\nbase_dir = {directory}/base\n"
                   "log_path = /dev/stderr\nssl = no\nplugin {\n"
                   "sieve_extensions = +editheader +vacation-seconds +mboxmetadata\n}\n")
    os.makedirs(f"{directory}/home")
    os.chmod(f"{directory}/home", 0o777)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def theirs(directory, script, message):
    """What sieve-test prints; None if the script is wrong."""
    made = subprocess.run(
        ["sieve-test", "-c", f"{directory}/conf", "-f", "coyote@desert.example.org", "-r",
         "second+tag@example.test", script, message], text=True, capture_output=True, timeout=60)
    if "Performed actions" not in made.stdout:
        return None
    return made.stdout


def their_actions(output):
    """The lines " * ..." of sieve-test, in our words."""
    performed, implicit = output.split("Implicit keep:")
    found = set()
    for part in (performed, implicit):
        flags = ""
        for block in re.split(r"^ \* ", part, flags=re.M)[1:]:
            flags = " ".join(sorted(re.findall(r"add IMAP flags?: *(.*)", block)[0].lower().split())) \
                if "IMAP flag" in block else ""
            line = block.splitlines()[0]
            if line.startswith("store message in folder: "):
                found.add(("store", line.split(": ", 1)[1], flags))
            elif line.startswith("redirect message to: "):
                found.add(("redirect", line.split(": ", 1)[1].strip("<>"), ""))
            elif line.startswith("discard"):
                found.add(("discard", "", ""))
            elif line.startswith("reject"):
                found.add(("reject", "", ""))
            elif line.startswith("send vacation"):
                found.add(("vacation", "", ""))
            elif line.startswith("send notification"):
                found.add(("notify", "", ""))
    return found


def our_actions(script, message):
    made = subprocess.run(
        [VEREDUS, "sieve", "test", "--from", "coyote@desert.example.org", "--to",
         "second+tag@example.test", script, message], text=True, capture_output=True, timeout=60)
    assert made.returncode in (0, 3), made.stderr
    if re.match(r".*: error: ", made.stdout):
        return None, made.stdout
    found = set()
    for line in made.stdout.splitlines():
        flags = re.search(r':flags \[(.*?)\]', line)
        flags = " ".join(sorted(f.strip('", ').replace("\\\\", "\\").lower()
                                for f in flags[1].split(","))) if flags else ""
        last = re.search(r'"((?:[^"\\]|\\.)*)"(?: \(of the changed message\))?$', line)
        last = re.sub(r"\\(.)", r"\1", last[1]) if last else ""
        word = line.split()[0]
        if word == "keep":
            found.add(("store", "INBOX", flags))
        elif word == "fileinto":
            found.add(("store", last, flags))
        elif word == "redirect":
            found.add(("redirect", last, ""))
        elif word in ("discard", "reject", "vacation", "notify"):
            found.add((word, "", ""))
    return found, made.stdout + made.stderr


def written(tmp_path, script, message):
    for name, text in (("s.sieve", script), ("m.eml", message)):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o644)
    directory = tempfile.mkdtemp(prefix="veredus-sieve-")
    os.chmod(directory, 0o777)
    for name in ("s.sieve", "m.eml"):
        shutil.copy(tmp_path / name, directory)
    return directory


def compare(peer, tmp_path, script, message):
    directory = written(tmp_path, script, message)
    try:
        output = theirs(peer, f"{directory}/s.sieve", f"{directory}/m.eml")
        ours, text = our_actions(f"{directory}/s.sieve", f"{directory}/m.eml")
        if output is None:
            return None, ours, text
        # Nothing is done where a message is discarded; they do not say it.
        return their_actions(output) - {("discard", "", "")}, \
            None if ours is None else ours - {("discard", "", "")}, output + text
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_the_same_scripts_do_the_same(peer, tmp_path):
    wrong = []
    for message, script in CASES:
        theirs_, ours, text = compare(peer, tmp_path, R + script, message)
        if theirs_ != ours:
            wrong.append(f"{script}\n  they {theirs_}\n  we   {ours}\n")
    assert not wrong, "\n".join(wrong)


def test_the_same_scripts_are_wrong(peer, tmp_path):
    wrong = []
    for script in ERRORS:
        theirs_, ours, text = compare(peer, tmp_path, script, PLAIN)
        if (theirs_ is None) != (ours is None):
            wrong.append(f"{script}\n  they {theirs_}\n  we   {ours}\n{text}")
    assert not wrong, "\n".join(wrong)
