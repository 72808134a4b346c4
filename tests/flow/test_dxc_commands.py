#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_commands - commands of the DX cluster and what they answer
# PURPOSE   GoCluster's commands with GoCluster's words, the DX command, and what users of other
#           clusters type without thinking.
#
#   rule                                                 test (here, or in the file named)
#   6.1  case, abbreviations, aliases, / and blank       unit: dxc/test_command;
#                                                        6_1_...
#   6.1  unknown: GoCluster's words; many: slower        6_1_unknown...; bad_input: x25_...
#   6.1  a bare SET, SHOW, UNSET lists its subcommands   6_1_a_bare_verb...
#   6.2  HELP, H                                         6_2_help...
#   6.2  SHOW DX [n], n 1-100, "No spots available."     6_2_show_dx_...; unit: dxc/test_search
#   6.2  BYE QUIT EXIT                                   6_2_bye...
#   6.2  PASS and REJECT, their replies                  6_2_filters_answer_as_gocluster_does
#   6.2  a bad element refuses the whole command         6_2_one_bad_value...
#   6.2  SHOW FILTER                                     6_2_show_filter
#   6.2  SET/FILTER, UNSET/FILTER: a hint                6_2_set_filter...
#   6.4  what filters pass                               unit: dxc/test_filter
#   6.5  kept for the next login                         session: settings_are_there_...
#   6.6  the DX command, each row of its table           6_6_...; unit: dxc/test_command
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none known

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.cluster import NODE, Cluster  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402

shared = None


def cluster():
    global shared
    if shared is None:
        shared = Cluster("dxc.default_modes=CW,LSB,USB,RTTY", "dxc.default_sources=",
                         "dxc.sysops=W1ADM")
    return shared


def answers(call, table):
    """What CALL types, and what comes of it; a fresh filter each time."""
    with cluster().user(call) as user:
        for typed, *expected in table:
            got = user.ask(typed)
            assert got == expected, f"{typed}: {got}"


# ---- 6.1 ----

def test_6_1_case_and_separators_make_no_difference():
    answers("W1CAS", [("ECHO a", "a"), ("echo/a", "a"), ("ec a  b", "a  b"), ("EcHo a", "a"),
                      ("set name Joe", "Your name is now 'Joe'"),
                      ("SET/NAME Joe", "Your name is now 'Joe'"),
                      ("se/na Joe", "Your name is now 'Joe'"), ("blank", ""), ("", )])


def test_6_1_unknown_commands():
    hint = "Type HELP for available commands."
    answers("W1UNK", [("foo bar", "Unknown command: FOO", hint),
                      ("set/foo", "Unknown command: SET/FOO", hint),
                      ("reject/spots 1 on hf", "Unknown command: REJECT", hint)])


def test_6_1_a_bare_verb_lists_its_subcommands():
    with cluster().user("W1BAR") as user:
        for verb in ("SET", "SHOW", "UNSET", "RESET"):
            assert user.ask(verb.lower())[0] == f"{verb} needs one of:", verb
        assert "NAME" in " ".join(user.ask("set")).split()


# ---- 6.2 ----

def test_6_2_help():
    with cluster().user("W1HLP") as user:
        whole = user.ask("help")
        assert user.ask("h") == whole and user.ask("?") == whole
        names = {line.split()[0] for line in whole[1:]}
        assert {"BYE", "DX", "HELP", "PASS", "REJECT", "SHOW/DX", "SHOW/FILTER"} <= names, names
        for name in sorted(names):
            page = user.ask(f"help {name}")
            assert page[0].startswith(name) and len(page) > 1, page
            assert all(len(line) <= 78 for line in page), page
        assert user.said("help nonsense") == "No help for nonsense"
        assert len(user.ask("help set")) > 5


def test_6_2_bye():
    for word in ("bye", "quit", "exit", "b", "q"):
        with cluster().user("W1BYE") as user:
            user.type(word)
            assert user.line() == f"73 de {NODE}"
            assert user.rest() == b""


