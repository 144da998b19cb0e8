#include "backend/fake/fake.h"

#include <stdlib.h>
#include <string.h>

/* Where page `number` begins in text whose pages end with form feeds; its end without it. */
static size_t page_start(const char *text, size_t len, int64_t number)
{
    size_t at = 0;

    while (number > 1 && at < len) {
        const char *end = memchr(text + at, '\f', len - at);
        at = end ? (size_t)(end - text) + 1 : len;
        number--;
    }
    return at;
}

static int64_t count_pages(const char *text, size_t len)
{
    int64_t n = 1;

    for (size_t i = 0; i < len; i++)
        n += text[i] == '\f';
    return n;
}

static int describe(struct document_result *res, const struct file_read_result *file,
                    struct err *err)
{
    const char *text = buf_str(&file->data);
    bool titled = !strncmp(text, "# ", 2);

    res->name = strdup(file->path);
    res->url = strdup("");
    res->format = strdup("markdown");
    res->unit = strdup("page");
    res->converter = strdup("own");
    res->title = titled ? strndup(text + 2, strcspn(text + 2, "\n")) : strdup("");
    res->pages = count_pages(text, file->data.len);
    return res->name && res->url && res->format && res->unit && res->converter && res->title
               ? 0
               : err_oom(err);
}

static int add_text(struct document_result *res, const struct document_request *req,
                    const char *text, size_t len, struct err *err)
{
    size_t end = len;

    if (req->offset && (size_t)req->offset >= len) {
        err_set(err, ERR_INVALID, "offset: the Markdown has %zu bytes only", len);
        return err_next(err, "pass the offset that the part before named");
    }
    if (len - (size_t)req->offset > req->max_bytes)
        end = (size_t)req->offset + req->max_bytes;
    buf_init(&res->text, req->max_bytes);
    res->from = req->offset;
    res->to = (int64_t)end;
    res->total = (int64_t)len;
    return buf_add(&res->text, text + req->offset, end - (size_t)req->offset, err);
}

/* The headings are the outline; of everything else there is none. */
static int add_items(struct document_result *res, const char *text, size_t len, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(1 << 20);
    struct jw w = JW(&json, err);

    jw_arr(&w);
    for (size_t at = 0; at < len;) {
        size_t line = strcspn(text + at, "\n\f"), level = strspn(text + at, "#");
        if (level && text[at + level] == ' ') {
            jw_obj(&w);
            jw_kint(&w, "level", (int64_t)level);
            jw_key(&w, "title");
            jw_strn(&w, text + at + level + 1, line - level - 1);
            jw_kint(&w, "page", count_pages(text, at));
            jw_end(&w);
            res->count++;
        }
        at += line + 1;
    }
    jw_aend(&w);
    if (jw_done(&w) || !(res->json = json_parse(json.data, json.len, err)))
        return -1;
    res->items = yyjson_doc_get_root(res->json);
    return 0;
}

static int save(struct sandbox *sb, struct call *call, const struct document_request *req,
                struct document_result *res, const char *text, size_t len, struct err *err)
{
    AUTO(file_write_result) struct file_write_result written = { 0 };
    struct file_write_request write = {
        .path = req->save_to,
        .data = text,
        .len = len,
        .permissions = -1,
    };

    if (sandbox_file_write(sb, call, &write, &written, err))
        return -1;
    res->saved = strdup(written.path);
    res->total = (int64_t)len;
    return res->saved ? 0 : err_oom(err);
}

/* Files are Markdown already; pages: one number. */
static int fake_convert(struct sandbox *sb, struct call *call, const struct document_request *req,
                        struct document_result *res, struct err *err)
{
    AUTO(file_read_result) struct file_read_result file = { 0 };
    struct file_read_request read = { .path = req->uri, .bytes = true, .max_bytes = 1 << 20 };
    int64_t page = req->pages ? atoll(req->pages) : 0;
    const char *text;
    size_t from, to;

    if (sandbox_file_read(sb, call, &read, &file, err) || describe(res, &file, err))
        return -1;
    text = buf_str(&file.data);
    if (page > res->pages) {
        err_set(err, ERR_INVALID, "pages: %s is behind the end: there are %lld pages", req->pages,
                (long long)res->pages);
        return err_next(err, "pass pages within 1-%lld, or none", (long long)res->pages);
    }
    from = page ? page_start(text, file.data.len, page) : 0;
    to = page ? page_start(text, file.data.len, page + 1) : file.data.len;
    if (req->save_to)
        return save(sb, call, req, res, text + from, to - from, err);
    if (req->what == DOCUMENT_MARKDOWN)
        return add_text(res, req, text + from, to - from, err);
    return add_items(res, text, req->what == DOCUMENT_OUTLINE ? file.data.len : 0, err);
}

const struct document_ops fake_document_ops = {
    .convert = fake_convert,
};
