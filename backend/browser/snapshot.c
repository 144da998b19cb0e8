#include "backend/browser/snapshot.h"
#include "backend/browser/snapshot_refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32 /* frames in frames */
#define FRAME_MS 3000
#define TRIES 3 /* of documents that go meanwhile */
#define PROBES 4
#define FRAME_BYTES 400 /* a frame is told in no less */

static const char *const modes[] = { "full", "interactive", "changes" };

struct making {
    struct page *page;
    const struct snapshot_how *how;
    struct call *call;
    struct page_frame *frames;
    size_t count, max;
    const struct element *element; /* NULL: the page */
    struct snapshot *out;
};

void snapshot_done(struct snapshot *s)
{
    buf_done(&s->text);
}

bool snapshot_is_ref(const char *text, bool *rest)
{
    struct ref ref;

    return ref_parse(text, &ref, rest);
}

/* ---- frames in elements ---- */

/* The number of the element that the frame is the content of. */
static int find_owner(struct making *m, const struct page_frame *around,
                      const struct page_frame *frame, int64_t *owner, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply found = { 0 }, node = { 0 }, told = { 0 };
    yyjson_val *result;
    const char *object;
    char params[192];
    int64_t context;

    snprintf(params, sizeof(params), "{\"frameId\":\"%s\"}", frame->id);
    if (page_world(m->page, around, m->call, &context, err) ||
        page_call(m->page, around->session, "DOM.getFrameOwner", params, FRAME_MS, m->call, &found,
                  err))
        return -1;
    snprintf(params, sizeof(params),
             "{\"backendNodeId\":%lld,\"executionContextId\":%lld,\"objectGroup\":\"snapshot\"}",
             (long long)json_int(found.result, "backendNodeId", 0), (long long)context);
    if (page_call(m->page, around->session, "DOM.resolveNode", params, FRAME_MS, m->call, &node,
                  err))
        return -1;
    object = json_str(yyjson_obj_get(node.result, "object"), "objectId");
    snprintf(params, sizeof(params), "[{\"objectId\":\"%.100s\"}]", object ? object : "");
    if (library_call(m->page, around, "owner", params, NULL, FRAME_MS, m->call, &told, &result,
                     err))
        return -1;
    *owner = json_int(result, "value", 0);
    refs_used(m->page, around->id, *owner + 1);
    cdp_tell(m->page->browser->cdp, around->session, "Runtime.releaseObjectGroup",
             "{\"objectGroup\":\"snapshot\"}");
    return 0;
}

/* NULL: it is not known, or has gone. */
static const struct page_frame *frame_in(struct making *m, const struct page_frame *around,
                                         int64_t owner)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct page_frame *f = &m->frames[i];
        struct frame_refs row;
        if (strcmp(f->parent, around->id) || refs_frame(m->page, f->id, &row, NULL))
            continue;
        if (!row.owner || strcmp(row.around, around->loader)) {
            if (find_owner(m, around, f, &row.owner, NULL))
                continue;
            refs_owner(m->page, f->id, row.owner, around->loader);
        }
        if (row.owner == owner)
            return f;
    }
    return NULL;
}

/* ---- one frame ---- */

static size_t room(const struct making *m, bool first)
{
    size_t used = m->out->text.len, max = m->max;

    if (first)
        return m->count > 1 ? max - max / 3 : max;
    return used + FRAME_BYTES < max ? max - used : FRAME_BYTES;
}

static int ask_args(struct making *m, const struct page_frame *frame, int indent, bool first,
                    bool probe, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);
    char prefix[16];
    int64_t next;

    if (refs_prefix(m->page, frame->id, prefix, &next, err))
        return -1;
    jw_arr(&w);
    jw_obj(&w);
    jw_key(&w, "value");
    jw_obj(&w);
    jw_kstr(&w, "mode", modes[m->how->mode]);
    jw_kstr(&w, "caller", m->how->caller ? m->how->caller : "");
    jw_kstr(&w, "prefix", prefix);
    jw_kint(&w, "base", next);
    jw_kint(&w, "max", (int64_t)room(m, first));
    jw_kint(&w, "depth", m->how->depth);
    jw_kint(&w, "indent", indent);
    jw_kbool(&w, "rest", first && m->how->rest);
    jw_kbool(&w, "probe", probe);
    jw_end(&w);
    jw_end(&w);
    if (first && m->element) {
        jw_obj(&w);
        jw_kstr(&w, "objectId", m->element->object);
        jw_end(&w);
    }
    jw_aend(&w);
    return jw_done(&w);
}

static int add_frame(struct making *m, const struct page_frame *frame, int indent, int depth,
                     struct err *err);

/* What the frame holds, if there is something, below its title if it has one. */
static int add_inner(struct making *m, const struct page_frame *frame, yyjson_val *part, int depth,
                     struct err *err)
{
    int64_t owner = yyjson_get_sint(yyjson_arr_get(part, 0));
    int64_t indent = yyjson_get_sint(yyjson_arr_get(part, 1));
    const char *title = yyjson_get_str(yyjson_arr_get(part, 2));
    const struct page_frame *inner = depth < DEPTH_MAX ? frame_in(m, frame, owner) : NULL;
    struct buf *out = &m->out->text;
    size_t before = out->len, titled;

    if (!inner || (title && out->len + strlen(title) + FRAME_BYTES > out->max))
        return 0;
    if (title && buf_adds(out, title, err))
        return -1;
    titled = out->len;
    if (add_frame(m, inner, indent < 0 || indent > 200 ? 0 : (int)indent, depth + 1, err))
        return -1;
    if (title && out->len == titled)
        out->data[out->len = before] = '\0';
    return 0;
}

