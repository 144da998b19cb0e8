/*
 * One pass over the file finds the first line, counts and hashes, as far as each is wanted; the
 * range is then taken from memory (small files are there already) or read on its own.
 */
#include "backend/agent/agent.h"
#include "backend/agent/file.h"
#include "backend/agent/file_encoding.h"
#include "backend/agent/file_text.h"
#include "backend/agent/file_time.h"
#include "backend/agent/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK (1024 * 1024)      /* of one pass; files up to this are read once */
#define UNSIZED_MAX BLOCK        /* of files that say 0 and are not (/proc) */
#define POLL_EVERY (32 * BLOCK)  /* bytes between looks at the channel */
#define TAIL_MAX FILE_TOTALS_MAX /* of a file too large for totals, looked at backwards */

struct reading {
    struct file_job *job;
    int fd;
    int64_t size;     /* what is looked at: st_size, or what an unsized file gave */
    bool more;        /* an unsized file has more than that */
    char *block;      /* the whole file when it is up to BLOCK, else one block */
    bool whole;       /* ... which it is */
    char *text;       /* the range, when not within block */
    int64_t first;    /* line, from 1; 0 unknown */
    int64_t from, to; /* bytes of the range */
    int64_t total;    /* lines; -1 unknown */
    int64_t end, next;
    char sha256[65];
    uint32_t encoding; /* enum wire_encoding */
    int64_t stored;    /* size of the file, whatever it was turned into */
    int64_t cut;       /* byte where the range ends within a line; 0 it does not */
};

