#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_bad_input - what users of the DX cluster must not be able to do
# PURPOSE   Lines without end, storms of options, other protocols, floods of commands: each is bounded,
#           counted, and nobody else's matter.
#
#   case                                             test (here, or in the file named)
#   X1   10,000 connects from one address            dxc_accept
#   X2   connect, send nothing                       session: who_is_slow_to_log_in_...
#   X3   a byte now and then                         session: who_is_slow_to_log_in_...
#   X4   a login line of 10 MB                       x4_...
#   X5   ../../etc/passwd                            session: what_is_no_call_...; x5_...
#   X6   W1AW/P                                      x6_...
#   X7   empty login line                            session: an_empty_line_asks_again
#   X8   <script> %s%n '; DROP                       session: what_is_no_call_...; x8_...
#   X9   40 letters                                  x9_...
#   X10  CR NUL, only CR                             session: lines_end_as_they_like_...
#   X11-X13  HTTP, TLS, SSH, SMB, RDP                x11_to_x13_...
#   X14  storms of options                           x14_...; unit: dxc/test_telnet
#   X15  IAC SB without SE                           x15_...; unit: dxc/test_telnet
#   X16  IAC as the last byte                        x16_...; unit: dxc/test_telnet
#   X17  IAC IAC in text                             x17_and_x18_...; unit: dxc/test_telnet
#   X18  NUL in a command                            x17_and_x18_...; unit: dxc/test_telnet
#   X19-X21  escapes, CR LF, false DX de             commands: 6_6_a_hostile_comment_...
#   X22  invalid UTF-8                               commands: 6_6_a_hostile_comment_...; unit: test_pskr
#   X23  a command of 1 MB                           x23_...
#   X24  10,000 commands in one packet               x24_...
#   X25  unknown commands at 1,000/s                 x25_...
#   X26-X29  SHOW/DX, filters                        unit: dxc/test_query, dxc/test_filter; x26_...
#   X30  100,000 calls log in once                   unit: store/test_users
#   X31-X33  clients that don't read, reset, vanish  x32_...; dxc_fanout
#   X34  two logins at one instant                   session: two_logins_at_one_instant_...
#   X53, X54  disk full, damaged record              dxc_store: a_full_disk_..., a_damaged_...
#   X55  killed during a write                       x55_...; session: sessions_go_on_...; dxc_fanout
#   X59  PROXY line                                  x59_...
#   X60  IPv4-mapped addresses                       dxc_accept
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none known

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.cluster import DO, IAC, NODE, SB, SE, WILL, Cluster  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402

shared = None


def cluster():
    global shared
    if shared is None:
        shared = Cluster()
    return shared


