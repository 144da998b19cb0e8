#include "base/audit.h"
#include "base/buf.h"
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

struct audit {
    char *path; /* NULL: standard output */
    int fd;     /* the thread's */
    pthread_t thread;
    _Atomic uint64_t dropped;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t more, gone;
    struct buf queue; /* lines with their newlines */
    bool reopen, closing, idle, over;
};

/* A pipe that nobody reads is an error and not a wait. */
static int open_path(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    (void)fcntl(fd, F_SETFL, O_WRONLY | O_APPEND);
    return fd;
}

static void drop(struct audit *a)
{
    atomic_fetch_add_explicit(&a->dropped, 1, memory_order_relaxed);
}

/* A line goes out whole or is given up: the rest of one that was cut is not tried again. */
static void write_lines(struct audit *a, const struct buf *lines)
{
    const char *at = lines->data, *end = at + lines->len;

    while (at < end) {
        const char *next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        ssize_t n;
        do
            n = write(a->fd, at, (size_t)(next - at));
        while (n < 0 && errno == EINTR);
        if (n != next - at)
            drop(a);
        at = next;
    }
}

/* The old file stays when the new one cannot be opened. */
static void change_file(struct audit *a)
{
    struct err err = { 0 };
    int fd;

    if (!a->path)
        return;
    fd = open_path(a->path, &err);
    if (fd < 0) {
        log_error("log: %s", err.msg);
        return;
    }
    close(a->fd);
    a->fd = fd;
}

static void *run(void *arg)
{
    struct audit *a = arg;
    struct buf lines = BUF_MAX(AUDIT_QUEUE_MAX), other;
    bool reopen, over = false;

    while (!over) {
        pthread_mutex_lock(&a->lock);
        a->idle = true;
        while (!a->queue.len && !a->reopen && !a->closing)
            pthread_cond_wait(&a->more, &a->lock);
        a->idle = false;
        other = a->queue;
        a->queue = lines;
        lines = other;
        reopen = a->reopen;
        a->reopen = false;
        over = a->closing && !lines.len;
        pthread_mutex_unlock(&a->lock);
        if (reopen)
            change_file(a);
        if (lines.len)
            write_lines(a, &lines);
        buf_clear(&lines);
    }
    buf_done(&lines);
    pthread_mutex_lock(&a->lock);
    a->over = true;
    pthread_cond_signal(&a->gone);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static void destroy(struct audit *a)
{
    if (a->path)
        fd_close(&a->fd);
    pthread_cond_destroy(&a->more);
    pthread_cond_destroy(&a->gone);
    pthread_mutex_destroy(&a->lock);
    buf_done(&a->queue);
    free(a->path);
    free(a);
}

int audit_open(const char *path, struct audit **out, struct err *err)
{
    struct audit *a = calloc(1, sizeof(*a));
    pthread_condattr_t attr;
    int r;

    if (!a)
        return err_oom(err);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->more, &attr);
    pthread_cond_init(&a->gone, &attr);
    pthread_condattr_destroy(&attr);
    buf_init(&a->queue, AUDIT_QUEUE_MAX);
    a->fd = STDOUT_FILENO;
    r = 0;
    if (strcmp(path, "-")) {
        a->path = strdup(path);
        a->fd = a->path ? open_path(path, err) : err_oom(err);
        r = a->fd < 0 ? -1 : 0;
    }
    if (!r) {
        int e = pthread_create(&a->thread, NULL, run, a);
        r = e ? err_sys(err, e, "start a thread") : 0;
    }
    if (r) {
        destroy(a);
        return -1;
    }
    *out = a;
    return 0;
}

/* A file system that hangs does not hold up the end of the process; its memory is left then. */
void audit_free(struct audit *a)
{
    struct timespec until;
    bool over;

    if (!a)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += AUDIT_FLUSH_MS / 1000;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    pthread_cond_signal(&a->more);
    while (!a->over && !pthread_cond_timedwait(&a->gone, &a->lock, &until))
        ;
    over = a->over;
    pthread_mutex_unlock(&a->lock);
    if (!over)
        return;
    pthread_join(a->thread, NULL);
    destroy(a);
}

/* DEL, or the second byte of a C1 control character in UTF-8. */
static bool is_control(const char *line, size_t i)
{
    unsigned char c = (unsigned char)line[i];

    return c == 0x7f || (i && (unsigned char)line[i - 1] == 0xc2 && c >= 0x80 && c <= 0x9f);
}

/* Lock held; all of it, or nothing. JSON has those below 0x20 escaped already. */
static int append(struct buf *out, const char *line, size_t len)
{
    size_t was = out->len, from = 0;
    int failed = 0;

    for (size_t i = 0; i < len && !failed; i++) {
        size_t plain = (unsigned char)line[i] == 0x7f ? i : i - 1;
        if (!is_control(line, i))
            continue;
        failed = buf_add(out, line + from, plain - from, NULL) ||
                 buf_addf(out, NULL, "\\u%04x", (unsigned char)line[i]);
        from = i + 1;
    }
    failed = failed || buf_add(out, line + from, len - from, NULL) || buf_addc(out, '\n', NULL);
    if (failed)
        out->len = was;
    return failed ? -1 : 0;
}

void audit_add(struct audit *a, const char *line, size_t len)
{
    bool wake = false;

    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    if (append(&a->queue, line, len)) {
        drop(a);
    } else {
        wake = a->idle;
        a->idle = false;
    }
    pthread_mutex_unlock(&a->lock);
    if (wake)
        pthread_cond_signal(&a->more);
}

void audit_reopen(struct audit *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->reopen = true;
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
}

uint64_t audit_dropped(struct audit *a)
{
    return a ? atomic_load(&a->dropped) : 0;
}
