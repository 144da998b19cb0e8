#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/remote/aio_file.h"
#include "backend/remote/glob.h"
#include "base/utf8.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#define CONTEXT_MAX 20 /* of the service */
#define TEXT_MAX 500   /* bytes shown of one line */
#define NAMES_MAX 50000
#define MATCHES_MAX 10000
#define MATCH_LIMIT 100000

struct search {
    const struct file_search_request *req;
    struct file_search_result *res;
    struct err *err;
    size_t bytes;
    int64_t skip; /* matches of earlier pages */
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static void search_done(struct search *s)
{
    pcre2_match_context_free(s->limits);
    pcre2_match_data_free(s->data);
    pcre2_code_free(s->code);
}

/* Only to find the column of what the service has found: no pattern is refused for it. */
static void compile(struct search *s)
{
    uint32_t flags = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                     (s->req->literal ? PCRE2_LITERAL : 0) |
                     (s->req->ignore_case ? PCRE2_CASELESS : 0);
    PCRE2_SIZE at;
    int why;

    if (s->req->literal)
        flags &= ~(uint32_t)PCRE2_NEVER_BACKSLASH_C;
    s->code =
        pcre2_compile((PCRE2_SPTR)s->req->pattern, PCRE2_ZERO_TERMINATED, flags, &why, &at, NULL);
    s->data = s->code ? pcre2_match_data_create(1, NULL) : NULL;
    s->limits = s->data ? pcre2_match_context_create(NULL) : NULL;
    if (s->limits)
        pcre2_set_match_limit(s->limits, MATCH_LIMIT);
}

static size_t column(struct search *s, const char *line, size_t len)
{
    if (!s->limits || pcre2_match(s->code, (PCRE2_SPTR)line, len, 0, 0, s->data, s->limits) < 0)
        return 0;
    return pcre2_get_ovector_pointer(s->data)[0];
}

/* The path as it is shown: relative to where the search began when it lies below. */
static const char *shown(const struct search *s, const char *path)
{
    size_t n = strlen(s->res->path);

    while (n && s->res->path[n - 1] == '/')
        n--;
    return !strncmp(path, s->res->path, n) && path[n] == '/' && path[n + 1] ? path + n + 1 : path;
}

/* One line of a match or around it, cut around `at`. */
static int add_line(struct search *s, const char *path, int64_t line, const char *text, size_t len,
                    size_t at, char kind)
{
    char cut[TEXT_MAX + 1];
    size_t from = at > TEXT_MAX / 2 && len > TEXT_MAX ? at - TEXT_MAX / 2 : 0;
    struct file_match m = { .path = (char *)(size_t)path,
                            .line = line,
                            .column = kind == 'm' ? (int64_t)at + 1 : 0,
                            .text = cut,
                            .kind = kind };

    from += utf8_skip(text + from, len - from);
    len = len - from > TEXT_MAX ? utf8_cut(text + from, TEXT_MAX) : len - from;
    memcpy(cut, text + from, len);
    cut[len] = '\0';
    s->bytes += len + strlen(path) + 16;
    return file_search_add(s->res, &m, s->err);
}

static int add_around(struct search *s, const char *path, yyjson_val *lines, int64_t first,
                      char kind)
{
    yyjson_val *v;
    size_t i, n;

    yyjson_arr_foreach (lines, i, n, v) {
        if (yyjson_is_str(v) &&
            add_line(s, path, first + (int64_t)i, yyjson_get_str(v), yyjson_get_len(v), 0, kind))
            return -1;
    }
    return 0;
}

static int add_match(struct search *s, yyjson_val *match)
{
    yyjson_val *content = yyjson_obj_get(match, "line_content");
    yyjson_val *before = yyjson_obj_get(match, "context_before");
    const char *file = json_str(match, "file"), *path = shown(s, file ? file : "");
    const char *text = yyjson_is_str(content) ? yyjson_get_str(content) : "";
    size_t len = yyjson_is_str(content) ? yyjson_get_len(content) : 0;
    size_t at = column(s, text, len), first = strcspn(text, "\n");
    int64_t line = json_int(match, "line_number", 0), last = line;

    for (size_t i = 0; i < len; i++)
        last += text[i] == '\n' && i + 1 < len;
    return add_around(s, path, before, line - (int64_t)yyjson_arr_size(before), 'b') ||
                   add_line(s, path, line, text, first < len ? first : len, at < first ? at : 0,
                            'm') ||
                   add_around(s, path, yyjson_obj_get(match, "context_after"), last + 1, 'a')
               ? -1
               : 0;
}

static void add_globs(struct jw *w, const char *key, const char *const *items, size_t count)
{
    if (!count)
        return;
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < count; i++)
        jw_str(w, items[i]);
    jw_aend(w);
}

static int grep_body(struct search *s, int64_t limit, struct buf *body)
{
    const struct file_search_request *req = s->req;
    int64_t context = req->context < CONTEXT_MAX ? req->context : CONTEXT_MAX;
    struct jw w = JW(body, s->err);

    jw_obj(&w);
    jw_kstr(&w, "path", s->res->path);
    jw_kstr(&w, "pattern", req->pattern);
    add_globs(&w, "include", req->include, req->include_count);
    add_globs(&w, "exclude", req->exclude, req->exclude_count);
    jw_kbool(&w, "case_insensitive", req->ignore_case);
    jw_kbool(&w, "fixed_strings", req->literal);
    if (req->multiline)
        jw_kbool(&w, "multiline", true);
    if (context) {
        jw_kint(&w, "context_before", context);
        jw_kint(&w, "context_after", context);
    }
    jw_kint(&w, "max_results", limit);
    if (s->skip)
        jw_kint(&w, "offset", s->skip);
    jw_end(&w);
    return jw_done(&w);
}

