"""JSON values against the part of JSON Schema that tools.json uses; an unknown keyword fails."""

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: not isinstance(v, bool) and
    (isinstance(v, int) or isinstance(v, float) and v.is_integer()),
}
KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "const",
         "description", "title", "default"}


def why_not(value, schema, where="$"):
    """None, or what is wrong and where."""
    if unknown := set(schema) - KNOWN:
        return f"{where}: the schema has {sorted(unknown)}"
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds and not any(TYPES[kind](value) for kind in kinds):
        return f"{where}: {value!r} is not {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        return f"{where}: {value!r} is not {schema['const']!r}"
    if isinstance(value, dict):
        return members(value, schema, where)
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            if wrong := why_not(item, schema["items"], f"{where}[{i}]"):
                return wrong
    return None


def members(value, schema, where):
    for name in schema.get("required", []):
        if name not in value:
            return f"{where}.{name} is missing"
    more = schema.get("additionalProperties", True)
    for name, item in value.items():
        known = schema.get("properties", {}).get(name)
        if known is None and more is False:
            return f"{where}.{name} is not in the schema"
        inner = known if known is not None else more if isinstance(more, dict) else {}
        if wrong := why_not(item, inner, f"{where}.{name}"):
            return wrong
    return None
