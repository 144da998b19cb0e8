#include "backend/remote/aio_file.h"
#include "backend/remote/aio_exec.h"
#include "base/b64.h"

#include <stdio.h>
#include <string.h>

#define INLINE_READ (512 * 1024) /* by one script; longer ranges by several, or by download */
#define PATH_BYTES 8192
#define INLINE_WRITE 49152 /* carried by the script itself */

char *aio_line(char **at)
{
    char *line = *at, *nl = line && *line ? strchr(line, '\n') : NULL;

    if (!line || !*line)
        return NULL;
    *at = nl ? nl + 1 : line + strlen(line);
    if (nl)
        *nl = '\0';
    return line;
}

int aio_line_path(char **at, char **out, struct err *err)
{
    const char *line = aio_line(at);
    size_t len = line ? strlen(line) : 0;
    AUTO(buf) struct buf text = BUF_MAX(len + 4);

    if (!line || b64_decode(&text, line, len, NULL) || *buf_str(&text) != '/' ||
        text.len > PATH_BYTES)
        return err_set(err, ERR_PROTOCOL, "the sandbox's shell answered nonsense");
    *out = buf_take(&text);
    return *out ? 0 : err_oom(err);
}

static int nonsense(struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "the sandbox's shell answered nonsense");
}

/* "1700000000.123" in milliseconds. */
static int64_t parse_ms(const char *text)
{
    char *end;
    int64_t ms = strtoll(text, &end, 10) * 1000;

    for (int i = 0, unit = 100; *end && *++end >= '0' && *end <= '9' && i < 3; i++, unit /= 10)
        ms += (*end - '0') * unit;
    return ms;
}

/* 64 digits, or something else when none was made. */
static void take_hash(const char *text, char out[65])
{
    size_t n = strspn(text, "0123456789abcdef") == 64 ? 64 : 0;

    memcpy(out, text, n);
    out[n] = '\0';
}

struct range {
    const char *unit; /* "lines" or "bytes" */
    int64_t offset, limit;
    size_t bytes;
    int64_t hash_max;
};

/* One run of the script: facts into res, content behind what *data has; *first: the line. */
static int read_range(struct aio *a, struct call *call, const char *path, const struct range *r,
                      struct file_read_result *res, struct buf *data, int64_t *first,
                      struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(r->bytes / 3 * 4 + 32768);
    char offset[24], limit[24], bytes[24], hash[24], totals[24], when[48], sha[80];
    const char *args[] = { path, r->unit, offset, limit, bytes, hash, totals };
    long long size, total, line;
    char *at, *facts, *content;
    unsigned mode;

    snprintf(offset, sizeof(offset), "%lld", (long long)r->offset);
    snprintf(limit, sizeof(limit), "%lld", (long long)r->limit);
    snprintf(bytes, sizeof(bytes), "%zu", r->bytes);
    snprintf(hash, sizeof(hash), "%lld", (long long)r->hash_max);
    snprintf(totals, sizeof(totals), "%d", FILE_TOTALS_MAX);
    if (aio_help(a, call, aio_script_read, args, COUNT_OF(args), true, &out, err))
        return -1;
    at = out.data;
    facts = aio_line(&at);
    if (!facts ||
        sscanf(facts, "%lld %o %47s %lld %lld %79s", &size, &mode, when, &total, &line, sha) != 6)
        return nonsense(err);
    free(TAKE(res->path));
    if (aio_line_path(&at, &res->path, err))
        return -1;
    content = aio_line(&at);
    res->size = size;
    res->mode = mode;
    res->mtime_ms = parse_ms(when);
    res->total_lines = total;
    *first = line;
    take_hash(sha, res->sha256);
    return content && b64_decode(data, content, strlen(content), NULL) ? nonsense(err) : 0;
}

static int64_t count_lines(const struct buf *b)
{
    const char *p = b->data;
    int64_t n = 0;

    for (size_t left = b->len; left;) {
        const char *nl = memchr(p, '\n', left);
        n++;
        if (!nl)
            break;
        left -= (size_t)(nl - p) + 1;
        p = nl + 1;
    }
    return n;
}

