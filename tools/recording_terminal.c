#include "base/io.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/recording.h"
#include "tools/recording_tap.h"

#include <stdio.h>
#include <string.h>

#define IDLE_MS 2000            /* a longer silence is recorded as this */
#define ECHO_MAX (16 * 1024)    /* bytes shown of a command */
#define EVENT_MAX (1024 * 1024) /* of one line of the file */
#define SERVE_MS 1000
#define COLUMNS 120
#define ROWS 40

/* Guarded by recording.lock. */
struct terminal {
    int64_t seen_ms, shown_ms; /* of the last event: as it was, and as it is in the file */
};

/* ---- events ---- */

/* Locked. Time in the file: silences are cut to IDLE_MS. */
static double advance(struct recording *r)
{
    struct terminal *t = r->own;
    int64_t at_ms = recording_at(r), gap = at_ms - t->seen_ms;

    t->seen_ms = at_ms;
    t->shown_ms += gap > IDLE_MS ? IDLE_MS : gap > 0 ? gap : 0;
    return (double)t->shown_ms / 1000;
}

static void add_event(struct recording *r, const char *type, const char *data, size_t len)
{
    AUTO(buf) struct buf line = BUF_MAX(EVENT_MAX);
    struct jw w = JW(&line, NULL);

    pthread_mutex_lock(&r->lock);
    if (!r->over && !r->paused_ms) {
        jw_arr(&w);
        jw_num(&w, advance(r));
        jw_str(&w, type);
        jw_strn(&w, data, len);
        jw_aend(&w);
        if (!jw_done(&w) && !buf_addc(&line, '\n', NULL) &&
            !io_write_all(r->file.data_fd, line.data, line.len))
            r->meta.frames++;
    }
    pthread_mutex_unlock(&r->lock);
}

void recording_terminal_mark(struct recording *r, const char *title)
{
    AUTO(buf) struct buf line = BUF_MAX(EVENT_MAX);
    struct jw w = JW(&line, NULL);

    jw_arr(&w);
    jw_num(&w, advance(r));
    jw_str(&w, "m");
    jw_str(&w, title);
    jw_aend(&w);
    if (!jw_done(&w) && !buf_addc(&line, '\n', NULL))
        (void)!io_write_all(r->file.data_fd, line.data, line.len);
}

/* ---- a command ---- */

struct tap {
    struct exec_tap base;
    struct recording *to[RECORDINGS_RUNNING_MAX];
    size_t count;
    atomic_bool failed;
    struct {
        char bytes[4]; /* the beginning of a character whose rest has not come */
        size_t len;
    } rest[2];
    bool returned; /* the last byte shown was '\r' */
};

static void tell(struct tap *t, const char *data, size_t len)
{
    for (size_t i = 0; i < t->count && len; i++)
        add_event(t->to[i], "o", data, len);
}

/* A terminal goes to the beginning of a line by '\r' only. */
static void show(struct tap *t, const char *p, size_t len)
{
    AUTO(buf) struct buf out = BUF_MAX(EVENT_MAX / 2);

    for (size_t i = 0; i < len; i++) {
        if ((p[i] == '\n' && !t->returned && buf_addc(&out, '\r', NULL)) ||
            buf_addc(&out, p[i], NULL))
            break;
        t->returned = p[i] == '\r';
        if (out.len > EVENT_MAX / 4 && (p[i] & 0xc0) != 0x80 && (unsigned char)p[i] < 0x80) {
            tell(t, out.data, out.len);
            buf_clear(&out);
        }
    }
    tell(t, buf_str(&out), out.len);
}

static void on_output(struct exec_tap *base, int stream, const void *data, size_t len)
{
    struct tap *t = (struct tap *)base;
    AUTO(buf) struct buf whole = BUF_MAX(len + 8);
    size_t n;

    if (buf_add(&whole, t->rest[stream].bytes, t->rest[stream].len, NULL) ||
        buf_add(&whole, data, len, NULL))
        return;
    n = utf8_cut(whole.data, whole.len);
    if (whole.len - n >= sizeof(t->rest[stream].bytes)) /* no UTF-8 */
        n = whole.len;
    t->rest[stream].len = whole.len - n;
    memcpy(t->rest[stream].bytes, whole.data + n, whole.len - n);
    show(t, whole.data, n);
}

static void failed(struct tap *t)
{
    if (!atomic_exchange(&t->failed, true))
        for (size_t i = 0; i < t->count; i++)
            atomic_fetch_add(&t->to[i]->failures, 1);
}

static void on_over(struct exec_tap *base, int exit_code)
{
    struct tap *t = (struct tap *)base;
    char text[48];

    for (int i = 0; i < 2; i++)
        if (t->rest[i].len)
            show(t, t->rest[i].bytes, t->rest[i].len);
    if (!exit_code)
        return;
    failed(t);
    if (exit_code < 0)
        snprintf(text, sizeof(text), "[killed]\n");
    else
        snprintf(text, sizeof(text), "[exit %d]\n", exit_code);
    show(t, text, strlen(text));
}

