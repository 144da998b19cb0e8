#include "backend/agent/search.h"
#include "backend/agent/search_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define END_MS 100 /* for threads, behind the answer */

int64_t search_budget_ms = SEARCH_MS;

int64_t search_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

bool search_passed(const struct search *s, const struct walk_entry *e)
{
    const struct file_cursor *c = &s->from;

    return s->resumes && walk_order(e->path, e->len, c->path, c->len) < 0 &&
           !walk_above(e->path, e->len, c->path, c->len);
}

/* s->root, real and single of a regular file that was named itself. */
static int open_single(struct search *s)
{
    const char *slash;
    char *real = s->real;
    int fd = open(s->job->path, O_PATH | O_CLOEXEC), number = errno;
    struct stat st;

    if (fd < 0)
        return file_fail_errno(&s->job->error, number, "search", s->job->path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return file_fail_type(&s->job->error, st.st_mode, "search", s->job->path);
    }
    file_real_path(fd, s->job->path, real);
    close(fd);
    slash = strrchr(real, '/');
    if (strlen(slash + 1) >= sizeof(s->single))
        return file_fail_errno(&s->job->error, ENAMETOOLONG, "search", s->job->path);
    strcpy(s->single, slash + 1);
    real[slash == real ? 1 : slash - real] = '\0';
    s->root = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return s->root < 0 ? file_fail_errno(&s->job->error, errno, "search", s->job->path) : 0;
}

