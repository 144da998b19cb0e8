/*
 * What a hostile agent may answer. The first byte picks an operation of the server's; then come
 * frames (an op, TLVs; or any bytes at all), and what is left goes through the operation's pipe.
 * Whatever comes, the operation ends, with a result or an error, and nothing stays open.
 *
 * covers: backend/local/agent_client.c backend/local/records.c backend/local/files.c
 * covers: backend/local/file_op.c backend/local/query.c backend/local/code_parse.c
 * covers: backend/local/handshake.c backend/local/manage.c backend/local/observe.c
 * covers: backend/local/transfer.c backend/local/file_undo.c backend/local/pty_channel.c
 * seeds: tests/fuzz/seeds/local
 */
#include "backend/local/code.h"
#include "backend/local/launcher.h"
#include "backend/local/local.h"
#include "backend/local/pty.h"
#include "backend/local/query.h"
#include "base/log.h"
#include "tests/fuzz/agent_frames.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct backend_config config;
static struct local_backend backend = { .base = { .config = &config }, .null_fd = -1 };
static struct local_sandbox sandbox;
static struct call call;

/* The agent: a thread that answers every OPEN of one input from the same bytes. */
static struct {
    sem_t begin, end;
    int control;
    struct frames in;
} peer;

/* Descriptors of a frame, -1 when the socket is closed. */
static int take(int fd, int fds[WIRE_MAX_FDS])
{
    static uint8_t bytes[WIRE_MAX];
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec iov = { bytes, sizeof(bytes) };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c;

    if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) <= 0)
        return -1;
    c = CMSG_FIRSTHDR(&msg);
    if (!c)
        return 0;
    memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    return (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

/* Now and then a frame brings a descriptor along. */
static void say(int fd, struct frames *in)
{
    while (frames_next(in))
        frames_send(fd, in, in->op % 16 == 15 ? fd : -1);
}

static void *answer(void *arg)
{
    for (;;) {
        int fds[WIRE_MAX_FDS], n;
        sem_wait(&peer.begin);
        while ((n = take(peer.control, fds)) >= 0) {
            struct frames in = peer.in;
            int none[WIRE_MAX_FDS];
            if (n && take(fds[0], none) < 0) /* unread, START would make the answer an error */
                abort();
            say(n ? fds[0] : peer.control, &in);
            if (n > 1 && (fcntl(fds[n - 1], F_GETFL) & O_ACCMODE) == O_WRONLY) {
                fcntl(fds[n - 1], F_SETFL, O_WRONLY | O_NONBLOCK);
                (void)!write(fds[n - 1], in.at, (size_t)(in.end - in.at));
            }
            if (!n)
                shutdown(peer.control, SHUT_RDWR);
            while (n > 0)
                close(fds[--n]);
        }
        close(peer.control);
        sem_post(&peer.end);
    }
    return arg;
}

static struct agent *agent_new(void)
{
    struct agent *a = calloc(1, sizeof(*a));
    int pair[2];

    if (!a || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        abort();
    a->refs = 1;
    a->sandbox = &sandbox;
    a->control = pair[0];
    a->pidfd = a->listener = -1;
    pthread_mutex_init(&a->lock, NULL);
    peer.control = pair[1];
    sem_post(&peer.begin);
    return a;
}

static void list_and_search(bool search)
{
    static const char *const globs[] = { "*.c" };
    AUTO(file_list_result) struct file_list_result list = { 0 };
    AUTO(file_search_result) struct file_search_result found = { 0 };
    struct file_list_request l = { .path = "src", .depth = 2, .limit = 10, .max_bytes = 4096 };
    struct file_search_request s = { .pattern = "x", .include = globs, .include_count = 1 };
    struct err err = { 0 };

    if (search)
        (void)!local_file_ops.search(&sandbox.base, &call, &s, &found, &err);
    else
        (void)!local_file_ops.list(&sandbox.base, &call, &l, &list, &err);
}

static void read_twice(void)
{
    struct file_read_request req = { .path = "~/a", .max_bytes = 100000 };

    for (int i = 0; i < 2 && !sandbox.agent->dead; i++) {
        AUTO(file_read_result) struct file_read_result res = { 0 };
        struct err err = { 0 };
        (void)!local_file_ops.read(&sandbox.base, &call, &req, &res, &err);
    }
}

static void write_one(bool large)
{
    static const char content[200000];
    AUTO(file_write_result) struct file_write_result res = { 0 };
    struct file_write_request req = {
        .path = "/a",
        .data = content,
        .len = large ? sizeof(content) : 10,
        .permissions = large ? 0600 : -1,
        .expect_sha256 = large ? "00" : NULL,
    };
    struct err err = { 0 };

    (void)!local_file_ops.write(&sandbox.base, &call, &req, &res, &err);
}

static void ask_facts(struct agent *a)
{
    AUTO(query) struct query q = { 0 };
    struct err err = { 0 };

    if (!query_run(a, &call, &q, &err))
        (void)strlen(query_get(&q, "name"));
}

static void shake_hands(struct agent *a)
{
    AUTO_FD int errors = -1;
    struct err err = { 0 };
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        abort();
    (void)!write(ends[1], peer.in.at, (size_t)(peer.in.end - peer.in.at) % 4096);
    close(ends[1]);
    errors = ends[0];
    a->pidfd = fcntl(a->control, F_DUPFD_CLOEXEC, 0);
    (void)!launcher_handshake(a, errors, &call, &err);
}

static void parse_code(const uint8_t *data, size_t size)
{
    AUTO(code_result) struct code_result res = { 0 };
    struct err err = { 0 };

    (void)!code_parse((const char *)data, size, 1, "t", &res, &err);
    err = (struct err){ 0 };
    (void)!code_parse_hello((const char *)data, size, &err);
}

static void stat_and_remove(bool remove)
{
    static const char *const paths[] = { "a", "/b" };
    AUTO(file_stat_result) struct file_stat_result stat = { 0 };
    AUTO(file_manage_result) struct file_manage_result gone = { 0 };
    struct file_stat_request look = { .paths = paths, .count = COUNT_OF(paths), .hash = true };
    struct file_remove_request req = { .paths = paths, .count = COUNT_OF(paths) };
    struct err err = { 0 };

    if (remove)
        (void)!local_manage_ops.remove(&sandbox.base, &call, &req, &gone, &err);
    else if (!local_manage_ops.stat(&sandbox.base, &call, &look, &stat, &err) &&
             stat.count > COUNT_OF(paths))
        abort();
    if (gone.failed < 0 || gone.total < 0)
        abort();
}

static void watch_and_poll(bool recursive)
{
    AUTO(file_watch_result) struct file_watch_result began = { 0 }, polled = { 0 };
    struct file_watch_request req = { .action = FILE_WATCH_START, .recursive = recursive };
    struct err err = { 0 };

    if (local_file_watch_ops.watch(&sandbox.base, &call, &req, &began, &err))
        return;
    req = (struct file_watch_request){ FILE_WATCH_POLL, .watch_id = began.watch_id, .cursor = -1 };
    (void)!local_file_watch_ops.watch(&sandbox.base, &call, &req, &polled, &err);
}

static void list_processes(bool managed)
{
    AUTO(processes_result) struct processes_result res = { 0 };
    struct processes_request req = { .pid = managed ? 0 : 7, .managed = managed };
    struct err err = { 0 };

    if (!local_process_ops.list(&sandbox.base, &call, &req, &res, &err) && res.total < res.count)
        abort();
}

static void await_port(bool url)
{
    AUTO(wait_result) struct wait_result res = { 0 };
    struct wait_request req = { .timeout_ms = 20, .port = url ? 0 : 80 };
    struct err err = { 0 };

    if (url)
        req.url = "http://localhost/x";
    (void)!local_process_ops.wait(&sandbox.base, &call, &req, &res, &err);
}

static void put_and_take(bool put)
{
    static char content[40000];
    AUTO(file_put_result) struct file_put_result in = { 0 };
    AUTO(file_take_result) struct file_take_result out = { 0 };
    AUTO_FD int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct file_put_request p = { .path = "a", .fd = fd, .size = sizeof(content) };
    struct file_take_request t = { .path = "a", .fd = fd, .max = 100000 };
    struct err err = { 0 };

    if (fd < 0 || (put && write(fd, content, sizeof(content)) != sizeof(content)))
        abort();
    if (put)
        (void)!local_transfer_ops.put(&sandbox.base, &call, &p, &in, &err);
    else if (!local_transfer_ops.take(&sandbox.base, &call, &t, &out, &err) &&
             lseek(fd, 0, SEEK_CUR) != out.bytes)
        abort();
}

static void write_and_restore(bool append)
{
    AUTO(file_write_result) struct file_write_result written = { 0 }, back = { 0 };
    struct file_write_request w = { .path = "a", .data = "x", .len = 1, .undoable = true };
    struct file_restore_request r = { .path = "/a", .expect_sha256 = "00", .permissions = -1 };
    struct err err = { 0 };

    w.permissions = -1;
    w.mode = append ? FILE_APPEND : FILE_OVERWRITE;
    (void)!local_file_ops.write(&sandbox.base, &call, &w, &written, &err);
    if (written.old.kind == OLD_CONTENT && (int64_t)written.old.data.len != written.old.size)
        abort();
    r.how = append ? FILE_RESTORE_CUT : FILE_RESTORE_REMOVE;
    if (!sandbox.agent->dead)
        (void)!local_file_ops.restore(&sandbox.base, &call, &r, &back, &err);
}

/* Returns when the reactor has let go of it. */
static void open_terminal(bool act)
{
    struct agent *a = sandbox.agent;
    AUTO(pty_result) struct pty_result opened = { 0 }, acted = { 0 };
    struct pty_request req = { .command = "x", .max_bytes = 1000 };
    struct err err = { 0 };

    if (!local_pty_ops.open(&sandbox.base, &call, &req, &opened, &err) && act) {
        req = (struct pty_request){ .session_id = opened.session_id, .text = "y", .text_len = 1 };
        (void)!local_pty_ops.act(&sandbox.base, &call, &req, &acted, &err);
    }
    agent_stop(a, "the input is over");
    local_ptys_free(&sandbox);
    for (int i = 0; a->refs != 1; i++)
        if (i == 100000)
            abort();
        else
            usleep(50);
}

/* Bit 3 of the first byte chooses how, those above it among these. */
static void operate_more(uint8_t what)
{
    static void (*const more[16])(bool) = {
        stat_and_remove, watch_and_poll, list_processes,    open_terminal,
        await_port,      put_and_take,   write_and_restore,
    };

    if (more[what >> 4])
        more[what >> 4](what & 8);
}

static void operate(struct agent *a, uint8_t what)
{
    switch (what % 8) {
    case 0:
        read_twice();
        break;
    case 1:
        write_one(what & 8);
        break;
    case 2:
    case 3:
        list_and_search(what % 8 == 3);
        break;
    case 4:
        ask_facts(a);
        break;
    case 5:
        shake_hands(a);
        break;
    default:
        operate_more(what);
        break;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    pthread_t thread;

    (void)argc, (void)argv;
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    sem_init(&peer.begin, 0, 0);
    sem_init(&peer.end, 0, 0);
    backend.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sandbox.base.backend = &backend.base;
    sandbox.backend = &backend;
    sandbox.dir.jobs_fd = open("/tmp", O_PATH | O_CLOEXEC);
    sandbox.quota.max = SPOOL_QUOTA;
    list_init(&sandbox.jobs);
    list_init(&sandbox.sessions);
    list_init(&sandbox.observed);
    list_init(&sandbox.ptys);
    pthread_mutex_init(&sandbox.lock, NULL);
    pthread_cond_init(&sandbox.changed, NULL);
    return call_init(&call, NULL) || reactor_new(&backend.reactor, NULL) ||
           pthread_create(&thread, NULL, answer, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct agent *a;

    if (size < 2 || size > 4 * WIRE_MAX)
        return 0;
    if (data[0] % 8 == 7) {
        parse_code(data + 1, size - 1);
        return 0;
    }
    peer.in = (struct frames){ .at = data + 1, .end = data + size };
    a = agent_new();
    sandbox.agent = a;
    sandbox.state = SANDBOX_RUNNING;
    operate(a, data[0]);
    sandbox.agent = NULL;
    local_observed_stopped(&sandbox);
    local_files_stopped(&sandbox);
    agent_stop(a, "the input is over");
    fd_close(&a->control);
    sem_wait(&peer.end);
    if (a->refs != 1)
        abort();
    agent_unref(a);
    return 0;
}
