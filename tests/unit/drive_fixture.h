/*
 * A job of a sandbox whose agent is the test itself: both ends of its channel and its pipes are
 * in hand, and its clock is what step() is told. One sandbox at a time.
 */
#ifndef TESTS_UNIT_DRIVE_FIXTURE_H
#define TESTS_UNIT_DRIVE_FIXTURE_H

#include "backend/local/local.h"
#include "backend/local/session.h"
#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct drive_fixture {
    struct local_backend backend;
    struct local_sandbox sandbox;
    struct agent *agent;
    struct call call;
    struct job *job;
    int control;            /* the agent's end */
    int channel, out, errs; /* the job's ends inside; -1 closed */
    uint64_t out_sent, errs_sent;
    int64_t now_ms;
    bool over;
};

#define DRIVE_NEEDS(cond) \
    do {                  \
        if (!(cond))      \
            abort();      \
    } while (0)

static inline void drive_start(struct drive_fixture *f)
{
    int pair[2];

    *f = (struct drive_fixture){ .channel = -1, .out = -1, .errs = -1, .now_ms = clock_ms() };
    f->backend.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    f->sandbox.backend = &f->backend;
    f->sandbox.base.backend = &f->backend.base;
    f->sandbox.quota.max = SPOOL_QUOTA;
    f->sandbox.dir.jobs_fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    f->sandbox.state = SANDBOX_RUNNING;
    list_init(&f->sandbox.jobs);
    list_init(&f->sandbox.sessions);
    pthread_mutex_init(&f->sandbox.lock, NULL);
    pthread_cond_init(&f->sandbox.changed, NULL);
    DRIVE_NEEDS(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    f->control = pair[1];
    f->agent = calloc(1, sizeof(*f->agent));
    DRIVE_NEEDS(f->agent && !call_init(&f->call, NULL));
    f->agent->refs = 1;
    f->agent->sandbox = &f->sandbox;
    f->agent->control = pair[0];
    f->agent->pidfd = f->agent->listener = -1;
    pthread_mutex_init(&f->agent->lock, NULL);
    f->sandbox.agent = f->agent;
}

/* The next OPEN or RUN frame's descriptors; the count. */
static inline int drive_take(int from, int fds[WIRE_MAX_FDS])
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
        struct cmsghdr align;
    } control;
    char bytes[WIRE_MAX];
    struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c;
    size_t n;

    if (recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0 || !(c = CMSG_FIRSTHDR(&msg)))
        return 0;
    n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    return (int)n;
}

static inline void drive_adopt(struct drive_fixture *f, struct job *job, int out, int errs)
{
    f->job = job;
    f->out = out;
    f->errs = errs;
    f->out_sent = f->errs_sent = 0;
    f->over = false;
    job->pump.ops = &drive_ops;
    job->foreground = true;
}

/* A plain command: its channel and pipes as the agent would get them. */
static inline void drive_exec(struct drive_fixture *f)
{
    struct wire_out *w = malloc(sizeof(*w));
    int fds[WIRE_MAX_FDS], child[3] = { -1, -1, -1 };
    struct job *j;

    DRIVE_NEEDS(w && !job_new(&f->sandbox, f->agent, &j, NULL));
    DRIVE_NEEDS(!agent_input(f->agent, "in", 2, &child[0], NULL));
    DRIVE_NEEDS(!agent_pipe_out(f->agent, &j->pipes[0], &child[1], NULL));
    DRIVE_NEEDS(!agent_pipe_out(f->agent, &j->pipes[1], &child[2], NULL));
    wire_begin(w, WIRE_START, 0);
    DRIVE_NEEDS(!agent_open(f->agent, WIRE_EXEC, w, child, 3, &j->channel, NULL));
    for (int i = 0; i < 3; i++)
        close(child[i]);
    DRIVE_NEEDS(drive_take(f->control, fds) == 4);
    close(fds[1]);
    f->channel = fds[0];
    drive_adopt(f, j, fds[2], fds[3]);
    free(w);
}

/* A command in the session "s"; fresh: the shell has to be opened. */
static inline void drive_session(struct drive_fixture *f, bool fresh)
{
    struct exec_request req = { .command = "x", .session_id = "s" };
    int fds[WIRE_MAX_FDS];
    struct job *j;

    DRIVE_NEEDS(!session_start(&f->sandbox, &f->call, &req, &j, NULL));
    if (fresh) {
        DRIVE_NEEDS(drive_take(f->control, fds) == 3);
        f->channel = fds[0];
        drive_adopt(f, j, fds[1], fds[2]);
        DRIVE_NEEDS(drive_take(f->channel, fds) == 0);
    } else {
        DRIVE_NEEDS(drive_take(f->channel, fds) == 2);
        drive_adopt(f, j, fds[0], fds[1]);
    }
}

static inline bool drive_write(int fd, const void *data, size_t len)
{
    return fd >= 0 && write(fd, data, len) == (ssize_t)len;
}

static inline void drive_print(struct drive_fixture *f, int stream, const char *data, size_t len)
{
    if (drive_write(stream ? f->errs : f->out, data, len))
        *(stream ? &f->errs_sent : &f->out_sent) += len;
}

/* Time passes, and the job is driven. */
static inline bool drive_step_after(struct drive_fixture *f, int64_t ms)
{
    f->now_ms += ms;
    if (!f->over)
        f->over = f->job->pump.ops->step(&f->job->pump, f->now_ms);
    return f->over;
}

static inline void drive_frame(struct drive_fixture *f, struct wire_out *w)
{
    wire_end(w);
    if (f->channel >= 0)
        (void)!send(f->channel, w->bytes, w->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static inline void drive_hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static inline void drive_forget(struct drive_fixture *f)
{
    if (!f->job)
        return;
    if (f->job->session && !f->job->exited)
        session_command_over(f->job, NULL, true);
    job_over(f->job);
    job_forget(f->job);
    job_unref(f->job);
    f->job = NULL;
    drive_hang_up(&f->out);
    drive_hang_up(&f->errs);
}

static inline void drive_end(struct drive_fixture *f)
{
    drive_forget(f);
    drive_hang_up(&f->channel);
    local_sessions_free(&f->sandbox);
    agent_unref(f->agent);
    close(f->control);
    close(f->backend.null_fd);
    close(f->sandbox.dir.jobs_fd);
    call_done(&f->call);
    pthread_cond_destroy(&f->sandbox.changed);
    pthread_mutex_destroy(&f->sandbox.lock);
}

#endif
