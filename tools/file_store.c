#include "base/clock.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/transfer.h"

#include <stdio.h>
#include <string.h>

#define POSITION_MAX 64 /* bytes of a cursor: time and id of the last one told */

/* One answer: each action adds to both. */
struct answer {
    struct tool_call *call;
    const struct file_store_args *args;
    struct file_store *store;
    struct buf text;
    struct jw w;
};

static int need(const char *what, bool given, struct err *err)
{
    return given ? 0 : err_set(err, ERR_INVALID, "%s: is required for this action", what);
}

static int add_file(struct answer *a, const struct store_meta *m, struct err *err)
{
    char when[CLOCK_ISO_SIZE];
    struct jw *w = &a->w;

    clock_iso(m->created_ms, when);
    jw_obj(w);
    jw_kstr(w, "id", m->id);
    jw_kstr(w, "name", m->name);
    jw_kint(w, "size", m->size);
    jw_kstr(w, "type", m->mime);
    jw_kstr(w, "sha256", m->sha256);
    jw_kstr(w, "created_at", when);
    jw_end(w);
    return buf_addf(&a->text, err, "%s · ", m->id) || render_name(&a->text, m->name, err) ||
                   buf_adds(&a->text, " · ", err) ||
                   render_bytes(&a->text, (uint64_t)m->size, err) ||
                   buf_addf(&a->text, err, " · %s · %s\n", m->mime, when)
               ? -1
               : 0;
}

static int add_sole(struct answer *a, const struct store_meta *m, struct err *err)
{
    jw_key(&a->w, "files");
    jw_arr(&a->w);
    if (add_file(a, m, err))
        return -1;
    jw_aend(&a->w);
    return 0;
}

/* ---- put ---- */

static int put(struct answer *a, struct err *err)
{
    const struct file_store_args *args = a->args;
    AUTO(file_take_result) struct file_take_result res = { 0 };
    AUTO(store_new) struct store_new n = STORE_NEW;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    struct store_meta meta = { 0 };
    int64_t room;

    if (need("path", args->path, err) || tools_sandbox(a->call, &sb, err) ||
        store_begin(a->store, a->call->principal, &n, &room, err))
        return -1;
    const struct file_take_request req = { .path = args->path, .fd = n.fd, .max = room };
    if (sandbox_file_take(sb, a->call->call, &req, &res, err))
        return -1;
    transfer_name(args->name ? args->name : res.path, meta.name);
    snprintf(meta.mime, sizeof(meta.mime), "%s", transfer_mime(n.fd, meta.name));
    memcpy(meta.sha256, res.sha256, sizeof(meta.sha256));
    return store_commit(a->store, a->call->principal, &n, &meta, err) || add_sole(a, &meta, err)
               ? -1
               : 0;
}

/* ---- list ---- */

static int take_cursor(const char *cursor, int64_t *at_ms, const char **id, struct err *err)
{
    long long ms;
    int end = 0;

    *at_ms = INT64_MAX;
    *id = "";
    if (!cursor)
        return 0;
    if (sscanf(cursor, "%lld.%n", &ms, &end) != 1 || !end || !id_valid("f", cursor + end))
        return err_set(err, ERR_INVALID, "cursor: it is none of this list");
    *at_ms = ms;
    *id = cursor + end;
    return 0;
}

static bool is_behind(const struct store_meta *m, int64_t at_ms, const char *id)
{
    return m->created_ms != at_ms ? m->created_ms < at_ms : strcmp(m->id, id) > 0;
}

static int list(struct answer *a, struct err *err)
{
    AUTO_FREE struct store_meta *all = NULL;
    const struct store_meta *last = NULL;
    char next[POSITION_MAX] = "";
    int64_t at_ms, told = 0;
    const char *id;
    size_t n;

    if (take_cursor(a->args->cursor, &at_ms, &id, err) ||
        store_load_all(a->store, a->call->principal, &all, &n, err))
        return -1;
    jw_key(&a->w, "files");
    jw_arr(&a->w);
    for (size_t i = 0; i < n && !*next; i++) {
        if (!is_behind(&all[i], at_ms, id))
            continue;
        if (told == a->args->limit) {
            snprintf(next, sizeof(next), "%lld.%s", (long long)last->created_ms, last->id);
        } else {
            if (add_file(a, &all[i], err))
                return -1;
            last = &all[i];
            told++;
        }
    }
    jw_aend(&a->w);
    jw_kint(&a->w, "total", (int64_t)n);
    if (*next)
        jw_kstr(&a->w, "next_cursor", next);
    if (!told && buf_adds(&a->text, "no files\n", err))
        return -1;
    return *next ? buf_addf(&a->text, err, "more: file_store list with cursor %s\n", next) : 0;
}

