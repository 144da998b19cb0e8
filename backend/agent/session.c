#include "backend/agent/session.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/supervise.h"
#include "backend/agent/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEFT_BEHIND_MAX 4096 /* names in the directory that are removed with it */

struct old {
    pid_t pid;
    uint64_t start;
};

enum phase { IDLE, RUNNING, ENDING, DYING }; /* ENDING, DYING: `last` goes out once all is moved */

static uint8_t bytes[WIRE_MAX];
static struct wire_out last, usage;
static struct script script;

static struct session {
    int channel, signals, shell_fifo;
    pid_t shell; /* 0: gone */
    char dir[SESSION_DIR], cwd[AGENT_PATH];
    unsigned number; /* of the running or last command */
    enum phase phase;
    struct tap out, errs, status;
    struct tap holders[SESSION_HOLDERS]; /* the first one is the oldest */
    char status_text[SESSION_STATUS];
    size_t status_len;
    struct old olds[SESSION_OLD]; /* what ran before the command, ascending by pid */
    size_t old_count;
} s;

static const struct frame_field fields[] = {
    { TAG_COMMAND, FIELD_BYTES },
    { TAG_COMMAND_FD, FIELD_U32 },
    { TAG_CWD, FIELD_BYTES },
    { TAG_ENV, FIELD_BYTES },
};

static const char *fifo(unsigned number, char kind)
{
    static char path[SESSION_PATH];

    snprintf(path, sizeof(path), "%s/%u.%c", s.dir, number, kind);
    return path;
}

static void remove_fifos(void)
{
    for (const char *kind = "oesc"; *kind; kind++)
        (void)unlink(fifo(s.number, *kind));
}

/* ---- whom signals are for ---- */

static bool skip_old(const struct process *p)
{
    for (size_t i = 0; i < s.old_count && s.olds[i].pid <= p->pid; i++)
        if (s.olds[i].pid == p->pid && s.olds[i].start == p->start)
            return true;
    return false;
}

/* Jobs of earlier commands, before the next one starts. */
static void remember_old(void)
{
    size_t count;
    const struct process *list = tree_below(getpid(), NULL, &count);

    s.old_count = 0;
    for (size_t i = 0; i < count && s.old_count < SESSION_OLD; i++)
        if (list[i].pid != s.shell)
            s.olds[s.old_count++] = (struct old){ list[i].pid, list[i].start };
}

/* What the running command has started; when that is nothing, the shell itself is what runs. */
static void pass_signal(int signal)
{
    size_t count, others = 0;
    const struct process *list = tree_below(getpid(), skip_old, &count);

    for (size_t i = 0; i < count; i++)
        if (list[i].pid != s.shell && list[i].state != 'Z') {
            (void)kill(list[i].pid, signal);
            others++;
        }
    if (!others && s.shell && s.phase == RUNNING)
        (void)kill(s.shell, signal);
}

/* ---- a command ---- */

/* Streams of jobs that outlived their command. */
static void hold(struct tap *t)
{
    if (t->from < 0) {
        tap_close(t);
        return;
    }
    for (int i = 0; i < SESSION_HOLDERS; i++)
        if (s.holders[i].from < 0) {
            s.holders[i] = *t;
            *t = TAP_NONE;
            return;
        }
    tap_close(&s.holders[0]);
    memmove(&s.holders[0], &s.holders[1], sizeof(s.holders) - sizeof(s.holders[0]));
    s.holders[SESSION_HOLDERS - 1] = *t;
    *t = TAP_NONE;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t len = strlen(text), at = 0;
    ssize_t n = 1;

    while (fd >= 0 && at < len && (n = write(fd, text + at, len - at)) > 0)
        at += (size_t)n;
    if (fd < 0 || close(fd) || n <= 0)
        return false;
    return true;
}

static bool is_directory(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISDIR(st.st_mode) && !access(path, X_OK);
}

/* False when it has been answered with an ERROR. */
static bool acceptable(const struct wire_in *in, const char *command, const char *cwd)
{
    const uint8_t *env = in->tags[TAG_ENV].data;
    size_t len = in->tags[TAG_ENV].len;

    if (!channel_shape(in, fields, 4))
        channel_error(s.channel, CODE_INVALID, NULL,
                      "the request has a field that does not belong");
    else if (s.phase != IDLE)
        channel_error(s.channel, CODE_BUSY, NULL, "the session is still running a command");
    else if (!command)
        channel_error(s.channel, CODE_INVALID, "write a script to a file and run that",
                      "command: none, or longer than %d bytes, or with a NUL", COMMAND_MAX);
    else if (!payload_env_valid(env, len) || !script_env_valid(env, len))
        channel_error(s.channel, CODE_INVALID, "use letters, digits and _ in names",
                      "env: a session takes only names that a shell can assign to, at most %d",
                      AGENT_ENV_VARS);
    else if (cwd && !is_directory(cwd))
        channel_error(s.channel, CODE_NOT_FOUND, "pass an existing directory as cwd", "cwd %s: %s",
                      cwd, errno == EACCES ? strerror(errno) : "no such directory");
    else
        return true;
    return false;
}

