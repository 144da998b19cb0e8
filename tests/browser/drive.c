/*
 * A browser driven by lines: starts the program it is given with --remote-debugging-pipe, reads
 * one JSON object per line, {"id":1,"do":"goto","page":"page_...","url":"..."}, runs each on a
 * thread of its own, and answers {"id":1,"result":{...}} or {"id":1,"error":{code,message,next}}.
 * The first line it writes is {"ready":true,"pid":..}. At the end of its input the browser is
 * killed, with every process of its group.
 */
#include "tests/browser/drive.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE (1024 * 1024)
#define THREADS 32
#define OUT_MAX (16 * 1024 * 1024)

extern char **environ;

struct job {
    struct list link;
    yyjson_doc *doc;
    struct call call;
    int64_t id;
};

static struct browser *browser;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of jobs and the output */
static struct list jobs = { &jobs, &jobs };

/* ---- the browser's process ---- */

static pid_t spawn_browser(char **argv, int to_child, int from_child)
{
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    pid_t pid = -1;

    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, to_child, 3);
    posix_spawn_file_actions_adddup2(&fa, from_child, 4);
    posix_spawnattr_init(&at);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&at, 0);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&at, &defaults);
    if (posix_spawn(&pid, argv[0], &fa, &at, argv, environ))
        pid = -1;
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&at);
    return pid;
}

/* Above 4, so that neither is overwritten before it was put in its place. */
static int high(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 10);

    close(fd);
    return moved;
}

static pid_t start(char **argv, struct err *err)
{
    int in[2], out[2];
    struct cdp_wire *wire;
    pid_t pid;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return -1;
    in[0] = high(in[0]);
    out[1] = high(out[1]);
    pid = spawn_browser(argv, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    if (pid < 0)
        return -1;
    if (cdp_pipe_new(out[0], in[1], &wire, err) || browser_new(wire, NULL, &browser, err)) {
        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    return pid;
}

/* ---- jobs ---- */

static void answer(struct job *job, struct buf *result, int failed, const struct err *err)
{
    AUTO(buf) struct buf line = BUF_MAX(OUT_MAX * 2);
    struct jw w = JW(&line, NULL);

    jw_obj(&w);
    jw_kint(&w, "id", job->id);
    if (failed) {
        jw_key(&w, "error");
        jw_obj(&w);
        jw_kstr(&w, "code", err_code_name(err->code));
        jw_kstr(&w, "message", err->msg);
        jw_kstr(&w, "next", err->next);
        jw_end(&w);
    } else {
        jw_kraw(&w, "result", result->len ? result->data : "null");
    }
    jw_end(&w);
    pthread_mutex_lock(&lock);
    list_remove(&job->link);
    if (!jw_done(&w))
        puts(line.data);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

static int cancel(const struct drive *d)
{
    int64_t of = json_int(d->args, "of", -1);
    int hit = 0;

    pthread_mutex_lock(&lock);
    list_each(link, &jobs)
    {
        struct job *job = list_of(link, struct job, link);
        if (job->id == of)
            hit = call_end(&job->call, CALL_CANCELLED);
    }
    pthread_mutex_unlock(&lock);
    return hit ? 0 : err_set(d->err, ERR_NOT_FOUND, "no such job");
}

static int perform(const struct drive *d, const char *what)
{
    static const struct drive_row *const tables[] = { drive_rows, drive_input_rows,
                                                      drive_files_rows };

    if (!strcmp(what, "cancel"))
        return cancel(d);
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        for (const struct drive_row *row = tables[i]; row->name; row++)
            if (!strcmp(row->name, what))
                return row->fn(d);
    return err_set(d->err, ERR_INVALID, "do: \"%s\" is unknown", what);
}

static void run(void *arg)
{
    struct job *job = arg;
    AUTO(buf) struct buf out = BUF_MAX(OUT_MAX);
    struct err err = { 0 };
    struct jw w = JW(&out, &err);
    yyjson_val *args = yyjson_doc_get_root(job->doc);
    AUTO_PTR(page) struct page *page = NULL;
    const char *id = json_str(args, "page"), *what = json_str(args, "do");
    int failed = id && browser_page(browser, id, &page, &err);
    struct drive d = { browser, page, args, &job->call, &w, &err };

    if (!failed)
        failed = perform(&d, what ? what : "") || jw_done(&w);
    answer(job, &out, failed, &err);
    call_done(&job->call);
    yyjson_doc_free(job->doc);
    free(job);
}

static void take_line(struct pool *pool, const char *line)
{
    struct err err = { 0 };
    struct job *job = calloc(1, sizeof(*job));

    if (!job)
        return;
    job->doc = json_parse(line, strlen(line), &err);
    job->id = json_int(yyjson_doc_get_root(job->doc), "id", -1);
    if (!job->doc || call_init(&job->call, &err)) {
        answer(job, NULL, -1, &err);
        yyjson_doc_free(job->doc);
        free(job);
        return;
    }
    pthread_mutex_lock(&lock);
    list_append(&jobs, &job->link);
    pthread_mutex_unlock(&lock);
    if (pool_run(pool, run, job, &err))
        abort();
}

static void end_all(void)
{
    pthread_mutex_lock(&lock);
    list_each(link, &jobs) call_end(&list_of(link, struct job, link)->call, CALL_SHUTDOWN);
    pthread_mutex_unlock(&lock);
}

static void unblock_in_children(void)
{
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int main(int argc, char **argv)
{
    static char line[LINE_SIZE];
    struct pool *pool;
    struct err err = { 0 };
    pid_t pid;

    if (argc < 2)
        return 2;
    unblock_in_children();
    if (pool_new(THREADS, 256, &pool, &err))
        return 1;
    int64_t began = clock_ms();
    pid = start(argv + 1, &err);
    if (pid < 0) {
        fprintf(stderr, "drive: %s\n", *err.msg ? err.msg : strerror(errno));
        return 1;
    }
    printf("{\"ready\":true,\"pid\":%d,\"ms\":%lld,\"version\":\"%s\"}\n", (int)pid,
           (long long)(clock_ms() - began), browser_version(browser));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin))
        take_line(pool, line);
    end_all();
    pool_free(pool);
    browser_free(browser);
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}
