"""What a release of ecomm is made of, as a CycloneDX file, from the locks: `python -m requirements.sbom FILE`.

A component a package of requirements/run.txt, a package whose code is in the dashboard's page, and a part of the Spark
server that `ecomm engine install spark` brings; each with its hashes and with what brings it. The same locks give the
same bytes, so it has no time and no serial number.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ecomm.engines.spark_home import DELTA

ROOT = Path(__file__).parents[1]
ALWAYS = "ecomm"
SPARK = "ecomm engine install spark"
_LOCKED = re.compile(r"^(\S+==[^\\\n]+?) *\\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)((?: +#.*\n)*)", re.M)
_OURS = "ecomm (pyproject.toml)"


@dataclass(frozen=True)
class Locked:
    """A package as a lock has it. wanted_by: the names of those that need it."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    wanted_by: frozenset[str]


def locked(lock: Path) -> list[Locked]:
    """The packages of a lock. Raises ValueError if a line is of a form that is not known here."""
    text = lock.read_text(encoding="utf-8")
    found = []
    for pinned, hashes, comments in _LOCKED.findall(text):
        wanted = Requirement(pinned)
        by = re.findall(r"^ +# +(?:via +)?([a-z][\w.-]*(?: \(pyproject\.toml\))?)$", comments, re.M)
        found.append(
            Locked(
                name=wanted.name,
                version=str(wanted.specifier).removeprefix("=="),
                marker=str(wanted.marker) if wanted.marker else None,
                hashes=tuple(re.findall("sha256:([0-9a-f]{64})", hashes)),
                wanted_by=frozenset(by) - {"via"},
            )
        )
    if len(found) != len(re.findall(r"^[a-z]", text, re.M)):
        raise ValueError(f"{lock}: a package in it is not of the form that `make lock` writes.")
    return found


def brought_by(packages: Iterable[Locked], project: dict[str, Any]) -> dict[str, list[str]]:
    """What a user must ask for to get a package: `ecomm`, or the extras that need it."""
    needs: dict[str, set[str]] = {}
    for one in packages:
        for name in one.wanted_by:
            needs.setdefault(name, set()).add(one.name)

    def closure(requirements: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        ahead: set[str] = {canonicalize_name(Requirement(r).name) for r in requirements}
        while ahead:
            reached |= ahead
            ahead = {name for known in ahead for name in needs.get(known, ())} - reached
        return reached

    always = closure(project["dependencies"])
    extras = {name: closure(wanted) for name, wanted in project["optional-dependencies"].items()}

    def by(name: str) -> list[str]:
        return [ALWAYS] if name in always else [f"ecomm[{extra}]" for extra, names in extras.items() if name in names]

    return {one.name: by(one.name) for one in packages}


def bom() -> Bom:
    """The list of all that a release is made of."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = _component("pypi", project["name"], project["version"], [], kind=ComponentType.APPLICATION)
    ours.licenses.update([LicenseFactory().make_from_string(project["license"])])
    made = Bom(metadata=BomMetaData(component=ours))
    made.metadata.timestamp = made.serial_number = None  # type: ignore[assignment]

    packages = locked(ROOT / "requirements" / "run.txt")
    by = brought_by(packages, project)
    components = {(one.name, one.version): _python(one, by[one.name]) for one in packages}
    named: dict[str, list[Component]] = {_OURS: [ours]}
    for (name, _), component in components.items():
        named.setdefault(name, []).append(component)
    parts = [*components.values(), *_of_page(), *_of_spark()]
    for part in parts:
        made.components.add(part)
    for one in packages:
        for name in one.wanted_by:
            for needing in named[name]:
                made.register_dependency(needing, [components[one.name, one.version]])
    made.register_dependency(ours, [part for part in parts if part not in components.values()])
    return made


def _python(one: Locked, by: list[str]) -> Component:
    component = _component("pypi", one.name, one.version, by)
    if one.marker:
        component.properties.add(Property(name="ecomm:only_where", value=one.marker))
    # One of several files is installed, each with a hash of its own: those are not the component's.
    files = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in one.hashes]
    component.external_references.add(
        ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(component.purl)), hashes=files)
    )
    return component


def _of_page() -> Iterable[Component]:
    """The packages whose licences came with the page when it was built; it is in the wheel, whatever the extras."""
    licences = (ROOT / "src/ecomm/dashboard/assets/LICENSES.txt").read_text(encoding="utf-8")
    lock = json.loads((ROOT / "web/package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name, version in re.findall(r"^(\S+) (\S+) \([^)\n]+\)\n-{72}$", licences, re.M):
        one = lock[f"node_modules/{name}"]
        if one["version"] != version:
            raise ValueError(f"{name}: the page has {version}, web/package-lock.json {one['version']}; run `make web`.")
        component = _component("npm", name, version, [ALWAYS])
        component.licenses.update([LicenseFactory().make_from_string(one["license"])])
        digest = base64.b64decode(one["integrity"].removeprefix("sha512-")).hex()
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_512, content=digest))
        yield component


def _of_spark() -> Iterable[Component]:
    for one in locked(ROOT / "src/ecomm/engines/spark.txt"):
        yield _python(one, [SPARK])
    for coordinates, digest in DELTA.items():
        name, version = coordinates.rsplit(":", 1)
        component = _component("maven", name, version, [SPARK])
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
        yield component


def _component(
    registry: str, name: str, version: str, by: list[str], kind: ComponentType = ComponentType.LIBRARY
) -> Component:
    """A component. name: `group:name` for Maven, `@group/name` for npm."""
    group, _, bare = name.replace("/", ":").rpartition(":")
    purl = PackageURL(registry, group or None, bare, version)
    return Component(
        type=kind,
        group=group or None,
        name=bare,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        scope=None if not by else ComponentScope.REQUIRED if by == [ALWAYS] else ComponentScope.OPTIONAL,
        properties=[Property(name="ecomm:brought_by", value=one) for one in by],
    )


def text() -> str:
    """The file. Raises ValueError if it is not what CycloneDX's schema asks for."""
    written = JsonV1Dot6(bom()).output_as_string(indent=2) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(written):
        raise ValueError(str(error))
    return written


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text(), encoding="utf-8")
    print(file)
