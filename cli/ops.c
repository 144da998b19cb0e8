#include "cli/ops.h"
#include "base/audit.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/otlp.h"
#include "transport/http_ops.h"
#include "transport/http_tls.h"
#include "transport/limit.h"

#include <string.h>

#define LINE_BYTES 4096

struct ops {
    struct backend *backend;
    struct limit *limit;
    struct metrics *metrics;
    struct audit *access, *audit; /* the same when both go to one place */
    struct otlp *otlp;
    struct tls_files tls;
    struct http_probe probe;
    unsigned calls_each, connections, connections_each;
    bool metrics_open;
};

/* ---- after a call ---- */

/* A tool that was cancelled may still have an answer, which nobody gets. */
static enum err_code outcome(const struct tool_call *call, const struct err *failed)
{
    if (failed)
        return failed->code;
    return call_state(call->call) == CALL_CANCELLED ? ERR_CANCELLED : ERR_NONE;
}

static void add_line(struct audit *log, const struct tool_call *call, enum err_code code,
                     int64_t took_us)
{
    const struct tool_origin *origin = &call->origin;
    AUTO(buf) struct buf line = BUF_MAX(LINE_BYTES);
    struct jw w = JW(&line, NULL);
    char ts[CLOCK_ISO_SIZE];

    jw_obj(&w);
    jw_kstr(&w, "ts", clock_iso(clock_wall_ms(), ts));
    jw_kstr(&w, "principal", call->principal);
    if (*origin->address)
        jw_kstr(&w, "address", origin->address);
    jw_kstr(&w, "tool", call->def->name);
    if (*origin->sandbox)
        jw_kstr(&w, "sandbox", origin->sandbox);
    if (call->sandbox)
        jw_kstr(&w, "sandbox_name", call->sandbox);
    jw_kstr(&w, "arguments_sha256", origin->digest);
    jw_kstr(&w, "outcome", code ? err_code_name(code) : "ok");
    jw_knum(&w, "ms", (double)took_us / 1e3);
    if (*origin->trace.id)
        jw_kstr(&w, "trace", origin->trace.id);
    jw_end(&w);
    if (!jw_done(&w))
        audit_add(log, line.data, line.len);
}

static void finished(void *context, const struct tool_call *call, const struct err *failed,
                     int64_t duration_ms UNUSED)
{
    struct ops *ops = context;
    int64_t took_us = clock_us() - call->origin.started_us;
    enum err_code code = outcome(call, failed);

    metrics_call(ops->metrics, call->def, code, took_us);
    if (ops->audit)
        add_line(ops->audit, call, code, took_us);
    if (ops->otlp)
        otlp_add(ops->otlp, call, code, took_us);
}

static int64_t admit(void *context, const char *principal)
{
    return limit_take(((struct ops *)context)->limit, principal, clock_us());
}

/* ---- what is asked ---- */

static int ready(void *context, struct err *err)
{
    return backend_ready(((struct ops *)context)->backend, err);
}

static int sandboxes(void *context)
{
    return backend_running(((struct ops *)context)->backend);
}

static uint64_t log_dropped(void *context)
{
    struct ops *ops = context;

    return audit_dropped(ops->access) + (ops->audit != ops->access ? audit_dropped(ops->audit) : 0);
}

static uint64_t spans_dropped(void *context)
{
    return otlp_dropped(((struct ops *)context)->otlp);
}

/* ---- putting together ---- */

static int open_logs(struct ops *ops, const struct options *o, struct err *err)
{
    if (o->access_log && audit_open(o->access_log, &ops->access, err))
        return err_wrap(err, "--access-log");
    if (o->access_log && o->audit_log && !strcmp(o->access_log, o->audit_log))
        ops->audit = ops->access;
    else if (o->audit_log && audit_open(o->audit_log, &ops->audit, err))
        return err_wrap(err, "--audit-log");
    return 0;
}

static int open_limit(struct ops *ops, const struct options *o, struct err *err)
{
    struct limit_rate rate;

    if (!o->rate)
        return 0;
    if (limit_parse(o->rate, &rate, err))
        return err_wrap(err, "--rate");
    return limit_new(&rate, &ops->limit, err);
}

static int open_parts(struct ops *ops, const struct options *o, struct err *err)
{
    if (open_limit(ops, o, err) || metrics_new(&ops->metrics, err) || open_logs(ops, o, err))
        return -1;
    if (o->tls_cert && tls_read(o->tls_cert, o->tls_key, &ops->tls, err))
        return -1;
    return otlp_open(o->otlp_endpoint, &ops->otlp, err);
}

int ops_open(const struct options *o, struct backend *be, struct ops **out, struct err *err)
{
    struct ops *ops = calloc(1, sizeof(*ops));

    if (!ops)
        return err_oom(err);
    ops->backend = be;
    ops->calls_each = o->calls_each;
    ops->connections = o->connections;
    ops->connections_each = o->connections_each;
    ops->metrics_open = o->metrics_open;
    ops->probe = (struct http_probe){
        .ready = ready,
        .sandboxes = sandboxes,
        .log_dropped = log_dropped,
        .spans_dropped = spans_dropped,
        .context = ops,
    };
    if (open_parts(ops, o, err)) {
        ops_free(ops);
        return -1;
    }
    *out = ops;
    return 0;
}

void ops_free(struct ops *ops)
{
    if (!ops)
        return;
    otlp_free(ops->otlp);
    if (ops->audit != ops->access)
        audit_free(ops->audit);
    audit_free(ops->access);
    tls_done(&ops->tls);
    metrics_free(ops->metrics);
    limit_free(ops->limit);
    free(ops);
}

void ops_hook(struct ops *ops, struct server_config *config)
{
    config->finished = finished;
    config->admit = admit;
    config->hooks_context = ops;
    config->max_calls_per_principal = ops->calls_each;
    config->traces = ops->audit || ops->otlp;
    config->digests = ops->audit != NULL;
}

void ops_serve(struct ops *ops, struct http_config *config)
{
    config->limit = ops->limit;
    config->metrics = ops->metrics;
    config->metrics_open = ops->metrics_open;
    config->access_log = ops->access;
    config->probe = &ops->probe;
    config->connections_max = ops->connections;
    config->connections_per_address = ops->connections_each;
    config->tls_cert = ops->tls.cert.data;
    config->tls_key = ops->tls.key.data;
}

static void renew_certificate(struct ops *ops, const struct options *o, struct http_server *http)
{
    struct tls_files tls = { 0 };
    struct err err = { 0 };

    if (tls_read(o->tls_cert, o->tls_key, &tls, &err) ||
        http_renew(http, tls.cert.data, tls.key.data, &err)) {
        log_error("the certificate stays as it was: %s", err.msg);
        tls_done(&tls);
        return;
    }
    tls_done(&ops->tls);
    ops->tls = tls;
    log_info("a renewed certificate is in use");
}

void ops_reopen(struct ops *ops, const struct options *o, struct http_server *http)
{
    if (!ops)
        return;
    audit_reopen(ops->access);
    if (ops->audit != ops->access)
        audit_reopen(ops->audit);
    if (o->tls_cert)
        renew_certificate(ops, o, http);
}
