#include "backend/agent/session.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORWARD_READS 64 /* in a row, so that nobody starves */

static uint8_t bytes[WIRE_MAX];
static struct wire_out w;

/* Move what is there from a FIFO to the command's pipe; false at its end (no writer is left). */
static bool forward(struct tap *t)
{
    static char buf[65536];
    ssize_t n = 1;

    for (int i = 0; i < FORWARD_READS && (n = read(t->from, buf, sizeof(buf))) > 0; i++)
        for (ssize_t at = 0; at < n && t->to >= 0;) {
            ssize_t k = write(t->to, buf + at, (size_t)(n - at));
            if (k < 0 && errno == EINTR)
                continue;
            if (k < 0) {
                close(t->to);
                t->to = -1;
                break;
            }
            at += k;
        }
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void tap_close(struct tap *t)
{
    if (t->from >= 0)
        close(t->from);
    if (t->keep >= 0)
        close(t->keep);
    if (t->to >= 0)
        close(t->to);
    *t = (struct tap){ -1, -1, -1 };
}

/* A FIFO with a reader, and a writer of ours so that it does not end before the command opens it.
 */
static bool tap_open(struct session *s, struct tap *t, char kind, int to)
{
    char path[SESSION_PATH];

    snprintf(path, sizeof(path), "%s/%u.%c", s->dir, s->number, kind);
    *t = (struct tap){ -1, -1, to };
    if (mkfifo(path, 0600))
        return false;
    t->from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    t->keep = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return t->from >= 0 && t->keep >= 0;
}

static void remove_fifos(struct session *s)
{
    static const char kinds[] = "oes";
    char path[SESSION_PATH];

    for (const char *k = kinds; *k; k++) {
        snprintf(path, sizeof(path), "%s/%u.%c", s->dir, s->number, *k);
        (void)unlink(path);
    }
}

/* Output of jobs that outlived their command goes on to that command's pipes. */
static void keep_holders(struct session *s, struct tap *t)
{
    if (t->from < 0)
        return;
    for (int i = 0; i < SESSION_HOLDERS; i++)
        if (s->holders[i].from < 0) {
            s->holders[i] = *t;
            *t = (struct tap){ -1, -1, -1 };
            return;
        }
    tap_close(&s->holders[0]);
    s->holders[0] = *t;
    *t = (struct tap){ -1, -1, -1 };
}

static bool send_all(struct session *s, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(s->commands, text, len);
        struct pollfd p = { .fd = s->commands, .events = POLLOUT };
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (poll(&p, 1, 5000) <= 0) {
            return false;
        }
    }
    return true;
}

static bool send_str(struct session *s, const char *text)
{
    return send_all(s, text, strlen(text));
}

/* 'text' for the shell, whatever it holds */
static bool send_quoted(struct session *s, const char *text, size_t len)
{
    const char *end = text + len;

    if (!send_str(s, "'"))
        return false;
    while (text < end) {
        const char *q = memchr(text, '\'', (size_t)(end - text));
        size_t n = (size_t)((q ? q : end) - text);
        if (!send_all(s, text, n) || (q && !send_str(s, "'\\''")))
            return false;
        text += n + (q ? 1 : 0);
    }
    return send_str(s, "'");
}

static bool send_env(struct session *s, const struct wire_in *in)
{
    const char *env = (const char *)in->tags[TAG_ENV].data;
    size_t len = in->tags[TAG_ENV].len;

    for (size_t at = 0; at < len;) {
        size_t n = strnlen(env + at, len - at), name = strcspn(env + at, "=");
        if (name < n && (!send_all(s, env + at, name + 1) ||
                         !send_quoted(s, env + at + name + 1, n - name - 1) || !send_str(s, " ")))
            return false;
        at += n + 1;
    }
    return true;
}

/*
 * Two lines: the command, with its descriptors, and then what tells that it is over. `command`
 * takes from eval what makes a special builtin's failure end the shell.
 */
