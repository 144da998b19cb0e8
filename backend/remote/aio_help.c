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

static struct aio_helper *helper_take(struct aio *a)
{
    struct aio_helper *h;

    pthread_mutex_lock(&a->lock);
    h = a->helpers;
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

static void helper_drop(struct aio *a, struct aio_helper *h, bool now)
{
    if (h->uses)
        aio_session_close(a, h->id, now);
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
        helper_drop(a, h, false);
}

void aio_helpers_close(struct aio *a)
{
    while (a->helpers) {
        struct aio_helper *h = a->helpers;
        a->helpers = h->next;
        helper_drop(a, h, true);
    }
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

static int help_once(struct aio *a, struct call *call, const char *script, const char *const *args,
                     size_t arg_count, struct buf *out, int64_t *retry_after_ms, struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(512 * 1024);
    AUTO(help_reply) struct help_reply reply = { .out = out };
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_helper *h = helper_take(a);
    struct aio_ask ask = {
        .method = "POST",
        .path = "/v1/bash/exec",
        .body = &body,
        .timeout_ms = HELP_S * 1000 + AIO_ASK_MS,
        .sink = &reply.scan.sink,
        .kept = &reply.scan.rest,
    };
    yyjson_val *data;
    int r;

    if (!h)
        return err_oom(err);
    aio_scan_init(&reply.scan);
    reply.scan.text = on_text;
    reply.scan.restart = on_restart;
    reply.errors = BUF_MAX(4096);
    r = make_body(a, h, script, args, arg_count, &body, err);
    if (!r) {
        h->uses++;
        r = aio_ask(a, call, &ask, &doc, &data, err);
    }
    *retry_after_ms = ask.retry_after_ms;
    h->bytes += out->len;
    if (r) {
        helper_drop(a, h, false);
        return -1;
    }
    helper_give(a, h);
    return outcome(&reply, data, err);
}

int aio_help(struct aio *a, struct call *call, const char *script, const char *const *args,
             size_t arg_count, bool idempotent, struct buf *out, struct err *err)
{
    for (int tried = 0;; tried++) {
        struct err why = { 0 };
        int64_t wait_ms = 0;
        int r = help_once(a, call, script, args, arg_count, out, &wait_ms, &why);
        if (!r)
            return 0;
        if (idempotent && tried + 1 < HTTP_TRIES &&
            (why.code == ERR_UNAVAILABLE || why.code == ERR_RATE_LIMITED)) {
            r = http_pause(call, tried, wait_ms, err);
            if (!r)
                continue;
            if (r < 0)
                return -1;
        }
        if (err)
            *err = why;
        return -1;
    }
}
