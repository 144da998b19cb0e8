#include "transport/metrics.h"
#include "base/clock.h"
#include "base/histogram.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PREFIX "sandbox_mcp_"
#define STATUS_FIRST 100
#define STATUS_COUNT 500

struct tool_metrics {
    _Atomic uint64_t outcomes[ERR_CODE_COUNT]; /* ERR_NONE: success */
    struct histogram took;
};

struct metrics {
    _Atomic uint64_t requests[HTTP_METHOD_COUNT][STATUS_COUNT];
    _Atomic uint64_t refused[VERDICT_COUNT];
    _Atomic uint64_t received, sent, connections_total;
    _Atomic int64_t connections, streams;
    struct histogram took;
    int64_t started_s;
    struct tool_metrics tools[]; /* as tool_defs */
};

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t value(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

int metrics_new(struct metrics **out, struct err *err)
{
    struct metrics *m = calloc(1, sizeof(*m) + tool_def_count * sizeof(m->tools[0]));

    if (!m)
        return err_oom(err);
    m->started_s = clock_wall_ms() / 1000;
    *out = m;
    return 0;
}

void metrics_free(struct metrics *m)
{
    free(m);
}

void metrics_call(struct metrics *m, const struct tool_def *def, enum err_code outcome,
                  int64_t took_us)
{
    size_t i = def ? (size_t)(def - tool_defs) : tool_def_count;

    if (!m || i >= tool_def_count)
        return;
    add(&m->tools[i].outcomes[outcome], 1);
    histogram_add(&m->tools[i].took, took_us);
}

void metrics_request(struct metrics *m, enum http_method method, int status, enum verdict refused,
                     uint64_t received, uint64_t sent, int64_t took_us)
{
    if (!m)
        return;
    if (status >= STATUS_FIRST && status < STATUS_FIRST + STATUS_COUNT)
        add(&m->requests[method][status - STATUS_FIRST], 1);
    add(&m->refused[refused], 1);
    add(&m->received, received);
    add(&m->sent, sent);
    histogram_add(&m->took, took_us);
}

void metrics_connection(struct metrics *m, bool opened)
{
    if (!m)
        return;
    add(&m->connections_total, opened);
    atomic_fetch_add_explicit(&m->connections, opened ? 1 : -1, memory_order_relaxed);
}

void metrics_stream(struct metrics *m, bool opened)
{
    if (m)
        atomic_fetch_add_explicit(&m->streams, opened ? 1 : -1, memory_order_relaxed);
}

/* ---- the text; the first failure stays in w->failed ---- */

struct writer {
    struct buf *out;
    struct err *err;
    int failed;
};

static void head(struct writer *w, const char *name, const char *type, const char *help)
{
    w->failed =
        w->failed || buf_addf(w->out, w->err, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n",
                              name, help, name, type);
}

static void sample(struct writer *w, const char *name, const char *labels, uint64_t v)
{
    w->failed = w->failed ||
                buf_addf(w->out, w->err, PREFIX "%s%s %llu\n", name, labels, (unsigned long long)v);
}

static void gauge(struct writer *w, const char *name, const char *help, int64_t v)
{
    head(w, name, "gauge", help);
    w->failed = w->failed || buf_addf(w->out, w->err, PREFIX "%s %lld\n", name, (long long)v);
}

static void counter(struct writer *w, const char *name, const char *help, uint64_t v)
{
    head(w, name, "counter", help);
    sample(w, name, "", v);
}

/* label: `tool="x"`, or "". */
static void histogram(struct writer *w, const char *name, const char *label, struct histogram *h)
{
    const char *comma = *label ? "," : "", *open = *label ? "{" : "", *close = *label ? "}" : "";
    char series[96], labels[192];
    uint64_t count = 0;

    snprintf(series, sizeof(series), "%s_bucket", name);
    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        char bound[32] = "+Inf";
        if (i < HISTOGRAM_BOUNDS)
            snprintf(bound, sizeof(bound), "%g", (double)histogram_bounds_us[i] / 1e6);
        count += value(&h->counts[i]);
        snprintf(labels, sizeof(labels), "{%s%sle=\"%s\"}", label, comma, bound);
        sample(w, series, labels, count);
    }
    w->failed = w->failed || buf_addf(w->out, w->err,
                                      PREFIX "%s_sum%s%s%s %.6f\n" PREFIX "%s_count%s%s%s %llu\n",
                                      name, open, label, close, (double)value(&h->sum_us) / 1e6,
                                      name, open, label, close, (unsigned long long)count);
}

