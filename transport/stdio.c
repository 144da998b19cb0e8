#include "transport/stdio.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/list.h"
#include "base/log.h"
#include "transport/stdio_out.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#define READ_SIZE 65536
#define PIPE_SIZE (1024 * 1024)
#define KEEP_SIZE (1024 * 1024) /* of the input buffer between messages */

struct stdio {
    struct reply_sink sink; /* of every message: there is nothing to tell apart */
    struct server *srv;
    struct server_conn *conn;
    int in;
    struct stdio_out out;
    pthread_t reader;

    struct buf line; /* what was read and not handled yet */
    size_t scanned;  /* bytes of it that hold no newline */
    bool skipping;   /* until the next newline */

    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned pending; /* lock; messages that were not answered yet */
};

static int claimed_in = -1, claimed_out = -1;

static int dup_private(int fd, const char *name, struct err *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return own < 0 ? err_sys(err, errno, "standard %s", name) : own;
}

int stdio_claim(struct err *err)
{
    AUTO_FD int null = -1, in = -1, out = -1;

    if (claimed_in >= 0)
        return 0;
    in = dup_private(STDIN_FILENO, "input", err);
    if (in < 0)
        return -1;
    out = dup_private(STDOUT_FILENO, "output", err);
    if (out < 0)
        return -1;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return err_sys(err, errno, "open /dev/null");
    if (dup2(null, STDIN_FILENO) < 0 ||
        (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 && dup2(null, STDOUT_FILENO) < 0))
        return err_sys(err, errno, "dup2");
    signal(SIGPIPE, SIG_IGN);
    claimed_in = TAKE_FD(&in);
    claimed_out = TAKE_FD(&out);
    return 0;
}

/* ---- answers ---- */

static void send_line(struct stdio *io, const char *json, size_t len)
{
    stdio_out_line(&io->out, json, len, !pthread_equal(pthread_self(), io->reader));
}

static void notify(struct reply_sink *sink, const char *json, size_t len)
{
    send_line(list_of(sink, struct stdio, sink), json, len);
}

static bool offer(struct reply_sink *sink, const char *json, size_t len)
{
    return stdio_out_offer(&list_of(sink, struct stdio, sink)->out, json, len);
}

static void finish(struct reply_sink *sink, int http_status UNUSED, const char *json, size_t len)
{
    struct stdio *io = list_of(sink, struct stdio, sink);

    if (json)
        send_line(io, json, len);
    pthread_mutex_lock(&io->lock);
    if (!--io->pending)
        pthread_cond_broadcast(&io->idle);
    pthread_mutex_unlock(&io->lock);
}

static void expect_answer(struct stdio *io)
{
    pthread_mutex_lock(&io->lock);
    io->pending++;
    pthread_mutex_unlock(&io->lock);
}

/* ---- messages ---- */

static bool blank(const char *s, size_t len)
{
    while (len && (*s == ' ' || *s == '\t'))
        s++, len--;
    return !len;
}

static void refuse_line(struct stdio *io)
{
    expect_answer(io);
    server_reject(io->srv, io->conn, NULL, 413, -32600,
                  "Invalid request: the message has more than 16 MiB", &io->sink);
}

static void handle_line(struct stdio *io, const char *text, size_t len)
{
    if (len && text[len - 1] == '\r')
        len--;
    if (blank(text, len))
        return;
    if (len > SERVER_MESSAGE_MAX) {
        refuse_line(io);
        return;
    }
    expect_answer(io);
    server_handle(io->srv, io->conn, text, len, NULL, &io->sink, NULL);
}

/* Forget the first n bytes of the input. */
static void drop(struct stdio *io, size_t n)
{
    if (n == io->line.len && io->line.cap > KEEP_SIZE)
        buf_done(&io->line);
    else
        buf_drop_front(&io->line, n);
}

/* What is left of the input has no newline. */
static void keep_rest(struct stdio *io)
{
    io->scanned = io->line.len;
    if (!io->skipping && io->scanned <= SERVER_MESSAGE_MAX)
        return;
    if (!io->skipping)
        refuse_line(io);
    io->skipping = true;
    io->scanned = 0;
    drop(io, io->line.len);
}