static bool send_command(struct session *s, const struct wire_in *in, const char *command)
{
    char tail[4 * SESSION_PATH], cwd[AGENT_PATH];
    bool moves = wire_str(in, TAG_CWD, cwd, sizeof(cwd));

    if (moves) {
        snprintf(tail, sizeof(tail), " 2>%s/%u.e; then ", s->dir, s->number);
        if (!send_str(s, "if builtin cd -- ") || !send_quoted(s, cwd, strlen(cwd)) ||
            !send_str(s, tail))
            return false;
    }
    snprintf(
        tail, sizeof(tail),
        " </dev/null >%s/%u.o 2>%s/%u.e%s\nbuiltin printf '%%s %%s' \"$?\" \"$PWD\" >%s/%u.s\n",
        s->dir, s->number, s->dir, s->number, moves ? "; else builtin false; fi" : "", s->dir,
        s->number);
    return send_env(s, in) && send_str(s, "command eval ") &&
           send_quoted(s, command, strlen(command)) && send_str(s, tail);
}

static bool run(struct session *s, const struct wire_in *in, int out, int errs, int extra)
{
    const char *command = request_command(in, extra);

    if (extra >= 0)
        close(extra);
    if (!command || s->running) {
        channel_error(s->channel, CODE_INVALID, NULL, "the command is too long or holds a NUL");
        close(out);
        close(errs);
        return true;
    }
    keep_holders(s, &s->out);
    keep_holders(s, &s->errs);
    s->number++;
    s->running = true;
    s->status_len = 0;
    return tap_open(s, &s->out, 'o', out) && tap_open(s, &s->errs, 'e', errs) &&
           tap_open(s, &s->status, 's', -1) && send_command(s, in, command);
}

/* "0 /workspace": an int and an absolute path, nothing else. */
static void parse_status(struct session *s, int *code)
{
    char *end;
    long v;

    s->status_text[s->status_len] = '\0';
    v = strtol(s->status_text, &end, 10);
    *code = v >= 0 && v <= 255 && *end == ' ' ? (int)v : 255;
    if (*end == ' ' && end[1] == '/')
        snprintf(s->cwd, sizeof(s->cwd), "%s", end + 1);
}

static void put_state(struct session *s, uint8_t op, int status, uint32_t descendants)
{
    wire_begin(&w, op, 0);
    wire_put_u32(&w, TAG_STATUS, (uint32_t)status);
    wire_put_str(&w, TAG_CWD, s->cwd);
    wire_put_u32(&w, TAG_DESCENDANTS, descendants);
    (void)channel_send(s->channel, &w, NULL, 0);
}

static bool let_go(struct tap *t)
{
    if (t->keep >= 0)
        close(t->keep);
    t->keep = -1;
    if (forward(t))
        return true;
    tap_close(t);
    return false;
}

static void command_over(struct session *s)
{
    uint32_t held;
    int code;

    parse_status(s, &code);
    held = let_go(&s->out);
    held += let_go(&s->errs);
    tap_close(&s->status);
    remove_fifos(s);
    s->running = false;
    put_state(s, WIRE_EXIT, code << 8, held);
}

static void read_status(struct session *s)
{
    ssize_t n = read(s->status.from, s->status_text + s->status_len,
                     sizeof(s->status_text) - 1 - s->status_len);

    if (n > 0)
        s->status_len += (size_t)n;
    if (n > 0)
        command_over(s);
}

static void shell_over(struct session *s, int status)
{
    (void)forward(&s->out);
    (void)forward(&s->errs);
    put_state(s, WIRE_LOST, status, 0);
}

/* INT and the like reach what the shell runs, not the shell; alone, it is what runs. */
static void pass_signal(struct session *s, int signal)
{
    if (signal <= 0 || signal >= NSIG)
        return;
    if (!tree_signal(s->shell, signal) || signal == SIGKILL)
        (void)kill(s->shell, signal == SIGTERM ? SIGKILL : signal);
}

