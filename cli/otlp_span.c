#include "cli/otlp_span.h"

#include <stdio.h>

#define KIND_SERVER 2
#define STATUS_ERROR 2

static void attribute(struct jw *w, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    jw_obj(w);
    jw_kstr(w, "key", key);
    jw_key(w, "value");
    jw_obj(w);
    jw_kstr(w, "stringValue", value);
    jw_end(w);
    jw_end(w);
}

/* 64-bit numbers are strings in OTLP's JSON. */
static void time_ns(struct jw *w, const char *key, int64_t ns)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)ns);
    jw_kstr(w, key, text);
}

int otlp_span(struct buf *out, const struct tool_call *call, enum err_code code, int64_t end_ns,
              int64_t took_us, struct err *err)
{
    const struct tool_origin *origin = &call->origin;
    const struct trace *t = &origin->trace;
    struct jw w = JW(out, err);
    char name[160];

    snprintf(name, sizeof(name), "tools/call %s", call->def->name);
    jw_obj(&w);
    jw_kstr(&w, "traceId", t->id);
    jw_kstr(&w, "spanId", t->span);
    if (*t->parent)
        jw_kstr(&w, "parentSpanId", t->parent);
    if (*t->state)
        jw_kstr(&w, "traceState", t->state);
    jw_kint(&w, "flags", 1);
    jw_kstr(&w, "name", name);
    jw_kint(&w, "kind", KIND_SERVER);
    time_ns(&w, "startTimeUnixNano", end_ns - took_us * 1000);
    time_ns(&w, "endTimeUnixNano", end_ns);
    jw_key(&w, "attributes");
    jw_arr(&w);
    attribute(&w, "mcp.method.name", "tools/call");
    attribute(&w, "gen_ai.operation.name", "execute_tool");
    attribute(&w, "gen_ai.tool.name", call->def->name);
    attribute(&w, "enduser.id", call->principal);
    attribute(&w, "client.address", origin->address);
    attribute(&w, "network.transport", *origin->address ? "tcp" : "pipe");
    attribute(&w, "sandbox.id", origin->sandbox);
    attribute(&w, "error.type", code ? err_code_name(code) : NULL);
    jw_aend(&w);
    jw_key(&w, "status");
    jw_obj(&w);
    if (code) {
        jw_kint(&w, "code", STATUS_ERROR);
        jw_kstr(&w, "message", err_code_name(code));
    }
    jw_end(&w);
    jw_end(&w);
    return jw_done(&w);
}

int otlp_request(struct buf *out, const char *service, const char *instance, const char *spans,
                 size_t len, struct err *err)
{
    struct jw w = JW(out, err);

    if (buf_adds(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[", err))
        return -1;
    attribute(&w, "service.name", service);
    attribute(&w, "service.version", VERSION);
    attribute(&w, "service.instance.id", instance);
    if (jw_done(&w) ||
        buf_adds(out,
                 "]},\"scopeSpans\":[{\"scope\":{\"name\":\"sandbox-mcp\",\"version\":\"" VERSION
                 "\"},\"spans\":[",
                 err) ||
        buf_add(out, spans, len, err))
        return -1;
    return buf_adds(out, "]}]}]}", err);
}