/* False: /tmp does not let it. The directory may have been removed by a command. */
static bool open_command(const char *command, int out, int errs)
{
    bool longer = strlen(command) > SESSION_LINE_MAX, o, e;

    (void)mkdir(s.dir, 0700);
    o = tap_open(&s.out, fifo(s.number, 'o'), out);
    e = tap_open(&s.errs, fifo(s.number, 'e'), errs);
    return o && e && tap_open(&s.status, fifo(s.number, 's'), -1) &&
           (!longer || write_file(fifo(s.number, 'c'), command));
}

static void start(const struct wire_in *in, int out, int errs, int extra)
{
    static char cwd[AGENT_PATH];
    const char *command = request_command(in, extra);
    bool moves = wire_str(in, TAG_CWD, cwd, sizeof(cwd));
    struct script_command c = { .dir = s.dir,
                                .number = s.number + 1,
                                .cwd = moves ? cwd : NULL,
                                .env = in->tags[TAG_ENV].data,
                                .env_len = in->tags[TAG_ENV].len };

    if (extra >= 0)
        close(extra);
    if (!acceptable(in, command, c.cwd)) {
        close(out);
        close(errs);
        return;
    }
    hold(&s.out);
    hold(&s.errs);
    remember_old();
    s.number++;
    s.status_len = 0;
    c.command = strlen(command) > SESSION_LINE_MAX ? NULL : command;
    if (!open_command(command, out, errs)) {
        channel_error(s.channel, CODE_QUOTA, "free space in /tmp", "cannot run it: %s",
                      strerror(errno));
    } else if (!script_add(&script, &c)) {
        channel_error(s.channel, CODE_TOO_LARGE, "pass less in env", "env is too long");
    } else {
        s.phase = RUNNING;
        return;
    }
    tap_close(&s.out);
    tap_close(&s.errs);
    tap_close(&s.status);
    remove_fifos();
}

/* ---- its end ---- */

static void put_state(uint8_t op, int status)
{
    wire_begin(&last, op, 0);
    wire_put_u32(&last, TAG_STATUS, (uint32_t)status);
    wire_put_str(&last, TAG_CWD, s.cwd);
}

static void command_over(int status, enum phase next)
{
    put_state(next == DYING ? WIRE_LOST : WIRE_EXIT, status);
    s.phase = next;
    tap_close(&s.status);
    tap_settle(&s.out);
    tap_settle(&s.errs);
    remove_fifos();
}

static void read_status(void)
{
    size_t room = sizeof(s.status_text) - s.status_len;
    ssize_t n = read(s.status.from, s.status_text + s.status_len, room);
    char *end;
    int code;

    if (n <= 0)
        return;
    s.status_len += (size_t)n;
    end = memchr(s.status_text, 0, s.status_len);
    if (!end && s.status_len < sizeof(s.status_text))
        return;
    if (script_status(s.status_text, end ? (size_t)(end - s.status_text) : s.status_len, &code,
                      s.cwd))
        command_over(code << 8, ENDING);
    else
        (void)kill(s.shell, SIGKILL);
}

/* All that the command wrote is in the pipes: now it may be told. False: the session is over. */
static bool tell(void)
{
    bool dying = s.phase == DYING;

    if (s.phase < ENDING || s.out.owed || s.errs.owed)
        return true;
    wire_put_u32(&last, TAG_DESCENDANTS,
                 dying ? 0 : (uint32_t)((s.out.from >= 0) + (s.errs.from >= 0)));
    s.phase = IDLE;
    return channel_send(s.channel, &last, NULL, 0) && !dying;
}

/* ---- the shell ---- */

static void reap(void)
{
    bool none;
    int status;

    if (!s.shell || !supervisor_reap(s.signals, s.shell, &status, &usage, &none))
        return;
    s.shell = 0;
    command_over(status, DYING);
}

