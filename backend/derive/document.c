/*
 * The converter is a Python program of modules (documents/), sent on the standard input of an
 * interpreter inside the sandbox: nothing has to be installed there, and nothing is written but
 * its cache. Its answer is one JSON object; it is as trustworthy as the sandbox.
 */
#include "backend/derive/derive.h"
#include "base/utf8.h"
#include "embed.h"

#include <stdio.h>
#include <string.h>

#define CONVERT_MS 45000 /* the converter gives up before */
#define ANSWER_MAX (2 * 1024 * 1024)
#define PROGRAM_MAX (1024 * 1024)
#define NO_PYTHON 97

static const char command[] = "command -v python3 >/dev/null || exit 97; "
                              "exec python3 -S -E -c '\"markitdown: converts a document\"; import "
                              "sys; i = sys.stdin.buffer; exec(i.read(int(i.readline())))'";

static int put_request(struct buf *out, const struct document_request *req, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kstr(&w, "what", document_whats[req->what]);
    jw_kstr(&w, "uri", req->uri);
    jw_kstr(&w, "pages", req->pages);
    jw_kstr(&w, "sheet", req->sheet);
    jw_kstr(&w, "range", req->range);
    jw_kint(&w, "offset", req->offset);
    jw_kint(&w, "max_bytes", (int64_t)req->max_bytes);
    jw_kstr(&w, "save_to", req->save_to);
    jw_end(&w);
    return jw_done(&w) ? -1 : buf_addc(out, '\n', err);
}

static int put_program(struct buf *out, const struct document_request *req, struct err *err)
{
    size_t boot = (size_t)(embed_boot_py_end - embed_boot_py);

    if (buf_addf(out, err, "%zu\n", boot) || buf_add(out, embed_boot_py, boot, err) ||
        put_request(out, req, err))
        return -1;
    return buf_add(out, embed_documents_py, (size_t)(embed_documents_py_end - embed_documents_py),
                   err);
}

/* A string of the answer, as text for people. */
static char *text_of(yyjson_val *answer, const char *name, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(8192);
    const char *s = json_str(answer, name);

    if (!s)
        s = "";
    if (text_add_plain(&text, s, utf8_cut(s, strnlen(s, 4000)), NULL, err))
        return NULL;
    return buf_take(&text);
}

static int refuse(yyjson_val *said, const struct exec_result *x, struct err *err)
{
    AUTO_FREE char *message = text_of(said, "message", err);
    AUTO_FREE char *next = text_of(said, "next", err);
    const char *name = json_str(said, "code");
    enum err_code code = name ? err_code_from_name(name) : ERR_INTERNAL;

    if (!message || !next)
        return err_oom(err);
    if (x->denied.count || (x->note && code == ERR_UNAVAILABLE)) {
        err_set(err, ERR_DENIED, "%.500s: %.400s", message,
                x->denied.count ? x->denied.items[0] : x->note);
        return err_next(err, "ask the operator to allow the host (--network), or pass a file that "
                             "is in the sandbox");
    }
    err_set(err, code, "%.900s", message);
    return *next ? err_next(err, "%s", next) : -1;
}

static int ended_badly(const struct exec_result *x, struct err *err)
{
    const char *said = buf_str(&x->errs.text), *last;

    if (x->status == EXEC_EXITED && x->exit_code == NO_PYTHON) {
        err_set(err, ERR_UNSUPPORTED,
                "documents are converted by python3, which is not in the "
                "sandbox");
        return err_next(err, "install the package python3 on the machine, or try pandoc or "
                             "pdftotext in terminal_execute");
    }
    if (x->status == EXEC_OOM)
        return err_set(err, ERR_TOO_LARGE, "the conversion used up the sandbox's memory");
    if (x->status != EXEC_EXITED || x->signal) {
        err_set(err, ERR_TIMEOUT, "the conversion took too long and was ended");
        return err_next(err, "pass pages or range, or convert a part of the document");
    }
    last = x->errs.text.len > 1 ? memrchr(said, '\n', x->errs.text.len - 1) : NULL;
    return err_set(err, ERR_INTERNAL, "the converter failed: %.600s", last ? last + 1 : said);
}

