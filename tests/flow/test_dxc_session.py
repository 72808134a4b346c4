#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_session - login, greeting, prompts, settings of the DX cluster
# PURPOSE   What people and logging programs see from the first byte to the last, and what is theirs
#           again at the next login.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none known

import os
import re
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.cluster import DO, IAC, NODE, PARITY, SB, SE, WILL, WONT, Cluster  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402

NOW = r"[ 1-3][0-9]-[A-Z][a-z][a-z]-20[0-9][0-9] [0-2][0-9][0-5][0-9]Z"
shared = None


def cluster():
    """One daemon for all tests that need nothing of their own."""
    global shared
    if shared is None:
        shared = Cluster("dxc.qth=Somewhere", "dxc.sysops=W1ADM")
    return shared


def gone(user):
    """The session is over for all who look."""
    eventually(lambda: user not in calls(), what=f"the end of {user}")


def calls():
    with cluster().user("K9LOOK") as looker:
        return " ".join(looker.ask("sh/users")[1:]).split()


def password_set(service, call, password):
    """As its user does."""
    with service.user(call) as user:
        assert "password is set" in user.said(f"set/password {password}")


# ---- transcripts ----

def test_logger_s_session_as_dxspider_s():
    with cluster().user() as user:
        assert user.until(b"call: ") == b"Please enter your call: "
        user.type("N0CALL")
        greeting = [user.line() for _ in range(3)]
        assert greeting == [f"Hello N0CALL, this is {NODE} in Somewhere", greeting[1],
                            "Capabilities: rbn"], greeting
        assert re.fullmatch(r"running \S+ V[0-9.]+", greeting[1]), greeting
        user.expect(r"^Spots that you announce stay on this node\.$")
        user.expect(r"^Cluster: 1 nodes, \d+ local / \d+ total users  Max users \d+  "
                    r"Uptime \d+ \d\d:\d\d$")
        assert re.fullmatch(rf"N0CALL de {NODE} {NOW} dxspider >", user.line())
        assert user.said("set/name Joe") == "Your name is now 'Joe'"
        assert user.ask("") == []
        rows = user.ask("dx 14025.3 lz5vv up 2")
        assert re.fullmatch(r"DX de N0CALL:    14025\.3  LZ5VV        up 2 {27}\d{4}Z", rows[0]), rows
        row = user.said("sh/dx 1")
        assert re.fullmatch(r"  14025\.3 LZ5VV       .{11} \d{4}Z up 2 +<N0CALL>", row), row
        user.type("bye")
        assert user.line() == f"73 de {NODE}"
        assert user.rest() == b""


def test_minimal_session_of_gocluster():
    with Cluster(*PARITY, "dxc.default_modes=CW,LSB,USB,RTTY") as service, service.user() as user:
        assert user.until(b"sign:\r\n") == \
            b"Experimental DX Cluster\r\n\r\nEnter your callsign:\r\n"
        user.type("n0call")
        assert re.fullmatch(rf"N0CALL de {NODE} \d\d-[A-Z][a-z][a-z]-20\d\d \d\d:\d\d:\d\d UTC>",
                            user.line())
        user.type("pass band 20m")
        assert user.line() == "Filter set: Band 20m"
        user.type("dx 14014.0 KE0UI")
        live = user.line()
        assert re.fullmatch(r"DX de N0CALL:     14014\.0  KE0UI       CW {32}\d{4}Z", live), live
        assert len(live) == 78
        user.type("show dx 1")
        assert user.line() == live
        user.type("bye")
        assert user.line() == "73!"
        assert user.rest() == b""


# ---- before the login ----

def test_lines_end_as_they_like_before_and_after_the_login():
    for end in ("\r\n", "\n", "\r", "\r\0"):
        with cluster().user() as user:
            user.until(b"call: ")
            user.send(f"w1aw{end}".encode())
            user.prompt()
            user.send(f"echo one{end}echo two{end}".encode())
            assert user.prompt() == ["one"] and user.prompt() == ["two"]


def test_calls_that_can_log_in():
    for call, shown in (("w1aw", "W1AW"), ("w1aw-2", "W1AW-2"), ("W1AW/P", "W1AW/P"),
                        ("  dl1abc  ", "DL1ABC"), ("VP2M/W1AW", "VP2M/W1AW"), ("4U1UN", "4U1UN")):
        with cluster().user() as user:
            assert user.login(call)[0].startswith(f"Hello {shown}, this is {NODE}"), call


def test_what_is_no_call_is_refused_three_times():
    for wrong in ("../../etc/passwd", "<script>", "%s%n", "'; DROP", "A" * 20, "W1AW secret", NODE,
                  "K1ABC-#", "599", "GET / HTTP/1.1"):
        with cluster().user() as user:
            user.until(b"call: ")
            for _ in range(3):
                user.type(wrong)
            assert user.rest().count(b"Invalid callsign. Please try again.\r\n") == 3, wrong
    assert cluster().count("dxc_login_failed_total", "call") >= 30


