"""Makes each schema of a Kubernetes release complete: the definitions that it refers to become a part of it.

usage: tests/kubernetes/schemas.py FOLDER_OF_THE_RELEASE TARGET

The release keeps all definitions in one file, which kubeconform would read and compile for each kind of object.
"""

import json
import pathlib
import re
import sys

REFERENCE = re.compile(r'"(?:/api/_definitions\.json)?#/\$defs/([^"]+)"')


def complete(schema: str, definitions: dict[str, str]) -> str:
    """Returns the schema with all definitions that it needs, directly or not."""
    needed: dict[str, str] = {}
    names = REFERENCE.findall(schema)
    while names:
        name = names.pop()
        if name not in needed:
            needed[name] = definitions[name]
            names += REFERENCE.findall(definitions[name])
    value = json.loads(REFERENCE.sub(r'"#/$defs/\1"', schema))
    value["$defs"] = {name: json.loads(REFERENCE.sub(r'"#/$defs/\1"', text)) for name, text in needed.items()}
    return json.dumps(value, sort_keys=True)


def main() -> None:
    release, target = map(pathlib.Path, sys.argv[1:])
    target.mkdir()
    definitions = json.loads((release / "_definitions.json").read_text())["$defs"]
    texts = {name: json.dumps(value) for name, value in definitions.items()}
    for file in sorted(release.glob("*.json")):
        if file.name not in ("_definitions.json", "all.json"):
            (target / file.name).write_text(complete(file.read_text(), texts))


main()