def memory(service):
    """Resident kilobytes of the one dxc worker."""
    text = Path(f"/proc/{service.worker_pids()['dxc.0']}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


def same_worker(before):
    assert cluster().worker_pids()["dxc.0"] == before, "the worker died of it"


def worker():
    return cluster().worker_pids()["dxc.0"]


def well():
    """Another user notices nothing."""
    with cluster().user("W1WEL") as user:
        assert user.said("echo fine") == "fine"


def pour(user, data, deadline=20):
    """Sends as fast as it is taken, and reads away what comes, until all is sent or it is over."""
    end = time.monotonic() + deadline
    user.sock.settimeout(0.05)
    sent = 0
    while sent < len(data) and time.monotonic() < end:
        try:
            sent += user.sock.send(data[sent:sent + 65536])
        except TimeoutError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            break
        try:
            if not user.more():
                break
        except TimeoutError:
            pass
    user.sock.settimeout(20)
    return sent


# ---- before the login ----

def test_x4_a_login_line_without_end_is_one_error():
    before, grown = worker(), memory(cluster())
    with cluster().user() as user:
        user.until(b"call: ")
        pour(user, b"A" * 10_000_000)
        user.send("\r\nW1LON\r\n")
        said = b"".join([user.until(b"Hello W1LON")])
        assert said.count(b"Line too long") == 1, said[:300]
        assert memory(cluster()) < grown + 4000
    same_worker(before)


def test_x4_the_third_is_the_end():
    with cluster().user() as user:
        user.until(b"call: ")
        for _ in range(3):
            pour(user, b"A" * 5000 + b"\r\n")
        assert user.rest().count(b"Line too long") + user.buffer.count(b"Line too long") == 3


def test_x5_x8_no_file_is_touched_and_the_log_is_one_line():
    with Cluster() as service:
        with service.user() as user:
            user.until(b"call: ")
            user.type("../../etc/passwd")
            user.type(b"%s%n\x1b[2J<script>")
            user.expect("Invalid")
            user.expect("Invalid")
        log = eventually(lambda: "is no call sign" in (text := service.stderr_path.read_text()) and
                         text, what="the line in the log")
        assert "\x1b" not in log, log
        found = [path for path in service.base.rglob("*") if "passwd" in path.name]
        assert not found, found


def test_x6_a_portable_call_has_settings_of_its_own():
    with cluster().user("W1POR/P") as user:
        user.ask("set/name Porty")
    with cluster().user() as user:
        assert user.login("W1POR/P")[0].startswith("Hello Porty, ")


def test_x9_forty_letters_are_no_call():
    with cluster().user() as user:
        user.until(b"call: ")
        user.type("A" * 40)
        assert user.until(b"call: ").startswith(b"Line too long")
        user.type("W1A" + "B" * 20)
        assert user.until(b"call: ").startswith(b"Invalid callsign")


HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(256))[:193]  # TLS ClientHello
PROBES = {
    "http": b"GET /secret HTTP/1.1\r\nHost: cluster\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n",
    "tls": HELLO + b"\r\n" + HELLO + b"\n" + HELLO + b"\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n" * 3,
    "smb": (bytes.fromhex("000000a4ff534d4272000000000801c8") + b"\0" * 20 + b"PC NETWORK\n") * 4,
    "rdp": bytes.fromhex("0300002b26e00000000000") + b"Cookie: mstshash=hello\r\n" * 4,
}


def test_x11_to_x13_other_protocols_are_shown_the_door():
    before = worker()
    for name, probe in PROBES.items():
        with cluster().user() as user:
            user.until(b"call: ")
            user.send(probe)
            said = user.rest()
            for echoed in (b"secret", b"HTTP", b"SSH-2.0", b"NETWORK", b"mstshash"):
                assert echoed not in said, (name, said)
    same_worker(before)
    well()


def test_x59_a_proxy_line_is_no_call():
    with cluster().user() as user:
        user.until(b"call: ")
        user.type("PROXY TCP4 10.0.0.1 10.0.0.2 5 7300")
        assert user.until(b"call: ").split(b"\r\n")[0] in (b"Line too long",
                                                           b"Invalid callsign. Please try again.")


# ---- telnet ----