/* Strings, and between them [number, indent] of the elements that hold frames. */
static int add_parts(struct making *m, const struct page_frame *frame, yyjson_val *parts, int depth,
                     struct err *err)
{
    size_t i, n;
    yyjson_val *part;

    yyjson_arr_foreach (parts, i, n, part) {
        if (yyjson_is_str(part)) {
            size_t left = m->out->text.max - m->out->text.len, len = yyjson_get_len(part);
            if (len + 1 >= left)
                m->out->folded = true;
            else if (buf_add(&m->out->text, yyjson_get_str(part), len, err))
                return -1;
            continue;
        }
        if (add_inner(m, frame, part, depth, err))
            return -1;
    }
    return 0;
}

/* What goes wrong in one frame among others does not matter, unless nothing goes any more. */
static bool passes(const struct err *why)
{
    return why->code == ERR_INVALID || why->code == ERR_STALE || why->code == ERR_TIMEOUT;
}

/* Again when the library first wants to know of elements that may hide a shadow root. */
static int ask(struct making *m, const struct page_frame *frame, int indent, bool first,
               struct cdp_reply *reply, yyjson_val **value, struct err *err)
{
    for (int tries = 0; tries < PROBES; tries++) {
        AUTO(buf) struct buf args = BUF_MAX(64 * 1024);
        yyjson_val *result;
        if (ask_args(m, frame, indent, first, tries + 1 < PROBES, &args, err) ||
            library_call(m->page, frame, "snapshot", args.data, NULL, first ? 0 : FRAME_MS, m->call,
                         reply, &result, err))
            return -1;
        *value = yyjson_obj_get(result, "value");
        int64_t hosts = json_int(*value, "hosts", 0);
        if (hosts <= 0)
            return 0;
        if (library_shadows(m->page, frame, (size_t)hosts, m->call, err))
            return -1;
        cdp_reply_done(reply);
        *reply = (struct cdp_reply){ 0 };
    }
    return err_set(err, ERR_PROTOCOL, "the page model goes in circles");
}

static int add_frame(struct making *m, const struct page_frame *frame, int indent, int depth,
                     struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct err why = { 0 };
    yyjson_val *value;
    bool first = !depth;

    if (ask(m, frame, indent, first, &reply, &value, &why)) {
        if (!first && passes(&why))
            return buf_addf(&m->out->text, err, "%*s- (the frame does not answer)\n", 2 * indent,
                            "");
        if (err)
            *err = why;
        return -1;
    }
    refs_used(m->page, frame->id, json_int(value, "next", 0));
    m->out->elements += (size_t)json_int(value, "count", 0);
    m->out->changes += (size_t)json_int(value, "changes", 0);
    m->out->folded |= json_bool(value, "folded", false);
    m->out->cut |= json_bool(value, "cut", false);
    if (first) {
        m->out->modal = json_bool(value, "modal", false);
        m->out->changed = m->how->mode == SNAPSHOT_CHANGES && !json_bool(value, "fresh", true);
    }
    return add_parts(m, frame, yyjson_obj_get(value, "parts"), depth, err);
}

/* ---- all of them ---- */

static int begin(struct making *m, struct element *e, const struct page_frame **top,
                 struct err *err)
{
    const char *id = m->page->target;

    if (m->how->target) {
        if (element_find(m->page, m->how->target, m->call, e, err))
            return -1;
        m->element = e;
        id = e->frame;
    }
    if (page_frames(m->page, &m->frames, &m->count, err))
        return -1;
    for (size_t i = 0; i < m->count; i++)
        if (!strcmp(m->frames[i].id, id))
            *top = &m->frames[i];
    return *top ? 0 : err_set(err, ERR_STALE, "the frame is no longer in the page");
}

static int make(struct page *page, const struct snapshot_how *how, struct call *call,
                struct snapshot *out, struct err *err)
{
    const struct page_frame *top = NULL;
    struct element e = { 0 };
    struct making m = { .page = page, .how = how, .call = call, .out = out };

    *out = (struct snapshot){ .text = BUF_MAX(SNAPSHOT_MAX + 64 * 1024) };
    m.max = how->max_bytes ? how->max_bytes : SNAPSHOT_BYTES;
    m.max = m.max < SNAPSHOT_MAX ? m.max : SNAPSHOT_MAX;
    int r = begin(&m, &e, &top, err) || add_frame(&m, top, 0, 0, err);
    element_done(&e);
    free(m.frames);
    if (r) {
        snapshot_done(out);
        *out = (struct snapshot){ 0 };
    }
    return r ? -1 : 0;
}

/* Of the next document when the one it was to be of goes meanwhile. */
int page_snapshot(struct page *page, const struct snapshot_how *how, struct call *call,
                  struct snapshot *out, struct err *err)
{
    struct err why = { 0 };
    int tries = 0;

    while (make(page, how, call, out, &why)) {
        if (why.code == ERR_STALE && !how->target && ++tries < TRIES)
            continue;
        if (err)
            *err = why;
        if (err && err->code == ERR_TIMEOUT)
            err_next(err, "the page is busy: try again, or wait for it with browser_wait");
        return -1;
    }
    out->generation = refs_generation(page, true);
    refs_remember(page, buf_str(&out->text), out->text.len);
    return 0;
}