/* ---- get ---- */

static int get(struct answer *a, struct err *err)
{
    const struct tools_context *ctx = a->call->context;
    char url[HANDOUT_URL_MAX], expires[TRANSFER_TIME_SIZE];
    struct store_meta meta;

    if (need("id", a->args->id, err) ||
        store_load(a->store, a->call->principal, a->args->id, &meta, NULL, err) ||
        add_sole(a, &meta, err))
        return -1;
    if (!ctx->handouts)
        return buf_addf(&a->text, err, "file_store inject %s puts it into the sandbox\n", meta.id);
    if (transfer_ticket_stored(a->call, a->store, &meta, url, expires, err))
        return -1;
    jw_kstr(&a->w, "url", url);
    jw_kstr(&a->w, "expires_at", expires);
    return buf_addf(&a->text, err, "%s (works once, until %s)\n", url, expires);
}

/* ---- delete, inject: of one or several ---- */

static int each(struct answer *a, const char *key,
                int (*one)(struct answer *a, struct sandbox *sb, const char *id, bool alone,
                           struct err *err),
                struct sandbox *sb, struct err *err)
{
    const char *const sole[] = { a->args->id };
    const char *const *ids = a->args->ids.count ? a->args->ids.items : sole;
    size_t count = a->args->ids.count ? a->args->ids.count : 1, done = 0;
    struct err why = { 0 };

    if (need("id or ids", a->args->ids.count || a->args->id, err))
        return -1;
    jw_key(&a->w, key);
    jw_arr(&a->w);
    for (size_t i = 0; i < count; i++) {
        why = (struct err){ 0 };
        if (!one(a, sb, ids[i], count == 1, &why))
            done++;
        else if (count > 1 && buf_addf(&a->text, err, "%.40s: %s\n", ids[i], why.msg))
            return -1;
        else if (count == 1)
            break;
    }
    jw_aend(&a->w);
    if (done)
        return buf_addf(&a->text, err, "%s %zu of %zu\n", key, done, count);
    *err = why;
    return -1;
}

static int delete_one(struct answer *a, struct sandbox *sb UNUSED, const char *id,
                      bool alone UNUSED, struct err *err)
{
    if (store_remove(a->store, a->call->principal, id, err))
        return -1;
    jw_str(&a->w, id);
    return 0;
}

static int inject_one(struct answer *a, struct sandbox *sb, const char *id, bool alone,
                      struct err *err)
{
    AUTO(file_put_result) struct file_put_result res = { 0 };
    AUTO_FREE char *path = NULL;
    struct store_meta meta;
    AUTO_FD int fd = -1;

    if (store_load(a->store, a->call->principal, id, &meta, &fd, err))
        return -1;
    if (alone)
        path = transfer_path(a->args->path, meta.name, err);
    else if (asprintf(&path, "%s/%s", a->args->path, meta.name) < 0)
        path = NULL;
    if (!path)
        return alone ? -1 : err_oom(err);
    const struct file_put_request req = {
        .path = path,
        .fd = fd,
        .size = meta.size,
        .permissions = -1,
    };
    if (sandbox_file_put(sb, a->call->call, &req, &res, err))
        return -1;
    jw_str(&a->w, res.path);
    return render_name(&a->text, res.path, err) || buf_addc(&a->text, '\n', err) ? -1 : 0;
}

static int inject(struct answer *a, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;

    if (need("path", a->args->path, err) || tools_sandbox(a->call, &sb, err))
        return -1;
    return each(a, "injected", inject_one, sb, err);
}

static int delete (struct answer *a, struct err *err)
{
    return each(a, "deleted", delete_one, NULL, err);
}

int tool_file_store(struct tool_call *call, const struct file_store_args *args, struct err *err)
{
    static int (*const actions[])(struct answer *, struct err *) = {
        [FILE_STORE_ACTION_PUT] = put,       [FILE_STORE_ACTION_LIST] = list,
        [FILE_STORE_ACTION_GET] = get,       [FILE_STORE_ACTION_DELETE] = delete,
        [FILE_STORE_ACTION_INJECT] = inject,
    };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX);
    struct answer a = {
        .call = call,
        .args = args,
        .text = BUF_MAX(RENDER_MAX),
        .w = JW(&json, err),
    };
    int r;

    if (transfers_store(call, &a.store, err))
        return -1;
    jw_obj(&a.w);
    r = actions[args->action](&a, err);
    if (!r) {
        jw_end(&a.w);
        r = jw_done(&a.w) || tool_text(call, a.text.data, a.text.len, err) ||
            tool_structured(call, &json, err);
    }
    buf_done(&a.text);
    return r ? -1 : 0;
}
