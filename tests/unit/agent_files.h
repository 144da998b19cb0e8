/*
 * A client of the agent's file and search operations: a channel to a thread (or, with a uid, a
 * process) that serves it, requests with their pipe, and records taken apart.
 */
#ifndef TESTS_UNIT_AGENT_FILES_H
#define TESTS_UNIT_AGENT_FILES_H

#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/sha256.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function"

struct served {
    int channel, theirs, extra;
    bool search;
    pthread_t thread;
    pid_t pid; /* 0: a thread */
};

/* What came back; data is what TAG_DATA or the pipe held. */
struct answer {
    struct wire_in in;
    uint8_t bytes[WIRE_MAX];
    char *data;
    size_t len;
    bool piped;
};

static char folder[] = "/tmp/agent-files-XXXXXX";

/* RLIMIT_NPROC of served processes; 0: as it is. */
static rlim_t serve_processes;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void folder_remove(void)
{
    nftw(folder, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* Work in a folder of our own, which goes when the program ends; anybody may write there. */
static void folder_make(void)
{
    if (!mkdtemp(folder) || chmod(folder, 0777) || chdir(folder))
        exit(2);
    atexit(folder_remove);
}

/* folder/name; four results are good at a time. */
static const char *at(const char *name)
{
    static char paths[4][8192];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s%s%s", folder, *name ? "/" : "", name);
    return path;
}

static void put(const char *name, const void *data, size_t len)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len && !close(fd));
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* The file's content, which must be released; NULL when there is none. */
static char *get(const char *name, size_t *len)
{
    int fd = open(at(name), O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *data;

    if (fd < 0 || fstat(fd, &st) || !(data = malloc((size_t)st.st_size + 1)))
        return NULL;
    CHECK(read(fd, data, (size_t)st.st_size) == st.st_size);
    data[st.st_size] = '\0';
    close(fd);
    if (len)
        *len = (size_t)st.st_size;
    return data;
}

static void check_file(const char *name, const char *want)
{
    char *got = get(name, NULL);
    char copy[256];

    CHECK(got);
    snprintf(copy, sizeof(copy), "%s", got);
    free(got);
    CHECK_STR(copy, want);
}

static const char *hex_of(const void *data, size_t len)
{
    static char hex[65];
    struct sha256 s;

    sha256_init(&s);
    sha256_add(&s, data, len);
    sha256_hex(&s, hex);
    return hex;
}

/* Temporaries that were left in a folder. */
static int leftovers(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int n = 0;

    CHECK(d);
    while ((e = readdir(d)))
        n += strstr(e->d_name, ".tmp") || strstr(e->d_name, ".new");
    closedir(d);
    return n;
}

static void serve(const struct served *s)
{
    if (s->search)
        search_serve(s->theirs, s->extra);
    else
        file_serve(s->theirs, s->extra);
    close(s->theirs);
}

static void *serve_thread(void *arg)
{
    serve(arg);
    return NULL;
}

/* extra: as the descriptor of OPEN. uid 0: a thread of this process; else a process of that user,
 * if we are root. */
static void serve_start(struct served *s, bool search, int extra, uid_t uid)
{
    int pair[2];

    CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    *s = (struct served){ .channel = pair[0], .theirs = pair[1], .extra = extra, .search = search };
    if (!uid) {
        CHECK(!pthread_create(&s->thread, NULL, serve_thread, s));
        return;
    }
    s->pid = fork();
    CHECK(s->pid >= 0);
    if (!s->pid) {
        close(pair[0]);
        struct rlimit limit = { serve_processes, serve_processes };
        if (serve_processes && setrlimit(RLIMIT_NPROC, &limit))
            _exit(2);
        if (!getuid() && (setgid(uid) || setuid(uid)))
            _exit(2);
        serve(s);
        _exit(0);
    }
    close(s->theirs);
    if (extra >= 0)
        close(extra);
}

static void serve_stop(struct served *s)
{
    if (s->channel >= 0)
        close(s->channel);
    s->channel = -1;
    if (s->pid)
        waitpid(s->pid, NULL, 0);
    else
        pthread_join(s->thread, NULL);
}

static void drain(int fd, struct answer *a, size_t want)
{
    a->data = malloc(want + 1);
    a->len = 0;
    for (;;) {
        ssize_t n = read(fd, a->data + a->len, want + 1 - a->len);
        if (n <= 0)
            break;
        a->len += (size_t)n;
        CHECK(a->len <= want);
    }
    CHECK_INT(a->len, want);
}

/* The answer to what was sent; `from` is the read end of its pipe, or -1. */
static void answer_take(struct served *s, int from, struct answer *a)
{
    int fds[WIRE_MAX_FDS], nfds;

    free(a->data);
    a->data = NULL;
    CHECK_INT(channel_recv(s->channel, &a->in, a->bytes, fds, &nfds, 0), 1);
    CHECK_INT(nfds, 0);
    a->piped = wire_has(&a->in, TAG_LENGTH);
    if (a->piped) {
        CHECK(from >= 0);
        drain(from, a, (size_t)wire_i64(&a->in, TAG_LENGTH, 0));
        return;
    }
    a->len = a->in.tags[TAG_DATA].len;
    a->data = malloc(a->len + 1);
    memcpy(a->data, a->in.tags[TAG_DATA].data ? a->in.tags[TAG_DATA].data : (const uint8_t *)"",
           a->len);
    a->data[a->len] = '\0';
}

/* Send START (with a pipe for the answer, if wanted) and take the answer. */
static void ask(struct served *s, struct wire_out *w, bool piped, struct answer *a)
{
    int ends[2] = { -1, -1 };

    w->bytes[8] = piped;
    if (piped)
        CHECK(!pipe2(ends, O_CLOEXEC));
    CHECK(channel_send(s->channel, w, &ends[1], piped));
    if (piped)
        close(ends[1]);
    answer_take(s, ends[0], a);
    if (piped)
        close(ends[0]);
}

static void check_error(const struct answer *a, uint32_t code, const char *text, const char *next)
{
    char got[1100];

    CHECK_INT(a->in.op, WIRE_ERROR);
    CHECK(wire_str(&a->in, TAG_TEXT, got, sizeof(got)));
    CHECK_HAS(got, text);
    CHECK_INT(wire_u32(&a->in, TAG_CODE, 0), code);
    if (next) {
        CHECK(wire_str(&a->in, TAG_NEXT_TEXT, got, sizeof(got)));
        CHECK_HAS(got, next);
    }
}

static void check_reply(const struct answer *a)
{
    char got[1100] = "";

    wire_str(&a->in, TAG_TEXT, got, sizeof(got));
    if (a->in.op != WIRE_REPLY)
        FAIL("no reply but: %s", got);
}

static const char *answer_str(const struct answer *a, uint16_t tag)
{
    static char text[16384];

    return wire_str(&a->in, tag, text, sizeof(text)) ? text : NULL;
}

static bool answer_truncated(const struct answer *a)
{
    return wire_u32(&a->in, TAG_FLAGS, 0) & WIRE_F_TRUNCATED;
}

/* Fields of a record, one after the other. */
struct fields {
    const char *p, *end;
};

static int64_t field_i64(struct fields *f)
{
    int64_t v;

    CHECK(f->end - f->p >= 8);
    memcpy(&v, f->p, 8);
    f->p += 8;
    return v;
}

static void field_str(struct fields *f, char *out, size_t size)
{
    uint32_t n;

    CHECK(f->end - f->p >= 4);
    memcpy(&n, f->p, 4);
    CHECK((size_t)(f->end - f->p) >= n + 4u && n < size);
    memcpy(out, f->p + 4, n);
    out[n] = '\0';
    f->p += n + 4;
}

static bool next_record(struct fields *all, char kind, struct fields *one)
{
    uint32_t n;

    if (all->p == all->end)
        return false;
    CHECK(all->end - all->p >= 5);
    memcpy(&n, all->p, 4);
    CHECK(n >= 1 && (size_t)(all->end - all->p) >= n + 4u && n + 4 <= WIRE_MAX);
    CHECK_INT(all->p[4], kind);
    one->p = all->p + 5;
    one->end = all->p + 4 + n;
    all->p = one->end;
    return true;
}

static double since_ms(const struct timespec *from)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) * 1e3 + (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

#endif
