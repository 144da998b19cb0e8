#include "backend/recording/meta.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *extension, *mime;
} kinds[] = {
    [RECORDING_VIDEO] = { "video", "mkv", "video/x-matroska" },
    [RECORDING_TERMINAL] = { "terminal", "cast", "application/x-asciicast" },
    [RECORDING_HAR] = { "har", "har", "application/json" },
    [RECORDING_ACTIONS] = { "actions", "jsonl", "application/jsonl" },
};

static const char *const states[] = {
    [RECORDING_RUNNING] = "recording",
    [RECORDING_PAUSED] = "paused",
    [RECORDING_STOPPED] = "stopped",
    [RECORDING_INTERRUPTED] = "interrupted",
};

const char *recording_kind_name(enum recording_kind_id kind)
{
    return kinds[kind].name;
}

const char *recording_extension(enum recording_kind_id kind)
{
    return kinds[kind].extension;
}

const char *recording_mime(enum recording_kind_id kind)
{
    return kinds[kind].mime;
}

const char *recording_state_name(enum recording_state state)
{
    return states[state];
}

int recording_meta_write(const struct recording_meta *m, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kint(&w, "schema", RECORDING_SCHEMA);
    jw_kstr(&w, "id", m->id);
    jw_kstr(&w, "sandbox", m->sandbox);
    jw_kstr(&w, "kind", kinds[m->kind].name);
    jw_kstr(&w, "state", states[m->state]);
    jw_kstr(&w, "source", m->source);
    jw_kstr(&w, "name", m->name);
    jw_kstr(&w, "reason", m->reason);
    jw_kbool(&w, "on_failure", m->on_failure);
    jw_kint(&w, "started_ms", m->started_ms);
    jw_kint(&w, "ended_ms", m->ended_ms);
    jw_kint(&w, "duration_ms", m->duration_ms);
    jw_kint(&w, "bytes", m->bytes);
    jw_kint(&w, "frames", m->frames);
    jw_kint(&w, "failures", m->failures);
    jw_kint(&w, "width", m->width);
    jw_kint(&w, "height", m->height);
    jw_key(&w, "marks");
    jw_arr(&w);
    for (unsigned i = 0; i < m->mark_count; i++) {
        jw_obj(&w);
        jw_kint(&w, "at_ms", m->marks[i].at_ms);
        jw_kstr(&w, "title", m->marks[i].title);
        jw_end(&w);
    }
    jw_aend(&w);
    jw_end(&w);
    return jw_done(&w);
}

static int choice(yyjson_val *root, const char *key, const char *const *names, size_t count,
                  size_t stride)
{
    const char *text = json_str(root, key);

    for (size_t i = 0; text && i < count; i++)
        if (!strcmp(text, *(const char *const *)((const char *)names + i * stride)))
            return (int)i;
    return -1;
}

static void text_of(yyjson_val *root, const char *key, char *out, size_t size)
{
    const char *text = json_str(root, key);
    size_t len = text ? strlen(text) : 0;

    if (len >= size)
        len = utf8_cut(text, size - 1);
    if (len)
        memcpy(out, text, len);
    out[len] = '\0';
}

#define TEXT_OF(root, key, array) text_of((root), (key), (array), sizeof(array))

static int64_t amount(yyjson_val *root, const char *key)
{
    int64_t v = json_int(root, key, 0);

    return v > 0 ? v : 0;
}

static void read_marks(yyjson_val *marks, struct recording_meta *m)
{
    yyjson_val *one;
    size_t i, max;

    yyjson_arr_foreach (marks, i, max, one) {
        if (m->mark_count == RECORDING_MARKS_MAX)
            return;
        struct recording_mark *mark = &m->marks[m->mark_count++];
        mark->at_ms = amount(one, "at_ms");
        TEXT_OF(one, "title", mark->title);
    }
}

int recording_meta_read(const char *text, size_t len, struct recording_meta *m, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(text, len, err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    int kind, state;

    if (!doc)
        return -1;
    *m = (struct recording_meta){ 0 };
    kind = choice(root, "kind", &kinds[0].name, COUNT_OF(kinds), sizeof(kinds[0]));
    state = choice(root, "state", &states[0], COUNT_OF(states), sizeof(states[0]));
    TEXT_OF(root, "id", m->id);
    if (json_int(root, "schema", 0) != RECORDING_SCHEMA || kind < 0 || state < 0 ||
        !id_valid("rec", m->id))
        return err_set(err, ERR_INVALID, "this is no record of a recording");
    m->kind = (enum recording_kind_id)kind;
    m->state = (enum recording_state)state;
    TEXT_OF(root, "sandbox", m->sandbox);
    TEXT_OF(root, "source", m->source);
    TEXT_OF(root, "name", m->name);
    TEXT_OF(root, "reason", m->reason);
    m->on_failure = json_bool(root, "on_failure", false);
    m->started_ms = amount(root, "started_ms");
    m->ended_ms = amount(root, "ended_ms");
    m->duration_ms = amount(root, "duration_ms");
    m->bytes = amount(root, "bytes");
    m->frames = amount(root, "frames");
    m->failures = amount(root, "failures");
    m->width = (int)(amount(root, "width") & 0xffff);
    m->height = (int)(amount(root, "height") & 0xffff);
    read_marks(yyjson_obj_get(root, "marks"), m);
    return 0;
}
