#include "base/clock.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/recording.h"
#include "tools/render.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

void recording_uri(const struct recording_meta *m, char out[RECORDING_URI_MAX])
{
    snprintf(out, RECORDING_URI_MAX, "sandbox://%.35s/recording/%.35s", m->sandbox, m->id);
}

void recording_filename(const struct recording_meta *m, const char *extension,
                        char out[RECORDING_FILENAME_MAX])
{
    char name[RECORDING_TITLE_MAX];
    size_t n = 0;

    for (const char *p = m->name; *p && n < sizeof(name) - 1; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || (*p == '.' && n) || *p == '-' || *p == '_';
        if (plain || (n && name[n - 1] != '_'))
            name[n++] = plain ? *p : '_';
    }
    name[n] = '\0';
    snprintf(out, RECORDING_FILENAME_MAX, "%s.%s", n ? name : m->id, extension);
}

/* Cut at a character; ERR_INVALID when it holds control characters. */
static int take_title(const char *title, const char *what, char out[RECORDING_TITLE_MAX],
                      struct err *err)
{
    size_t len = strlen(title);

    for (const char *p = title; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(err, ERR_INVALID, "%s: control characters are not allowed", what);
    if (len >= RECORDING_TITLE_MAX)
        len = utf8_cut(title, RECORDING_TITLE_MAX - 1);
    memcpy(out, title, len);
    out[len] = '\0';
    return 0;
}

/* ---- start ---- */

static int reply_start(struct tool_call *call, struct recording *r, int64_t max_s, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    const struct recording_meta *m = &r->meta;
    struct jw w = JW(&json, err);
    char when[CLOCK_ISO_SIZE], uri[RECORDING_URI_MAX];

    pthread_mutex_lock(&r->lock);
    clock_iso(m->started_ms, when);
    recording_uri(m, uri);
    jw_obj(&w);
    jw_kstr(&w, "recording_id", m->id);
    jw_kstr(&w, "kind", recording_kind_name(m->kind));
    jw_kstr(&w, "source", m->source);
    jw_kstr(&w, "uri", uri);
    jw_kstr(&w, "started_at", when);
    jw_key(&w, "limits");
    jw_obj(&w);
    jw_kint(&w, "max_s", max_s);
    jw_kint(&w, "bytes", RECORDING_QUOTA - atomic_load(&r->others));
    jw_end(&w);
    jw_end(&w);
    pthread_mutex_unlock(&r->lock);
    if (jw_done(&w) ||
        buf_addf(&text, err, "%s · records %s%s%s · at most %lld s\n", m->id,
                 recording_kind_name(m->kind), *m->source ? " of " : "", m->source,
                 (long long)max_s) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_recording_start(struct tool_call *call, const struct recording_start_args *args,
                         struct err *err)
{
    static int (*const kinds[])(struct tool_call *, const struct recording_start_args *,
                                struct recording_meta *, struct recording **, struct err *) = {
        [RECORDING_START_KIND_VIDEO] = recording_start_video,
        [RECORDING_START_KIND_HAR] = recording_start_har,
        [RECORDING_START_KIND_TERMINAL] = recording_start_terminal,
        [RECORDING_START_KIND_ACTIONS] = recording_start_actions,
    };
    AUTO_PTR(recording) struct recording *r = NULL;
    AUTO_FREE struct recording_meta *meta = calloc(1, sizeof(*meta));

    if (!meta)
        return err_oom(err);
    if (args->name && take_title(args->name, "name", meta->name, err))
        return -1;
    meta->on_failure = args->keep == RECORDING_START_KEEP_ON_FAILURE;
    if (kinds[args->kind](call, args, meta, &r, err))
        return -1;
    return reply_start(call, r, args->max_s, err);
}

/* ---- control ---- */

static int reply_state(struct tool_call *call, const struct recording_meta *m, bool dropped,
                       struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);
    char uri[RECORDING_URI_MAX], name[RECORDING_FILENAME_MAX];
    const char *state = dropped ? "deleted" : recording_state_name(m->state);
    bool over = m->ended_ms;

    recording_uri(m, uri);
    jw_obj(&w);
    jw_kstr(&w, "recording_id", m->id);
    jw_kstr(&w, "state", state);
    jw_knum(&w, "duration_s", (double)m->duration_ms / 1000);
    jw_kint(&w, "bytes", m->bytes);
    if (*m->reason)
        jw_kstr(&w, "reason", m->reason);
    if (!dropped)
        jw_kstr(&w, "uri", uri);
    jw_end(&w);
    if (jw_done(&w) || buf_addf(&text, err, "%s · %s · ", m->id, state) ||
        render_duration(&text, m->duration_ms, err) || buf_adds(&text, " · ", err) ||
        render_bytes(&text, (uint64_t)m->bytes, err) || buf_adds(&text, "\n", err) ||
        (*m->reason && buf_addf(&text, err, "it ended because %s\n", m->reason)) ||
        (dropped && buf_adds(&text, "not kept: no call failed meanwhile\n", err)) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    recording_filename(m, recording_extension(m->kind), name);
    if (over && !dropped && tool_link(call, uri, name, recording_mime(m->kind), m->bytes, err))
        return -1;
    return tool_structured(call, &json, err);
}

/* Locked. */
static int hold(struct recording *r, bool pause)
{
    if (pause && !r->paused_ms) {
        r->paused_ms = clock_ms();
        r->meta.state = RECORDING_PAUSED;
    } else if (!pause && r->paused_ms) {
        r->cut_ms += clock_ms() - r->paused_ms;
        r->paused_ms = 0;
        r->meta.state = RECORDING_RUNNING;
    }
    return 0;
}

/* Locked. */
static int mark(struct recording *r, const char *title, struct err *err)
{
    struct recording_meta *m = &r->meta;
    struct recording_mark *one = &m->marks[m->mark_count];

    if (m->mark_count == RECORDING_MARKS_MAX)
        return err_set(err, ERR_QUOTA, "it has %d chapters already", RECORDING_MARKS_MAX);
    if (title && take_title(title, "title", one->title, err))
        return -1;
    if (!title)
        snprintf(one->title, sizeof(one->title), "Chapter %u", m->mark_count + 1);
    one->at_ms = recording_at(r);
    m->mark_count++;
    if (m->kind == RECORDING_TERMINAL)
        recording_terminal_mark(r, one->title);
    else if (m->kind == RECORDING_ACTIONS)
        recording_actions_mark(r, one->title);
    return 0;
}

/* Locked. */
static int act(struct recording *r, const struct recording_control_args *args, struct err *err)
{
    int result;

    if (r->over)
        return err_set(err, ERR_GONE, "the recording has ended");
    result = args->action == RECORDING_CONTROL_ACTION_MARK
                 ? mark(r, args->title, err)
                 : hold(r, args->action == RECORDING_CONTROL_ACTION_PAUSE);
    r->meta.duration_ms = recording_at(r);
    r->meta.bytes = recording_bytes(&r->file);
    if (!result)
        (void)!recording_save(&r->file, &r->meta, NULL);
    return result;
}

/* It does not run here: it ended, or another server has it. */
static int control_ended(struct tool_call *call, const struct recording_control_args *args,
                         struct err *err)
{
    AUTO_FREE struct recording_meta *meta = calloc(1, sizeof(*meta));
    struct recording_store *store;

    if (!meta)
        return err_oom(err);
    if (recordings_store(call, &store, err))
        return -1;
    if (recordings_dropped(((struct tools_context *)call->context)->recordings, args->recording_id))
        return err_set(err, ERR_GONE,
                       "the recording has ended and was not kept: no call failed meanwhile");
    if (recording_load(store, call->principal, args->recording_id, meta, NULL, err))
        return -1;
    if (meta->state == RECORDING_RUNNING || meta->state == RECORDING_PAUSED)
        return err_set(err, ERR_BUSY, "another server makes this recording");
    if (args->action == RECORDING_CONTROL_ACTION_STOP)
        return reply_state(call, meta, false, err);
    err_set(err, ERR_GONE, "the recording has ended%s%s", *meta->reason ? ": " : "", meta->reason);
    return err_next(err, "start another one with recording_start");
}

int tool_recording_control(struct tool_call *call, const struct recording_control_args *args,
                           struct err *err)
{
    struct recordings *all = ((struct tools_context *)call->context)->recordings;
    AUTO_PTR(recording)
    struct recording *r = all ? recordings_find(all, call->principal, args->recording_id) : NULL;
    AUTO_FREE struct recording_meta *meta = calloc(1, sizeof(*meta));
    bool dropped;
    int result = 0;

    if (!meta)
        return err_oom(err);
    if (!r)
        return control_ended(call, args, err);
    if (args->action == RECORDING_CONTROL_ACTION_STOP)
        recording_end(r, RECORDING_STOPPED, "");
    pthread_mutex_lock(&r->lock);
    if (args->action != RECORDING_CONTROL_ACTION_STOP)
        result = act(r, args, err);
    *meta = r->meta;
    dropped = r->dropped;
    pthread_mutex_unlock(&r->lock);
    recordings_wake(all);
    return result ? -1 : reply_state(call, meta, dropped, err);
}
