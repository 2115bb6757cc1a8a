"""CSV files that Spark's reader may read: ordinary ones, and ones with wrong numbers of fields in every way."""

from __future__ import annotations

_AB = b"a,b\n"
_SHORT = {
    f"{n} of 3 fields": (b"a,b,c\n", b"1,2,3\n" + b",".join([b"9"] * n) + b"\n4,5,6\n", ",") for n in (1, 2, 4, 5, 9)
}
_ENDS = {
    f"{name}, {said}": (b"a,b" + end, end.join([b"1,2", b"3", b"", b'"4,4",5', b",", b"6,7,"]) + last, ",")
    for name, end in (("lf", b"\n"), ("crlf", b"\r\n"))
    for said, last in (("ended", end), ("not ended", b""), ("blank at the end", end + end))
}
_DELIMITERS = {
    f"delimiter {d!r}": (d.join("ab").encode() + b"\n", f'1{d}2\n3\n4{d}\n4{d}5{d}6\n"7{d}"{d}8\n,;|{d}9\n'.encode(), d)
    for d in ";|:^\t"
}
TRUSTED: dict[str, tuple[bytes, bytes, str]] = {
    "ordinary": (_AB, b"1,2\n3,4\n", ","),
    "no records": (_AB, b"\n\n", ","),
    "a bom": (b"\xef\xbb\xbfa,b\n", b"1,2\n\n3\n", ","),
    "quoted header": (b'"a","b"\r\n', b'"1","2"\r\n', ","),
    "a header over two lines": (b'"a\nz",b\n', b"1,2\n3\n", ","),
    "blank lines": (_AB, b"\n \n1,2\n\n  \n3,4\n ", ","),
    "crlf and lf": (_AB, b"1,2\r\n3\n\r\n5,6\r\n7,8,9\r\n", ","),
    "empty cells": (_AB, b',\n,2\n1,\n"",""\n"",\n', ","),
    "only empty cells, too many": (_AB, b",,\n,\n,,,\n", ","),
    "trailing commas": (_AB, b"1,2,\n3,4,\n5,6\n", ","),
    "all trailing commas": (_AB, b"1,2,\n3,4,\n", ","),
    "no commas": (_AB, b"1\n2\n", ","),
    "doubled quotes": (_AB, b'"1""1",""""\n"""",2\n"""""",""""""\n"a,""b",c\n', ","),
    "one quoted empty cell": (_AB, b'""\n3,4\n', ","),
    "quoted and too many": (_AB, b'"1","2","3"\n"4"\n5,6\n', ","),
    "blanks stay": (_AB, b" 1 ,\t2\t\n  ,  \n3, \n", ","),
    "blanks in quotes": (_AB, b'" 1 ","  "\n', ","),
    "what looks like null": (_AB, b"NULL,NA\nnull,nan\n\\N,None\n", ","),
    "what looks like a number": (_AB, b"007,+1\n1e3,0x1F\n1.0,-0\n", ","),
    "what looks like a comment": (_AB, b"#1,2\n#\n//,--\n", ","),
    "backslashes": (_AB, b'1\\,2\n"3\\",4\n\\,\\\n"\\\\",5\n', ","),
    "single quotes": (_AB, b"'1,2',3\n'4',5\n", ","),
    "unicode": (_AB, "é,日本\n😀\n\u2028,\u00a0\n\u0085,\u3000\n".encode(), ","),
    "control characters": (_AB, b"\x01,\x02\n\x1f3,4\x7f\n", ","),
    "many fields": (_AB, b"1,2\n" + b"," * 30_000 + b"\n3,4\n", ","),
    "a long cell": (_AB, b"1," + b"x" * 200_000 + b"\n2\n", ","),
    "a long malformed line": (_AB, b"1,2,3" + b"y" * 200_000 + b"\n2,3\n", ","),
    "formulas": (_AB, b"=1+1,@x\n-2,+3\n", ","),
    "wide": (",".join(f"c{i}" for i in range(200)).encode() + b"\n", (b"," * 199 + b"\n") * 3 + b"1\n", ","),
    "newlines in quotes": (_AB, b'"1\n1",2\n\n3,"4\n\n"\n"5\n",6,7\n8\n"",""\n', ","),
    "many records": (_AB, b"".join(b"%d,x\n" % i if i % 7 else b"%d\n\n" % i for i in range(2_000)), ","),
    "many over lines": (_AB, b"".join(b'%d,"\n%d"\n' % (i, i) if i % 5 else b"%d\n\n" % i for i in range(500)), ","),
    **_SHORT,
    **_ENDS,
    **_DELIMITERS,
}