/* All whole lines. False when the client must first take answers: there may be more. */
static bool handle_lines(struct stdio *io)
{
    size_t from = 0, look = io->scanned;
    bool full = false;

    while (!(full = stdio_out_full(&io->out)) && look < io->line.len) {
        const char *text = io->line.data;
        const char *end = memchr(text + look, '\n', io->line.len - look);
        if (!end)
            break;
        if (!io->skipping)
            handle_line(io, text + from, (size_t)(end - text) - from);
        io->skipping = false;
        from = look = (size_t)(end - text) + 1;
    }
    drop(io, from);
    io->scanned = 0;
    if (!full)
        keep_rest(io);
    return !full;
}

/* False at the end of the input. */
static bool read_some(struct stdio *io)
{
    struct err err = { 0 };
    size_t room =
        io->line.cap > io->line.len + READ_SIZE ? io->line.cap - io->line.len - 1 : READ_SIZE;
    char *p = buf_reserve(&io->line, room, &err);
    ssize_t n;

    if (!p) {
        log_error("stdio: %s", err.msg);
        return false;
    }
    n = io_read(io->in, p, room);
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n <= 0)
        return false;
    buf_commit(&io->line, (size_t)n);
    return true;
}

static void serve(struct stdio *io, int stop_fd)
{
    enum { IN, STOP, WAKE, OUT };
    struct pollfd fds[] = {
        [IN] = { .fd = io->in, .events = POLLIN },
        [STOP] = { .fd = stop_fd, .events = POLLIN },
        [WAKE] = { .fd = io->out.wake, .events = POLLIN },
        [OUT] = { .fd = io->out.fd },
    };
    bool handled = true;

    for (;;) {
        bool full = stdio_out_full(&io->out);
        uint64_t ignored;
        fds[IN].fd = handled && !full ? io->in : -1;
        if (poll(fds, COUNT_OF(fds), handled || full ? -1 : 0) < 0 && errno != EINTR)
            return;
        if (fds[STOP].revents || fds[OUT].revents || stdio_out_broken(&io->out))
            return;
        if (fds[WAKE].revents)
            (void)io_read(io->out.wake, &ignored, sizeof(ignored));
        if (fds[IN].revents && !read_some(io))
            break;
        handled = handle_lines(io);
    }
    if (io->line.len && !io->skipping)
        handle_line(io, io->line.data, io->line.len);
}

static void await_answers(struct stdio *io)
{
    pthread_mutex_lock(&io->lock);
    while (io->pending)
        pthread_cond_wait(&io->idle, &io->lock);
    pthread_mutex_unlock(&io->lock);
}

int stdio_serve(struct server *srv, const char *sandbox_name, int stop_fd, struct err *err)
{
    struct caller caller = { .principal = "local", .sandbox = sandbox_name, .scopes = SCOPE_ALL };
    struct stdio io = {
        .sink = { .notify = notify, .finish = finish, .offer = offer },
        .srv = srv,
        .reader = pthread_self(),
        .line = BUF_MAX(SERVER_MESSAGE_MAX + 2 * READ_SIZE),
    };
    int r;

    if (stdio_claim(err) || server_conn_new(srv, &caller, &io.conn, err))
        return -1;
    io.in = claimed_in;
    (void)fcntl(io.in, F_SETPIPE_SZ, PIPE_SIZE);
    if (stdio_out_init(&io.out, TAKE_FD(&claimed_out), STDIO_QUEUE_MAX, err)) {
        server_conn_close(io.conn, CALL_CANCELLED);
        return -1;
    }
    pthread_mutex_init(&io.lock, NULL);
    pthread_cond_init(&io.idle, NULL);
    r = server_conn_outlet(io.conn, &io.sink, err);
    if (!r)
        serve(&io, stop_fd);
    stdio_out_hurry(&io.out);
    server_conn_end_tasks(io.conn);
    server_conn_close(io.conn, CALL_CANCELLED);
    await_answers(&io);
    stdio_out_done(&io.out, clock_ms() + STDIO_FLUSH_MS);
    buf_done(&io.line);
    pthread_cond_destroy(&io.idle);
    pthread_mutex_destroy(&io.lock);
    fd_close(&claimed_in);
    return r;
}
