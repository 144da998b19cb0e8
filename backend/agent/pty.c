#include "backend/agent/pty.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/request.h"
#include "backend/agent/supervise.h"
#include "backend/agent/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define READS 4       /* between two looks at the channel, unless they take READ_MS */
#define READ_MS 20    /* of what takes longer to draw less is read at a time, */
#define READ_LEAST 64 /* but so many bytes */
#define FEED_S 20     /* an emulator that takes longer has lost its way: the session ends */
#define DRAIN_MAX (256 * 1024) /* bytes still read when the program is over, */
#define DRAIN_MS 1000          /* and for how long */
#define HUNG_MS 100            /* between two looks at a terminal that nobody has open */

static uint8_t bytes[WIRE_MAX];
static struct pty pty;

static const struct frame_field start_fields[] = {
    { TAG_COMMAND, FIELD_BYTES },   { TAG_CWD, FIELD_BYTES },     { TAG_ENV, FIELD_BYTES },
    { TAG_PTY_ROWS, FIELD_U32 },    { TAG_PTY_COLS, FIELD_U32 },  { TAG_PTY_SEQ, FIELD_U32 },
    { TAG_PTY_WAIT_MS, FIELD_U32 }, { TAG_PTY_BYTES, FIELD_U32 }, { TAG_PATTERN, FIELD_BYTES },
    { TAG_PTY_STATE, FIELD_U32 },
};

static const struct frame_field do_fields[] = {
    { TAG_DATA, FIELD_BYTES },    { TAG_PTY_KEYS, FIELD_BYTES }, { TAG_PTY_ROWS, FIELD_U32 },
    { TAG_PTY_COLS, FIELD_U32 },  { TAG_PTY_SEQ, FIELD_U32 },    { TAG_PTY_WAIT_MS, FIELD_U32 },
    { TAG_PTY_BYTES, FIELD_U32 }, { TAG_PATTERN, FIELD_BYTES },  { TAG_PTY_STATE, FIELD_U32 },
};

/* ---- start ---- */

static bool size_of(const struct wire_in *in, int *rows, int *cols)
{
    uint32_t r = wire_u32(in, TAG_PTY_ROWS, 0), c = wire_u32(in, TAG_PTY_COLS, 0);

    *rows = (int)r;
    *cols = (int)c;
    return r >= 2 && r <= WIRE_PTY_ROWS_MAX && c >= 2 && c <= WIRE_PTY_COLS_MAX;
}

static void set_size(int master, int rows, int cols)
{
    struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };

    (void)ioctl(master, TIOCSWINSZ, &size);
}

/* The other end, as a program has it; -1 with errno. */
static int open_pty(struct pty *p)
{
    int unlock = 0;
    struct termios t;
    int slave;

    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (p->master < 0 || ioctl(p->master, TIOCSPTLCK, &unlock))
        return -1;
    set_size(p->master, p->screen.rows, p->screen.cols);
    slave = ioctl(p->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave >= 0 && !tcgetattr(slave, &t)) {
        t.c_iflag |= IUTF8;
        (void)tcsetattr(slave, TCSANOW, &t);
    }
    return slave;
}

static const char *choose(char *argv[4], const char *command)
{
    const char *program = program_path("bash");

    argv[0] = (char *)(size_t)(program ? "bash" : "sh");
    argv[1] = (char *)(size_t)(command ? "-c" : program ? "-l" : NULL);
    argv[2] = (char *)(size_t)command;
    argv[3] = NULL;
    return program ? program : program_path("sh");
}

static bool start(struct pty *p, const char *command, const char *cwd)
{
    static struct wire_out w;
    char *argv[4];
    struct payload start = { .argv = argv, .cwd = cwd, .count = 3, .terminal = true };
    bool at_chdir = false;
    int slave, error;

    start.program = choose(argv, command);
    if (!start.program) {
        channel_error(p->channel, CODE_UNSUPPORTED, NULL, "there is no shell in this sandbox");
        return false;
    }
    slave = open_pty(p);
    if (slave < 0) {
        channel_error(p->channel, CODE_QUOTA, "close sessions that are not needed",
                      "cannot open a terminal: %s", strerror(errno));
        return false;
    }
    start.fds[0] = start.fds[1] = start.fds[2] = slave;
    error = payload_start(&start, &p->pid, &at_chdir);
    close(slave);
    if (error) {
        payload_complain(p->channel, &start, at_chdir, error);
        return false;
    }
    p->first = p->pid;
    wire_begin(&w, WIRE_STARTED, 0);
    wire_put_u32(&w, TAG_PID, (uint32_t)p->pid);
    wire_put_u32(&w, TAG_SUPERVISOR, (uint32_t)getpid());
    return channel_send(p->channel, &w, NULL, 0);
}

