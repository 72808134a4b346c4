#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_import - moving over from pYSFReflector3 and from YSFReflector
# PURPOSE   What `shackctl import` prints is a configuration that shackd takes without a word and that
#           means what the other reflector's meant, its defaults included; every key without a
#           counterpart is named with a reason; lists and saved DG-IDs are taken or it is said why not.
#           No file, however broken, hangs it or makes it print a file that shackd refuses.
# OWNER     make check
# CONTRACT  the sample files are made here, of what those programs know
# RUNS      beside others
# LIMITS    none known

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.shackd import IS_ROOT, SHACKCTL, SHACKD, SLOW, Daemon, Skip, eventually, main  # noqa: E402
from ysf import Lab  # noqa: E402

STOCK = """\
[General]
# nobody looks at it
Daemon=0

[Info]
Name= My reflector
Description= Somewhere
Contact=op@example.org
Web=https://example.org/ysf

[Log]
DisplayLevel=1
FileLevel=1
FilePath=/var/log/mmdvm/
FileRoot=YSFReflector
FileRotate=0

[Network]
IP=0.0.0.0
Port=42100
Json_IP=127.0.0.1
Json_Port=42101
Debug=0

[Block List]
File={deny}
Time=0.5
CheckRE=1

[Protections]
Timeout = 190
WildPTTTime = 5
WildPTTCount = 4
Treactivate = 900

[APRS]
enable = 0
server = aprs.example.org
port = 14580
ssid = -10

[DGID]
list = 1,9,50
default = 50
local = 1
database = /nowhere/dgid.json
home = {home}
aux_port = 41:42397, 88:42398
prefix = 1
bth_time = 900.0

[REFL_ALIAS]
refl_01 = 41, 0, IT MY-TEST, MY TEST REF
refl_02 =
"""

LEAST = """\
[Info]
Name=X
Description=Y
[Log]
FilePath=/var/log
FileRoot=P
[APRS]
server=aprs.example.org
ssid=-0
[DGID]
list=22
database=
home=
aux_port=
"""