/* Only so many lines; true when there were more. */
static bool keep_lines(struct buf *b, int64_t limit)
{
    size_t at = 0;

    for (int64_t n = 0; n < limit && at < b->len; n++) {
        const char *nl = memchr(b->data + at, '\n', b->len - at);
        at = nl ? (size_t)(nl - b->data) + 1 : b->len;
    }
    if (at == b->len)
        return false;
    b->len = at;
    b->data[at] = '\0';
    return true;
}

/* Only so many bytes, whole lines where one fits; true when there were more. */
static bool keep_bytes(struct buf *b, size_t max)
{
    const char *nl;

    if (b->len <= max)
        return false;
    nl = memrchr(b->data, '\n', max);
    b->len = nl ? (size_t)(nl - b->data) + 1 : max;
    b->data[b->len] = '\0';
    return true;
}

static int read_lines(struct aio *a, struct call *call, const char *path,
                      const struct file_read_request *req, struct file_read_result *res,
                      struct err *err)
{
    struct range r = {
        .unit = "lines",
        .offset = req->offset ? req->offset : 1,
        .limit = req->limit > 0 ? req->limit + 1 : 0,
        .bytes = req->max_bytes + 1,
        .hash_max = req->hash ? FILE_TOTALS_MAX : FILE_HASH_MAX,
    };
    int64_t first, got;
    bool more;

    buf_init(&res->data, req->max_bytes + 4);
    if (read_range(a, call, path, &r, res, &res->data, &first, err))
        return -1;
    more = req->limit > 0 && keep_lines(&res->data, req->limit);
    more |= keep_bytes(&res->data, req->max_bytes);
    got = count_lines(&res->data);
    res->truncated = more;
    res->next_offset = first + got;
    if (first > 0 && got) {
        res->start_line = first;
        res->end_line = first + got - 1;
    }
    return 0;
}

static int download(struct aio *a, struct call *call, struct file_read_result *res, struct err *err)
{
    const struct http_field query = { "path", res->path };
    AUTO(http_response) struct http_response resp = { .body = BUF_MAX(res->data.max) };
    struct http_request req = {
        .method = "GET",
        .path = "/v1/file/download",
        .query = &query,
        .query_count = 1,
        .idempotent = true,
        .timeout_ms = 3 * AIO_ASK_MS,
    };

    if (http_send(a->http, call, &req, &resp, err))
        return -1;
    if (resp.status / 100 != 2)
        return err_set(err, http_code(resp.status), "download: HTTP %d", resp.status);
    buf_done(&res->data);
    res->data = resp.body;
    resp.body = (struct buf){ 0 };
    return 0;
}

/* The rest of a range, piece by piece. */
static int read_on(struct aio *a, struct call *call, const struct file_read_request *req,
                   struct file_read_result *res, size_t want, struct err *err)
{
    AUTO(file_read_result) struct file_read_result part = { 0 };
    AUTO_FREE char *path = strdup(res->path);

    if (!path)
        return err_oom(err);
    while (res->data.len < want) {
        size_t before = res->data.len, left = want - before;
        int64_t ignored;
        struct range r = { .unit = "bytes",
                           .offset = req->offset + (int64_t)before,
                           .bytes = left < INLINE_READ ? left : INLINE_READ };
        if (read_range(a, call, path, &r, &part, &res->data, &ignored, err))
            return -1;
        if (res->data.len == before || part.size != res->size || part.mtime_ms != res->mtime_ms)
            return err_set(err, ERR_CONFLICT, "%s changed while it was read", path);
    }
    return 0;
}

static int read_bytes(struct aio *a, struct call *call, const char *path,
                      const struct file_read_request *req, struct file_read_result *res,
                      struct err *err)
{
    struct range r = {
        .unit = "bytes",
        .offset = req->offset > 0 ? req->offset : 0,
        .bytes = req->max_bytes < INLINE_READ ? req->max_bytes : INLINE_READ,
        .hash_max = req->hash ? FILE_TOTALS_MAX : FILE_HASH_MAX,
    };
    int64_t ignored, want;