static bool accept_start(struct pty *p, const struct wire_in *in, const char **command, char *cwd)
{
    static char text[WIRE_INLINE_MAX + 1];
    int rows, cols;

    if (!channel_shape(in, start_fields, sizeof(start_fields) / sizeof(start_fields[0])) ||
        !size_of(in, &rows, &cols))
        channel_error(p->channel, CODE_INVALID, NULL, "the request is not one of a terminal");
    else if (wire_has(in, TAG_COMMAND) && !wire_str(in, TAG_COMMAND, text, sizeof(text)))
        channel_error(p->channel, CODE_INVALID, "write a script to a file and run that",
                      "command: longer than %d bytes, or with a NUL", WIRE_INLINE_MAX);
    else if (!request_cwd(in, cwd, AGENT_PATH))
        channel_error(p->channel, CODE_INVALID, "pass a shorter path", "cwd: not a path");
    else if (!payload_env(in->tags[TAG_ENV].data, in->tags[TAG_ENV].len))
        channel_error(p->channel, CODE_INVALID, "pass fewer variables",
                      "env: malformed, or more than %d variables in all", AGENT_ENV_VARS);
    else if (!pty_screen_init(&p->screen, rows, cols, &p->queue))
        channel_error(p->channel, CODE_QUOTA, NULL, "no memory for a screen");
    else {
        *command = wire_has(in, TAG_COMMAND) ? text : NULL;
        return true;
    }
    return false;
}

/* ---- requests ---- */

static bool resize(struct pty *p, const struct wire_in *in)
{
    int rows, cols;

    if (!wire_has(in, TAG_PTY_ROWS) && !wire_has(in, TAG_PTY_COLS))
        return true;
    if (!size_of(in, &rows, &cols))
        return false;
    if (rows != p->screen.rows || cols != p->screen.cols) {
        pty_screen_resize(&p->screen, rows, cols);
        set_size(p->master, rows, cols);
    }
    return true;
}

/* False: it was refused. */
static bool resize_to(struct pty *p, const struct wire_in *in, uint32_t seq)
{
    return resize(p, in) ||
           (pty_refuse(p, seq, CODE_INVALID, NULL, "rows and cols: no size"), false);
}

/* False: it was refused. */
static bool type(struct pty *p, const struct wire_in *in, uint32_t seq)
{
    const uint8_t *keys = in->tags[TAG_PTY_KEYS].data;
    size_t key_bytes = in->tags[TAG_PTY_KEYS].len, len = in->tags[TAG_DATA].len;
    bool room = p->queue.len + len + key_bytes * 8 < PTY_QUEUE - PTY_ANSWERS;

    if (!len && !key_bytes)
        return true;
    if (!p->pid) {
        pty_refuse(p, seq, CODE_GONE, "open another session",
                   "the program of this session is over: nobody reads what is typed");
        return false;
    }
    if (!room) {
        pty_refuse(p, seq, CODE_BUSY, "wait, or send C-c",
                   "the program does not read what was typed before");
        return false;
    }
    (void)pty_type(&p->queue, (const char *)in->tags[TAG_DATA].data, len);
    return pty_press(p->screen.vt, keys, key_bytes) ||
           (pty_refuse(p, seq, CODE_INVALID, NULL, "keys: one of them is none"), false);
}

static void serve(struct pty *p, const struct wire_in *in)
{
    struct pty_wait *w;

    if (!channel_shape(in, do_fields, sizeof(do_fields) / sizeof(do_fields[0])))
        request_violation();
    w = pty_wait_take(p, in);
    if (!w)
        return;
    if (!resize_to(p, in, w->seq) || !type(p, in, w->seq))
        pty_wait_drop(w);
}

