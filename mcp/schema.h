/*
 * JSON Schema 2020-12, as much of it as tools.json and elicitation use.
 *
 * Keywords: $schema (2020-12 only, at the root), $defs, $anchor, $ref (to the same document: "#",
 * "#/$defs/name/..." or "#anchor"), type, enum, const, properties, required,
 * additionalProperties, minProperties, maxProperties, items, minItems, maxItems, uniqueItems,
 * minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength (code points),
 * allOf, anyOf, oneOf, not, if, then, else, and true or false as a schema. Annotations, which
 * judge nothing: title, description, default, examples, deprecated, readOnly, writeOnly,
 * format, enumNames, $comment and whatever begins with x-. Any other keyword, pattern for one, is
 * refused by schema_verify(): what we cannot check we do not promise.
 *
 * Nothing is fetched and nothing is remembered: the functions work on the parsed schema itself.
 * Any thread.
 */
#ifndef MCP_SCHEMA_H
#define MCP_SCHEMA_H

#include "base/json.h"

#define SCHEMA_DIALECT "https://json-schema.org/draft/2020-12/schema"
#define SCHEMA_DEPTH_MAX 64      /* of subschemas in one another, $ref followed */
#define SCHEMA_COUNT_MAX 1024    /* subschemas of one document */
#define SCHEMA_STEPS_MAX 1000000 /* keywords applied and values compared in one schema_check() */

/* ERR_INVALID names the place, as in "$defs.address.type: ...". */
int schema_verify(yyjson_val *schema, struct err *err) MUST_CHECK;

/*
 * Judge a value (NULL: {}) by a schema that schema_verify() accepts. ERR_INVALID names where in the
 * value, what it is and the bound: "address.zip: 7 characters is not within 0..5 characters",
 * "arguments: ..." for the whole; ERR_TOO_LARGE when judging takes more than SCHEMA_STEPS_MAX.
 * An unverified schema is safe too: what is not understood judges nothing.
 */
int schema_check(yyjson_val *schema, yyjson_val *value, struct err *err) MUST_CHECK;

#endif