def test_an_empty_line_asks_again():
    with cluster().user() as user:
        user.until(b"call: ")
        for nothing in ("", "   ", "", "", ""):
            user.type(nothing)
            assert user.until(b"call: ").startswith(b"Callsign cannot be empty.")
        user.type("W1AW")
        user.prompt()


def test_options_are_answered_and_the_login_goes_on():
    with cluster().user() as user:
        user.until(b"call: ")
        user.send(bytes([IAC, DO, 1, IAC, WILL, 24]))
        assert user.until(bytes([24])) == bytes([IAC, WONT, 1, IAC, 254, 24])
        user.send(bytes([IAC, SB, 24, 0]) + b"xterm" + bytes([IAC, SE]) + b"w1x\bAW\r\0")
        assert user.prompt()[0].startswith("Hello W1AW, ")


# ---- two logins, the end ----

def test_a_second_login_ends_the_first():
    first = cluster().user("K2DUP")
    with cluster().user("K2DUP") as second:
        assert first.line() == "*** Reconnected: you have logged in from elsewhere"
        assert first.rest() == b""
        assert second.said("echo here") == "here"
        assert calls().count("K2DUP") == 1
    gone("K2DUP")


def test_two_logins_at_one_instant_on_two_workers_leave_one():
    with Cluster("workers.dxc=2", "dxc.prompt=off") as service:
        for _ in range(5):
            pair = [service.user() for _ in range(4)]
            for user in pair:
                user.until(b"call: ")
            for user in pair:
                user.type("K3TWO")
            alive = 0
            for user in pair:
                user.expect(r"^Cluster:")
            ended = []

            def one_is_left():
                for user in pair:
                    if user not in ended and not user.silent(0.05):
                        assert user.line().startswith("*** Reconnected")
                        ended.append(user)
                return len(ended) == 3

            eventually(one_is_left, what="three ended sessions")
            for user in pair:
                if user not in ended:
                    user.type("echo still here")
                    alive += user.line() == "still here"
                user.close()
            assert alive == 1, alive


def test_a_second_login_can_be_refused():
    with Cluster("dxc.duplicate_login=refuse") as service:
        with service.user("K2DUP") as first, service.user() as second:
            second.until(b"call: ")
            second.type("k2dup")
            assert second.line() == "K2DUP is logged in already"
            assert second.rest() == b""
            assert first.said("echo here") == "here"


def test_who_is_slow_to_log_in_is_disconnected():
    with Cluster("dxc.login_timeout=1s") as service:
        with service.user() as quiet, service.user() as slow, service.user("W1AW") as user:
            slow.until(b"call: ")
            quiet.until(b"call: ")
            for letter in "K1ABC":  # a byte now and then buys no time
                if slow.silent(0.4):
                    slow.send(letter)
            assert quiet.rest() == b"*** Too slow, login timed out\r\n"
            assert slow.rest() == b"*** Too slow, login timed out\r\n"
            assert user.said("echo here") == "here"
            assert service.count("dxc_login_failed_total", "timeout") == 2


# ---- what is kept ----

def test_settings_are_there_at_the_next_login_and_after_a_restart():
    with Cluster("dxc.prompt=spider") as service:
        with service.user("W1SET") as user:
            user.ask("set/name Joe  Smith")
            user.ask("set/qth East\tDereham")
            assert user.said("set/qra jo02lq") == "Your QRA Locator is now 'JO02LQ'"
            user.ask("pass band 20m")
            assert user.said("set/format rbn") == "Format is now RBN"
            assert user.said("set/nobeep") == "Beeps disabled for W1SET"
            assert user.said("unset/here") == "Here unset on W1SET"
        with service.user() as user:
            greeting = user.login("W1SET")
            assert greeting[0].startswith("Hello Joe Smith,"), greeting
            assert "Bands: 20m" in user.said("sh/filter")
            assert user.said("set/format").startswith("Format is RBN.")
            assert "(W1SET)" in " ".join(user.ask("sh/users"))
        with service.user() as user:  # an SSID has what its call has, until it sets its own
            assert user.login("W1SET-2")[0].startswith("Hello Joe Smith,")
            user.ask("set/name Other")
        service.stop()
        service.start()
        with service.user() as user:
            assert user.login("W1SET")[0].startswith("Hello Joe Smith,")
            assert "Bands: 20m" in user.said("sh/filter")
        with service.user() as user:
            assert user.login("W1SET-2")[0].startswith("Hello Other,")
            assert "Bands: 20m" in user.said("sh/filter")