def test_x14_storms_of_options_are_answered_once():
    before = worker()
    with cluster().user("W1STO") as user:
        storm = b"".join(bytes([IAC, DO if i % 2 else WILL, i // 2 % 250]) for i in range(20000))
        pour(user, storm * 5)
        user.type("echo after the storm")
        said = user.until(b"after the storm\r\n")
        assert len(said) <= 3 * 256 + 100, len(said)
    same_worker(before)
    well()


def test_x15_x16_subnegotiations_without_end():
    with cluster().user("W1SUB") as user:
        user.send(bytes([IAC, SB, 24]) + b"x" * 300 + b"\necho one\r\n")
        assert user.prompt() == ["one"]
        user.send(bytes([IAC, SB, 24]) + b"x" * 3000 + bytes([IAC, SE]) + b"echo two\r\n")
        assert user.prompt() == ["two"]
        user.send(b"echo three" + bytes([IAC]))
    well()


def test_x17_and_x18_odd_bytes_in_a_command():
    with cluster().user("W1ODD") as user:
        user.send(b"ec\0ho a\0b\r\n")
        assert user.prompt() == ["ab"]
        user.send(b"echo a" + bytes([IAC, IAC]) + b"b\r\n")
        assert user.prompt() == ["a?b"]  # one byte, and no telnet command to anybody


def test_babble_harms_nobody():
    before = worker()
    for seed in range(8):
        rng = random.Random(seed)
        with cluster().user("W1BAB") as user:
            words = [b"\r", b"\n", b"\0", b"\xff", b"\xfa", b"\xf0", b"\xfb", b"dx ", b"sh/dx ",
                     b"14025 ", b"set/", b"pass ", b"\b", b" ", b"K1ABC", b"*", b"(", b"/"]
            noise = b"".join(rng.choice(words) if rng.random() < 0.8 else rng.randbytes(3)
                             for _ in range(300))
            pour(user, noise)
    same_worker(before)
    well()


# ---- commands ----

def test_x23_a_command_of_a_megabyte_is_not_executed():
    with cluster().user("W1MEG") as user:
        pour(user, b"echo " + b"bye " * 250_000)
        user.send("\r\necho alive\r\n")
        said = user.until(b"alive\r\n")
        assert said.count(b"Line too long") == 1, said[:300]
        assert b"bye" not in said
    with cluster().user("W1LIM") as user:
        user.type("echo " + "x" * 507)
        assert user.prompt() == ["x" * 507]
        user.type("echo " + "x" * 508)
        assert user.prompt() == ["Line too long"]


def test_x24_many_commands_at_once_take_their_time():
    with cluster().user("W1MAN") as user:
        count, began = 60, time.monotonic()
        user.send("".join(f"echo {n}\r\n" for n in range(count)))
        well()  # meanwhile
        for number in range(count):
            assert user.prompt() == [str(number)], number
        assert time.monotonic() - began > (count - 31) / 10 - 0.5  # 30 at once, then 10 a second
        assert cluster().count("dxc_lines_delayed_total") > 0


def test_x25_unknown_commands_are_throttled_and_then_the_end():
    with cluster().user("W1UNK") as user:
        began = time.monotonic()
        user.send("nonsense\r\n" * 1000)
        said = user.rest()
        assert said.count(b"Unknown command: NONSENSE") < 60
        assert said.rstrip().endswith(b"Too many unknown commands"), said[-100:]
        assert time.monotonic() - began > 5
    eventually(lambda: '"abuse"' in cluster().ask("events")[1], what="the reason in the events")
    assert cluster().count("dxc_abuse_total", "unknown_commands") == 1


def test_x26_show_dx_has_its_range():
    with cluster().user("W1RAN") as user:
        for number in ("999999999", "-5", "1e9", "0"):
            assert user.said(f"sh/dx {number}") != "", number


# ---- connections ----

def test_x32_resets_harm_nobody():
    before = worker()
    for number in range(20):
        user = cluster().user("W1RES")
        user.send("help\r\n" * 20)
        if number % 2:
            user.line()
        user.reset()
    same_worker(before)
    well()
    eventually(lambda: "W1RES" not in cluster().ask("sessions")[1], what="the end of the session")


def test_x55_nothing_is_lost_with_a_killed_worker_while_users_change_things():
    with Cluster() as service, service.user("W1CHA") as user:
        for number in range(20):
            user.send(f"set/name Name {number}\r\nset/qth Place {number}\r\n")
            service.kill_worker("dxc.0")
            assert user.prompt() == [f"Your name is now 'Name {number}'"]
            assert user.prompt() == [f"Your QTH is now 'Place {number}'"]
        with service.user() as again:
            assert again.login("W1CHA")[0] == f"Hello Name 19, this is {NODE}"


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        if shared is not None:
            shared.close()