def test_6_2_filters_answer_as_gocluster_does():
    answers("W1FIL", [
        ("pass band 20m", "Filter set: Band 20m"),
        ("pass band 20m,40m", "Filter set: Bands 20m, 40m"),
        ("pass band all", "All bands enabled"),
        ("pass mode CW,ft8", "Filter set: Modes CW, FT8"),
        ("pass mode all", "All modes enabled"),
        ("pass source human", "Filter set: Source HUMAN"),
        ("pass source all", "Source filtering disabled"),
        ("pass dxcall lz*", "Filter set: DX callsign LZ*"),
        ("pass decall k1abc", "Filter set: DE callsign K1ABC"),
        ("pass confidence p,v", "Confidence symbols enabled: P, V"),
        ("pass confidence all", "All confidence symbols enabled"),
        ("pass beacon", "Beacon spots enabled"),
        ("reject beacon", "Beacon spots disabled"),
        ("pass dxcont eu af", "Filter set: DX continents EU, AF"),
        ("pass dxcont all", "All DX continents enabled"),
        ("pass dxzone 14,15", "Filter set: DX zones 14, 15"),
        ("pass dxdxcc 291", "Filter set: DX DXCC 291"),
        ("pass dxgrid2 fn31", "Filter set: DX 2-character grids FN"),
        ("reject mode ft8", "Mode filters disabled: FT8"),
        ("reject confidence ?", "Confidence symbols disabled: ?"),
        ("reject band all", "All bands blocked"),
        ("reject mode all", "All modes blocked"),
        ("reject dxcont all", "All DX continents blocked"),
        ("reject dxzone all", "All DX zones blocked"),
        ("reject dxcall", "DX callsign filters cleared"),
        ("reject decall", "DE callsign filters cleared"),
        ("reject all", "All filters cleared"),
    ])


def test_6_2_one_bad_value_changes_nothing():
    with cluster().user("W1BAD") as user:
        before = user.ask("show filter")
        for typed, word in (("pass band 20m,99m", "Unknown band: 99m"),
                            ("pass mode cw,xyz", "Unknown mode: "),
                            ("pass source radio", "Unknown source: "),
                            ("pass dxzone 14 99", "Unknown CQ zone: "),
                            ("pass dxdxcc x", "Invalid DXCC code: "),
                            ("pass dxgrid2 ZZ", "Unknown 2-character grid: ")):
            got = user.ask(typed)
            assert got[0].startswith(word), got
            assert user.ask("show filter") == before, typed


def test_6_2_show_filter():
    with cluster().user("W1SHO") as user:
        line = user.said("show filter")
        assert line.startswith("Current filters: Bands: ALL | Modes: CW, LSB, RTTY, USB | "
                               "Source: ALL | "), line
        modes = user.said("sh/filter modes")
        assert modes.startswith("Supported modes: ") and "CW=ENABLED, " in modes, modes
        assert user.said("sh/filter confidence").startswith("Confidence symbols: ?=ENABLED, ")
        assert user.said("sh/filter beacon") == "Beacon spots: ENABLED"
        user.ask("pass band 20m")
        assert user.said("reset filter") == "Your filter is that of new users"
        assert user.said("show filter") == line


def test_6_2_set_filter_says_how_it_is_done_here():
    with cluster().user("W1SET") as user:
        assert "PASS" in user.said("set/filter dxbm/pass 20")
        assert "PASS" in user.said("unset/filter")


def test_6_2_show_dx_and_its_bounds():
    with Cluster("dxc.default_sources=") as service, service.user("W1DXS") as user:
        assert user.said("show dx") == "No spots available."
        user.ask("dx 14025 lz5vv")
        eventually(lambda: "LZ5VV" in user.said("sh/dx 1"), what="the spot in the log")
        for same in ("show dx 5", "sh/dx", "sh/dx/5", "SHOW/DX 100", "sh/dx lz", "sh/mydx",
                     "sh/dxcc lz"):
            assert "LZ5VV" in user.said(same), same
        assert user.said("sh/fdx").startswith("DX de W1DXS:")


# ---- other commands ----

def test_users_and_who():
    with cluster().user("W1WHO") as user, cluster().user("K1ABC/P") as other:
        user.ask("set/name Walter")
        other.ask("unset/here")
        assert user.ask("sh/users")[0] == f"Callsigns connected to {NODE}"
        assert {"W1WHO", "(K1ABC/P)"} <= set(" ".join(user.ask("sh/users")[1:]).split())
        rows = {line.split()[0]: line for line in user.ask("who")[1:]}
        assert rows["W1WHO"].endswith(f"Walter       - {user.source}"), rows
        assert rows["K1ABC/P"].endswith(" -"), rows  # another's address is nobody's business


def test_a_name_does_nothing_to_others_screens():
    with cluster().user("W1WHO") as user, cluster().user("W2EVL") as other:
        for name, shown in ((b"\xc2\x9b2JJoe\xc2\x9b31m", "2JJoe31m"), ("J\u00fcrgen von\u00fc", "J\u00fcrgen vo"),
                            (b"Ann\x1b[2J", "Ann[2J"), (b"123456789\xc3\xbc", "123456789")):
            other.type(b"set/name " + (name if isinstance(name, bytes) else name.encode()))
            other.prompt()
            rows = {line.split()[0]: line for line in user.ask("who")[1:]}
            assert f" {shown} " in rows["W2EVL"], (shown, rows)
            assert not re.search("[\x00-\x1f\x7f-\x9f\udc80-\udcff]", rows["W2EVL"]), rows


