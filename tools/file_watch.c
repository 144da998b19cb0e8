#include "base/clock.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(char kind)
{
    static const struct {
        char kind;
        const char *name;
    } names[] = { { 'c', "created" }, { 'm', "modified" }, { 'd', "deleted" }, { 'v', "moved" } };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].kind == kind)
            return names[i].name;
    return "attributes";
}

static int cursor_of(const char *text, int64_t *out, struct err *err)
{
    char *end;

    *out = -1;
    if (!text)
        return 0;
    *out = strtoll(text, &end, 10);
    if (*end || *text == '-' || strlen(text) > 18)
        return err_set(err, ERR_INVALID, "cursor: pass one that an earlier poll gave");
    return 0;
}

/* Names as they are shown: what is not UTF-8 or not seen is escaped, in both. */
static int name_json(struct jw *w, const char *key, const char *name)
{
    AUTO(buf) struct buf shown = BUF_MAX(64 * 1024);

    if (render_name(&shown, name, w->err)) {
        w->failed = true;
        return -1;
    }
    jw_kstr(w, key, buf_str(&shown));
    return 0;
}

static void change_json(struct jw *w, const struct file_event *c)
{
    char when[CLOCK_ISO_SIZE];

    jw_obj(w);
    name_json(w, "path", c->path);
    jw_kstr(w, "kind", kind_name(c->kind));
    jw_kstr(w, "time", clock_iso(c->time_ms, when));
    if (c->from)
        name_json(w, "from", c->from);
    jw_end(w);
}

static int result_json(struct buf *json, const struct file_watch_result *r, bool polled,
                       struct err *err)
{
    struct jw w = JW(json, err);
    char cursor[24];

    snprintf(cursor, sizeof(cursor), "%lld", (long long)r->cursor);
    jw_obj(&w);
    jw_kstr(&w, "watch_id", r->watch_id);
    if (r->path)
        name_json(&w, "path", r->path);
    if (r->path)
        jw_kint(&w, "folders", r->folders);
    if (r->partial)
        jw_kbool(&w, "partial", true);
    jw_key(&w, "events");
    jw_arr(&w);
    for (size_t i = 0; i < r->count; i++)
        change_json(&w, &r->changes[i]);
    jw_aend(&w);
    if (polled || r->path)
        jw_kstr(&w, "cursor", cursor);
    if (polled) {
        jw_kbool(&w, "overflow", r->overflow);
        jw_kbool(&w, "more", r->more);
        jw_kbool(&w, "ended", r->ended);
    }
    jw_end(&w);
    return jw_done(&w);
}

static int started_text(struct buf *out, const struct file_watch_result *r, struct err *err)
{
    if (buf_addf(out, err, "%s watches ", r->watch_id) || render_name(out, r->path, err) ||
        buf_addf(out, err, " · %lld folder%s", (long long)r->folders, r->folders == 1 ? "" : "s"))
        return -1;
    if (r->partial && buf_adds(out, " (not all: more than can be watched, or unreadable)", err))
        return -1;
    return buf_addf(out, err, " · cursor 0 · ends after %d minutes without a poll",
                    FILE_WATCH_IDLE_MS / 60000);
}

static int polled_text(struct buf *out, const struct file_watch_result *r, struct err *err)
{
    char when[CLOCK_ISO_SIZE];

    if (buf_addf(out, err, "%zu event%s · cursor %lld%s%s%s\n", r->count, r->count == 1 ? "" : "s",
                 (long long)r->cursor, r->more ? " · more: poll again" : "",
                 r->overflow ? " · overflow: some are lost, look at the files" : "",
                 r->ended ? " · ended: what was watched has gone" : ""))
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        const struct file_event *c = &r->changes[i];
        clock_iso(c->time_ms, when);
        if (buf_addf(out, err, "%.12s %s ", when + 11, kind_name(c->kind)) ||
            (c->from && (render_name(out, c->from, err) || buf_adds(out, " -> ", err))) ||
            render_name(out, c->path, err) || buf_addc(out, '\n', err))
            return -1;
    }
    return 0;
}

int tool_file_watch(struct tool_call *call, const struct file_watch_args *args, struct err *err)
{
    static const enum file_watch_action actions[] = {
        [FILE_WATCH_ACTION_START] = FILE_WATCH_START,
        [FILE_WATCH_ACTION_POLL] = FILE_WATCH_POLL,
        [FILE_WATCH_ACTION_STOP] = FILE_WATCH_STOP,
    };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_watch_result) struct file_watch_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct file_watch_request req = {
        .action = actions[args->action],
        .path = args->path,
        .recursive = args->recursive,
        .watch_id = args->watch_id,
        .wait_ms = tools_ms(args->wait_s),
    };
    bool polled = req.action == FILE_WATCH_POLL;

    if (req.action != FILE_WATCH_START && !args->watch_id)
        return err_set(err, ERR_INVALID, "watch_id: is required for %s", polled ? "poll" : "stop");
    if (cursor_of(args->cursor, &req.cursor, err) || tools_sandbox(call, &sb, err) ||
        sandbox_file_watch(sb, call->call, &req, &res, err))
        return -1;
    if (polled                           ? polled_text(&text, &res, err)
        : req.action == FILE_WATCH_START ? started_text(&text, &res, err)
                                         : buf_addf(&text, err, "stopped %s", res.watch_id))
        return -1;
    if (tool_text(call, text.data, text.len, err) || result_json(&json, &res, polled, err))
        return -1;
    return tool_structured(call, &json, err);
}