static int say_more(struct search *s, int64_t next)
{
    s->res->truncated = true;
    if (asprintf(&s->res->next_cursor, "%lld", (long long)next) >= 0)
        return 0;
    s->res->next_cursor = NULL;
    return err_oom(s->err);
}

static int search_content(struct aio *a, struct call *call, struct search *s)
{
    AUTO(buf) struct buf body = BUF_MAX(256 * 1024);
    AUTO_JSON yyjson_doc *doc = NULL;
    int64_t limit = s->req->limit > 0 && s->req->limit < MATCHES_MAX ? s->req->limit : MATCHES_MAX;
    struct aio_ask ask = { .method = "POST",
                           .path = "/v1/file/grep",
                           .body = &body,
                           .idempotent = true,
                           .timeout_ms = 2 * AIO_ASK_MS,
                           .refused = ERR_INVALID };
    yyjson_val *data, *matches, *match;
    size_t i, n, added = 0;

    if (grep_body(s, limit, &body) || aio_ask(a, call, &ask, &doc, &data, s->err))
        return -1;
    compile(s);
    matches = yyjson_obj_get(data, "matches");
    yyjson_arr_foreach (matches, i, n, match) {
        if (s->req->max_bytes && s->bytes > s->req->max_bytes && added)
            break;
        if (add_match(s, match))
            return -1;
        added++;
    }
    s->res->files_scanned = json_int(data, "files_searched", 0);
    if (s->req->context > CONTEXT_MAX &&
        !(s->res->note = strdup("This service shows 20 lines of context at most.")))
        return err_oom(s->err);
    if (added < yyjson_arr_size(matches) || json_bool(data, "truncated", false))
        return say_more(s, s->skip + (int64_t)added);
    return 0;
}

/* The glob as the service wants it: below the path, and with both cases of each letter. */
static int name_pattern(const struct file_search_request *req, struct buf *out, struct err *err)
{
    const char *p = req->pattern;

    if (!strchr(p, '/') && buf_adds(out, "**/", err))
        return -1;
    for (bool set = false; *p; p++) {
        if (req->ignore_case && !set && isalpha((unsigned char)*p)
                ? buf_addf(out, err, "[%c%c]", tolower((unsigned char)*p),
                           toupper((unsigned char)*p))
                : buf_addc(out, *p, err))
            return -1;
        set = set ? *p != ']' : *p == '[';
    }
    return 0;
}

static int glob_body(struct search *s, struct buf *body)
{
    AUTO(buf) struct buf pattern = BUF_MAX(32768);
    struct jw w = JW(body, s->err);

    if (name_pattern(s->req, &pattern, s->err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "path", s->res->path);
    jw_kstr(&w, "pattern", buf_str(&pattern));
    add_globs(&w, "exclude", s->req->exclude, s->req->exclude_count);
    jw_kbool(&w, "files_only", false);
    jw_kbool(&w, "include_metadata", false);
    jw_kint(&w, "max_results", NAMES_MAX);
    jw_end(&w);
    return jw_done(&w);
}

static bool included(const struct file_search_request *req, const char *path)
{
    for (size_t i = 0; i < req->include_count; i++)
        if (remote_glob_match(req->include[i], path))
            return true;
    return !req->include_count;
}

static int search_names(struct aio *a, struct call *call, struct search *s)
{
    AUTO(buf) struct buf body = BUF_MAX(256 * 1024);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = { .method = "POST",
                           .path = "/v1/file/glob",
                           .body = &body,
                           .idempotent = true,
                           .timeout_ms = 2 * AIO_ASK_MS,
                           .refused = ERR_INVALID };
    yyjson_val *data, *file;
    size_t i, n;
    int64_t seen = 0;

    if (glob_body(s, &body) || aio_ask(a, call, &ask, &doc, &data, s->err))
        return -1;
    s->res->files_scanned = json_int(data, "total_count", 0);
    s->res->truncated = json_bool(data, "truncated", false);
    yyjson_arr_foreach (yyjson_obj_get(data, "files"), i, n, file) {
        const char *path = json_str(file, "path");
        struct file_match m = { .kind = 'm' };
        if (!path)
            continue;
        m.path = (char *)(size_t)shown(s, path);
        if (!included(s->req, m.path) || seen++ < s->skip)
            continue;
        if ((s->req->limit > 0 && (int64_t)s->res->count >= s->req->limit) ||
            (s->req->max_bytes && s->bytes > s->req->max_bytes && s->res->count))
            return say_more(s, seen - 1);
        s->bytes += strlen(m.path) + 1;
        if (file_search_add(s->res, &m, s->err))
            return -1;
    }
    return 0;
}

int aio_file_search(struct sandbox *sb, struct call *call, const struct file_search_request *req,
                    struct file_search_result *res, struct err *err)
{
    struct aio *a = aio_of(sb);
    AUTO(search) struct search s = { .req = req, .res = res, .err = err };
    char *end;

    if (req->cursor) {
        s.skip = strtoll(req->cursor, &end, 10);
        if (*req->cursor < '0' || *req->cursor > '9' || *end) {
            err_set(err, ERR_INVALID, "cursor: \"%.40s\" is not one", req->cursor);
            return err_next(err, "take it from an earlier result");
        }
    }
    if (aio_paths(a, call, err) || aio_path(a, req->path, &res->path, err))
        return -1;
    return req->names ? search_names(a, call, &s) : search_content(a, call, &s);
}
