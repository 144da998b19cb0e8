#include "base/clock.h"
#include "tools.gen.h"
#include "tools/recording.h"
#include "tools/render.h"

#include <stdio.h>
#include <string.h>

/* ---- list ---- */

#define POSITION_MAX 64 /* bytes of a cursor: time and id of the last one told */

static void position(const struct recording_meta *m, char out[POSITION_MAX])
{
    snprintf(out, POSITION_MAX, "%lld.%s", (long long)m->started_ms, m->id);
}

/* True when m comes behind the cursor, in the order of the list. */
static bool is_behind(const struct recording_meta *m, int64_t at_ms, const char *id)
{
    return m->started_ms != at_ms ? m->started_ms < at_ms : strcmp(m->id, id) > 0;
}

static int take_cursor(const char *cursor, int64_t *at_ms, const char **id, struct err *err)
{
    long long ms;
    int end = 0;

    *at_ms = INT64_MAX;
    *id = "";
    if (!cursor)
        return 0;
    if (sscanf(cursor, "%lld.%n", &ms, &end) != 1 || !end || !id_valid("rec", cursor + end))
        return err_set(err, ERR_INVALID, "cursor: it is none of this list");
    *at_ms = ms;
    *id = cursor + end;
    return 0;
}

static int add(struct jw *w, struct buf *text, const struct recording_meta *m, struct err *err)
{
    char when[CLOCK_ISO_SIZE], name[RECORDING_FILENAME_MAX];
    const char *kind = recording_kind_name(m->kind), *state = recording_state_name(m->state);

    recording_filename(m, recording_extension(m->kind), name);
    clock_iso(m->started_ms, when);
    jw_obj(w);
    jw_kstr(w, "recording_id", m->id);
    jw_kstr(w, "filename", name);
    if (*m->name)
        jw_kstr(w, "name", m->name);
    jw_kstr(w, "kind", kind);
    jw_kint(w, "size", m->bytes);
    jw_knum(w, "duration_s", (double)m->duration_ms / 1000);
    jw_kstr(w, "created_at", when);
    jw_kstr(w, "state", state);
    if (*m->reason)
        jw_kstr(w, "reason", m->reason);
    jw_end(w);
    return buf_addf(text, err, "%s · %s · %s · ", m->id, kind, state) ||
                   render_duration(text, m->duration_ms, err) || buf_adds(text, " · ", err) ||
                   render_bytes(text, (uint64_t)m->bytes, err) ||
                   buf_addf(text, err, " · %s · %s\n", when, name)
               ? -1
               : 0;
}

static int list(struct tool_call *call, const struct recording_list_args *args,
                const struct recording_meta *all, size_t count, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);
    const struct recording_meta *last = NULL;
    char next[POSITION_MAX];
    int64_t told = 0, at_ms;
    const char *id;
    bool more = false;

    if (take_cursor(args->cursor, &at_ms, &id, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "recordings");
    jw_arr(&w);
    for (size_t i = 0; i < count && !more; i++) {
        if ((args->kind >= 0 && (int)all[i].kind != args->kind) || !is_behind(&all[i], at_ms, id))
            continue;
        more = told == args->limit;
        if (more)
            break;
        if (add(&w, &text, &all[i], err))
            return -1;
        last = &all[i];
        told++;
    }
    jw_aend(&w);
    if (more) {
        position(last, next);
        jw_kstr(&w, "next_cursor", next);
    }
    jw_end(&w);
    if (jw_done(&w) || (!told && buf_adds(&text, "no recordings\n", err)) ||
        (more && buf_addf(&text, err, "more: recording_list with cursor %s\n", next)) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_recording_list(struct tool_call *call, const struct recording_list_args *args,
                        struct err *err)
{
    AUTO_FREE struct recording_meta *all = NULL;
    struct recording_store *store;
    size_t count;

    if (recordings_store(call, &store, err) ||
        recording_load_all(store, call->principal, &all, &count, err))
        return -1;
    return list(call, args, all, count, err);
}

/* ---- delete ---- */

/* Those that run are ended first. */
static int delete_one(struct tool_call *call, struct recording_store *store, const char *id,
                      struct err *err)
{
    struct recordings *all = ((struct tools_context *)call->context)->recordings;
    AUTO_PTR(recording) struct recording *r = recordings_find(all, call->principal, id);

    if (r)
        recording_end(r, RECORDING_STOPPED, "");
    if (r && r->dropped)
        return 0;
    return recording_remove(store, call->principal, id, err);
}

int tool_recording_delete(struct tool_call *call, const struct recording_delete_args *args,
                          struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);
    struct recording_store *store;
    struct err failed = { 0 };
    size_t deleted = 0;

    if (recordings_store(call, &store, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "deleted");
    jw_arr(&w);
    for (size_t i = 0; i < args->recording_ids.count; i++) {
        const char *id = args->recording_ids.items[i];
        failed = (struct err){ 0 };
        if (!delete_one(call, store, id, &failed)) {
            jw_str(&w, id);
            deleted++;
        } else if (buf_addf(&text, err, "%s\n", failed.msg)) {
            return -1;
        }
    }
    jw_aend(&w);
    jw_end(&w);
    if (!deleted && failed.code) {
        if (err)
            *err = failed;
        return -1;
    }
    if (jw_done(&w) ||
        buf_addf(&text, err, "deleted %zu of %zu\n", deleted, args->recording_ids.count) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}