def test_prompts():
    with cluster().user("W1PRO") as user:
        user.type("set/prompt cc")
        assert user.line() == "Prompt is set"
        assert re.fullmatch(rf"W1PRO de {NODE} {NOW}   CCC >", user.line())
        user.type("set/prompt %C at %M %% %T>")
        assert user.line() == "Prompt is set"
        assert re.fullmatch(rf"W1PRO at {NODE} % \d{{4}}Z>", user.line())
        user.type("unset/prompt")
        assert user.line() == "Prompt is off"
        user.type("echo x")
        assert user.line() == "x" and user.silent()
        user.type("set/prompt spider")
        assert user.line() == "Prompt is set"
        user.prompt()


def test_message_of_the_day():
    with tempfile.NamedTemporaryFile("w", suffix=".motd") as motd:
        os.chmod(motd.name, 0o644)
        motd.write("Welcome\nall!\n")
        motd.flush()
        with Cluster(f"dxc.motd={motd.name}") as service:
            with service.user() as user:
                greeting = user.login("W1AW")
                at = greeting.index("Welcome")
                assert greeting[at:at + 2] == ["Welcome", "all!"], greeting
                assert greeting[at + 2].startswith("Cluster: "), greeting
                assert user.ask("sh/motd") == ["Welcome", "all!"]
                long = [f"line {n} " + "x" * 60 for n in range(50)]
                motd.seek(0)
                motd.write("\n".join(long))
                motd.flush()
                eventually(lambda: user.ask("sh/motd") == long, what="the new message")


# ---- passwords and operators ----

def test_a_password_is_asked_for_once_it_is_set():
    password_set(cluster(), "W1PAS", "sesame")
    with cluster().user() as user:
        user.until(b"call: ")
        user.type("w1pas")
        assert user.until(b"password: ") == bytes([IAC, WILL, 1]) + b"password: "
        user.type("wrong")
        user.expect("Wrong password")
        user.until(b"password: ")
        user.type("sesame")
        assert user.until(bytes([IAC, WONT, 1])) == bytes([IAC, WONT, 1])
        assert user.prompt()[1].startswith("Hello W1PAS")
    with cluster().user() as user:  # no SSID goes around it
        user.until(b"call: ")
        user.type("w1pas-7")
        user.until(b"password: ")
        for _ in range(3):
            user.type("guess")
        assert user.rest().count(b"Wrong password") == 3
    assert cluster().count("dxc_login_failed_total", "password") == 4
    with cluster().user() as user:
        user.login("W1PAS", "sesame")
        user.ask("unset/password")
    with cluster().user() as user:
        user.login("W1PAS")


def test_operators_are_those_who_gave_a_password():
    with cluster().user("W1ADM") as nobody:
        assert "shackctl passwd" in nobody.said("set/password mine")
        assert nobody.said("dx by w1aw 7003 ja1abc") == "Not Allowed"
        assert nobody.ask("disconnect w1aw")[0] == "Unknown command: DISCONNECT"
        assert "DISCONNECT" not in " ".join(nobody.ask("help"))


# ---- survival ----

def test_sessions_go_on_when_their_worker_is_killed():
    with Cluster() as service, service.user("W1KIL") as user, service.user() as stranger:
        stranger.until(b"call: ")
        stranger.send("k1a")
        user.ask("set/name Kim")
        for number in range(10):
            pid = service.worker_pids()["dxc.0"]
            user.send(f"echo before {number}\r\n")
            os.kill(pid, signal.SIGKILL)
            user.send(f"echo after {number}\r\n")
            assert user.prompt() == [f"before {number}"], number
            assert user.prompt() == [f"after {number}"], number
        stranger.send("bc\r\n")
        assert stranger.prompt()[0].startswith("Hello K1ABC")
        assert [line.split() for line in user.ask("sh/users")[1:]] == [["K1ABC", "W1KIL"]]


def test_an_operator_disconnects_and_spots_for_others():
    """By the control program, as the manual says; then at the telnet port, with the password."""
    service = cluster()
    service.passwd("W1ADM", "sesame")
    with service.user("W1BAD") as bad, service.user() as operator:
        operator.login("W1ADM", "sesame")
        operator.type("dx by g4xyz 14025.3 p5rs7 loud")
        operator.expect(r"DX de G4XYZ:\s+14025\.3  P5RS7        loud")
        operator.prompt()
        operator.type("disconnect w1bad")
        bad.rest()  # up to the end of the connection
        gone("W1BAD")
        operator.ask("sh/users")


def test_a_password_being_checked_outlives_the_worker():
    with Cluster() as service:
        password_set(service, "W1PAS", "sesame")
        for _ in range(5):
            with service.user() as user:
                user.until(b"call: ")
                user.type("w1pas")
                user.until(b"password: ")
                user.type("sesame")
                service.kill_worker("dxc.0")
                assert user.prompt()[-1].startswith("Cluster: ")


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        if shared is not None:
            shared.close()
