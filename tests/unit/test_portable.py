"""Outside `engines` nothing is used that one engine lacks, or reads in another way: docs/parity.md, "The rules"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "ecomm"
# Files that speak to no engine may have a method `weekday`.
FILES = sorted(p for p in SRC.rglob("*.py") if p.parent.name != "engines" and "spark" in p.read_text(encoding="utf-8"))

# Names of functions and methods, wherever they are called or mentioned as `something.name`: the rule and what to do.
NAMES = {
    **dict.fromkeys(("to_date", "try_to_date", "to_timestamp", "try_to_timestamp"), "E1: canonical.date or .timestamp"),
    **dict.fromkeys(("approx_percentile", "percentile_approx", "approx_count_distinct"), "E2: percentile; group twice"),
    **dict.fromkeys(("countDistinct", "count_distinct"), "E2: group twice, it is slow and hungry"),
    **dict.fromkeys(("expr", "selectExpr"), "E3: Column API, no SQL text"),
    **dict.fromkeys(("max_by", "min_by"), "E4: row_number over a total order"),
    **dict.fromkeys(("persist", "checkpoint", "localCheckpoint", "observe"), "E7: materialise in the attempt's folder"),
    **dict.fromkeys(("input_file_name", "input_file_block_start", "input_file_block_length", "zip_with",
                     "transform_values"), "E7: not every engine has it"),
    **dict.fromkeys(("weekday", "extract", "date_part"), "E8: dayofweek"),
    **dict.fromkeys(("timestamp_diff", "timestampdiff"), "E8: datediff(..).cast('int')"),
    **dict.fromkeys(("hash", "xxhash64"), "E8: canonical.row_hash"),
    **dict.fromkeys(("from_json", "to_json"), "E8: parse and write JSON in Python"),
    **dict.fromkeys(("initcap", "date_trunc"), "E8: its value differs between engines"),
    "toPandas": "E9: toArrow()",
    **dict.fromkeys(("rdd", "sparkContext", "_jvm", "_jdf", "_jsparkSession"), "E10: Spark Connect has none"),
    **dict.fromkeys(("udf", "pandas_udf", "arrow_udf", "udtf", "mapInPandas", "applyInPandas", "mapInArrow"), "E10: no "
                    "Python runs inside an engine"),
    **dict.fromkeys(("saveAsTable", "insertInto", "writeTo"), "T1: tables are written by tables.Store alone"),
}  # fmt: skip
# Words of options and of SQL.
WORDS = {
    r"\b(ALTER|CREATE( OR REPLACE)?|DROP) TABLE\b": "T1: engines/deltafiles creates and alters",
    r"mergeSchema|overwriteSchema|WITH SCHEMA EVOLUTION": "T2: compare and cast before writing",
    r"\b(versionAsOf|timestampAsOf)\b": "T5: older versions are read with deltalake",
    r"partitionOverwriteMode": "T7: it replaces the whole table on one engine",
    r"\b_metadata\b": "E7: not every engine has it",
}
# Calls whose values come in no order: what must stand around them.
UNORDERED = {"collect_list": ("sort_array", "array_sort", "size"), "collect_set": ("sort_array", "array_sort", "size")}
REGEX = ("rlike", "regexp_replace", "regexp_extract", "regexp_extract_all", "regexp_like")
# Where a rule does not hold, and why.
SQL = {("catalog.py", "_merge")}  # MERGE has no other form here; its text holds names, never values
HASHES = {("relations.py", "xxhash64")}  # of texts, compared within one engine, never stored


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call, ast.Call | None, str, bool]]:
    """Every call: its name, itself, the call whose argument it is, the function it stands in, and if in a loop."""

    def walk(
        node: ast.AST, around: ast.Call | None, function: str, looped: bool
    ) -> Iterator[tuple[str, ast.Call, ast.Call | None, str, bool]]:
        match node:
            case ast.FunctionDef(name=name):
                function = name
            case ast.Lambda():
                function = function or "lambda"
            case ast.For() | ast.While() | ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                looped = True
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            yield name, node, around, function, looped
            if name == "reduce":
                looped = True
            around = node
        for child in ast.iter_child_nodes(node):
            yield from walk(child, around, function, looped)

    yield from walk(tree, None, "", False)


def spoken_to(call: ast.Call) -> str:
    """What a method is called on, as it is written."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def odd_pattern(text: str) -> bool:
    """A regular expression that not every engine reads in the same way."""
    bare = re.sub(r"\[(\\.|[^\]])*\]", "", text)
    if re.search(r"\\[dDwWsShHvVbBQEGZRX]|\(\?|\\[1-9]", text):
        return True
    return bool(re.search(r"[.$^]", re.sub(r"\\.", "", bare)))


def found(source: str, file: str = "x.py") -> list[str]:
    """What a text uses that it must not: `line: what: rule`."""
    tree = ast.parse(source)
    said = {*of_names(tree, file), *of_texts(tree), *of_calls(tree, file)}
    return [f"{line}: {what}" for line, what in sorted(said)]