static void free_tap(struct exec_tap *base)
{
    struct tap *t = (struct tap *)base;

    for (size_t i = 0; i < t->count; i++)
        recording_unref(t->to[i]);
    free(t);
}

static void echo(struct tap *t, const char *command)
{
    AUTO(buf) struct buf line = BUF_MAX(ECHO_MAX + 64);
    size_t len = strlen(command), cut = len > ECHO_MAX ? utf8_cut(command, ECHO_MAX) : len;
    bool whole = cut == len;

    while (whole && cut && command[cut - 1] == '\n')
        cut--;
    if (!buf_adds(&line, "$ ", NULL) && !buf_add(&line, command, cut, NULL) &&
        !buf_adds(&line, whole ? "\n" : " ...\n", NULL))
        show(t, line.data, line.len);
}

static bool wants(const struct recording *r, const char *session)
{
    return r->kind->id == RECORDING_TERMINAL &&
           (!*r->meta.source || (session && !strcmp(r->meta.source, session)));
}

struct exec_tap *recording_tap(struct tool_call *call, const char *session, const char *command)
{
    struct recordings *all = ((struct tools_context *)call->context)->recordings;
    struct recording *running[RECORDINGS_RUNNING_MAX];
    struct tap *t;
    size_t n;

    if (!all || !atomic_load_explicit(&all->running, memory_order_relaxed))
        return NULL;
    t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    atomic_init(&t->base.refs, 1);
    t->base.output = on_output;
    t->base.over = on_over;
    t->base.free = free_tap;
    n = recordings_of(all, call->principal, call->origin.sandbox, running);
    for (size_t i = 0; i < n; i++) {
        if (wants(running[i], session))
            t->to[t->count++] = running[i];
        else
            recording_unref(running[i]);
    }
    if (!t->count) {
        free(t);
        return NULL;
    }
    echo(t, command);
    return &t->base;
}

void recording_tap_result(struct exec_tap *base, const struct stream_text *out,
                          const struct stream_text *errs, int exit_code)
{
    struct tap *t = (struct tap *)base;

    if (!t)
        return;
    if (exit_code)
        failed(t);
    if (atomic_load(&base->taken))
        return;
    show(t, buf_str(&out->text), out->text.len);
    show(t, buf_str(&errs->text), errs->text.len);
    on_over(base, exit_code);
}

/* ---- the kind ---- */

static int64_t serve(struct recording *r UNUSED, int64_t at_ms UNUSED, const char **why UNUSED)
{
    return SERVE_MS;
}

static int finish(struct recording *r UNUSED, int64_t at_ms UNUSED, struct err *err UNUSED)
{
    return 0;
}

static void release(struct recording *r)
{
    free(TAKE(r->own));
}

static const struct recording_kind kind = {
    .id = RECORDING_TERMINAL,
    .serve = serve,
    .finish = finish,
    .release = release,
};

static int write_header(struct recording *r, struct err *err)
{
    AUTO(buf) struct buf line = BUF_MAX(4096);
    struct jw w = JW(&line, err);

    jw_obj(&w);
    jw_kint(&w, "version", 2);
    jw_kint(&w, "width", COLUMNS);
    jw_kint(&w, "height", ROWS);
    jw_kint(&w, "timestamp", r->meta.started_ms / 1000);
    jw_knum(&w, "idle_time_limit", IDLE_MS / 1000);
    if (*r->meta.name)
        jw_kstr(&w, "title", r->meta.name);
    jw_kraw(&w, "env", "{\"TERM\":\"xterm-256color\",\"SHELL\":\"/bin/bash\"}");
    jw_end(&w);
    if (jw_done(&w) || buf_addc(&line, '\n', err))
        return -1;
    return io_write_all(r->file.data_fd, line.data, line.len)
               ? err_sys(err, errno, "write the recording")
               : 0;
}

int recording_start_terminal(struct tool_call *call, const struct recording_start_args *args,
                             struct recording_meta *meta, struct recording **out, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO_PTR(recording) struct recording *r = NULL;

    if (tools_sandbox(call, &sb, err))
        return -1;
    snprintf(meta->source, sizeof(meta->source), "%s", args->source ? args->source : "");
    snprintf(meta->sandbox, sizeof(meta->sandbox), "%s", sb->id);
    if (recording_make(call, &kind, meta, tools_ms((double)args->max_s), &r, err))
        return -1;
    r->own = calloc(1, sizeof(struct terminal));
    if (!r->own || write_header(r, err)) {
        free(r->own);
        recording_cancel(TAKE(r));
        return err_set(err, ERR_UNAVAILABLE, "the recording cannot be written");
    }
    recording_run(r);
    *out = TAKE(r);
    return 0;
}
