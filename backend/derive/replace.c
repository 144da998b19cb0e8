#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/derive/derive.h"
#include "backend/derive/diff.h"
#include "backend/derive/near.h"
#include "backend/derive/whole.h"
#include "base/id.h"

#include <pcre2.h>
#include <string.h>

#define DIFF_MAX (24 * 1024)
#define MATCH_LIMIT 10000000
#define HEAP_LIMIT_KB 32768

static void cleanup_code(pcre2_code **p)
{
    pcre2_code_free(*p);
}

static void cleanup_match(pcre2_match_context **p)
{
    pcre2_match_context_free(*p);
}

static void cleanup_data(pcre2_match_data **p)
{
    pcre2_match_data_free(*p);
}

static int regex_error(int code, size_t at, size_t edit, struct err *err)
{
    PCRE2_UCHAR text[160];

    pcre2_get_error_message(code, text, sizeof(text));
    err_set(err, ERR_INVALID, "edits[%zu].old: %s at offset %zu", edit, (char *)text, at);
    return err_next(err, "regex is PCRE2; without regex:true the text is taken literally");
}

static bool blames_replacement(int code)
{
    static const int codes[] = { PCRE2_ERROR_BADREPLACEMENT,  PCRE2_ERROR_BADREPESCAPE,
                                 PCRE2_ERROR_REPMISSINGBRACE, PCRE2_ERROR_BADSUBSTITUTION,
                                 PCRE2_ERROR_NOSUBSTRING,     PCRE2_ERROR_UNSET };

    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

static int substitute_error(int code, size_t at, size_t edit, struct err *err)
{
    PCRE2_UCHAR text[160];

    if (!blames_replacement(code))
        return regex_error(code, 0, edit, err);
    pcre2_get_error_message(code, text, sizeof(text));
    err_set(err, ERR_INVALID, "edits[%zu].new: %s at offset %zu", edit, (char *)text, at);
    return err_next(err, "groups are $1 or ${1}, not \\1; a literal $ is $$, a literal \\ is \\\\");
}

/* Every match of the literal text replaced; returns how many, -1 on error. */
static int64_t literal(const struct file_edit *e, const struct buf *in, struct buf *out,
                       struct err *err)
{
    size_t n = strlen(e->old_text), at = 0;
    int64_t count = 0;

    for (;;) {
        const char *hit =
            in->len - at >= n ? memmem(in->data + at, in->len - at, e->old_text, n) : NULL;
        if (!hit)
            break;
        if (buf_add(out, in->data + at, (size_t)(hit - in->data) - at, err) ||
            buf_adds(out, e->new_text, err))
            return -1;
        at = (size_t)(hit - in->data) + n;
        count++;
    }
    return buf_add(out, buf_str(in) + at, in->len - at, err) ? -1 : count;
}

static int64_t substitute(const pcre2_code *code, pcre2_match_data *data, pcre2_match_context *mc,
                          const struct file_edit *e, const struct buf *in, struct buf *out,
                          size_t edit, struct err *err)
{
    PCRE2_SIZE room = in->len + 4096;

    for (int round = 0; round < 2; round++) {
        char *p = buf_reserve(out, room, err);
        PCRE2_SIZE len = room;
        int r;
        if (!p)
            return -1;
        r = pcre2_substitute(
            code, (PCRE2_SPTR)buf_str(in), in->len, 0,
            PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_EXTENDED | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH,
            data, mc, (PCRE2_SPTR)e->new_text, strlen(e->new_text), (PCRE2_UCHAR *)p, &len);
        if (r >= 0) {
            buf_commit(out, len);
            return r;
        }
        if (r != PCRE2_ERROR_NOMEMORY)
            return substitute_error(r, len, edit, err);
        room = len;
    }
    return err_set(err, ERR_TOO_LARGE, "edits[%zu]: the result is too large", edit);
}

static int64_t regex(const struct file_edit *e, const struct buf *in, struct buf *out, size_t edit,
                     struct err *err)
{
    int why;
    PCRE2_SIZE at;
    __attribute__((cleanup(cleanup_code))) pcre2_code *code = pcre2_compile(
        (PCRE2_SPTR)e->old_text, PCRE2_ZERO_TERMINATED,
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &why, &at,
        NULL);
    __attribute__((cleanup(cleanup_match))) pcre2_match_context *mc =
        pcre2_match_context_create(NULL);
    __attribute__((cleanup(cleanup_data))) pcre2_match_data *data = NULL;

    if (!code)
        return regex_error(why, at, edit, err);
    data = pcre2_match_data_create_from_pattern(code, NULL);
    if (!mc || !data)
        return err_oom(err);
    pcre2_set_match_limit(mc, MATCH_LIMIT);
    pcre2_set_heap_limit(mc, HEAP_LIMIT_KB);
    return substitute(code, data, mc, e, in, out, edit, err);
}

static int missing(const char *path, const struct file_edit *e, size_t edit, const struct buf *in,
                   struct err *err)
{
    AUTO(buf) struct buf near = BUF_MAX(600);

    if (!e->regex && near_miss(&near, buf_str(in), in->len, e->old_text, NULL))
        buf_clear(&near);
    err_set(err, ERR_NOT_FOUND, "edits[%zu].old does not occur in %s%s%s; nothing was changed",
            edit, path, near.len ? "; " : "", buf_str(&near));
    return err_next(err, "file_read the place and pass its exact text");
}

static int apply(const struct file_edit *e, size_t edit, const char *path, struct buf *text,
                 int64_t *total, struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(FILE_WRITE_MAX * 2);
    int64_t count;

    if (!*e->old_text)
        return err_set(err, ERR_INVALID, "edits[%zu].old: must not be empty", edit);
    count = e->regex ? regex(e, text, &out, edit, err) : literal(e, text, &out, err);
    if (count < 0)
        return err_wrap(err, "edit %s", path);
    if (!count)
        return missing(path, e, edit, text, err);
    if (e->count && count != e->count) {
        err_set(err, ERR_CONFLICT,
                "edits[%zu].old occurs %lld times in %s, not %lld; nothing was changed", edit,
                (long long)count, path, (long long)e->count);
        return err_next(err, "add lines around it to make it unique, or set count to the number "
                             "of places (0 = all)");
    }
    *total += count;
    buf_done(text);
    *text = out;
    out = (struct buf){ 0 };
    return 0;
}

int derive_replace(struct sandbox *sb, struct call *call, const struct file_replace_request *req,
                   struct file_replace_result *res, struct err *err)
{
    AUTO(file_read_result) struct file_read_result old = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(FILE_WRITE_MAX * 2);
    char before[65];

    if (whole_read(sb, call, req->path, &old, err))
        return -1;
    sha256_hex(buf_str(&old.data), old.data.len, before);
    if (whole_expect(old.path, req->expect_sha256, before, err) ||
        buf_add(&text, buf_str(&old.data), old.data.len, err))
        return -1;
    for (size_t i = 0; i < req->edit_count; i++)
        if (apply(&req->edits[i], i, old.path, &text, &res->replacements, err))
            return -1;
    buf_init(&res->diff, DIFF_MAX + 64);
    if (diff_unified(&res->diff, old.path, (struct diff_text){ buf_str(&old.data), old.data.len },
                     (struct diff_text){ buf_str(&text), text.len }, err))
        return -1;
    res->path = strdup(old.path);
    res->matched = true;
    sha256_hex(buf_str(&text), text.len, res->sha256);
    if (!res->path)
        return err_oom(err);
    if (req->dry_run)
        return 0;
    return whole_write(sb, call, old.path, &text, before, res->sha256, err);
}