static bool obey(void)
{
    int fds[WIRE_MAX_FDS], nfds, r;
    struct wire_in in;

    r = channel_recv(s.channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);
    if (r == -2 || (r == 1 && in.op == WIRE_RUN && nfds != 2 && nfds != 3))
        request_violation();
    if (r == 1 && in.op == WIRE_RUN) {
        start(&in, fds[0], fds[1], nfds == 3 ? fds[2] : -1);
    } else if (r == 1) {
        int signal = supervisor_signal(&in, nfds);
        if (signal)
            pass_signal(signal);
    }
    return r;
}

static bool feed_shell(void)
{
    ssize_t n = write(s.shell_fifo, script.text + script.sent, script.len - script.sent);

    if (n > 0)
        script.sent += (size_t)n;
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static bool start_shell(void)
{
    static char path[SESSION_PATH];
    char *argv[] = { (char *)(size_t) "bash", (char *)(size_t) "--noprofile",
                     (char *)(size_t) "--norc", (char *)(size_t) "bash", NULL };
    const char *bash = program_path("bash");
    struct payload p = { .program = bash, .argv = argv, .cwd = s.dir, .count = 3 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), error = ENOENT;
    bool at_chdir = false;

    snprintf(path, sizeof(path), "%s/bash", s.dir);
    p.fds[0] = p.fds[1] = p.fds[2] = null;
    if (null < 0 || mkfifo(path, 0600) ||
        (s.shell_fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        error = errno;
    else if (bash && payload_env(NULL, 0))
        error = payload_start(&p, &s.shell, &at_chdir);
    if (null >= 0)
        close(null);
    if (error)
        channel_error(s.channel, error == EAGAIN ? CODE_QUOTA : CODE_UNSUPPORTED,
                      "run the command without session_id", "cannot start bash: %s",
                      strerror(error));
    return !error;
}

static void pump(struct tap *t, const struct pollfd *p)
{
    if (p->fd >= 0 && p->revents)
        tap_pump(t);
}

static void watch(void)
{
    enum { CHANNEL, SIGNALS, SHELL, STATUS, OUT, ERRS, HOLDERS };

    while (tell()) {
        struct pollfd p[HOLDERS + SESSION_HOLDERS] = {
            [CHANNEL] = { .fd = s.channel, .events = POLLIN },
            [SIGNALS] = { .fd = s.signals, .events = POLLIN },
            [SHELL] = { .fd = script.sent < script.len ? s.shell_fifo : -1, .events = POLLOUT },
            [STATUS] = { .fd = s.status.from, .events = POLLIN },
        };
        tap_poll(&s.out, &p[OUT]);
        tap_poll(&s.errs, &p[ERRS]);
        for (int i = 0; i < SESSION_HOLDERS; i++)
            tap_poll(&s.holders[i], &p[HOLDERS + i]);
        if (poll(p, HOLDERS + SESSION_HOLDERS, -1) < 0 && errno != EINTR)
            return;
        pump(&s.out, &p[OUT]);
        pump(&s.errs, &p[ERRS]);
        for (int i = 0; i < SESSION_HOLDERS; i++)
            pump(&s.holders[i], &p[HOLDERS + i]);
        if (p[STATUS].revents)
            read_status();
        if (p[SHELL].revents && !feed_shell())
            return;
        if (p[SIGNALS].revents)
            reap();
        if (p[CHANNEL].revents && !obey())
            return;
    }
}

static void remove_dir(void)
{
    DIR *d = opendir(s.dir);
    struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d)) && n++ < LEFT_BEHIND_MAX)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    (void)rmdir(s.dir);
}

void session_serve(int channel, const int *fds, int extra)
{
    struct wire_in in;

    s = (struct session){
        .channel = channel, .out = TAP_NONE, .errs = TAP_NONE, .status = TAP_NONE
    };
    for (int i = 0; i < SESSION_HOLDERS; i++)
        s.holders[i] = TAP_NONE;
    snprintf(s.dir, sizeof(s.dir), "/tmp/.session-XXXXXX");
    snprintf(s.cwd, sizeof(s.cwd), "%s", agent_config.workspace);
    if (!request_start(channel, &in, bytes))
        return;
    s.signals = supervisor_init();
    if (s.signals < 0 || !mkdtemp(s.dir)) {
        channel_error(channel, CODE_QUOTA, "free space in /tmp", "cannot open a session: %s",
                      strerror(errno));
        return;
    }
    script_begin(&script, agent_config.workspace);
    if (start_shell()) {
        start(&in, fds[0], fds[1], extra);
        watch();
    }
    supervisor_end();
    remove_dir();
}