static int open_root(struct search *s)
{
    int fd = open(s->job->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    uint32_t flags = wire_u32(&s->job->in, TAG_FLAGS, 0);
    struct walk_options options = { .depth = WALK_DEPTH_MAX + 1,
                                    .hidden = flags & WIRE_F_HIDDEN,
                                    .ignore = flags & WIRE_F_IGNORE,
                                    .show = search_globs_shows,
                                    .arg = &s->globs };

    if (fd < 0 && errno == ENOTDIR)
        return open_single(s);
    if (fd < 0)
        return file_fail_errno(&s->job->error, errno, "search", s->job->path);
    file_real_path(fd, s->job->path, s->real);
    s->root = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    s->options = options;
    s->walk_fd = fd;
    return 0;
}

static int64_t within(int64_t v, int64_t none, int64_t max)
{
    return v <= 0 ? none : v < max ? v : max;
}

static int request(struct search *s)
{
    struct file_job *job = s->job;
    const struct wire_in *in = &job->in;
    uint32_t flags = wire_u32(in, TAG_FLAGS, 0);
    uint64_t bytes = (uint64_t)wire_i64(in, TAG_MAX_BYTES, 0);
    bool bad;

    s->names = flags & WIRE_F_NAMES;
    s->multiline = flags & WIRE_F_MULTILINE;
    s->context = within(wire_i64(in, TAG_CONTEXT, 0), 0, SEARCH_CONTEXT_MAX);
    s->limit = within(wire_i64(in, TAG_LIMIT, 0), 200, 100000);
    s->max_bytes = file_job_room(job, bytes, SEARCH_BYTES_MAX);
    s->records.max = file_job_room(job, 0, SEARCH_BYTES_MAX + WIRE_MAX);
    s->deadline_ms = search_now() + search_budget_ms;
    s->resumes = file_cursor_take(job, s->names ? "n" : "c", &s->from, &bad);
    if (bad)
        return -1;
    if (!s->names && search_pattern_compile(&s->pattern, (const char *)in->tags[TAG_PATTERN].data,
                                            in->tags[TAG_PATTERN].len, flags & WIRE_F_LITERAL,
                                            flags & WIRE_F_ICASE, &job->error))
        return -1;
    if (open_root(s))
        return -1;
    if (search_globs_add(&s->globs, true, in->tags[TAG_INCLUDE].data, in->tags[TAG_INCLUDE].len,
                         s->real) &&
        search_globs_add(&s->globs, false, in->tags[TAG_EXCLUDE].data, in->tags[TAG_EXCLUDE].len,
                         s->real))
        return 0;
    return file_fail(&job->error, CODE_INVALID, "include, exclude: up to %d globs of %d bytes",
                     SEARCH_GLOBS_MAX, GLOB_PATTERN_MAX);
}

__attribute__((format(printf, 3, 4))) static void remark(char *note, size_t size, const char *fmt,
                                                         ...)
{
    size_t len = strlen(note);
    va_list ap;

    if (len)
        len += (size_t)snprintf(note + len, size - len, "; ");
    va_start(ap, fmt);
    if (len < size)
        vsnprintf(note + len, size - len, fmt, ap);
    va_end(ap);
}

static void remarks(const struct search *s, char *note, size_t size)
{
    if (s->late)
        remark(note, size, "stopped after %g s: narrow it with path or include",
               (double)search_budget_ms / 1000);
    if (s->capped)
        remark(note, size, "%lld %s more than %d hits, the first of which are shown",
               (long long)s->capped, s->capped == 1 ? "file has" : "files have", SEARCH_FILE_HITS);
    if (s->costly)
        remark(note, size, "the pattern took too many steps in %lld %s", (long long)s->costly,
               s->costly == 1 ? "file, which was left" : "files, which were left");
    if (s->large)
        remark(note, size, "not searched, being over %d MiB: %lld %s, e.g. %s",
               (s->single[0] ? SEARCH_NAMED_MAX : SEARCH_FILE_MAX) >> 20, (long long)s->large,
               s->large == 1 ? "file" : "files", s->largest);
    if (s->walk.cut)
        remark(note, size, "folders that are too deep or too large were left out");
}

static int reply(struct search *s)
{
    struct wire_out *w = &s->job->out;
    bool more = s->stopped || (s->late && s->last.kind);
    char note[1024] = "";

    remarks(s, note, sizeof(note));
    wire_begin(w, WIRE_REPLY, 0);
    wire_put_str(w, TAG_PATH, s->real);
    wire_put_i64(w, TAG_SCANNED, s->scanned);
    wire_put_i64(w, TAG_SKIPPED, s->skipped);
    if (more)
        file_cursor_put(s->job, &s->last);
    if (note[0])
        wire_put_str(w, TAG_NOTE, note);
    wire_put_u32(w, TAG_FLAGS, more || s->late || s->walk.cut ? WIRE_F_TRUNCATED : 0);
    return file_job_reply(s->job, s->records.data, s->records.len);
}

int search_walk(struct search *s)
{
    int fd = s->walk_fd;

    s->walk_fd = -1;
    if (s->single[0] || walk_open(&s->walk, fd, s->real, &s->options))
        return 0;
    return file_fail(&s->job->error, CODE_INTERNAL, "out of memory");
}

static int search(struct search *s)
{
    if (request(s))
        return -1;
    if (s->names ? search_names(s) : search_contents(s))
        return -1;
    return s->gone ? 0 : reply(s);
}

/* A thread may still be in a match: then nothing is released, the process ends anyway. */
static void done(struct search *s)
{
    if (s->pool && !search_pool_free(s->pool, search_now() + END_MS))
        return;
    walk_done(&s->walk);
    search_globs_done(&s->globs);
    search_pattern_done(&s->pattern);
    file_buf_done(&s->records);
    if (s->walk_fd >= 0)
        close(s->walk_fd);
    if (s->root >= 0)
        close(s->root);
    free(s);
}

void search_serve(int channel, int results_fd)
{
    static struct file_job job;
    struct search *s = calloc(1, sizeof(*s));

    job.channel = channel;
    job.pipe = results_fd;
    job.started = false;
    if (s && file_job_next(&job)) {
        s->job = &job;
        s->root = s->walk_fd = -1;
        if (file_job_path(&job) || search(s))
            file_job_fail(&job);
        done(s);
    } else {
        free(s);
    }
    if (job.pipe >= 0)
        close(job.pipe);
}
