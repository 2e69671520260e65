"""Write what follows from other files: the settings' table and schema, the environments.

A test compares them with what this script would write.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pydantic.json_schema import JsonSchemaValue

from hone.analysis.fields import NAME_RULE
from hone.analysis.schema import json_schema

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "config" / "README.md"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
_SAMPLES = {
    "FileSample": "files",
    "HistogramSample": "histograms",
    "GeneratedSample": "distribution",
    "DimuonSample": "dimuons",
}
# What the library and the workflow import; the rest of the lock follows from these.
DIRECT = (
    "annotated-types",
    "equinox",
    "hepdata-lib",
    "hist",
    "jax",
    "jaxlib",
    "jaxtyping",
    "jsonpatch",
    "matplotlib",
    "mplhep",
    "numpy",
    "optax",
    "pillow",
    "pydantic",
    "pygments",
    "pyhf",
    "pyyaml",
    "safetensors",
    "scipy",
    "snakemake",
    "tabulate",
    "uproot",
)

_HEAD = """# Settings

<!-- Made from the classes in workflow/hone/analysis by `make docs`; edit these instead. -->

A config file describes one whole analysis: `make CONFIG=config/mine.yaml`, or inside the
environment `snakemake --cores 2 --configfile config/mine.yaml`. Nothing is taken over from
`config.yaml`; what is left out has the default below. Misspelled settings, wrong types and values
out of range are refused before any job starts.

Of a list no two names may differ in nothing but capitals or `-` and `_`: files, rules and patches
are called after them. `analysis` and every `name`:
{names}

With `# yaml-language-server: $schema=../workflow/schemas/config.schema.json` as its first line an
editor completes and checks a config.

Threads, output folders and clusters are not settings of an analysis: they belong to profiles.
`results/<analysis>/config.yaml` shows the settings of a run with all defaults filled in.

| setting | type | default | meaning |
|---|---|---|---|
"""


def locked(lock: Path) -> dict[str, str]:
    """Versions by package name in a lock file."""
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return {name.lower(): version for name, version in pins}


def settings_table() -> str:
    """Every setting in a row."""
    schema = json_schema()
    return _HEAD.format(names=textwrap.fill(NAME_RULE, 100)) + "".join(_rows(schema, schema, ""))


def _rows(of_mapping: JsonSchemaValue, root: JsonSchemaValue, prefix: str) -> Iterator[str]:
    kinds = _kinds(of_mapping, root)
    for key in dict.fromkeys(key for kind in kinds for key in kind["properties"]):
        having = [kind for kind in kinds if key in kind["properties"]]
        several = [kind["properties"][key] for kind in having]
        name, first = f"{prefix}{key}", several[0]
        required = all(key in kind.get("required", []) for kind in having)
        default = "required" if required else _defaults(having, key)
        yield f"| `{name}` | {_type(several)} | {default} | {_meaning(key, kinds, having)} |\n"
        inner, listed = first, ""
        if "items" in first:
            inner, listed = first["items"], "[]"
        if _kinds(inner, root):
            yield from _rows(inner, root, f"{name}{listed}.")


def _kinds(schema: JsonSchemaValue, root: JsonSchemaValue) -> list[JsonSchemaValue]:
    """The mappings that a schema allows, of one kind or several; none if it is something else."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    if "allOf" in schema:
        return [kind for part in schema["allOf"] for kind in _kinds(part["then"], root)]
    return [schema] if "properties" in schema else []


def _defaults(having: list[JsonSchemaValue], key: str) -> str:
    """Of a setting; where kinds have different ones, each with the kinds that have it."""
    names: dict[str, list[str]] = {}
    for kind in having:
        names.setdefault(_default(kind["properties"][key]), []).append(_name_of(kind))
    if len(names) == 1 or "" in names:
        return next(iter(names))
    return ", ".join(f"{default} ({', '.join(dict.fromkeys(of))})" for default, of in names.items())


def _default(schema: JsonSchemaValue) -> str:
    if schema.get("default") in (None, {}, "") or isinstance(schema["default"], dict):
        return ""
    return f"`{schema['default']}`"


def _type(several: list[JsonSchemaValue]) -> str:
    """Of a setting; of one that several kinds have, all that they allow."""
    choices = [value for schema in several for value in _choices(schema)]
    if all(map(_choices, several)):
        return " or ".join(f"`{value}`" for value in dict.fromkeys(choices))
    schema = several[0]
    if len({s.get("type") for s in several}) > 1:
        return "see there"
    if "type" not in schema:
        return "mapping" if "$ref" in schema else "see there"
    kind = str(schema["type"])
    text = {"array": "list", "object": "mapping", "string": "text"}.get(kind, kind)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None:
        text += f", {'at least' if 'minimum' in schema else 'above'} {low}"
    if high is not None:
        text += f", {'at most' if 'maximum' in schema else 'below'} {high}"
    return text


def _choices(schema: JsonSchemaValue) -> list[str]:
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def _meaning(key: str, kinds: list[JsonSchemaValue], having: list[JsonSchemaValue]) -> str:
    """The descriptions, each with the kinds that it is for if it is not for all."""
    own = [(kind, kind["properties"][key]) for kind in having]
    if len(kinds) > 1 and all("const" in s and "description" not in s for _, s in own):
        # What tells kinds apart.
        first = {s["const"]: _plain(kind["description"]) for kind, s in reversed(own)}
        return " ".join(f"`{name}`: {text}" for name, text in reversed(first.items()))
    texts = dict.fromkeys(schema.get("description", "") for _, schema in own)
    longest = max(texts, key=len)
    found = []
    for text in filter(None, texts):
        described = [kind for kind, schema in own if (schema.get("description") or longest) == text]
        names = list(dict.fromkeys(map(_name_of, described)))
        some = len(names) < len(set(map(_name_of, kinds)))
        found.append((f"({', '.join(names)}) " if some else "") + _plain(text))
    return " ".join(found)


def _name_of(kind: JsonSchemaValue) -> str:
    """A kind by its value of what tells kinds apart, or by the setting that only it has."""
    consts = [p["const"] for p in kind["properties"].values() if "const" in p]
    return str(consts[0]) if consts else _SAMPLES.get(title := str(kind["title"]), title)


def _plain(text: str) -> str:
    return " ".join(text.split())


def environment(name: str, accelerated: bool) -> str:
    """A conda file with the versions of the lock.

    Python comes from conda-forge, packages from PyPI: their conda builds lag behind, and only so
    are the versions the very same.
    """
    versions = locked(ROOT / "envs" / "requirements.lock")
    lines = []
    for package in DIRECT:
        extra = "[cuda12]" if accelerated and package == "jax" else ""
        lines.append(f"      - {package}{extra}=={versions[package]}")
    body = "\n".join(lines)
    return (
        "# Made from envs/requirements.lock by `make docs`.\n"
        f"name: hone-{name}\n"
        "channels:\n  - conda-forge\n  - nodefaults\n"
        "dependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
        f"{body}\n"
    )


def documents() -> dict[Path, str]:
    """Every file that this script writes, with its content."""
    return {
        README: settings_table(),
        SCHEMA: json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n",
        ROOT / "envs" / "cpu.yaml": environment("cpu", accelerated=False),
        ROOT / "envs" / "gpu.yaml": environment("gpu", accelerated=True),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
