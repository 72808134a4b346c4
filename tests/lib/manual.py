# SPDX-License-Identifier: ISC
#
# NAME      manual - what a manual page tells an operator to type, and what it says will be read
# PURPOSE   Takes the displays (.Dl, .Bd -literal) out of a page, each with its section and its scene.
# OWNER     flow tests
# CONTRACT  A comment `.\" scene NAME` says in which situation the displays up to the next one, or to the
#           next heading, are true. A line of a display that begins with "# " is a command; what follows it is
#           what it prints: `...` stands for any lines or a part of one. Lines before the first command are
#           quoted: log lines without their time, or what a program says. A line that is set in by two blanks
#           goes on with the one before. After `.\" quoted` a display is
#           checked against the sources alone.
# LIMITS    of mdoc(7) just what our pages use

import re
from dataclasses import dataclass, field
from pathlib import Path

ESCAPES = {r"\-": "-", r"\e": "\\", r"\&": "", r"\(aq": "'", r"\(dq": '"', r"\(ga": "`"}
LEVEL = re.compile(r"^(?:fatal|error|warning|info) [a-z]+(?:\.\d+)?\[\d+\] ")


@dataclass
class Display:
    page: str
    line: int
    section: str
    scene: str | None
    quoted_only: bool
    quotes: list = field(default_factory=list)
    commands: list = field(default_factory=list)  # (command, lines that it prints)

    def __str__(self):
        return f"{self.page}:{self.line}"

    def add(self, text):
        if text.startswith("# "):
            self.commands.append((text[2:], []))
            return
        said = self.commands[-1][1] if self.commands else self.quotes
        if text.startswith("  ") and said:
            said[-1] += " " + text.strip()
        else:
            said.append(text)


def plain(text):
    for escape, meaning in ESCAPES.items():
        text = text.replace(escape, meaning)
    return text


def join_continued(lines):
    """Commands that go on behind a backslash."""
    whole = ""
    for line in lines:
        whole += line
        if whole.endswith("\\"):
            whole = whole[:-1].rstrip() + " "
            continue
        yield whole
        whole = ""


def displays(path):
    page, section, scene, quoted = Path(path).name, "", None, False
    lines = enumerate(Path(path).read_text().splitlines(), 1)
    for number, line in lines:
        if found := re.match(r"\.S[hs] (.*)", line):
            section, scene, quoted = found[1], None, False
        elif found := re.match(r'\.\\" scene (\w+)$', line):
            scene, quoted = found[1], False
        elif re.match(r'\.\\" quoted$', line):
            quoted = True
        elif found := re.match(r"\.(Dl|Bd -literal)\b ?(.*)", line):
            display = Display(page, number, section, scene, quoted)
            body = [found[2]]
            if found[1] != "Dl":
                body = []
                for _, text in lines:
                    if text == ".Ed":
                        break
                    body.append(text)
            for text in join_continued(map(plain, body)):
                display.add(text)
            yield display


def sections(path):
    """{heading of a .Ss: its lines}"""
    found, heading = {}, None
    for line in Path(path).read_text().splitlines():
        if match := re.match(r"\.S([hs]) (.*)", line):
            heading = match[2] if match[1] == "s" else None
            if heading:
                found[heading] = []
        elif heading:
            found[heading].append(line)
    return found


def general(text):
    """What stays the same from one machine to the next: numbers and white space may differ."""
    return " ".join(re.sub(r"\d+", "N", text).split())


def same_line(promised, printed):
    """Both general; `...` stands for anything."""
    pattern = ".*".join(map(re.escape, promised.split("...")))
    return re.fullmatch(pattern, printed) is not None


def missing_line(promised, printed):
    """The first of the PROMISED lines that is not among those PRINTED, in that order; None: all are."""
    rest = [general(line) for line in printed.splitlines()]
    for line in promised:
        if line.strip() in ("", "..."):
            continue
        wanted = general(line)
        while rest and not same_line(wanted, rest[0]):
            rest.pop(0)
        if not rest:
            return line
        rest.pop(0)
    return None


def says(quote, said):
    """Is the quoted line in what was said (a log's lines carry their time)?"""
    wanted = general(quote)
    return any(same_line("..." + wanted, general(line)) for line in said.splitlines())
