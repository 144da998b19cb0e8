#include "backend/remote/aio_exec.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define HELPER_USES 200                /* then its session is closed: it keeps all output */
#define HELPER_BYTES (4 * 1024 * 1024) /* so is it after so much output */
#define HELP_S 30                      /* for one script */

/* A session of the service that only runs our scripts, one at a time. */
struct aio_helper {
    struct aio_helper *next;
    char id[ID_SIZE];
    unsigned uses;
    size_t bytes;
};

struct help_reply {
    struct aio_scan scan; /* first */
    struct buf *out;
    struct buf errors;
    struct err full;
};

static void on_text(struct aio_scan *s, int stream, const char *data, size_t len)
{
    struct help_reply *r = (struct help_reply *)s;

    if (!stream && !r->full.code)
        (void)!buf_add(r->out, data, len, &r->full);
    else if (stream && len <= r->errors.max - r->errors.len)
        (void)!buf_add(&r->errors, data, len, NULL);
}

static void on_restart(struct aio_scan *s)
{
    struct help_reply *r = (struct help_reply *)s;

    buf_clear(r->out);
    buf_clear(&r->errors);
}

static void help_reply_done(struct help_reply *r)
{
    aio_scan_done(&r->scan);
    buf_done(&r->errors);
}

/* fresh: one whose session does not exist yet. */
static struct aio_helper *helper_take(struct aio *a, bool fresh)
{
    struct aio_helper *h;

    pthread_mutex_lock(&a->lock);
    h = fresh ? NULL : a->helpers;
    if (h) {
        a->helpers = h->next;
        a->helper_count--;
    }
    pthread_mutex_unlock(&a->lock);
    if (h || !(h = calloc(1, sizeof(*h))))
        return h;
    id_make("help", h->id);
    return h;
}

static void helper_drop(struct aio *a, struct aio_helper *h)
{
    if (h->uses)
        aio_session_close_later(a, h->id);
    free(h);
}

static void helper_give(struct aio *a, struct aio_helper *h)
{
    pthread_mutex_lock(&a->lock);
    if (a->helper_count < AIO_HELPERS_IDLE_MAX && h->uses < HELPER_USES &&
        h->bytes < HELPER_BYTES) {
        h->next = a->helpers;
        a->helpers = h;
        a->helper_count++;
        h = NULL;
    }
    pthread_mutex_unlock(&a->lock);
    if (h)
        helper_drop(a, h);
}

void aio_helpers_close(struct aio *a)
{
    struct aio_helper *h;

    while ((h = helper_take(a, false)) && h->uses)
        helper_drop(a, h);
    free(h);
}

