"""JSON Schema (draft 2020-12) of events as they are sent: from the models that validate them."""

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from incidentlog.events.registry import EventType, Registry

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def event_schema(event_type: EventType) -> dict[str, Any]:
    """The schema of one version of one type, by itself. Rules across members are in words alone."""
    return {
        "$schema": DIALECT,
        **_said(event_type, event_type.envelope.model_json_schema()),
    }


def event_schemas(registry: Registry, ref_template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schemas of all types in all versions by what they are called, and what they refer to."""
    types = registry.types.values()
    named, rest = models_json_schema([(t.envelope, "validation") for t in types], ref_template=ref_template)
    defined: dict[str, Any] = rest["$defs"]
    prefix, _, suffix = ref_template.partition("{model}")
    schemas = {}
    for event_type in types:
        name = named[event_type.envelope, "validation"]["$ref"].removeprefix(prefix).removesuffix(suffix)
        schemas[called(event_type)] = _said(event_type, defined.pop(name))
    return schemas, defined


def called(event_type: EventType) -> str:
    """A type by its name; with its version where that is not the first."""
    return event_type.name if event_type.version == 1 else f"{event_type.name}.v{event_type.version}"


def _said(event_type: EventType, schema: dict[str, Any]) -> dict[str, Any]:
    """What the envelope's model leaves to the registry: which type and version it is, and what may be left out."""
    properties = dict(schema["properties"])
    properties["type"] = {"const": event_type.name, "type": "string"}
    properties["schema_version"] = {"const": event_type.version, "type": "integer"}
    required = [name for name in schema["required"] if event_type.sourced or name != "occurred"]
    return {
        **schema,
        "title": called(event_type),
        "description": (event_type.model.__doc__ or "").strip(),
        "properties": properties,
        "required": required,
    }