/* To all that runs in it. */
static void pass_signal(int signal)
{
    (void)tree_signal(getpid(), signal, NULL);
}

/* False: the channel is closed. */
static bool obey(struct pty *p)
{
    int fds[WIRE_MAX_FDS], nfds, signal, r;
    struct wire_in in;

    r = channel_recv(p->channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);
    if (r == -2)
        request_violation();
    if (r == 1 && in.op == WIRE_PTY_DO && !nfds)
        serve(p, &in);
    else if (r == 1 && (signal = supervisor_signal(&in, nfds)))
        pass_signal(signal);
    return r;
}

/* ---- the program ---- */

/* A few bytes may draw the whole screen many times. Returns how many there were, 0: none now. */
static size_t read_some(struct pty *p)
{
    static char text[PTY_FEED];
    static size_t most = PTY_FEED / 8;
    int64_t began = pty_now();
    ssize_t n = read(p->master, text, most);

    if (n > 0) {
        alarm(FEED_S);
        pty_screen_feed(&p->screen, text, (size_t)n);
        alarm(0);
        p->output += (uint64_t)n;
        p->output_ms = pty_now();
        if (p->output_ms - began >= READ_MS)
            most = most / 4 > READ_LEAST ? most / 4 : READ_LEAST;
        else
            most = most < PTY_FEED ? most * 2 : PTY_FEED;
        return (size_t)n;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        p->hung_ms = pty_now() + HUNG_MS;
    return 0;
}

static void read_output(struct pty *p)
{
    int64_t until = pty_now() + READ_MS;

    for (int i = 0; i < READS && read_some(p) && pty_now() < until; i++)
        ;
}

static void drain(struct pty *p)
{
    int64_t until = pty_now() + DRAIN_MS;
    size_t total = 0, n;

    while (total < DRAIN_MAX && pty_now() < until && (n = read_some(p)))
        total += n;
}

static void reap(struct pty *p)
{
    static struct wire_out w;
    bool none;
    int status;

    if (!supervisor_reap(p->signals, p->pid, &status, &w, &none) || !p->pid)
        return;
    drain(p);
    p->pid = 0;
    p->status = status;
    p->over = true;
    p->queue.len = p->queue.start = 0;
    wire_put_u32(&w, TAG_DESCENDANTS, none ? 0 : (uint32_t)tree_count(getpid()));
    (void)channel_send(p->channel, &w, NULL, 0);
}

static int wait_for(struct pty *p, struct pollfd f[3], int wait)
{
    bool hung = p->hung_ms > pty_now();

    f[0] = (struct pollfd){ .fd = p->channel, .events = POLLIN };
    f[1] = (struct pollfd){ .fd = p->signals, .events = POLLIN };
    f[2] = (struct pollfd){ .fd = hung || p->over ? -1 : p->master,
                            .events = (short)(POLLIN | (p->queue.len ? POLLOUT : 0)) };
    if (hung && !p->over && (wait < 0 || wait > HUNG_MS))
        wait = HUNG_MS;
    return poll(f, 3, wait);
}

static void watch(struct pty *p)
{
    struct pollfd f[3];

    for (;;) {
        int wait = pty_wait_check(p);
        if (wait_for(p, f, wait) < 0 && errno != EINTR)
            return;
        if (f[2].fd >= 0 && f[2].revents & (POLLIN | POLLHUP | POLLERR))
            read_output(p);
        if (f[0].revents && !obey(p))
            return;
        if (p->queue.len && !p->over && !pty_queue_flush(&p->queue, p->master))
            p->queue.len = 0;
        if (f[1].revents)
            reap(p);
    }
}

void pty_serve(int channel)
{
    static char cwd[AGENT_PATH];
    const char *command = NULL;
    struct wire_in in;
    struct pty *p = &pty;

    p->channel = channel;
    p->master = -1;
    if (!request_start(channel, &in, bytes) || !accept_start(p, &in, &command, cwd))
        return;
    p->signals = supervisor_init();
    if (p->signals < 0 || !start(p, command, cwd))
        return;
    (void)pty_wait_take(p, &in);
    watch(p);
    supervisor_end();
}