static int make_body(struct aio *a, const struct aio_helper *h, const char *script,
                     const char *const *args, size_t arg_count, struct buf *body, struct err *err)
{
    AUTO(buf) struct buf command = BUF_MAX(256 * 1024);
    struct jw w = JW(body, err);

    if (buf_adds(&command, "exec </dev/null; set --", err))
        return -1;
    for (size_t i = 0; i < arg_count; i++)
        if (buf_addc(&command, ' ', err) || aio_quote(&command, args[i], strlen(args[i]), err))
            return -1;
    if (buf_addc(&command, '\n', err) || buf_adds(&command, script, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "command", buf_str(&command));
    jw_kstr(&w, "session_id", h->id);
    jw_kstr(&w, "exec_dir", a->home);
    jw_kint(&w, "timeout", HELP_S);
    jw_kint(&w, "hard_timeout", HELP_S);
    jw_kint(&w, "max_output_length", 0);
    jw_end(&w);
    return jw_done(&w);
}

/* "code: message" of a script that refused. */
static int refused(const struct help_reply *r, struct err *err)
{
    const char *text = buf_str(&r->errors), *colon = strstr(text, ": ");
    char name[32];

    snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : 0, text);
    if (!colon)
        return err_set(err, ERR_PROTOCOL, "the sandbox's shell failed: %.200s", text);
    return err_set(err, err_code_from_name(name), "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
}

static int outcome(const struct help_reply *r, yyjson_val *data, struct err *err)
{
    const char *status = json_str(data, "status");
    int64_t code = json_int(data, "exit_code", -1);

    if (!status || strcmp(status, "completed"))
        return err_set(err, ERR_UNAVAILABLE, "the sandbox was too slow: %s after %d s",
                       status ? status : "no state", HELP_S);
    if (code == 3)
        return refused(r, err);
    if (r->full.code) {
        if (err)
            *err = r->full;
        return -1;
    }
    if (code)
        return err_set(err, ERR_PROTOCOL, "the sandbox's shell failed with exit %lld: %.300s",
                       (long long)code, buf_str(&r->errors));
    return 0;
}

/* The answer broke off: what came of the script, whose session is its own? 0 it is over, 1 it never
 * started, -1 nobody knows. */
static int help_recover(struct aio *a, struct call *call, const struct aio_helper *h,
                        struct help_reply *reply, yyjson_doc **doc, yyjson_val **command)
{
    AUTO(buf) struct buf body = BUF_MAX(512);
    struct jw w = JW(&body, NULL);
    struct err why = { 0 };
    struct aio_ask ask = {
        .method = "POST",
        .path = "/v1/bash/output",
        .body = &body,
        .idempotent = true,
        .timeout_ms = HELP_S * 1000 + AIO_ASK_MS,
        .sink = &reply->scan.sink,
        .kept = &reply->scan.rest,
    };
    const char *status;

    jw_obj(&w);
    jw_kstr(&w, "session_id", h->id);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    for (int64_t until = clock_ms() + HELP_S * 1000; clock_ms() < until;) {
        yyjson_val *data;
        yyjson_doc_free(TAKE(*doc));
        if (aio_ask(a, call, &ask, doc, &data, &why))
            return why.code == ERR_NOT_FOUND ? 1 : -1;
        *command = yyjson_obj_get(data, "command");
        status = json_str(*command, "status");
        if (status && strcmp(status, "running") && strcmp(status, "pending"))
            return 0;
        if (http_pause(call, 0, 100, &why))
            return -1;
    }
    return -1;
}

struct help {
    const char *script;
    const char *const *args;
    size_t arg_count;
    bool idempotent;
    struct buf *out;
    int64_t wait_ms; /* that the service asked for */
    bool again;      /* it did not run */
};

static int help_ask(struct aio *a, struct call *call, struct help *help, struct aio_helper *h,
                    struct help_reply *reply, struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(512 * 1024);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = {
        .method = "POST",
        .path = "/v1/bash/exec",
        .body = &body,
        .timeout_ms = HELP_S * 1000 + AIO_ASK_MS,
        .sink = &reply->scan.sink,
        .kept = &reply->scan.rest,
    };
    yyjson_val *data;
    int r;

    if (make_body(a, h, help->script, help->args, help->arg_count, &body, err))
        return -1;
    h->uses++;
    r = aio_ask(a, call, &ask, &doc, &data, err);
    if (r && ask.unsure && !help->idempotent) {
        int what = help_recover(a, call, h, reply, &doc, &data);
        help->again = what > 0 && ask.stale;
        r = what;
    } else if (r) {
        help->again = help->idempotent && err_retryable(err->code) && err->code != ERR_BUSY;
    }
    help->wait_ms = ask.retry_after_ms;
    return r ? -1 : outcome(reply, data, err);
}

static int help_once(struct aio *a, struct call *call, struct help *help, struct err *err)
{
    AUTO(help_reply) struct help_reply reply = { .out = help->out };
    struct aio_helper *h = helper_take(a, !help->idempotent);
    int r;

    if (!h)
        return err_oom(err);
    aio_scan_init(&reply.scan);
    reply.scan.text = on_text;
    reply.scan.restart = on_restart;
    reply.errors = BUF_MAX(4096);
    help->again = false;
    r = help_ask(a, call, help, h, &reply, err);
    h->bytes += help->out->len;
    if (r && err->code != ERR_NONE && (help->again || err_retryable(err->code)))
        helper_drop(a, h);
    else
        helper_give(a, h);
    return r;
}

int aio_help(struct aio *a, struct call *call, const char *script, const char *const *args,
             size_t arg_count, bool idempotent, struct buf *out, struct err *err)
{
    struct help help = {
        .script = script, .args = args, .arg_count = arg_count, .idempotent = idempotent, .out = out
    };

    for (int tried = 0;; tried++) {
        struct err why = { 0 };
        int p = 1;
        if (!help_once(a, call, &help, &why))
            return 0;
        if (help.again && tried + 1 < HTTP_TRIES)
            p = http_pause(call, tried, help.wait_ms, &why);
        if (!p)
            continue;
        if (err)
            *err = why;
        return -1;
    }
}

struct removal {
    struct aio *aio;
    char *path;
};

static void remove_later(void *arg)
{
    struct removal *r = arg;
    const char *path = r->path;
    AUTO(buf) struct buf out = BUF_MAX(64);

    (void)!aio_help(r->aio, &r->aio->quit, aio_script_remove, &path, 1, true, &out, NULL);
    free(r->path);
    free(r);
}

void aio_remove_later(struct aio *a, char *path)
{
    struct removal *r = path ? malloc(sizeof(*r)) : NULL;

    if (!r) {
        free(path);
        return;
    }
    *r = (struct removal){ a, path };
    aio_later(a, remove_later, r);
}