static int take_notes(yyjson_val *answer, struct document_result *res, struct err *err)
{
    yyjson_val *notes = yyjson_obj_get(answer, "notes"), *note;
    size_t i, n;

    yyjson_arr_foreach (notes, i, n, note) {
        AUTO(buf) struct buf text = BUF_MAX(4096);
        if (!yyjson_is_str(note) || i >= 20)
            continue;
        if (text_add_plain(&text, yyjson_get_str(note),
                           utf8_cut(yyjson_get_str(note), strnlen(yyjson_get_str(note), 1000)),
                           NULL, err) ||
            strings_add(&res->notes, buf_str(&text), text.len, err))
            return -1;
    }
    return 0;
}

static bool are_objects(yyjson_val *items)
{
    yyjson_val *item;
    size_t i, n;

    if (items && !yyjson_is_arr(items))
        return false;
    yyjson_arr_foreach (items, i, n, item)
        if (!yyjson_is_obj(item))
            return false;
    return true;
}

static int take(yyjson_doc **doc, const struct document_request *req, struct document_result *res,
                struct err *err)
{
    yyjson_val *answer = yyjson_doc_get_root(*doc), *text = yyjson_obj_get(answer, "text");
    const struct {
        const char *name;
        char **to;
    } texts[] = {
        { "name", &res->name },   { "url", &res->url },   { "format", &res->format },
        { "title", &res->title }, { "unit", &res->unit }, { "converter", &res->converter },
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (!(*texts[i].to = text_of(answer, texts[i].name, err)))
            return -1;
    if (json_str(answer, "saved") && !(res->saved = text_of(answer, "saved", err)))
        return -1;
    res->pages = json_int(answer, "pages", 0);
    res->from = json_int(answer, "from", 0);
    res->to = json_int(answer, "to", 0);
    res->total = json_int(answer, "total", 0);
    res->count = json_int(answer, "count", 0);
    res->truncated = json_bool(answer, "truncated", false);
    res->items = yyjson_obj_get(answer, "items");
    buf_init(&res->text, req->max_bytes + 16);
    if (!are_objects(res->items))
        return err_set(err, ERR_INTERNAL, "the converter's answer has no items");
    if (text && (yyjson_get_len(text) > req->max_bytes + 8 || res->from < 0 ||
                 res->to < res->from || res->to > res->total))
        return err_set(err, ERR_INTERNAL, "the converter's answer is out of bounds");
    if ((text && buf_add(&res->text, yyjson_get_str(text), yyjson_get_len(text), err)) ||
        take_notes(answer, res, err))
        return -1;
    res->json = *doc;
    *doc = NULL;
    return 0;
}

int derive_document(struct sandbox *sb, struct call *call, const struct document_request *req,
                    struct document_result *res, struct err *err)
{
    AUTO(buf) struct buf program = BUF_MAX(PROGRAM_MAX);
    AUTO(exec_result) struct exec_result x = { 0 };
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *root;
    struct exec_request exec = {
        .command = command,
        .timeout_ms = CONVERT_MS,
        .yield_ms = CONVERT_MS + 3000,
        .max_bytes = ANSWER_MAX,
    };

    if (put_program(&program, req, err))
        return -1;
    exec.stdin_data = program.data;
    exec.stdin_len = program.len;
    if (sandbox_exec(sb, call, &exec, &x, err))
        return err_wrap(err, "convert the document");
    doc = x.out.omitted ? NULL : json_parse(buf_str(&x.out.text), x.out.text.len, NULL);
    root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        return ended_badly(&x, err);
    if (yyjson_obj_get(root, "error"))
        return refuse(yyjson_obj_get(root, "error"), &x, err);
    return take(&doc, req, res, err);
}