static void calls(struct writer *w, struct metrics *m)
{
    char labels[192];

    head(w, "tool_calls_total", "counter", "Tool calls that are over, by outcome.");
    for (size_t i = 0; i < tool_def_count; i++)
        for (int e = 0; e < ERR_CODE_COUNT; e++) {
            uint64_t n = value(&m->tools[i].outcomes[e]);
            snprintf(labels, sizeof(labels), "{tool=\"%s\",outcome=\"%s\"}", tool_defs[i].name,
                     e ? err_code_name((enum err_code)e) : "ok");
            if (n || !e)
                sample(w, "tool_calls_total", labels, n);
        }
    head(w, "tool_duration_seconds", "histogram", "How long tool calls took.");
    for (size_t i = 0; i < tool_def_count; i++) {
        snprintf(labels, sizeof(labels), "tool=\"%s\"", tool_defs[i].name);
        histogram(w, "tool_duration_seconds", labels, &m->tools[i].took);
    }
}

static void requests(struct writer *w, struct metrics *m)
{
    char labels[96];

    head(w, "http_requests_total", "counter", "HTTP requests that are over.");
    for (int method = 0; method < HTTP_METHOD_COUNT; method++)
        for (int s = 0; s < STATUS_COUNT; s++) {
            uint64_t n = value(&m->requests[method][s]);
            snprintf(labels, sizeof(labels), "{method=\"%s\",code=\"%d\"}",
                     guard_method_name((enum http_method)method), s + STATUS_FIRST);
            if (n)
                sample(w, "http_requests_total", labels, n);
        }
    head(w, "http_request_duration_seconds", "histogram",
         "How long HTTP requests took, from their headers to the end of the answer.");
    histogram(w, "http_request_duration_seconds", "", &m->took);
    counter(w, "http_received_bytes_total", "Bodies of requests.", value(&m->received));
    counter(w, "http_sent_bytes_total", "Bodies of answers.", value(&m->sent));
}

static void refusals(struct writer *w, struct metrics *m, const struct server_stats *s)
{
    static const char *const reasons[REFUSED_COUNT] = {
        [REFUSED_UNKNOWN_TOOL] = "unknown_tool",
        [REFUSED_BUSY] = "max_calls",
        [REFUSED_PRINCIPAL] = "max_calls_per_principal",
        [REFUSED_RATE] = "rate_in_batch",
        [REFUSED_SCOPE] = "scope",
    };
    char labels[96];

    head(w, "rejected_total", "counter", "Requests that were refused, by reason.");
    for (int v = VERDICT_PASS + 1; v < VERDICT_COUNT; v++) {
        const char *name = guard_verdict_name((enum verdict)v);
        snprintf(labels, sizeof(labels), "{reason=\"%s\"}", name ?: "");
        if (name)
            sample(w, "rejected_total", labels, value(&m->refused[v]));
    }
    for (int i = 0; i < REFUSED_COUNT; i++) {
        snprintf(labels, sizeof(labels), "{reason=\"%s\"}", reasons[i]);
        sample(w, "rejected_total", labels, s->refused[i]);
    }
}

static int64_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long pages = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%*d %lld", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void state(struct writer *w, struct metrics *m, const struct metrics_now *now)
{
    char labels[96];

    head(w, "build_info", "gauge", "Always 1.");
    snprintf(labels, sizeof(labels), "{version=\"%s\"}", now->version);
    sample(w, "build_info", labels, 1);
    gauge(w, "start_time_seconds", "When the server started, since 1970.", m->started_s);
    gauge(w, "resident_memory_bytes", "Memory of the server process.", resident_bytes());
    gauge(w, "ready", "1 when /readyz says so.", now->ready);
    gauge(w, "calls_in_flight", "Requests that a worker does or will do.", now->server.in_flight);
    gauge(w, "calls_queued", "Those of them that wait for a thread.", now->server.queued);
    gauge(w, "connections", "Open TCP connections.", atomic_load(&m->connections));
    counter(w, "connections_total", "TCP connections accepted.", value(&m->connections_total));
    gauge(w, "streams", "Open event streams.", atomic_load(&m->streams));
    gauge(w, "sessions", "Sessions of the legacy era.", now->sessions);
    if (now->sandboxes >= 0)
        gauge(w, "sandboxes", "Sandboxes that run.", now->sandboxes);
    counter(w, "log_dropped_total", "Lines that the access log and the audit log lost.",
            now->log_dropped);
    counter(w, "spans_dropped_total", "Spans that did not reach the collector.",
            now->spans_dropped);
}

int metrics_print(struct metrics *m, const struct metrics_now *now, struct buf *out,
                  struct err *err)
{
    struct writer w = { out, err, 0 };

    state(&w, m, now);
    calls(&w, m);
    requests(&w, m);
    refusals(&w, m, &now->server);
    return w.failed ? -1 : 0;
}