G4KLX = """\
[General]
Daemon=1

[Info]
# Id=5 digits only
Name=XLX Room
Description="A # room"

[Log]
DisplayLevel=1
FileLevel=1
FilePath=/var/log
FileRoot=YSFReflector
FileRotate=1

[Network]
Port=42200
Debug=1

[Block List]
File=BlockList.txt
Time=5
"""


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Folder:
    """A directory with files; f("name", text) writes one and returns its path."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-import-")
        self.path = Path(self.folder.name)
        self.path.chmod(0o755)
        return self

    def __call__(self, name, data):
        path = self.path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    def __exit__(self, *error):
        self.folder.cleanup()


def run(*words, socket="/nonexistent/control.sock"):
    done = subprocess.run([SHACKCTL, "-s", str(socket), "import", *map(str, words)],
                          capture_output=True, timeout=30 * SLOW)
    return done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")


def effective(text):
    """{section.key: value} of what shackd makes of that file; it must have nothing against it."""
    with Folder() as folder:
        path = folder("shackd.ini", text)
        done = subprocess.run([SHACKD, "-T", "-c", path], capture_output=True, text=True, timeout=30)
        expect(done.returncode == 0 and done.stderr == "", f"shackd -t: {done.stderr}\n{text}")
    values, section = {}, ""
    for line in done.stdout.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif line:
            key, value = line.split("=", 1)
            values[f"{section}.{key.strip()}"] = value.strip()
    return values


def comments(text):
    """All comments as one line of words."""
    return " ".join(" ".join(line[1:] for line in text.splitlines() if line.startswith("#")).split())


def made_of(kind, text, folder, *more):
    code, out, err = run(kind, folder("in.ini", text), *more)
    expect(code == 0, f"{code} {err} {out}")
    return effective(out), comments(out)


def check(values, wanted):
    for key, value in wanted.items():
        expect(values.get(key) == value, f"{key} is {values.get(key)!r}, not {value!r}")


# ---- pYSFReflector3 ----

def test_pysf_stock_file():
    with Folder() as folder:
        deny = folder("deny.db", "# list\nAL:N0CALL\nSB:RPT\nnonsense line of no use\nCS:DL1ABC\n")
        home = folder("home.db", "IU5JAE:9:15\nDL1ABC:77:10\nDL2ABC:50:-1\n")
        values, said = made_of("pysf", STOCK.format(deny=deny, home=home), folder)
        check(values, {
            "ysf.name": "My reflector", "ysf.description": "Somewhere", "ysf.id": "0",
            "ysf.contact": "op@example.org", "ysf.web": "https://example.org/ysf",
            "ysf.listen": "0.0.0.0:42100", "ysf.dashboard_listen": "127.0.0.1:42101",
            "ysf.aux_ports": "41:42397,88:42398", "ysf.mmdvm_log": "/var/log/mmdvm/YSFReflector.log",
            "ysf alias IT MY-TEST.dgid": "41", "ysf alias IT MY-TEST.id": "0",
            "ysf alias IT MY-TEST.description": "MY TEST REF", "ysf.late_entry": "no",
            "dgid.list": "1,9,50", "dgid.default": "50", "dgid.local": "1", "dgid.prefix": "yes",
            "dgid.home_file": home, "dgid.home_time": "15m", "access.file": deny,
            "access.format": "pysf", "access.check_re": "1", "access.reload": "30s",
            "protection.tx_timeout": "190s", "protection.reactivate": "15m",
            "protection.wild_ptt_time": "5s", "protection.wild_ptt_count": "4",
            "aprs.enabled": "no", "aprs.server": "aprs.example.org", "aprs.port": "14580",
            "aprs.ssid": "-10"})
        for words in ("3 good lines, 1 bad.", "The first bad one: line 4", "2 good lines, 1 bad.",
                      "line 2 has a DG-ID that dgid.list has not", "[General] daemon = 0 (line 3):",
                      "[Log] displaylevel = 1", "[Network] debug = 0",
                      "database = /nowhere/dgid.json: saved DG-IDs are in the durable store"):
            expect(words in said, f"no word of {words!r} in {said}")


def test_pysf_defaults_are_theirs():
    with Folder() as folder:
        values, said = made_of("pysf", LEAST, folder)
        check(values, {
            "ysf.listen": "0.0.0.0:42000", "ysf.dashboard_listen": "127.0.0.1:42001",
            "ysf.contact": "", "ysf.web": "", "ysf.aux_ports": "", "ysf.mmdvm_log":
            "/var/log/P-%Y-%m-%d.log", "access.file": "", "access.check_re": "1",
            "access.reload": "5m", "protection.tx_timeout": "4m", "protection.reactivate": "30m",
            "protection.wild_ptt_time": "5s", "protection.wild_ptt_count": "3", "aprs.enabled": "no",
            "aprs.port": "14580", "aprs.ssid": "", "dgid.list": "22", "dgid.default": "22",
            "dgid.local": "0", "dgid.prefix": "yes", "dgid.home_file": "", "dgid.home_time": "15m"})
        expect("[DGID] local = 1 is not in the list" in said, said)
        # the feed is beside the port, wherever that is
        values, _ = made_of("pysf", LEAST + "[Network]\nPort=5000\n", folder)
        check(values, {"ysf.listen": "0.0.0.0:5000", "ysf.dashboard_listen": "127.0.0.1:5001"})


def test_pysf_feed_for_the_world():
    """Theirs answers everybody; where only loopback can ask, our default is the same."""
    with Folder() as folder:
        for host, wanted in (("0.0.0.0", "*"), ("192.0.2.1", "*"),
                             ("127.0.0.1", "127.0.0.0/8, ::1/128"),
                             ("127.0.0.9", "127.0.0.0/8, ::1/128")):
            values, said = made_of("pysf", LEAST + f"[Network]\nJson_IP={host}\n", folder)
            check(values, {"ysf.dashboard_allow": wanted})
            expect(("name the addresses of your dashboards" in said) == (wanted == "*"),
                   f"{host}: {said}")


def test_pysf_grammar_of_configparser():
    text = LEAST.replace("Name=X", "nAmE : 100%% Me # no comment") + """
  # an indented comment
[Block List]
File = /x/deny%%.db
CheckRE :
   -1
[Protections]
Timeout = 60.5
; a comment
   # another
[DEFAULT]
Treactivate = 60
[Unknown]
key = value
"""
    with Folder() as folder:
        values, said = made_of("pysf", text, folder)
        check(values, {"ysf.name": "100% Me # no com", "access.file": "/x/deny%.db",
                       "access.check_re": "-1", "protection.tx_timeout": "60500ms",
                       "protection.reactivate": "1m"})
        expect("[Unknown] key = value" in said and "does not know it either" in said, said)
        values, said = made_of("pysf", text + "[Info]\nname=Z\nsingle % sign\nWeb=50%\n", folder)
        check(values, {"ysf.name": "100% Me # no com", "ysf.web": "50%"})
        for words in ("its key was given before: name", "a single %", "single % sign"):
            expect(words in said, f"no word of {words!r} in {said}")


def test_pysf_values_without_counterpart():
    text = LEAST.replace("list=22", "list=9, 200, x,22").replace("aux_port=", """aux_port=\
