#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/request.h"
#include "backend/agent/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct frame_field fields[] = {
    { TAG_COMMAND, FIELD_BYTES },
    { TAG_COMMAND_FD, FIELD_U32 },
    { TAG_CWD, FIELD_BYTES },
    { TAG_ENV, FIELD_BYTES },
};

static const char *path_of(const struct session *s, char kind)
{
    static char path[SESSION_PATH];

    snprintf(path, sizeof(path), "%s/%u.%c", s->dir, s->number, kind);
    return path;
}

static void remove_fifos(const struct session *s)
{
    for (const char *kind = "oesc"; *kind; kind++)
        (void)unlink(path_of(s, *kind));
}

/* ---- its start ---- */

/* A stream of jobs that outlived their command. */
static void hold(struct session *s, struct tap *t)
{
    int i = 0;

    if (t->from < 0)
        return;
    while (i < SESSION_HOLDERS && s->holders[i].from >= 0)
        i++;
    if (i == SESSION_HOLDERS) {
        i--;
        tap_close(&s->holders[0]);
        memmove(&s->holders[0], &s->holders[1], sizeof(s->holders) - sizeof(s->holders[0]));
    }
    s->holders[i] = *t;
    *t = TAP_NONE;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t len = strlen(text), at = 0;
    ssize_t n = 1;

    while (fd >= 0 && at < len && (n = write(fd, text + at, len - at)) > 0)
        at += (size_t)n;
    return fd >= 0 && !close(fd) && n > 0;
}

static bool is_directory(const char *path)
{
    struct stat st;

    errno = ENOTDIR;
    return !stat(path, &st) && S_ISDIR(st.st_mode) && !access(path, X_OK);
}

bool session_shape(const struct session *s, const struct wire_in *in)
{
    bool good = channel_shape(in, fields, sizeof(fields) / sizeof(fields[0]));

    if (!good)
        channel_error(s->channel, CODE_INVALID, NULL, "the request has a field that does not fit");
    return good;
}

/* False when it has been answered with an ERROR. */
static bool acceptable(const struct session *s, const struct wire_in *in, const char *command,
                       const char *cwd)
{
    const uint8_t *env = in->tags[TAG_ENV].data;
    size_t len = in->tags[TAG_ENV].len;

    if (!session_shape(s, in))
        return false;
    if (wire_has(in, TAG_CWD) && !cwd)
        channel_error(s->channel, CODE_INVALID, NULL, "cwd: too long, or with a NUL");
    else if (s->phase != SESSION_IDLE)
        channel_error(s->channel, CODE_BUSY, NULL, "the session is still running a command");
    else if (!command)
        channel_error(s->channel, CODE_INVALID, "write a script to a file and run that",
                      "command: none, or longer than %d bytes, or with a NUL", COMMAND_MAX);
    else if (!config_env_valid(env, len) || !script_env_valid(env, len))
        channel_error(s->channel, CODE_INVALID, "use letters, digits and _ in names",
                      "env: a session takes only names that a shell can assign to, at most %d",
                      AGENT_ENV_VARS);
    else if (cwd && !is_directory(cwd))
        channel_error(s->channel, errno == EACCES ? CODE_DENIED : CODE_NOT_FOUND,
                      "pass an existing directory as cwd", "cwd %s: %s", cwd, strerror(errno));
    else
        return true;
    return false;
}

/* False: /tmp does not let it. The directory may have been removed by a command. */
static bool open_command(struct session *s, struct script_command *c, int out, int errs)
{
    size_t len = strlen(c->command);
    bool o, e;

    (void)mkdir(s->dir, 0700);
    o = tap_open(&s->out, path_of(s, 'o'), out);
    e = tap_open(&s->errs, path_of(s, 'e'), errs);
    if (!o || !e || !tap_open(&s->status, path_of(s, 's'), -1))
        return false;
    if (len > SESSION_LINE_MAX && write_file(path_of(s, 'c'), c->command))
        c->command = NULL;
    return !c->command || len <= SESSION_INLINE_MAX;
}

