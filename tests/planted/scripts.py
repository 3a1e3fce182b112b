"""Names in every character set of the standard (PS3.3 C.12.1.1.2), with code extensions."""

from __future__ import annotations

import random
from collections.abc import Callable

Encode = Callable[[str], bytes]


def _plain(codec: str) -> Encode:
    return lambda said: said.encode(codec)


def _extended(escape: bytes, codec: str) -> Encode:
    """G1 designated by an escape before each component that needs it (PS3.5 section 6.1.2.5)."""

    def encode(said: str) -> bytes:
        out, part = b"", ""
        for character in said + "\0":
            if character in "^=\\ \0":
                body = part.encode(codec)
                out += (escape if any(b > 127 for b in body) else b"") + body
                out += character.encode() if character != "\0" else b""
                part = ""
            else:
                part += character
        return out

    return encode


def _japanese(codec: str) -> Encode:
    def encode(said: str) -> bytes:
        pieces = []
        for group in said.split("="):
            pieces.append("^".join(group.split("^")).encode(codec))
        return b"=".join(pieces)

    return encode


# Specific Character Set, letters to draw names from, encoder.
SCRIPTS: dict[str, tuple[str, str, Encode]] = {
    "Latin 1": ("ISO_IR 100", "äöüßéèñçøåâîûÆÞ", _plain("latin-1")),
    "Latin 1 undeclared": ("", "äöüéèñçøåâîû", _plain("latin-1")),
    "Latin 2": ("ISO_IR 101", "łžščřůąęńőűďť", _plain("iso8859_2")),
    "Latin 3": ("ISO_IR 109", "ĉĝĥĵŝŭħż", _plain("iso8859_3")),
    "Latin 4": ("ISO_IR 110", "ąįšēģķļņŗžū", _plain("iso8859_4")),
    "Latin 5": ("ISO_IR 148", "ğışöüç", _plain("iso8859_9")),
    "Latin 9": ("ISO_IR 203", "žšœÿäö", _plain("iso8859_15")),
    "Cyrillic": ("ISO_IR 144", "бгджилмнпрстфцчшщ", _plain("iso8859_5")),
    "Greek": ("ISO_IR 126", "αβγδεζηθικλμνξπρστ", _plain("iso8859_7")),
    "Hebrew": ("ISO_IR 138", "אבגדהוזחטיכלמנס", _plain("iso8859_8")),
    "Arabic": ("ISO_IR 127", "ابتثجحخدذرزسش", _plain("iso8859_6")),
    "Thai": ("ISO_IR 166", "กขคงจฉชซญฎฏฐ", _plain("tis_620")),
    "Katakana": ("ISO_IR 13", "ｱｲｳｴｵｶｷｸｹｺｻｼｽ", _plain("shift_jis")),
    "GB18030": ("GB18030", "王小东李明华张伟芳娜敏静丽强磊", _plain("gb18030")),
    "GBK": ("GBK", "王小东李明华张伟芳娜敏静丽强磊", _plain("gbk")),
    "UTF-8": ("ISO_IR 192", "王ж山ü田αлאבгİ김정은", _plain("utf-8")),
    "ISO 2022 Kanji": ("\\ISO 2022 IR 87", "山田太郎鈴木佐藤高橋渡辺", _japanese("iso2022_jp")),
    "ISO 2022 Kanji supplementary": (
        "\\ISO 2022 IR 159", "丂丄丅丌丒丟丣两丨", _japanese("iso2022_jp_2"),
    ),
    "ISO 2022 Hangul": (
        "\\ISO 2022 IR 149", "김희중박영수이정은최민", _extended(b"\x1b$)C", "euc_kr"),
    ),
    "ISO 2022 Hanzi": (
        "\\ISO 2022 IR 58", "张小东王明李华伟芳", _extended(b"\x1b$)A", "gb2312"),
    ),
    "ISO 2022 Cyrillic": (
        "ISO 2022 IR 6\\ISO 2022 IR 144", "бгджилмнпрст", _extended(b"\x1b-L", "iso8859_5"),
    ),
    "ISO 2022 Greek": (
        "ISO 2022 IR 6\\ISO 2022 IR 126", "αβγδεζηθικλμ", _extended(b"\x1b-F", "iso8859_7"),
    ),
    "ISO 2022 Latin 2": (
        "ISO 2022 IR 100\\ISO 2022 IR 101", "łžščřůąęńőű", _extended(b"\x1b-B", "iso8859_2"),
    ),
}  # fmt: skip


def name(rng: random.Random, letters: str) -> str:
    """A name of six letters of the script, none twice in a row."""
    return "".join(rng.sample(letters, 6))
