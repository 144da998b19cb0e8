#include "base/clock.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>

#define ENTRY_MAX (3 * 4096 + 1024) /* bytes of one, as JSON of plain names */

static const char *const accesses[] = {
    [ACCESS_NONE] = "none", [ACCESS_VIEW] = "view", [ACCESS_READ] = "read", [ACCESS_WRITE] = "write"
};

static const char *type_name(char type)
{
    switch (type) {
    case 'f':
        return "file";
    case 'd':
        return "folder";
    case 'l':
        return "link";
    case 'p':
        return "fifo";
    case 's':
        return "socket";
    default:
        return "device";
    }
}

static void entry_json(struct jw *w, const struct file_facts *f)
{
    char mode[8], when[CLOCK_ISO_SIZE];

    jw_obj(w);
    jw_kstr(w, "path", f->path);
    jw_kbool(w, "exists", f->type && f->type != '?');
    if (f->type && f->type != '?') {
        snprintf(mode, sizeof(mode), "%04o", f->mode);
        jw_kstr(w, "type", type_name(f->type));
        jw_kint(w, "size", f->size);
        jw_kstr(w, "mtime", clock_iso(f->mtime_ms, when));
        jw_kstr(w, "mode", mode);
        jw_kstr(w, "owner", f->owner);
        jw_kstr(w, "group", f->group);
        if (f->type == 'l')
            jw_kstr(w, "target", f->target);
        if (f->sha256[0])
            jw_kstr(w, "sha256", f->sha256);
    }
    if (f->type)
        jw_kstr(w, "access", accesses[f->access]);
    jw_end(w);
}

static int facts_line(struct buf *text, const struct file_facts *f, struct err *err)
{
    char mode[11], when[CLOCK_ISO_SIZE];

    if (!f->type)
        return buf_adds(text, "missing ", err) || render_name(text, f->path, err) ? -1 : 0;
    if (f->type == '?')
        return buf_adds(text, "no access to ", err) || render_name(text, f->path, err) ? -1 : 0;
    render_mode(f->type, f->mode, mode);
    clock_iso(f->mtime_ms, when);
    if (buf_addf(text, err, "%s ", mode) || render_name(text, f->owner, err) ||
        buf_addc(text, ' ', err) || render_name(text, f->group, err) ||
        buf_addf(text, err, " %lld %s ", (long long)f->size, when) ||
        render_name(text, f->path, err))
        return -1;
    if (f->type == 'l' && (buf_adds(text, " -> ", err) || render_name(text, f->target, err)))
        return -1;
    if (buf_addf(text, err, " · access %s", accesses[f->access]))
        return -1;
    return f->sha256[0] ? buf_addf(text, err, " · sha256 %s", f->sha256) : 0;
}

static int reply(struct tool_call *call, const struct file_stat_result *res, size_t room,
                 struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);
    size_t shown = 0;

    jw_obj(&w);
    jw_key(&w, "entries");
    jw_arr(&w);
    for (; shown < res->count && (!shown || json.len + ENTRY_MAX / 8 < room); shown++) {
        entry_json(&w, &res->items[shown]);
        if ((shown && buf_addc(&text, '\n', err)) || facts_line(&text, &res->items[shown], err))
            return -1;
    }
    jw_aend(&w);
    if (shown < res->count) {
        jw_kint(&w, "omitted", (int64_t)(res->count - shown));
        if (buf_addf(&text, err, "\n%zu more left out: ask for them in another call",
                     res->count - shown))
            return -1;
    }
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_file_stat(struct tool_call *call, const struct file_stat_args *args, struct err *err)
{
    struct tools_context *ctx = call->context;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_stat_result) struct file_stat_result res = { 0 };
    struct file_stat_request req = { .paths = args->paths.items,
                                     .count = args->paths.count,
                                     .hash = args->hash };

    if (tools_sandbox(call, &sb, err) || sandbox_file_stat(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &res, ctx->default_max_bytes, err);
}
