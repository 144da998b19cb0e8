#include "backend/derive/derive.h"
#include "backend/derive/diff.h"
#include "backend/derive/whole.h"
#include "backend/undo.h"
#include "base/id.h"
#include "base/utf8.h"

#include <string.h>

#define DIFF_MAX (24 * 1024)
#define BOM "\xEF\xBB\xBF"

struct text {
    const char *data;
    size_t len;
};

static int64_t count_lines(struct text t)
{
    int64_t n = t.len && t.data[t.len - 1] != '\n';

    for (const char *p = t.data, *end = t.data + t.len; (p = memchr(p, '\n', (size_t)(end - p)));
         p++)
        n++;
    return n;
}

/* Where line n (from 1) begins; the end of the text for the one behind the last. */
static size_t line_start(struct text t, int64_t n)
{
    size_t at = 0;

    for (; n > 1 && at < t.len; n--) {
        const char *nl = memchr(t.data + at, '\n', t.len - at);
        at = nl ? (size_t)(nl - t.data) + 1 : t.len;
    }
    return at;
}

/* How the line that ends before `at` ends, or the first one. */
static const char *ending(struct text t, size_t at)
{
    const char *nl = at && t.data[at - 1] == '\n' ? t.data + at - 1 : NULL;

    if (!nl && t.len)
        nl = memchr(t.data, '\n', t.len);
    return nl && nl > t.data && nl[-1] == '\r' ? "\r\n" : "\n";
}

static int add_lines(struct buf *out, const char *lines, const char *eol, bool last_ends,
                     struct err *err)
{
    for (;;) {
        const char *nl = strchrnul(lines, '\n');
        size_t n = (size_t)(nl - lines);
        bool last = !*nl || !nl[1];
        if (n && lines[n - 1] == '\r')
            n--;
        if (buf_add(out, lines, n, err) || ((!last || last_ends) && buf_adds(out, eol, err)))
            return -1;
        if (last)
            return 0;
        lines = nl + 1;
    }
}

static int beyond(const struct file_read_result *old, const char *what, int64_t line, int64_t total,
                  struct err *err)
{
    err_set(err, ERR_INVALID, "%s: %lld is beyond the end: %s has %lld line%s", what,
            (long long)line, old->path, (long long)total, total == 1 ? "" : "s");
    return err_next(err, "file_read with numbered shows its lines");
}

static bool plain_ascii(const char *s)
{
    while (*s && !(*s & 0x80))
        s++;
    return !*s;
}

static int insert(const struct file_read_result *old, const struct file_lines_request *req,
                  struct buf *out, int64_t *lines, struct err *err)
{
    struct text t = { buf_str(&old->data), old->data.len };
    int64_t total = count_lines(t);
    size_t at = line_start(t, req->line + 1);
    bool open_end = t.len && at == t.len && t.data[t.len - 1] != '\n';
    const char *eol = ending(t, at);

    if (req->line > total)
        return beyond(old, "line", req->line, total, err);
    if (!plain_ascii(req->text) && !utf8_valid(t.data, t.len)) {
        err_set(err, ERR_INVALID,
                "%s is not UTF-8: text with other characters than ASCII would "
                "mix encodings",
                old->path);
        return err_next(err, "convert it with iconv in terminal_execute first");
    }
    if (!at && t.len >= 3 && !memcmp(t.data, BOM, 3))
        at = 3;
    *lines = count_lines((struct text){ req->text, strlen(req->text) });
    *lines += !*lines;
    if (buf_add(out, t.data, at, err) || (open_end && buf_adds(out, eol, err)) ||
        add_lines(out, req->text, eol, !open_end, err))
        return -1;
    return buf_add(out, t.data + at, t.len - at, err);
}

static int cut(const struct file_read_result *old, const struct file_lines_request *req,
               struct buf *out, int64_t *lines, struct err *err)
{
    struct text t = { buf_str(&old->data), old->data.len };
    int64_t total = count_lines(t), last = req->end_line ? req->end_line : req->line;
    size_t from = line_start(t, req->line), to = line_start(t, last + 1);

    if (req->line < 1)
        return err_set(err, ERR_INVALID, "line: the first line to delete, from 1");
    if (last < req->line)
        return err_set(err, ERR_INVALID, "end_line: %lld is before line %lld", (long long)last,
                       (long long)req->line);
    if (last > total)
        return beyond(old, req->end_line ? "end_line" : "line", last, total, err);
    if (from && to == t.len && t.data[t.len - 1] != '\n')
        from -= from > 1 && t.data[from - 2] == '\r' ? 2 : 1;
    *lines = last - req->line + 1;
    return buf_add(out, t.data, from, err) || buf_add(out, t.data + to, t.len - to, err) ? -1 : 0;
}

static int binary(const struct file_read_result *old, struct err *err)
{
    if (!old->data.len || !memchr(old->data.data, 0, old->data.len))
        return 0;
    err_set(err, ERR_INVALID, "%s has no lines: it holds NUL bytes", old->path);
    return err_next(err, "change it with a program in terminal_execute");
}

int derive_lines(struct sandbox *sb, struct call *call, const struct file_lines_request *req,
                 struct file_lines_result *res, struct err *err)
{
    AUTO(file_read_result) struct file_read_result old = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(FILE_WRITE_MAX * 2);
    char before[65];

    if (whole_read(sb, call, req->path, &old, err))
        return -1;
    sha256_hex(buf_str(&old.data), old.data.len, before);
    if (whole_expect(old.path, req->expect_sha256, before, err) || binary(&old, err) ||
        (req->action == FILE_EDIT_INSERT ? insert : cut)(&old, req, &text, &res->lines, err))
        return -1;
    buf_init(&res->diff, DIFF_MAX + 64);
    if (diff_unified(&res->diff, old.path, (struct diff_text){ buf_str(&old.data), old.data.len },
                     (struct diff_text){ buf_str(&text), text.len }, err) ||
        whole_write(sb, call, old.path, &text, before, res->sha256, err))
        return -1;
    res->path = strdup(old.path);
    res->undo_depth = undo_depth(sb->backend->undo, sb->id, old.path, res->sha256);
    return res->path ? 0 : err_oom(err);
}