def of_names(tree: ast.AST, file: str) -> Iterator[tuple[int, str]]:
    """Names that must not be mentioned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NAMES and (file, node.attr) not in HASHES:
            yield node.lineno, f"{node.attr}: {NAMES[node.attr]}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyspark"):
            yield from ((node.lineno, f"{a.name}: {NAMES[a.name]}") for a in node.names if a.name in NAMES)


def of_texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Options, SQL and regular expressions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node.lineno, f"{w}: {why}") for w, why in WORDS.items() if re.search(w, node.value))
            if re.search(r"\\A|\\z", node.value) and odd_pattern(node.value):
                yield node.lineno, f"{node.value!r}: E5: explicit classes, \\A and \\z"


def of_calls(tree: ast.AST, file: str) -> Iterator[tuple[int, str]]:
    """Calls that depend on what they are called on, with, or inside of."""
    for name, call, around, function, looped in calls(tree):
        outer = around.func if around is not None else None
        inside = outer.attr if isinstance(outer, ast.Attribute) else ""
        first = call.args[0] if call.args else None
        of_struct = isinstance(first, ast.Call) and ast.unparse(first.func).endswith("struct")
        patterns = [a.value for a in call.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        wrong = {
            "E3: Column API, no SQL text": name == "sql" and "spark" in spoken_to(call) and (file, function) not in SQL,
            "E4: sort what has no order": name in UNORDERED and inside not in UNORDERED[name],
            "E4: NULL is the least on one engine, the greatest on another": name in ("max", "min") and of_struct,
            "E5: explicit classes": name in REGEX and any(map(odd_pattern, patterns)),
            "E6: withColumns or select": name in ("withColumn", "withColumnRenamed") and looped,
            "E7: materialise in the attempt's folder": name == "cache" and not call.args and bool(spoken_to(call)),
            "E10: a column needs a session, so none is made by an import": not function and spoken_to(call) == "F",
            "E8: NULLs of the right type": any(k.arg == "allowMissingColumns" for k in call.keywords),
            "E8: its value differs between engines": name == "split" and spoken_to(call) == "F",
        }
        yield from ((call.lineno, f"{name}: {why}") for why, is_so in wrong.items() if is_so)


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(SRC)) for f in FILES])
def test_nothing_that_differs_is_used(file: Path) -> None:
    assert not found(file.read_text(encoding="utf-8"), file.name)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("E1", "F.to_date('x')"),
        ("E1", "from pyspark.sql.functions import try_to_timestamp"),
        ("E2", "F.percentile_approx('x', 0.5)"),
        ("E2", "rows.agg(F.countDistinct('x'))"),
        ("E3", "F.expr('a + b')"),
        ("E3", "session.spark.sql(f'select {value}')"),
        ("E4", "F.max_by('a', 'b')"),
        ("E4", "F.max(F.struct('a', 'b'))"),
        ("E4", "rows.agg(F.collect_list('a'))"),
        ("E4", "F.concat(F.collect_set('a'))"),
        ("E5", r"F.col('a').rlike(r'\d+')"),
        ("E5", r"F.regexp_replace('a', r'a.c', '')"),
        ("E5", r"_X = r'\A(?i)a\z'"),
        ("E5", r"_X = r'\Aa$'"),
        ("E6", "for n in names:\n    rows = rows.withColumn(n, F.lit(1))"),
        ("E6", "reduce(lambda r, n: r.withColumn(n, F.lit(1)), names, rows)"),
        ("E7", "rows.cache()"),
        ("E7", "rows.persist()"),
        ("E7", "F.input_file_name()"),
        ("E7", "F.input_file_block_start()"),
        ("E7", "rows.select('_metadata')"),
        ("E8", "F.weekday('a')"),
        ("E8", "F.split('a', '')"),
        ("E8", "F.xxhash64('a')"),
        ("E8", "a.unionByName(b, allowMissingColumns=True)"),
        ("E9", "rows.toPandas()"),
        ("E10", "rows.rdd"),
        ("E10", "F.udf(f)"),
        ("E10", "spark._jvm"),
        ("E10", "NO_END = F.lit(None)"),
        ("T1", "rows.write.saveAsTable('x')"),
        ("T1", "'ALTER TABLE x ADD COLUMNS (y int)'"),
        ("T2", "writer.option('mergeSchema', 'true')"),
        ("T2", "f'MERGE WITH SCHEMA EVOLUTION INTO {x}'"),
        ("T5", "reader.option('versionAsOf', 3)"),
        ("T7", "writer.option('partitionOverwriteMode', 'dynamic')"),
    ],
)
def test_what_differs_is_found(rule: str, source: str) -> None:
    assert any(f": {rule}: " in line for line in found(source)), found(source)


def test_what_is_allowed_is_let_through() -> None:
    assert not found(
        "def columns(rows, names):\n"
        "    F.sort_array(F.collect_list('a'))\n"
        "    F.col('a').rlike(r'\\A[0-9]{1,3}(\\.[0-9]+)?\\z')\n"
        "    rows.withColumns({n: F.lit(1) for n in names})\n"
        "FITS = lambda: F.col('a').isNotNull()\n"
        "functools.cache(f)\n"
        "text.split(',')\n"
    )
