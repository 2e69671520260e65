"""Write what follows from other files: config/README.md, envs/cpu.yaml and envs/gpu.yaml.

A test compares them with what this script would write.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hone.analysis import load_schema

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "config" / "README.md"
# What the library and the workflow import; the rest of the lock follows from these.
DIRECT = (
    "equinox",
    "hepdata-lib",
    "hist",
    "jax",
    "jaxlib",
    "jaxtyping",
    "jsonpatch",
    "jsonschema",
    "matplotlib",
    "mplhep",
    "numpy",
    "optax",
    "pillow",
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

<!-- Made from workflow/schemas/config.schema.yaml by `make docs`; edit the schema instead. -->

A config file describes one whole analysis: `make CONFIG=config/mine.yaml`, or inside the
environment `snakemake --cores 2 --configfile config/mine.yaml`. Nothing is taken over from
`config.yaml`; what is left out has the default below. Misspelled settings, wrong types and values
out of range are refused before any job starts.

Of a list no two names may differ in nothing but capitals or `-` and `_`: files, rules and patches
are called after them. `analysis` and every `name`:
{names}

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
    schema = load_schema()
    names = textwrap.fill(_meaning(schema["$defs"]["name"]), 100)
    return _HEAD.format(names=names) + "".join(_rows(schema, schema, ""))


def _rows(schema: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", [])
    for key, described in schema["properties"].items():
        sub = {**_resolved(described, root), **{k: v for k, v in described.items() if k != "$ref"}}
        name = f"{prefix}{key}"
        default = "required" if key in required else _default(sub)
        yield f"| `{name}` | {_type(sub)} | {default} | {_meaning(sub)} |\n"
        items = _resolved(sub.get("items", {}), root)
        if "properties" in sub:
            yield from _rows(sub, root, f"{name}.")
        elif "properties" in items:
            yield from _rows(items, root, f"{name}[].")


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = root["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
        return found
    return schema


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema or schema["default"] == {}:
        return ""
    return f"`{schema['default']}`"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "type" not in schema:
        return "see there"
    text = {"array": "list", "object": "mapping", "string": "text"}.get(
        schema["type"], schema["type"]
    )
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None:
        text += f", {'at least' if 'minimum' in schema else 'above'} {low}"
    if high is not None:
        text += f", {'at most' if 'maximum' in schema else 'below'} {high}"
    return text


def _meaning(schema: dict[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split())


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
        ROOT / "envs" / "cpu.yaml": environment("cpu", accelerated=False),
        ROOT / "envs" / "gpu.yaml": environment("gpu", accelerated=True),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