def test_many_users_are_listed_whole():
    with Cluster("dxc.prompt=off") as service:
        users = [service.user() for _ in range(130)]
        for number, user in enumerate(users):
            user.until(b"call: ")
            user.type(f"W{number % 10}A{chr(65 + number // 26)}{chr(65 + number % 26)}")
            user.expect("^Cluster:")
        looker = users[0]
        looker.type("set/prompt spider")
        looker.prompt()
        assert len(" ".join(looker.ask("sh/users")[1:]).split()) == 130
        assert len(looker.ask("who")) == 131
        for user in users:
            user.close()


def test_what_the_node_knows():
    with cluster().user("W1KNO") as user:
        assert re.fullmatch(r"It is \d{4}Z on \d+-[A-Z][a-z][a-z]-20\d\d", user.said("sh/time"))
        assert user.said("sh/date").startswith("It is ")
        assert re.fullmatch(rf"Uptime of {NODE}: \d+ \d\d:\d\d", user.said("sh/uptime"))
        assert user.said("sh/version").startswith(f"{NODE} runs shackd V")
        assert "CQ zone 14, ITU zone 28, DXCC 230" in user.said("sh/prefix dl1aa")


# ---- 6.6 ----

def test_6_6_what_is_refused():
    with cluster().user("W1REF") as user:
        assert user.ask("dx 13999 lz5vv")[0] == "Frequency 13999 not in band"
        assert user.ask("dx 14025")[0] == "DX needs a frequency and a call"
        assert user.ask("dx")[0] == "DX needs a frequency and a call"
        assert user.said("dx lz5vv k1abc") == "The callsign or frequency is invalid"
        assert user.said("dx by w1aw 7003 ja1abc") == "Not Allowed"
        for number in ("NaN", "inf", "1e309", "0x1p3", "-7000", "7.0.0"):
            user.ask("blank")  # so that the rate of lines is no matter
            assert "invalid" in user.said(f"dx {number} lz5vv"), number


def test_6_6_spots_come_back_as_they_were_meant():
    table = [("dx 14025.3 lz5vv up 2", "14025.3", "LZ5VV", "up 2"),
             ("dx lz5vv 14026.3 up 2", "14026.3", "LZ5VV", "up 2"),
             ("DX 14.0273 LZ5VV", "14027.3", "LZ5VV", ""),
             ("dx 14025 K1ABC comment", "14025.0", "K1ABC", "comment"),
             ("dx 50.313 k1abc ft8", "50313.0", "K1ABC", "ft8"),
             ("dx 3b8/dl1abc 21010.5 tnx", "21010.5", "3B8/DL1ABC", "tnx"),
             ("dx 1296200 f6dkw/p jo10", "1296200.0", "F6DKW/P", "jo10")]
    with cluster().user("W1SPO") as user:
        for typed, frequency, call, comment in table:
            rows = user.ask(typed)
            assert len(rows) == 1, rows
            found = re.fullmatch(r"DX de W1SPO: +([\d.]+)  (\S+) +(.*?) +\d{4}Z", rows[0])
            assert found and found.groups() == (frequency, call, comment), rows


def test_6_6_the_same_again_is_a_duplicate():
    with cluster().user("W1DUP") as user:
        assert "K1DUP" in user.said("dx 14025.3 k1dup cq")
        again = user.ask("dx 14025.3 k1dup cq")
        # a minute may have ended between the two
        assert again == ["Sorry, this is a duplicate"] or "K1DUP" in again[0], again
        assert "K1DUP" in user.said("dx 14025.3 k1dup other words")


def test_6_6_ten_a_minute():
    with cluster().user("W1MNY") as user:
        for number in range(10):
            assert "DX de W1MNY" in user.said(f"dx {14000 + number}.5 k{number}abc"), number
        assert user.said("dx 14020 k1xyz") == "Too many spots from you, please wait a while"
        assert cluster().count("dxc_dx_refused_total", "rate") == 1


def test_6_6_ten_a_minute_over_all_sessions():
    answers = []
    for session in "AB":
        with cluster().user(f"W1RTE-{ord(session) - 64}") as user:
            for n in range(6):
                answers += [line for line in user.ask(f"dx 14{n:03}.5 lz{n}{session}b")
                            if not line.startswith("DX de")]
    assert answers == ["Too many spots from you, please wait a while"] * 2, answers


def test_6_6_a_hostile_comment_is_a_comment():
    with cluster().user("W1HOS") as user, cluster().user("K1HEA") as other:
        user.type(b"dx 7025 lz5vv \x1b[2J\x07bell\x00 %0d%0a DX de FAKE: \xff\xff \xc3\x28")
        line = other.line()
        assert line.startswith("DX de W1HOS:      7025.0  LZ5VV"), line
        assert all(" " <= sign <= "~" for sign in line), line
        assert "%0d%0a" in line and line.count("DX de") == 1, line
        assert other.silent()


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        if shared is not None:
            shared.close()