    buf_init(&res->data, req->max_bytes + 4);
    if (read_range(a, call, path, &r, res, &res->data, &ignored, err))
        return -1;
    want = res->size > r.offset ? res->size - r.offset : 0;
    if (want > (int64_t)req->max_bytes)
        want = (int64_t)req->max_bytes;
    if ((int64_t)res->data.len < want) {
        struct err why = { 0 };
        bool whole = !r.offset && want == res->size && !download(a, call, res, &why);
        if (!whole && read_on(a, call, req, res, (size_t)want, err))
            return -1;
        if ((int64_t)res->data.len != want)
            return err_set(err, ERR_CONFLICT, "%s changed while it was read", res->path);
    }
    res->total_lines = -1;
    res->next_offset = r.offset + (int64_t)res->data.len;
    res->truncated = res->next_offset < res->size;
    return 0;
}

int aio_file_read(struct sandbox *sb, struct call *call, const struct file_read_request *req,
                  struct file_read_result *res, struct err *err)
{
    struct aio *a = aio_of(sb);
    AUTO_FREE char *path = NULL;

    if (aio_paths(a, call, err) || aio_path(a, req->path, &path, err))
        return -1;
    return req->bytes ? read_bytes(a, call, path, req, res, err)
                      : read_lines(a, call, path, req, res, err);
}

static int write_args(struct aio *a, struct call *call, const struct file_write_request *req,
                      struct buf *content, const char **how, struct err *err)
{
    char id[ID_SIZE];

    if (req->len <= INLINE_WRITE) {
        *how = "inline";
        return b64_encode(content, req->data, req->len, err);
    }
    *how = "file";
    id_make("put", id);
    return aio_scratch(a, id, "", content, err) ||
                   aio_put(a, call, buf_str(content), req->data, req->len, err)
               ? -1
               : 0;
}

int aio_file_write(struct sandbox *sb, struct call *call, const struct file_write_request *req,
                   struct file_write_result *res, struct err *err)
{
    static const char *const modes[] = {
        [FILE_OVERWRITE] = "overwrite",
        [FILE_CREATE] = "create",
        [FILE_APPEND] = "append",
    };
    struct aio *a = aio_of(sb);
    AUTO_FREE char *path = NULL;
    AUTO(buf) struct buf content = BUF_MAX(INLINE_WRITE * 2), out = BUF_MAX(32768);
    char perm[16] = "-", totals[24], sha[80], *at, *facts;
    const char *expect = !req->expect_sha256   ? "-"
                         : *req->expect_sha256 ? req->expect_sha256
                                               : "none";
    const char *args[] = { NULL, modes[req->mode], perm, expect, totals, NULL, NULL };
    long long size;
    int created;

    if (req->len > FILE_WRITE_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d bytes at once", FILE_WRITE_MAX);
    if (aio_paths(a, call, err) || aio_path(a, req->path, &path, err) ||
        write_args(a, call, req, &content, &args[5], err))
        return -1;
    if (req->permissions >= 0)
        snprintf(perm, sizeof(perm), "%04o", (unsigned)req->permissions);
    snprintf(totals, sizeof(totals), "%d", FILE_TOTALS_MAX);
    args[0] = path;
    args[6] = buf_str(&content);
    if (aio_help(a, call, aio_script_write, args, COUNT_OF(args), false, &out, err)) {
        if (req->len > INLINE_WRITE)
            aio_remove_later(a, buf_take(&content));
        return -1;
    }
    at = out.data;
    facts = aio_line(&at);
    if (!facts || sscanf(facts, "%lld %o %d %79s", &size, &res->mode, &created, sha) != 4)
        return nonsense(err);
    res->size = size;
    res->bytes_written = (int64_t)req->len;
    res->created = created;
    take_hash(sha, res->sha256);
    return aio_line_path(&at, &res->path, err);
}

const struct file_ops aio_file_ops = {
    .read = aio_file_read,
    .write = aio_file_write,
    .list = aio_file_list,
    .search = aio_file_search,
};