41:42397, 0:42398, 41:42399, 42:42397, 150:1, nonsense, 43:0, 44:42000, 45:70000""")
    text += """default=300
local=9
[Info]
Id=123456
[Network]
IP=reflector.example.org
[Block List]
CheckRE=7
Time=0.01
[Protections]
WildPTTCount=99
Timeout=nan
WildPTTTime=x
Treactivate=1e30
[REFL_ALIAS]
a = 9, 123456, FIRST ALIAS OF MORE, description of more
b = 9, 1, SECOND, x
c = 22,2, FIRST ALIAS OF , y
d = 77,3,NOBODY,z
e = 41,4,,z
f = no alias
g = 22, 5, SEMI ;COLON, x
h = 41, 7, PORT, at the port
"""
    with Folder() as folder:
        values, said = made_of("pysf", text, folder)
        check(values, {
            "ysf.listen": "0.0.0.0:42000,0.0.0.0:42398", "ysf.aux_ports": "41:42397,43:0", "ysf.id": "0",
            "dgid.list": "9,22", "dgid.default": "9", "dgid.local": "9", "access.check_re": "1",
            "access.reload": "6s", "protection.wild_ptt_count": "16", "protection.tx_timeout": "4m",
            "protection.wild_ptt_time": "5s", "protection.reactivate": "365d",
            "ysf alias FIRST ALIAS OF.dgid": "9", "ysf alias FIRST ALIAS OF.id": "0",
            "ysf alias FIRST ALIAS OF.description": "description o",
            "ysf alias PORT.dgid": "41"})
        expect(sum(key.endswith(".dgid") for key in values) == 2, f"{values}")
        for words in ('"200" is no DG-ID', '"x" is no DG-ID', "reflector.example.org is no IPv4 address",
                      "[Info] Id = 123456", '"41:42399" is left out', '"42:42397" is left out',
                      '"150:1" is left out', '"nonsense" is left out', '"44:42000" is left out',
                      "[DGID] default = 300", "[REFL_ALIAS] b =", "[REFL_ALIAS] c =",
                      "[REFL_ALIAS] d =", "[REFL_ALIAS] e =", "[REFL_ALIAS] f =", "[REFL_ALIAS] g =",
                      "WildPTTCount = 99 is out of our range"):
            expect(words in said, f"no word of {words!r} in {said}")


def test_given_lists_go_before_the_ones_of_the_file():
    with Folder() as folder:
        deny, home = folder("my.db", "CS:DL1ABC\n"), folder("home.db", "")
        text = STOCK.format(deny="/nowhere/a", home="/nowhere/b")
        values, said = made_of("pysf", text, folder, deny, home)
        check(values, {"access.file": deny, "dgid.home_file": home})
        values, said = made_of("pysf", text, folder, "-", home)
        check(values, {"access.file": "/nowhere/a", "dgid.home_file": home})
        expect("can't be opened" in said, said)
        code, out, err = run("pysf", folder("in.ini", text), "/nowhere/c")
        expect(code == 1 and "access" in out and "data file" in err, f"{code} {err}")
        effective(out)


def test_imported_daemon_serves():
    with Folder() as folder:
        folder.path.chmod(0o777)  # for the log
        text = STOCK.format(deny=folder("deny.db", "CS:DL1ABC\n"), home=folder("home.db", "IU5JAE:9:-1\n"))
        text = (text.replace("42100", "0").replace("42101", "0").replace("42397", "0")
                .replace("42398", "0").replace("/var/log/mmdvm/", str(folder.path)))
        code, out, err = run("pysf", folder("pysfreflector.ini", text))
        expect(code == 0, err)
        config = Path(folder("shackd.ini", out))
        with Daemon("workers.ysf=1", listen=None, config=config) as daemon, Lab(daemon) as lab:
            expect(" dashboard=127.0.0.1:" in daemon.ready, daemon.ready)
            aux = {text.split("@")[0]: int(text.rsplit(":", 1)[1])
                   for text in daemon.status()["services"]["ysf"]["aux"]}
            expect(set(aux) == {"41", "88"}, f"{aux}")
            for name, port, dgid, status in (("DL9ABC", None, 50, b"My reflector    Somewhere     "),
                                             ("IU5JAE", None, 9, b"My reflector    Somewhere     "),
                                             ("PORT", aux["41"], 50, b"IT MY-TEST      MY TEST REF   ")):
                gateway = lab.gateway(name, port=port)
                _, answer = gateway.ask(b"YSFS", b"YSFS")
                expect(answer[9:39] == status, f"{name}: {answer}")
                expect(lab.client(gateway)["dgid"] == dgid, f"{name}: {lab.client(gateway)}")


# ---- YSFReflector ----

def test_ysfreflector_stock_file():
    with Folder() as folder:
        block = folder("BlockList.txt", "N0C\nnl6\n")
        values, said = made_of("ysfreflector", G4KLX, folder)
        check(values, {
            "ysf.name": "XLX Room", "ysf.description": "A # room", "ysf.id": "0", "ysf.listen": "*:42200",
            "ysf.late_entry": "yes", "ysf.mmdvm_log": "/var/log/YSFReflector-%Y-%m-%d.log",
            "dgid.list": "1", "dgid.default": "1", "dgid.local": "0", "dgid.prefix": "no",
            "access.file": block, "access.format": "ysfreflector", "access.check_re": "0",
            "access.reload": "5m"})
        for words in ("2 good lines, 0 bad.", "[General] Daemon = 1", "[Network] Debug = 1",
                      "BlockList.txt is relative"):
            expect(words in said, f"no word of {words!r} in {said}")


def test_ysfreflector_grammar():
    text = """\