static int64_t read_at(int fd, char *out, int64_t len, int64_t at)
{
    int64_t have = 0;

    while (have < len) {
        ssize_t n = pread(fd, out + have, (size_t)(len - have), at + have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return -1;
        if (!n)
            break;
        have += n;
    }
    return have;
}

static int failed(struct reading *r)
{
    return file_fail_errno(&r->job->error, errno, "read", r->job->path);
}

/* The first block, and with it the true size of files that have none. */
static int begin(struct reading *r, const struct stat *st)
{
    int64_t want = st->st_size ? st->st_size : UNSIZED_MAX, n;

    r->size = st->st_size;
    r->whole = want <= BLOCK;
    r->block = malloc((size_t)(r->whole ? want : BLOCK) + 1);
    if (!r->block)
        return file_fail(&r->job->error, CODE_INTERNAL, "out of memory");
    if (!r->whole)
        return 0;
    n = read_at(r->fd, r->block, want, 0);
    if (n < 0)
        return failed(r);
    r->more = !st->st_size && n == UNSIZED_MAX;
    r->size = n;
    return 0;
}

static int64_t block_at(struct reading *r, int64_t at)
{
    int64_t n = r->size - at < BLOCK ? r->size - at : BLOCK;

    return r->whole ? n : read_at(r->fd, r->block, n, at);
}

/* From the start: where line r->first begins (when it is > 0), lines, hash. */
static int pass(struct reading *r, bool totals, bool hash)
{
    uint64_t lines = 0, before = r->first > 0 ? (uint64_t)r->first - 1 : 0;
    bool found = !before;
    struct sha256 sha;
    char last = '\n';

    sha256_init(&sha);
    for (int64_t at = 0; at < r->size && (totals || hash || !found);) {
        int64_t n = block_at(r, at);
        const char *block = r->whole ? r->block + at : r->block;
        if (n < 0)
            return failed(r);
        if (!n)
            break;
        if (!found) {
            size_t behind = text_after(block, (size_t)n, before - lines);
            found = behind <= (size_t)n;
            r->from = found ? at + (int64_t)behind : r->size;
        }
        if (totals || !found)
            lines += text_newlines(block, (size_t)n);
        if (hash)
            sha256_add(&sha, block, (size_t)n);
        last = block[n - 1];
        at += n;
        if (at % POLL_EVERY == 0 && file_job_gone(r->job))
            return file_fail(&r->job->error, CODE_UNAVAILABLE, "cancelled");
    }
    if (!found)
        r->from = r->size;
    if (totals)
        r->total = (int64_t)lines + (last != '\n');
    if (hash)
        sha256_hex(&sha, r->sha256);
    return 0;
}

/* r->from of the last `lines` lines, looking backwards. */
static int tail(struct reading *r, uint64_t lines)
{
    int64_t end = r->size;
    uint64_t left = lines;

    while (end > 0) {
        int64_t start = end > BLOCK ? end - BLOCK : 0, n = end - start;
        const char *block = r->whole ? r->block + start : r->block;
        size_t behind, len;
        if (!r->whole && read_at(r->fd, r->block, n, start) != n)
            return file_fail(&r->job->error, CODE_CONFLICT, "%.900s shrank while it was read",
                             r->job->path);
        len = (size_t)n;
        if (end == r->size && block[len - 1] == '\n')
            len--;
        behind = text_after_back(block, len, &left);
        if (behind != SIZE_MAX) {
            r->from = start + (int64_t)behind;
            return 0;
        }
        end = start;
        if (r->total < 0 && r->size - end >= TAIL_MAX)
            return file_fail(&r->job->error, CODE_TOO_LARGE,
                             "the last %llu lines of %.800s are more than %d MiB",
                             (unsigned long long)lines, r->job->path, TAIL_MAX >> 20);
    }
    r->from = 0;
    return 0;
}

/* The bytes [from, from + room) as far as there are any. */
static int take(struct reading *r, int64_t room, const char **text, int64_t *len)
{
    int64_t n = r->size - r->from < room ? r->size - r->from : room;

    if (n <= 0) {
        *text = r->block;
        *len = 0;
        return 0;
    }
    if (r->whole) {
        *text = r->block + r->from;
        *len = n;
        return 0;
    }
    r->text = malloc((size_t)n);
    if (!r->text)
        return file_fail(&r->job->error, CODE_INTERNAL, "out of memory");
    *len = read_at(r->fd, r->text, n, r->from);
    *text = r->text;
    return *len < 0 ? failed(r) : 0;
}

/* Whole lines where one fits; a longer one ends within, but not within a character. */
static int64_t cut_lines(struct reading *r, const char *text, int64_t len, int64_t limit)
{
    bool cut = r->from + len < r->size;
    size_t n = (size_t)len;
    const char *nl;

    if (limit > 0) {
        size_t behind = text_after(text, n, (uint64_t)limit);
        if (behind <= n)
            return (int64_t)behind;
    }
    if (!cut)
        return len;
    nl = memrchr(text, '\n', n);
    return nl ? nl - text + 1 : (int64_t)text_cut(text, n);
}

static int read_lines(struct reading *r, int64_t offset, int64_t limit, int64_t room,
                      const char **text, int64_t *len)
{
    int64_t lines, back = offset < 0 ? offset == INT64_MIN ? INT64_MAX : -offset : 0;

    if (back) {
        if (tail(r, (uint64_t)back))
            return -1;
        r->first = r->total < 0 ? 0 : r->total > back ? r->total - back + 1 : 1;
    }
    if (take(r, room, text, len))
        return -1;
    *len = cut_lines(r, *text, *len, limit);
    lines = (int64_t)text_newlines(*text, (size_t)*len);
    lines += *len && (*text)[*len - 1] != '\n';
    if (*len && r->from + *len < r->size && (*text)[*len - 1] != '\n' && r->encoding < WIRE_UTF16LE)
        r->cut = r->from + *len;
    if (r->first > 0) {
        r->end = lines ? r->first + lines - 1 : 0;
        r->next = lines ? r->end + 1 : r->first;
        r->first = lines ? r->first : 0;
    } else {
        r->next = lines - back;
    }
    return 0;
}

static int reply(struct reading *r, const struct stat *st, const char *text, int64_t len)
{
    struct wire_out *w = &r->job->out;
    char real[FILE_PATH_MAX];
    bool more = r->from + len < r->size || r->more;

    file_real_path(r->fd, r->job->path, real);
    wire_begin(w, WIRE_REPLY, 0);
    wire_put_str(w, TAG_PATH, real);
    wire_put_i64(w, TAG_SIZE, r->stored);
    wire_put_i64(w, TAG_MTIME_MS, file_mtime_ms(st));
    wire_put_u32(w, TAG_MODE, st->st_mode & 07777);
    wire_put_i64(w, TAG_START_LINE, r->first);
    wire_put_i64(w, TAG_END_LINE, r->end);
    wire_put_i64(w, TAG_TOTAL_LINES, r->total);
    wire_put_i64(w, TAG_NEXT_OFFSET, r->next);
    if (r->sha256[0])
        wire_put_str(w, TAG_SHA256, r->sha256);
    if (r->encoding)
        wire_put_u32(w, TAG_ENCODING, r->encoding);
    if (r->cut)
        wire_put_i64(w, TAG_NEXT_BYTE, r->cut);
    wire_put_u32(w, TAG_FLAGS, more ? WIRE_F_TRUNCATED : 0);
    return file_job_reply(r->job, text, (size_t)len);
}

/* What is looked at from here on is UTF-8. */
static int unfold(struct reading *r, bool hash)
{
    char head[4];
    const char *first = r->whole ? r->block : head;
    int64_t n = r->whole ? r->size : read_at(r->fd, head, sizeof(head), 0);
    char *raw, *utf8 = NULL;
    size_t len = 0;

    r->encoding = n > 0 ? encoding_of(first, (size_t)n) : WIRE_PLAIN;
    if (r->encoding < WIRE_UTF16LE)
        return 0;
    if (r->size > FILE_READ_MAX) {
        file_fail(&r->job->error, CODE_TOO_LARGE, "%.900s is UTF-16 of more than %d MiB",
                  r->job->path, FILE_READ_MAX >> 20);
        return file_hint(&r->job->error, "turn it into UTF-8 with iconv in terminal_execute");
    }
    raw = malloc((size_t)r->size + 1);
    n = raw ? read_at(r->fd, raw, r->size, 0) : 0;
    if (raw && n >= 0)
        utf8 = encoding_utf8(raw, (size_t)n, r->encoding, &len);
    if (utf8 && hash) {
        struct sha256 sha;
        sha256_init(&sha);
        sha256_add(&sha, raw, (size_t)n);
        sha256_hex(&sha, r->sha256);
    }
    free(raw);
    if (!utf8)
        return file_fail(&r->job->error, CODE_INTERNAL, "out of memory");
    free(r->block);
    r->block = utf8;
    r->whole = true;
    r->size = (int64_t)len;
    return 0;
}

static int serve(struct reading *r, const struct stat *st)
{
    const struct wire_in *in = &r->job->in;
    uint32_t flags = wire_u32(in, TAG_FLAGS, 0);
    int64_t offset = wire_i64(in, TAG_OFFSET, 0), limit = wire_i64(in, TAG_LIMIT, 0), len;
    int64_t room =
        (int64_t)file_job_room(r->job, (uint64_t)wire_i64(in, TAG_MAX_BYTES, 0), FILE_READ_MAX);
    bool bytes = flags & WIRE_F_BYTES, totals, hash;
    const char *text;

    if (begin(r, st))
        return -1;
    totals = r->size <= FILE_TOTALS_MAX && !r->more;
    hash = totals && (r->size <= FILE_HASH_MAX || flags & WIRE_F_HASH);
    r->first = bytes || offset < 0 ? 0 : offset ? offset : 1;
    r->stored = r->size;
    if (flags & WIRE_F_TEXT && !bytes && unfold(r, hash))
        return -1;
    if (pass(r, totals, hash && !r->sha256[0]))
        return -1;
    if (!bytes)
        return read_lines(r, offset, limit, room, &text, &len) ? -1 : reply(r, st, text, len);
    if (offset < 0)
        offset = r->size + offset > 0 ? r->size + offset : 0;
    r->from = offset < r->size ? offset : r->size;
    if (take(r, room, &text, &len))
        return -1;
    r->next = r->from + len;
    return reply(r, st, text, len);
}

int file_read(struct file_job *job)
{
    struct reading r = { .job = job, .total = -1 };
    struct stat st;
    int result;

    if (!stat(job->path, &st) && !S_ISREG(st.st_mode))
        return file_fail_type(&job->error, st.st_mode, "read", job->path);
    r.fd = open(job->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (r.fd < 0 && errno == ENXIO && !stat(job->path, &st))
        return file_fail_type(&job->error, st.st_mode, "read", job->path);
    if (r.fd < 0)
        return file_fail_errno(&job->error, errno, "read", job->path);
    if (fstat(r.fd, &st))
        result = file_fail_errno(&job->error, errno, "read", job->path);
    else if (!S_ISREG(st.st_mode))
        result = file_fail_type(&job->error, st.st_mode, "read", job->path);
    else
        result = serve(&r, &st);
    close(r.fd);
    free(r.block);
    free(r.text);
    return result;
}
