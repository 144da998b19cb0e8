#include "base/clock.h"
#include "base/id.h"
#include "mcp/router.h"

#include <stdio.h>

void origin_read(const struct inbound *in, struct tool_origin *out)
{
    const struct http_facts *facts = in->facts;
    yyjson_val *meta = yyjson_obj_get(in->msg.params, "_meta");
    struct trace *t = &out->trace;

    t->id[0] = t->parent[0] = t->span[0] = t->state[0] = '\0';
    t->sampled = false;
    out->digest[0] = out->sandbox[0] = out->page[0] = '\0';
    out->started_us = clock_us();
    out->until_ms = facts->until_ms;
    snprintf(out->address, sizeof(out->address), "%s", facts->address ?: "");
    if (!trace_read(t, json_str(meta, "traceparent"), json_str(meta, "tracestate")))
        (void)trace_read(t, facts->traceparent, facts->tracestate);
    if (in->srv->traces)
        trace_begin(t);
}

void origin_digest(yyjson_val *arguments, struct tool_origin *out)
{
    size_t len = 2;
    char *text = yyjson_is_obj(arguments) ? yyjson_val_write(arguments, 0, &len) : NULL;

    if (text || !yyjson_is_obj(arguments))
        sha256_hex(text ?: "{}", len, out->digest);
    free(text);
}
