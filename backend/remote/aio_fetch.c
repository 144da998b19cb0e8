#include "backend/remote/aio_exec.h"
#include "backend/remote/aio_job.h"
#include "backend/remote/aio_scan.h"
#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_text(struct aio_scan *s, int stream, const char *data, size_t len)
{
    aio_job_text(((struct aio_reply *)s)->job, stream, data, len);
}

/* What an earlier try gave comes again, from the same offset. */
static void on_restart(struct aio_scan *s)
{
    struct aio_job *j = ((struct aio_reply *)s)->job;

    pthread_mutex_lock(&j->lock);
    memcpy(j->again, j->extra, sizeof(j->again));
    pthread_mutex_unlock(&j->lock);
}

void aio_reply_init(struct aio_reply *r, struct aio_job *j)
{
    aio_scan_init(&r->scan);
    r->scan.text = on_text;
    r->scan.restart = on_restart;
    r->job = j;
}

void aio_reply_done(struct aio_reply *r)
{
    aio_scan_done(&r->scan);
}

static enum exec_status status_of(const char *text, bool has_code)
{
    static const struct {
        const char *text;
        enum exec_status status;
    } known[] = {
        { "running", EXEC_RUNNING },     { "pending", EXEC_RUNNING }, { "completed", EXEC_EXITED },
        { "timed_out", EXEC_TIMED_OUT }, { "killed", EXEC_KILLED },
    };

    for (size_t i = 0; text && i < COUNT_OF(known); i++)
        if (!strcmp(text, known[i].text))
            return known[i].status;
    return has_code ? EXEC_EXITED : EXEC_RUNNING;
}

/* The answer of exec or output: offsets from `data`, the state of the command from `command`. */
void aio_reply_take(struct aio_job *j, yyjson_val *data, yyjson_val *command)
{
    static const char *const keys[] = { "offset", "stderr_offset" };
    yyjson_val *code = yyjson_obj_get(command, "exit_code");
    enum exec_status status = status_of(json_str(command, "status"), yyjson_is_int(code));

    pthread_mutex_lock(&j->lock);
    for (int i = 0; i < 2; i++) {
        int64_t at = json_int(data, keys[i], 0);
        j->at[i] = at > (int64_t)j->at[i] ? (uint64_t)at : j->at[i] + j->extra[i];
        j->extra[i] = j->again[i] = 0;
    }
    pthread_mutex_unlock(&j->lock);
    if (status != EXEC_RUNNING && (command || data))
        aio_job_end(j, status, yyjson_is_int(code) ? (int)yyjson_get_sint(code) : -1);
}

static int fetch(struct aio_job *j, struct call *call, int64_t wait_ms, struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(4096);
    AUTO(aio_reply) struct aio_reply reply;
    AUTO_JSON yyjson_doc *doc = NULL;
    struct jw w = JW(&body, err);
    struct aio_ask ask = {
        .method = "POST",
        .path = "/v1/bash/output",
        .body = &body,
        .idempotent = true,
        .timeout_ms = wait_ms + AIO_ASK_MS,
        .sink = &reply.scan.sink,
        .kept = &reply.scan.rest,
    };
    yyjson_val *data;

    aio_reply_init(&reply, j);
    jw_obj(&w);
    jw_kstr(&w, "session_id", j->id);
    jw_kint(&w, "offset", (int64_t)j->at[0]);
    jw_kint(&w, "stderr_offset", (int64_t)j->at[1]);
    if (wait_ms) {
        jw_kbool(&w, "wait", true);
        jw_knum(&w, "wait_timeout", (double)wait_ms / 1000.0);
    }
    jw_end(&w);
    if (jw_done(&w) || aio_ask(aio_of(&j->sandbox->base), call, &ask, &doc, &data, err))
        return -1;
    aio_reply_take(j, data, yyjson_obj_get(data, "command"));
    return 0;
}

/* True when this thread may ask the service. */
static bool claim(struct aio_job *j)
{
    bool mine;

    pthread_mutex_lock(&j->lock);
    mine = !j->fetching && j->status == EXEC_RUNNING && !j->cell;
    j->fetching |= mine;
    pthread_mutex_unlock(&j->lock);
    return mine;
}

int aio_job_fetch(struct aio_job *j, struct call *call, int64_t wait_ms, struct err *err)
{
    struct err why = { 0 };
    int r;

    if (!claim(j)) {
        if (aio_job_status(j) != EXEC_RUNNING)
            return 0;
        return aio_job_sleep(j, call, wait_ms, err);
    }
    r = fetch(j, call, wait_ms, &why);
    pthread_mutex_lock(&j->lock);
    j->fetching = false;
    if (r && why.code == ERR_NOT_FOUND && j->started && !j->note)
        j->note = strdup("The service has forgotten this command (closed, too old, or restarted); "
                         "what it wrote after the last look is lost.");
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    if (r && why.code == ERR_NOT_FOUND && j->started)
        aio_job_end(j, EXEC_KILLED, -1);
    if (r && err)
        *err = why;
    return r;
}

void aio_session_close(struct aio *a, struct call *call, const char *id)
{
    AUTO(buf) struct buf path = BUF_MAX(256);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = { .method = "POST", .idempotent = true, .timeout_ms = AIO_CLEAN_MS };
    yyjson_val *data;

    if (buf_addf(&path, NULL, "/v1/bash/sessions/%s/close", id))
        return;
    ask.path = buf_str(&path);
    (void)!aio_ask(a, call, &ask, &doc, &data, NULL);
}

struct closing {
    struct aio *aio;
    char id[ID_SIZE];
};

static void close_later(void *arg)
{
    struct closing *c = arg;

    aio_session_close(c->aio, &c->aio->quit, c->id);
    free(c);
}

void aio_session_close_later(struct aio *a, const char *id)
{
    struct closing *c = calloc(1, sizeof(*c));

    if (!c)
        return;
    c->aio = a;
    snprintf(c->id, sizeof(c->id), "%s", id);
    aio_later(a, close_later, c);
}

/* What the service can send; the rest is sent by a script in the container. */
static const char *service_signal(int signal)
{
    switch (signal) {
    case SIGTERM:
        return "SIGTERM";
    case SIGINT:
        return "SIGINT";
    case SIGKILL:
        return "SIGKILL";
    default:
        return NULL;
    }
}

static int signal_by_service(struct aio_job *j, struct call *call, const char *name,
                             struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(512);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct jw w = JW(&body, err);
    struct aio_ask ask = { .method = "POST",
                           .path = "/v1/bash/kill",
                           .body = &body,
                           .idempotent = true,
                           .timeout_ms = AIO_CLEAN_MS };
    yyjson_val *data;

    jw_obj(&w);
    jw_kstr(&w, "session_id", j->id);
    jw_kstr(&w, "signal", name);
    jw_end(&w);
    return jw_done(&w) || aio_ask(aio_of(&j->sandbox->base), call, &ask, &doc, &data, err) ? -1 : 0;
}

int aio_job_signal(struct aio_job *j, struct call *call, int signal, struct err *err)
{
    const char *name = service_signal(signal);
    char number[16];
    const char *args[] = { j->id, number };
    AUTO(buf) struct buf out = BUF_MAX(256);
    int r = 0;

    pthread_mutex_lock(&j->lock);
    j->sent_signal = signal;
    pthread_mutex_unlock(&j->lock);
    if (name)
        r = signal_by_service(j, call, name, err);
    if (name && signal != SIGKILL)
        return r;
    snprintf(number, sizeof(number), "%d", signal);
    return aio_help(aio_of(&j->sandbox->base), call, aio_script_kill, args, 2, true, &out, err);
}
