"""Prints the bill of materials of the program as CycloneDX 1.6: every crate that is compiled into it, by Cargo.lock.

usage: materials.py TARGET
"""
import json, subprocess, sys


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def linked(metadata):
    """Ids of the packages that the program is linked from: neither build scripts' nor tests' dependencies."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        identity = waiting.pop()
        if identity in found:
            continue
        found.add(identity)
        for dependency in nodes[identity]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found, nodes


def component(package):
    licence = package["license"]
    entry = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if licence:
        # Cargo still allows the slash that SPDX does not know.
        entry["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    if package["repository"]:
        entry["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return entry


def main(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    found, nodes = linked(metadata)
    root = packages[metadata["resolve"]["root"]]
    others = sorted((packages[identity] for identity in found if identity != root["id"]), key=purl)
    depends = [
        {
            "ref": purl(packages[identity]),
            "dependsOn": sorted({purl(packages[d["pkg"]]) for d in nodes[identity]["deps"] if d["pkg"] in found}),
        }
        for identity in found
    ]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {**component(root), "type": "application"},
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": [component(package) for package in others],
        "dependencies": sorted(depends, key=lambda entry: entry["ref"]),
    }
    json.dump(bill, sys.stdout, indent=1, ensure_ascii=False)
    print()


main(*sys.argv[1:])