static bool obey(struct session *s)
{
    int fds[WIRE_MAX_FDS], nfds, r;
    struct wire_in in;

    r = channel_recv(s->channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);
    if (r == -1)
        return true;
    if (r == 1 && in.op == WIRE_SIGNAL && !nfds) {
        pass_signal(s, (int)wire_u32(&in, TAG_SIGNAL, 0));
        return true;
    }
    if (r == 1 && in.op == WIRE_RUN && (nfds == 2 || nfds == 3))
        return run(s, &in, fds[0], fds[1], nfds == 3 ? fds[2] : -1);
    return false;
}

static bool start_shell(struct session *s, const struct wire_in *in)
{
    static char path[SESSION_PATH], cwd[AGENT_PATH];
    char *argv[] = { (char *)(size_t) "bash", (char *)(size_t) "--noprofile",
                     (char *)(size_t) "--norc", path, NULL };
    struct payload p = { .program = "/bin/bash", .argv = argv, .cwd = cwd, .count = 3 };
    bool at_chdir = false;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), error;

    snprintf(path, sizeof(path), "%s/c", s->dir);
    snprintf(cwd, sizeof(cwd), "%s", agent_config.workspace);
    snprintf(s->cwd, sizeof(s->cwd), "%s", cwd);
    if (mkfifo(path, 0600) || (s->commands = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        return false;
    p.fds[0] = p.fds[1] = p.fds[2] = null;
    (void)in;
    error = payload_start(&p, &s->shell, &at_chdir);
    close(null);
    if (error)
        channel_error(s->channel, CODE_UNSUPPORTED, "run the command without session_id",
                      "cannot start bash: %s", strerror(error));
    return !error;
}

static void watch(struct session *s)
{
    bool none = false;
    int status = 0;

    for (;;) {
        struct pollfd p[5 + 2 * SESSION_HOLDERS] = {
            { .fd = s->channel, .events = POLLIN },     { .fd = s->signals, .events = POLLIN },
            { .fd = s->out.from, .events = POLLIN },    { .fd = s->errs.from, .events = POLLIN },
            { .fd = s->status.from, .events = POLLIN },
        };
        for (int i = 0; i < SESSION_HOLDERS; i++)
            p[5 + i] = (struct pollfd){ .fd = s->holders[i].from, .events = POLLIN };
        if (poll(p, 5 + SESSION_HOLDERS, -1) < 0 && errno != EINTR)
            return;
        if (p[2].revents && !forward(&s->out))
            tap_close(&s->out);
        if (p[3].revents && !forward(&s->errs))
            tap_close(&s->errs);
        if (p[4].revents)
            read_status(s);
        for (int i = 0; i < SESSION_HOLDERS; i++)
            if (p[5 + i].revents && !forward(&s->holders[i]))
                tap_close(&s->holders[i]);
        if (p[1].revents && supervisor_reap(s->signals, s->shell, &status, &w, &none)) {
            shell_over(s, status);
            return;
        }
        if (p[0].revents && !obey(s))
            return;
    }
}

static void tidy(struct session *s)
{
    char path[SESSION_PATH];

    remove_fifos(s);
    snprintf(path, sizeof(path), "%s/c", s->dir);
    (void)unlink(path);
    (void)rmdir(s->dir);
}

void session_serve(int channel, const int *fds, int extra)
{
    static struct session s = {
        .out = { -1, -1, -1 }, .errs = { -1, -1, -1 }, .status = { -1, -1, -1 }, .commands = -1
    };
    struct wire_in in;

    s.channel = channel;
    for (int i = 0; i < SESSION_HOLDERS; i++)
        s.holders[i] = (struct tap){ -1, -1, -1 };
    snprintf(s.dir, sizeof(s.dir), "/tmp/.session-XXXXXX");
    (void)signal(SIGPIPE, SIG_IGN);
    if (!request_start(channel, &in, bytes))
        return;
    s.signals = supervisor_init();
    if (s.signals < 0 || !mkdtemp(s.dir)) {
        channel_error(channel, CODE_QUOTA, "free space in /tmp", "cannot open a session: %s",
                      strerror(errno));
        return;
    }
    if (start_shell(&s, &in) && run(&s, &in, fds[0], fds[1], extra))
        watch(&s);
    tidy(&s);
    tree_kill_all();
}
