# SPDX-License-Identifier: ISC
#
# NAME      messages - could the program say this sentence?
# PURPOSE   A manual that quotes a message is believed only when the sources have it: the quoted sentence is
#           taken apart along the string literals of the C sources and of init scripts, down to single words.
# OWNER     flow tests
# CONTRACT  Messages(folders).explains(sentence): a literal matches when its fixed parts are there and each
#           hole holds what its conversion prints: a number, a name, an error of the system, nothing, or
#           again something that a literal explains. A name is no plain English word, unless the sources have
#           it. Names may stand before a sentence, sentences be joined by "; " or ": ", and a hint follow in
#           parentheses; but for that a literal counts when it has four letters, so that no sentence can be
#           put together of "%s %s". The pieces of one that is put together by its words must be literals of
#           two words at least, or such as " at ".
# LIMITS    literals are found as text: but for those of inttypes.h macros are not expanded

import errno
import functools
import os
import re
from pathlib import Path

LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"')
CONVERSION = re.compile(r"%(?:%|[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?([diouxXcsfgm]))")
NUMBER = {"d": r"-?\d+", "i": r"-?\d+", "o": r"[0-7]+", "u": r"\d+", "x": r"[0-9a-f]+", "X": r"[0-9A-F]+",
          "f": r"-?\d+(?:\.\d+)?", "g": r"\S+", "c": r"."}
SYSTEM = {os.strerror(number) for number in errno.errorcode}
LMDB = re.compile(r"MDB_[A-Z_]+: [^:]+")
WORD = r"(?:\S*(?:[A-Z0-9/_=@#]|\w\.\w|::)\S*|\"\w+\")"  # a name, by more than what stands at the end of a word
NAME = re.compile(rf"{WORD}(?: {WORD})*")
BEFORE = re.compile(rf"(?:{WORD} )+")  # "/etc/shackd/shackd.ini:3: ysf.listen: "
NESTED = 3  # a message in a message in a message
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "0": "\0"}


def unescape(text):
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), text)


def literals(text):
    """The string literals of a C source, those that stand side by side joined."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r'"\s*PRI([dux])\d+\s*"', r"\1", text)
    text = re.sub(r'"\s*PRI([dux])\d+', r'\1"', text)
    text = re.sub(r'"\s+"', "", text)
    for found in LITERAL.finditer(text):
        yield unescape(found[0][1:-1]).strip("\n")


def parts_of(literal):
    """Its fixed parts and conversions by turns, beginning and ending with a fixed part."""
    fixed, holes, at = [""], [], 0
    for found in CONVERSION.finditer(literal):
        fixed[-1] += literal[at:found.start()]
        at = found.end()
        if found[1] is None:
            fixed[-1] += "%"
        else:
            holes.append(found[1])
            fixed.append("")
    fixed[-1] += literal[at:]
    return fixed, holes


def shell_literals(text):
    """What a script says, its variables as conversions."""
    for found in re.finditer(r'"([^"\n]*)"', text.replace("\\\n", "")):
        yield re.sub(r"\$(?:\w+|\{[^}]*\}|[*@?])", "%s", found[1])


class Messages:
    def __init__(self, folders, scripts=()):
        found = {literal for folder in folders for path in Path(folder).rglob("*.*") if path.suffix in (".c", ".h", ".def")
                 for literal in literals(path.read_text())}
        found |= {literal for path in scripts for literal in shell_literals(path.read_text())}
        self.joints = {literal.strip() for literal in found if re.fullmatch(" .* ", literal)}
        self.plain = {literal for literal in found if "%" not in literal}
        self.formats = [(fixed, holes) for fixed, holes in map(parts_of, sorted(found - self.plain))
                        if sum(map(str.isalpha, "".join(fixed))) >= 4]

    @functools.lru_cache(maxsize=None)
    def explains(self, text, depth=NESTED):
        """Is TEXT made of the program's own words?"""
        if text in self.plain or text in SYSTEM or LMDB.fullmatch(text):
            return True
        if depth == 0:
            return False
        if any(self.fits(text, fixed, holes, depth) for fixed, holes in self.formats):
            return True
        names = BEFORE.match(text)
        if names is not None and names.end() < len(text) and self.explains(text[names.end():], depth):
            return True
        if hint := re.fullmatch(r"(.*) \((.*)\)", text):  # what to do about it
            if self.explains(hint[1], depth - 1) and self.explains(hint[2], depth - 1):
                return True
        if any(self.explains(text[:found.start()], depth - 1) and self.explains(text[found.end():], depth - 1)
               for found in re.finditer("[;:] ", text)):
            return True
        return depth >= NESTED - 1 and self.pieced(text)

    @functools.lru_cache(maxsize=None)
    def pieced(self, text):
        """Is it put together of pieces, word by word?"""
        words = text.split(" ")
        for count in range(len(words), 0, -1):
            piece, rest = " ".join(words[:count]), " ".join(words[count:])
            good = (NAME.fullmatch(piece) or piece in self.joints or count >= 2 and (
                piece in self.plain or any(self.fits(piece, fixed, holes, 1) for fixed, holes in self.formats)))
            if good and (not rest or self.pieced(rest)):
                return True
        return False

    def fits(self, text, fixed, holes, depth):
        if not text.startswith(fixed[0]) or not text.endswith(fixed[-1]):
            return False
        at = 0
        for part in fixed:  # cheap, and almost always enough to say no
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return self.split(text[len(fixed[0]):], fixed[1:], holes, depth)

    def split(self, text, fixed, holes, depth):
        """Can TEXT be a hole, a fixed part, a hole ... to its end?"""
        if not holes:
            return text == ""
        at = text.find(fixed[0])
        while at >= 0:
            if (self.fills(text[:at], holes[0], depth)
                    and self.split(text[at + len(fixed[0]):], fixed[1:], holes[1:], depth)):
                return True
            at = text.find(fixed[0], at + 1) if at < len(text) else -1
        return False

    def fills(self, text, conversion, depth):
        if conversion in NUMBER:
            return re.fullmatch(NUMBER[conversion], text) is not None
        if conversion == "m":
            return text in SYSTEM
        text = text.strip()
        return text == "" or NAME.fullmatch(text) is not None or self.explains(text, depth - 1)
