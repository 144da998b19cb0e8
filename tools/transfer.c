#include "tools/transfer.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int transfers_new(const char *root, const char *const *dirs, size_t count, struct transfers **out,
                  struct err *err)
{
    struct transfers *t = calloc(1, sizeof(*t));

    if (!t)
        return err_oom(err);
    *out = t;
    return host_dirs_open(dirs, count, &t->host, err) ||
                   (root &&
                    (stash_new(root, &t->stash, err) || file_store_new(root, &t->store, err)))
               ? -1
               : 0;
}

void transfers_free(struct transfers *t)
{
    if (!t)
        return;
    host_dirs_free(t->host);
    stash_free(t->stash);
    file_store_free(t->store);
    free(t);
}

static int nowhere(struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "this server has no directory to keep files in");
    return err_next(err, "start it with --state-dir DIR");
}

int transfers_stash(struct tool_call *call, struct stash **out, struct err *err)
{
    const struct tools_context *ctx = call->context;

    *out = ctx->transfers ? ctx->transfers->stash : NULL;
    return *out ? 0 : nowhere(err);
}

int transfers_store(struct tool_call *call, struct file_store **out, struct err *err)
{
    const struct tools_context *ctx = call->context;

    *out = ctx->transfers ? ctx->transfers->store : NULL;
    return *out ? 0 : nowhere(err);
}

/* ---- names ---- */

/* Characters that are not seen, or that turn text around. */
static const struct {
    uint32_t first, last;
} unseen[] = {
    { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
    { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
};

static bool is_unseen(uint32_t c)
{
    for (size_t i = 0; i < COUNT_OF(unseen); i++)
        if (c >= unseen[i].first && c <= unseen[i].last)
            return true;
    return false;
}

/* Length of the character at s, 0: none that is good. */
static size_t character(const char *s, uint32_t *c)
{
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    unsigned char first = (unsigned char)*s;
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (strnlen(s, n) < n || !utf8_valid(s, n))
        return 0;
    *c = first & masks[n];
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | ((unsigned char)s[i] & 0x3f);
    return n;
}

void transfer_name(const char *text, char out[STORE_NAME_MAX])
{
    size_t end = strlen(text), at, len = 0;

    while (end && text[end - 1] == '/')
        end--;
    for (at = end; at && text[at - 1] != '/'; at--)
        ;
    while (at < end && len + 4 < STORE_NAME_MAX) {
        uint32_t c = 0;
        size_t n = character(text + at, &c);
        if (n && !is_unseen(c)) {
            memcpy(out + len, text + at, n);
            len += n;
        } else {
            out[len++] = '_';
        }
        at += n ? n : 1;
    }
    out[len] = '\0';
    if (!len || !strcmp(out, ".") || !strcmp(out, ".."))
        strcpy(out, "file");
}

char *transfer_path(const char *to, const char *name, struct err *err)
{
    size_t n = strlen(to);
    char *path = NULL;

    if (asprintf(&path, "%s%s", to, n && to[n - 1] == '/' ? name : "") < 0) {
        err_oom(err);
        return NULL;
    }
    return path;
}

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~/", c));
}

int transfer_uri(const struct sandbox *sb, const char *path, struct buf *out, struct err *err)
{
    if (buf_addf(out, err, "sandbox://%s/file/", sb->id))
        return -1;
    for (const char *p = path; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (is_plain(c) ? buf_addc(out, *p, err) : buf_addf(out, err, "%%%02X", c))
            return -1;
    }
    return 0;
}