static void give_up(struct session *s)
{
    tap_close(&s->out);
    tap_close(&s->errs);
    tap_close(&s->status);
    remove_fifos(s);
}

void session_run(struct session *s, const struct wire_in *in, int out, int errs, int extra)
{
    static char cwd[AGENT_PATH];
    const char *command = request_command(in, extra);
    struct script_command c = { .dir = s->dir,
                                .number = s->number + 1,
                                .cwd = wire_str(in, TAG_CWD, cwd, sizeof(cwd)) ? cwd : NULL,
                                .env = in->tags[TAG_ENV].data,
                                .env_len = in->tags[TAG_ENV].len };

    if (extra >= 0)
        close(extra);
    if (!acceptable(s, in, command, c.cwd)) {
        close(out);
        close(errs);
        return;
    }
    hold(s, &s->out);
    hold(s, &s->errs);
    session_remember(s);
    s->number++;
    s->status_len = 0;
    c.command = command;
    if (!open_command(s, &c, out, errs)) {
        channel_error(s->channel, CODE_QUOTA, "free space in /tmp", "cannot run it: %s",
                      strerror(errno));
        give_up(s);
    } else if (!script_add(&s->script, &c)) {
        channel_error(s->channel, CODE_TOO_LARGE, "pass less in env", "env is too long");
        give_up(s);
    } else {
        s->phase = SESSION_RUNNING;
    }
}

/* ---- its end ---- */

static void over(struct session *s, uint8_t op, int status)
{
    wire_begin(&s->last, op, 0);
    wire_put_u32(&s->last, TAG_STATUS, (uint32_t)status);
    wire_put_str(&s->last, TAG_CWD, s->cwd);
    s->phase = op == WIRE_LOST ? SESSION_DYING : SESSION_ENDING;
    tap_close(&s->status);
    tap_settle(&s->out);
    tap_settle(&s->errs);
    remove_fifos(s);
}

/* What is no status comes from somebody else than the line that ends a command. */
static void take_status(struct session *s, size_t len)
{
    int code;

    if (script_status(s->status_text, len, &code, s->cwd))
        over(s, WIRE_EXIT, code << 8);
    else
        (void)kill(s->shell, SIGKILL);
}

static void read_status(struct session *s, int fd)
{
    size_t room = sizeof(s->status_text) - s->status_len;
    ssize_t n = read(fd, s->status_text + s->status_len, room);
    const char *end;

    if (n <= 0)
        return;
    s->status_len += (size_t)n;
    end = memchr(s->status_text, 0, s->status_len);
    if (end || s->status_len == sizeof(s->status_text))
        take_status(s, end ? (size_t)(end - s->status_text) : s->status_len);
}

void session_read_status(struct session *s)
{
    read_status(s, s->status.from);
}

/* Without the FIFO the shell has written a file; without the directory, nothing. */
void session_check(struct session *s)
{
    struct stat st;
    int fd;

    if (s->phase != SESSION_RUNNING)
        return;
    if (lstat(path_of(s, 's'), &st)) {
        (void)mkdir(s->dir, 0700);
        tap_close(&s->status);
        if (tap_open(&s->status, path_of(s, 's'), -1))
            script_add_status(&s->script, s->dir, s->number);
    } else if (S_ISREG(st.st_mode)) {
        fd = open(path_of(s, 's'), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        s->status_len = 0;
        if (fd >= 0) {
            read_status(s, fd);
            close(fd);
        }
    }
}

void session_lost(struct session *s, int status)
{
    s->shell = 0;
    over(s, WIRE_LOST, status);
}

bool session_tell(struct session *s)
{
    bool dying = s->phase == SESSION_DYING;

    if (s->phase < SESSION_ENDING || s->out.owed || s->errs.owed)
        return true;
    wire_put_u32(&s->last, TAG_DESCENDANTS,
                 dying ? 0 : (uint32_t)((s->out.from >= 0) + (s->errs.from >= 0)));
    s->phase = SESSION_IDLE;
    return channel_send(s->channel, &s->last, NULL, 0) && !dying;
}
