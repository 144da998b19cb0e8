/*
 * A cursor as a client sends it: the first byte says how.
 *   r    the rest is the text of one, or any JSON value when it starts with ':'
 *   s    the rest is a payload, which is sealed for this list first
 *   m    the rest is the last entry's name: the cursor behind it must read back
 *
 * A text that was not made here never opens, and one is good for its own list and caller only.
 *
 * covers: mcp/cursor.c
 * seeds: tests/fuzz/seeds/cursor
 */
#include "mcp/cursor.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define METHOD "resources/list"
#define WHO "jwt:somebody"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sealed_key key;

static int read_value(const char *method, const char *principal, yyjson_val *v, struct cursor *out)
{
    struct err err = { 0 };
    int r = cursor_read(&key, method, principal, v, out, &err);

    if (r && (err.code != ERR_INVALID && err.code != ERR_TOO_LARGE))
        abort();
    return r;
}

static int read_text(const char *method, const char *principal, const char *text, size_t len,
                     struct cursor *out)
{
    yyjson_mut_doc *mut = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_strn(mut, text, len);
    yyjson_doc *doc;
    int r;

    yyjson_mut_doc_set_root(mut, root);
    doc = yyjson_mut_doc_imut_copy(mut, NULL);
    r = read_value(method, principal, yyjson_doc_get_root(doc), out);
    yyjson_doc_free(doc);
    yyjson_mut_doc_free(mut);
    return r;
}

static void raw(const char *text, size_t len)
{
    AUTO(cursor) struct cursor c = { 0 };
    yyjson_doc *doc;

    if (!len || text[0] != ':') {
        if (!read_text(METHOD, WHO, text, len, &c))
            abort();
        return;
    }
    doc = json_parse(text + 1, len - 1, NULL);
    if (doc && !read_value(METHOD, WHO, yyjson_doc_get_root(doc), &c) &&
        !yyjson_is_null(yyjson_doc_get_root(doc)))
        abort();
    yyjson_doc_free(doc);
}

static void sealed(const char *payload, size_t len)
{
    AUTO(cursor) struct cursor c = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(SEALED_TEXT_MAX + 1);
    struct sealed_use use = {
        .kind = SEALED_CURSOR,
        .bound = METHOD "\0" WHO,
        .bound_len = sizeof(METHOD "\0" WHO) - 1,
    };

    if (sealed_make(&key, &use, clock_wall_ms() + 60000, payload, len, &text, NULL))
        return;
    if (!read_text(METHOD, WHO, text.data, text.len, &c) && !c.count)
        abort();
}

static void made(const char *name)
{
    AUTO(cursor) struct cursor c = { 0 }, other = { 0 }, list = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(CURSOR_MAX);

    if (cursor_make(&key, METHOD, WHO, 7, name, &text, NULL))
        return;
    if (read_text(METHOD, WHO, text.data, text.len, &c) || c.count != 7 ||
        strcmp(buf_str(&c.last), name) != 0)
        abort();
    if (!read_text(METHOD, "jwt:somebody else", text.data, text.len, &other) ||
        !read_text("prompts/list", WHO, text.data, text.len, &list))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    char *copy;

    if (!ready)
        sealed_key_random(&key);
    ready = true;
    if (!size)
        return 0;
    copy = malloc(size);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    copy[size - 1] = '\0';
    if (data[0] == 'r')
        raw(copy, size - 1);
    else if (data[0] == 's')
        sealed(copy, size - 1);
    else if (data[0] == 'm')
        made(copy);
    free(copy);
    return 0;
}
