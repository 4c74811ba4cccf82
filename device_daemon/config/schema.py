"""JSON Schema of the config file, for completion and checks in editors.

Run `python -m device_daemon.config.schema` after a change of `settings` or `sections`: it writes config/schema.json.
"""

from __future__ import annotations

import ast
import inspect
import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import msgspec

from device_daemon.config import sections, settings
from device_daemon.config.durations import DURATION
from device_daemon.config.scalars import FALSE, TRUE
from device_daemon.config.turn_detection import TYPES

PATH = Path(__file__).parents[2] / "config" / "schema.json"


def schema() -> dict[str, Any]:
    """Return the schema, JSON Schema 2020-12."""
    generated = msgspec.json.schema(settings.Config)
    definitions: dict[str, dict[str, Any]] = generated["$defs"]
    sentences = _sentences()
    for name, definition in definitions.items():
        for key, value in definition.get("properties", {}).items():
            emptiable = key not in definition.get("required", []) and key != "turn_detection"
            definition["properties"][key] = _property(
                value, sentences.get((name, key), ""), name=key, emptiable=emptiable
            )
    # What msgspec's types cannot express.
    definitions["Service"]["anyOf"] = [{"required": ["endpoint"]}, {"required": ["local"]}]
    definitions["Service"]["properties"]["turn_detection"] |= {
        "properties": {"type": {"enum": list(TYPES)}} | {key: {} for key in sorted(set().union(*TYPES.values()))},
        "required": ["type"],
        "additionalProperties": False,
    }
    definitions["Config"]["properties"]["include"]["anyOf"].append({"type": "string"})
    definitions["Tools"]["properties"]["builtin"]["anyOf"] += [{"const": False}, {"enum": sorted(FALSE - {"false"})}]
    definitions["Audio"]["properties"]["echo"]["anyOf"].append(definitions["EchoSettings"]["properties"]["mode"])
    definitions["Service"]["properties"]["entra"]["anyOf"].append(definitions["Entra"]["properties"]["method"])
    definitions["Greeting"]["oneOf"] = [{"required": [key]} for key in ("say", "say_one_of", "ask_model")]
    for light in ("Led", "PwmLed", "RgbLed", "Apa102"):
        definitions[light]["properties"]["patterns"]["propertyNames"] = {"$ref": "#/$defs/State"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "voicelive-speaker", **generated}


def as_text() -> str:
    """Return the schema as config/schema.json has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _property(generated: dict[str, Any], sentence: str, *, name: str, emptiable: bool) -> dict[str, Any]:
    """Return the schema of one key, with its description and all spellings that the reader accepts."""
    described = {"description": " ".join(part for part in (sentence, generated.get("description", "")) if part)}
    if not sentence:
        return generated
    if generated.get("type") == "boolean":
        # Editors read YAML 1.2, in which on and off are text.
        return described | {"enum": [True, False, *sorted((TRUE | FALSE) - {"true", "false"})]} | _default(generated)
    if "type" in generated and name.endswith(("_s", "_ms")):
        plain = {key: value for key, value in generated.items() if key != "default"}
        return described | {"anyOf": [plain, {"type": "string", "pattern": DURATION}]} | _default(generated)
    is_section = "$ref" in generated or generated.get("type") in {"array", "object"}
    if is_section and emptiable:
        # All lines below the key may be comments.
        inner = {key: value for key, value in generated.items() if key != "default"}
        return described | {"anyOf": [inner, {"type": "null"}]} | _default(generated)
    return generated | described


def _default(generated: dict[str, Any]) -> dict[str, Any]:
    return {"default": generated["default"]} if "default" in generated else {}


def _sentences() -> dict[tuple[str, str], str]:
    """Return the docstring below each field of each struct of the config."""
    found = {}
    modules = [import_module(f"{sections.__name__}.{each.name}") for each in iter_modules(sections.__path__)]
    for struct in (node for module in (settings, *modules) for node in ast.parse(inspect.getsource(module)).body):
        if isinstance(struct, ast.ClassDef):
            for key, below in zip(struct.body, struct.body[1:], strict=False):
                if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name):
                    match below:
                        case ast.Expr(value=ast.Constant(value=str(sentence))):
                            found[struct.name, key.target.id] = sentence
    return found


if __name__ == "__main__":
    PATH.write_text(as_text(), encoding="utf-8")
