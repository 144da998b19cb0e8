#include "transport/http_ops.h"
#include "base/audit.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/cors.h"
#include "transport/http_request.h"
#include "transport/ticket.h"

#include <string.h>

#define LINE_BYTES 4096
#define NAME_MAX_SHOWN 128 /* bytes of what the client named, in a line */

static const struct {
    const char *path;
    enum ops_page page;
} pages[] = { { "/healthz", OPS_HEALTH }, { "/readyz", OPS_READY }, { "/metrics", OPS_METRICS } };

enum ops_page ops_page(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(pages); i++)
        if (!strcmp(pages[i].path, path))
            return pages[i].page;
    return OPS_NONE;
}

enum verdict ops_metadata(const struct http_core *core, struct http_request *r, const char *method)
{
    enum verdict v = guard_source(&core->guard, &r->headers);

    r->method = HTTP_GET;
    r->origin = cors_origin(core->guard.origins, &r->headers);
    r->preflight = !v && r->origin && !strcmp(method, "OPTIONS");
    if (v || r->preflight)
        return v;
    return strcmp(method, "GET") ? VERDICT_GET_ONLY : VERDICT_METADATA;
}

static bool is_ready(struct http_core *core)
{
    const struct http_probe *p = core->probe;

    return !p || !p->ready || !p->ready(p->context, NULL);
}

static int ready(struct http_core *core, int *status, struct buf *out, struct err *err)
{
    if (atomic_load(&core->stopping)) {
        *status = 503;
        return buf_adds(out, "stopping\n", err);
    }
    if (!is_ready(core)) {
        *status = 503;
        return buf_adds(out, "the backend cannot work\n", err);
    }
    return buf_adds(out, "ready\n", err);
}

static int metrics(struct http_core *core, struct buf *out, struct err *err)
{
    const struct http_probe *p = core->probe;
    struct metrics_now now = {
        .version = VERSION,
        .sessions = sessions_count(core->sessions),
        .sandboxes = p && p->sandboxes ? p->sandboxes(p->context) : -1,
        .ready = !atomic_load(&core->stopping) && is_ready(core),
        .log_dropped = p && p->log_dropped ? p->log_dropped(p->context) : 0,
        .spans_dropped = p && p->spans_dropped ? p->spans_dropped(p->context) : 0,
    };

    server_stats(core->server, &now.server);
    return metrics_print(core->metrics, &now, out, err);
}

int ops_answer(struct http_core *core, enum ops_page page, int *status, struct buf *out,
               struct err *err)
{
    *status = 200;
    switch (page) {
    case OPS_READY:
        return ready(core, status, out, err);
    case OPS_METRICS:
        return metrics(core, out, err);
    case OPS_HEALTH:
    case OPS_NONE:
        break;
    }
    return buf_adds(out, "ok\n", err);
}

/* At most NAME_MAX_SHOWN bytes of it; not at all when it is absent. */
static void shown(struct jw *w, const char *key, const char *s)
{
    size_t len = s ? strlen(s) : 0;

    if (!len)
        return;
    jw_key(w, key);
    jw_strn(w, s, len < NAME_MAX_SHOWN ? len : NAME_MAX_SHOWN);
}

/* Without a ticket, which opens a file to everybody who reads it in time. */
static void shown_path(struct jw *w, const char *path)
{
    const char *ticket = strstr(path, TICKET_MARK);
    size_t len = ticket ? (size_t)(ticket - path) : strlen(path);

    jw_key(w, "path");
    jw_strn(w, path, len < NAME_MAX_SHOWN ? len : NAME_MAX_SHOWN);
}

static enum verdict refused(const struct http_request *r)
{
    return r->verdict == VERDICT_METADATA ? VERDICT_PASS : r->verdict;
}

static void add_line(struct audit *log, const struct peer *peer, const struct http_request *r,
                     int64_t took_us)
{
    const char *const *value = r->headers.value;
    AUTO(buf) struct buf line = BUF_MAX(LINE_BYTES);
    struct jw w = JW(&line, NULL);
    char ts[CLOCK_ISO_SIZE];
    struct trace trace = { 0 };

    jw_obj(&w);
    jw_kstr(&w, "ts", clock_iso(clock_wall_ms(), ts));
    jw_kstr(&w, "address", peer ? peer->address : "");
    jw_kstr(&w, "method", guard_method_name(r->method));
    shown_path(&w, r->path ?: "");
    jw_kint(&w, "status", r->status);
    jw_kint(&w, "us", took_us);
    jw_kint(&w, "received", (int64_t)r->received);
    jw_kint(&w, "sent", (int64_t)r->sent);
    shown(&w, "principal", r->who.principal);
    shown(&w, "rpc", value[HEADER_METHOD]);
    shown(&w, "name", value[HEADER_NAME]);
    if (refused(r))
        jw_kstr(&w, "refused", guard_verdict_name(r->verdict));
    if (trace_read(&trace, value[HEADER_TRACEPARENT], NULL))
        jw_kstr(&w, "trace", trace.id);
    jw_end(&w);
    if (!jw_done(&w))
        audit_add(log, line.data, line.len);
}

void ops_record(struct http_core *core, const struct peer *peer, const struct http_request *r)
{
    int64_t took_us = clock_us() - r->started_us;

    log_debug("http method=%s status=%d us=%lld who=%s", guard_method_name(r->method), r->status,
              (long long)took_us, *r->who.principal ? r->who.principal : "-");
    if (r->streams)
        metrics_stream(core->metrics, false);
    metrics_request(core->metrics, r->method, r->status, refused(r), r->received, r->sent, took_us);
    if (core->access_log)
        add_line(core->access_log, peer, r, took_us);
}