#comment
 [Info]
[Info] rubbish behind
Name	My name  # a comment
Description=a
Description=b
name=no
[Elsewhere]
Id=7
[Network]
Port=42000x
"""
    with Folder() as folder:
        values, said = made_of("ysfreflector", text, folder)
        check(values, {"ysf.name": "My name", "ysf.description": "b", "ysf.id": "0",
                       "ysf.listen": "*:42000", "ysf.mmdvm_log": ""})
        for words in ("[Elsewhere] Id = 7", "[Info] name = no"):
            expect(words in said, f"no word of {words!r} in {said}")


# ---- files of all sorts ----

def test_bad_files():
    with Folder() as folder:
        os.mkfifo(folder.path / "fifo")
        bad = {"a directory": folder.path, "a pipe": folder.path / "fifo",
               "nothing": folder.path / "nothing", "a device": "/dev/zero",
               "NUL bytes": folder("nul", LEAST.encode() + b"\0"),
               "a huge file": folder("huge", LEAST + "# x\n" * 300000),
               "an empty file": folder("empty", ""),
               "no configuration": folder("prose", "Dear sir,\n\nhow are you?\n")}
        if not IS_ROOT:
            closed = folder("closed", LEAST)
            os.chmod(closed, 0)
            bad["an unreadable file"] = closed
        for kind in ("pysf", "ysfreflector"):
            for what, path in bad.items():
                code, out, err = run(kind, path)
                expect(code == 1 and out == "" and str(path) in err, f"{kind}, {what}: {code} {err} {out}")


def test_files_of_other_systems():
    with Folder() as folder:
        windows = b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode()
        values, _ = made_of("pysf", windows, folder)
        check(values, {"ysf.name": "X", "dgid.list": "22", "ysf.mmdvm_log": "/var/log/P-%Y-%m-%d.log"})
        values, said = made_of("pysf", LEAST.encode().replace(b"Name=X", b"Name=K\xf6ln"), folder)
        check(values, {"ysf.name": "K\u00f6ln"})
        expect("read as Latin-1" in said, said)
        long = LEAST.replace("Name=X", "Name=" + "\u00e4" * 5000)
        values, said = made_of("pysf", long, folder)
        check(values, {"ysf.name": "\u00e4" * 8})
        values, _ = made_of("ysfreflector", b"\xef\xbb\xbf" + G4KLX.replace("\n", "\r\n").encode(), folder)
        check(values, {"ysf.name": "XLX Room", "ysf.listen": "*:42200"})


def test_junk_never_makes_a_bad_configuration():
    dice = random.Random(4)
    pieces = STOCK.format(deny="/nowhere/a", home="/nowhere/b").encode()
    with Folder() as folder:
        for i in range(60 if SLOW == 1 else 15):
            data = bytearray(pieces)
            for _ in range(dice.randrange(1, 40)):
                at = dice.randrange(len(data))
                if dice.random() < 0.5:
                    data[at] = dice.randrange(1, 256)
                else:
                    end = at + dice.randrange(40)
                    data[at:end] = bytes(dice.randrange(1, 256) for _ in range(dice.randrange(30)))
            code, out, err = run("pysf" if i % 3 else "ysfreflector", folder("junk", bytes(data)))
            expect(code in (0, 1), f"{code} {err}")
            expect((code == 0) == (out != ""), f"{code} {err} {out[:200]}")
            if code == 0:
                effective(out)


def test_usage():
    for words in ((), ("pysf",), ("gocluster", "x"), ("ysfreflector", "a", "b"), ("pysf", "-"),
                  ("pysf", "a", "b", "c", "d", "e")):
        code, out, err = run(*words)
        expect(code == 2 and out == "" and "usage" in err or "too many" in err, f"{words}: {code} {err}")


# ---- saved DG-IDs ----

def database(*pairs):
    return json.dumps({"_default": {str(i + 1): {"gateway": name, "dgid": dgid}
                                    for i, (name, dgid) in enumerate(pairs)}})


def test_saved_dgids_are_loaded():
    with Folder() as folder, Daemon("workers.ysf=1", listen="127.0.0.1:0") as daemon:
        socket = daemon.run_dir / "control.sock"
        many = [(f"GW{i:05}", "50") for i in range(1000)]
        path = folder("dgid.json", database(("IU5JAE", "9"), ("IU5JAE", "50"), ("DL1ABC", 50),
                                            ("X" * 11, "9"), ("", "9"), ("A", "100"), ("B", None),
                                            ("C\n", "9"), *many))
        code, out, err = run("dgid", path, socket=socket)
        expect(code == 0 and "1002 saved DG-IDs were loaded, 5 records are no such" in out, f"{out}{err}")
        text = STOCK.format(deny="/nowhere/a", home="/nowhere/b")
        code, out, err = run("pysf", folder("in.ini", text), "-", "-", path, socket=socket)
        expect(code == 0 and "1002 saved DG-IDs were loaded" in comments(out), f"{code} {err} {out}")
        with Lab(daemon) as lab:
            for name, dgid in (("IU5JAE", 9), ("DL1ABC", 50), ("GW00999", 50), ("OTHER", 22)):
                gateway = lab.gateway(name)
                found = eventually(lambda: lab.client(gateway), 5, "the gateway")
                expect(found["dgid"] == dgid, f"{name} is on {found['dgid']}, not on {dgid}")


def test_saved_dgids_without_a_daemon():
    with Folder() as folder:
        path = folder("dgid.json", database(("IU5JAE", "9")))
        code, out, err = run("dgid", path)
        expect(code in (1, 3) and out == "" and "0 of 1 saved DG-IDs" in err, f"{code} {out} {err}")
        text = STOCK.format(deny="/nowhere/a", home="/nowhere/b")
        code, out, err = run("pysf", folder("in.ini", text), "-", "-", path)
        expect(code == 1 and "0 of 1 saved DG-IDs were loaded" in comments(out), f"{code} {out} {err}")
        effective(out)


def test_broken_databases():
    good = database(("IU5JAE", "9"))
    broken = {"truncated": good[:-7], "a list": "[1, 2]", "a number": "7", "no table": '{"x": 1}',
              "a table of no kind": '{"_default": [1]}', "Latin-1": good.encode().replace(b"IU", b"\xf6"),
              "binary": bytes(range(256)), "deep": "[" * 100000}
    odd = {"no records": '{"_default": {}}', "other records": '{"_default": {"1": 7, "2": {"a": []}}}',
           "empty": "", "nothing in it": "{}"}
    with Folder() as folder:
        for what, text in broken.items():
            code, out, err = run("dgid", folder("dgid.json", text))
            expect(code == 1 and out == "" and "dgid.json: " in err, f"{what}: {code} {out} {err}")
        for what, text in odd.items():
            code, out, err = run("dgid", folder("dgid.json", text))
            expect(code == 0 and " 0 saved DG-IDs were loaded" in out, f"{what}: {code} {out} {err}")
        code, out, err = run("dgid", folder.path)
        expect(code == 1 and "is no regular file" in err, f"{code} {err}")


def test_saved_dgids_outlive_a_restart():
    with Folder() as folder, Daemon("workers.ysf=1", listen="127.0.0.1:0") as daemon:
        code, _, err = run("dgid", folder("dgid.json", database(("IU5JAE", "9"))),
                           socket=daemon.run_dir / "control.sock")
        expect(code == 0, err)
        expect(daemon.stop() == 0, "the end")
        for entry in daemon.shm_dir.iterdir():  # as a boot does
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        daemon.start()
        with Lab(daemon) as lab:
            gateway = lab.gateway("IU5JAE")
            found = eventually(lambda: lab.client(gateway), 5, "the gateway")
            expect(found["dgid"] == 9, f"{found}")


if __name__ == "__main__":
    if not os.access(SHACKCTL, os.X_OK):
        raise Skip("shackctl is not built")
    main(globals())
