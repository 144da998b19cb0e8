#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARG_MAX_BYTES (120 * 1024) /* a single argument of execve(2) must stay below 128 KiB */

static uint8_t bytes[WIRE_MAX];

static const char *shell(void)
{
    return access("/bin/bash", X_OK) ? "/bin/sh" : "/bin/bash";
}

/* A script too long for an argument is read by the shell from a descriptor. */
static int script(const char *text)
{
    int fd = memfd_create("command", 0);
    size_t len = strlen(text), at = 0;

    while (fd >= 0 && at < len) {
        ssize_t n = write(fd, text + at, len - at);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    return fd;
}

static void started(int channel, pid_t pid)
{
    static struct wire_out w;

    wire_begin(&w, WIRE_STARTED, 0);
    wire_put_u32(&w, TAG_PID, (uint32_t)pid);
    (void)channel_send(channel, &w, NULL, 0);
}

static void complain(int channel, const char *program, const char *cwd, bool at_chdir, int error)
{
    if (at_chdir)
        channel_error(channel, error == EACCES ? CODE_DENIED : CODE_NOT_FOUND,
                      "pass an existing directory as cwd", "cwd %s: %s", cwd, strerror(error));
    else if (error == EAGAIN || error == ENOMEM)
        channel_error(channel, CODE_QUOTA,
                      "end processes that are not needed: terminal_kill, or pkill in a command",
                      "the sandbox has as many processes as it may: %s", strerror(error));
    else
        channel_error(channel, CODE_UNSUPPORTED, NULL, "cannot run %s: %s", program,
                      strerror(error));
}

static void run(int channel, struct payload *p, bool direct)
{
    int signal_fd = supervisor_init(), error;
    bool at_chdir = false;
    pid_t pid;

    if (signal_fd < 0) {
        channel_error(channel, CODE_INTERNAL, NULL, "no supervisor");
        return;
    }
    error = payload_start(p, &pid, &at_chdir);
    for (int i = 0; i < p->count; i++)
        close(p->fds[i]);
    if (error) {
        complain(channel, p->program, p->cwd, at_chdir, error);
        return;
    }
    started(channel, pid);
    supervise(channel, signal_fd, pid, direct);
}

static bool cwd_of(const struct wire_in *in, char *out)
{
    if (!wire_has(in, TAG_CWD)) {
        snprintf(out, AGENT_PATH, "%s", agent_config.workspace);
        return true;
    }
    return wire_str(in, TAG_CWD, out, AGENT_PATH);
}

void exec_serve(int channel, const int *fds, int extra)
{
    static char cwd[AGENT_PATH], path[32];
    struct wire_in in;
    const char *command;
    char *argv[4] = { (char *)(size_t) "bash", (char *)(size_t) "-c" };
    struct payload p = {
        .program = shell(), .argv = argv, .cwd = cwd, .count = 3, .fds = { fds[0], fds[1], fds[2] }
    };

    if (!request_start(channel, &in, bytes) || !cwd_of(&in, cwd))
        return;
    command = request_command(&in, extra);
    if (!command) {
        channel_error(channel, CODE_INVALID, NULL, "the command is too long or holds a NUL");
        return;
    }
    argv[2] = (char *)(size_t)command;
    if (strlen(command) > ARG_MAX_BYTES) {
        p.fds[p.count++] = script(command);
        snprintf(path, sizeof(path), "/dev/fd/3");
        argv[1] = path;
        argv[2] = NULL;
    }
    p.env = in.tags[TAG_ENV].data;
    p.env_len = in.tags[TAG_ENV].len;
    run(channel, &p, false);
}

static const struct {
    const char *language, *script;
    const char *programs[3];
} runners[] = {
    { "python", "/run/sandbox-mcp/runner.py", { "/usr/bin/python3", "/usr/local/bin/python3" } },
    { "javascript",
      "/run/sandbox-mcp/runner.js",
      { "/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs" } },
};

static const char *first_there(const char *const *programs, size_t count)
{
    for (size_t i = 0; i < count && programs[i]; i++)
        if (!access(programs[i], X_OK))
            return programs[i];
    return NULL;
}

void runner_serve(int channel, const int *fds)
{
    static char cwd[AGENT_PATH], path[AGENT_PATH], language[32];
    struct wire_in in;
    size_t i = 0, count = sizeof(runners) / sizeof(runners[0]);
    char *argv[5] = { language, path, (char *)(size_t) "3", (char *)(size_t) "4" };
    struct payload p = {
        .argv = argv, .cwd = cwd, .count = 5, .fds = { fds[0], fds[1], fds[2], fds[3], fds[4] }
    };

    if (!request_start(channel, &in, bytes) || !cwd_of(&in, cwd) ||
        !wire_str(&in, TAG_LANGUAGE, language, sizeof(language)))
        return;
    while (i < count && strcmp(runners[i].language, language))
        i++;
    p.program = i < count ? first_there(runners[i].programs, 3) : NULL;
    if (!p.program) {
        channel_error(channel, CODE_UNSUPPORTED, "use another language, or install it on the host",
                      "there is no interpreter for %s in this sandbox", language);
        return;
    }
    if (!wire_str(&in, TAG_PATH, path, sizeof(path)))
        snprintf(path, sizeof(path), "%s", runners[i].script);
    p.env = in.tags[TAG_ENV].data;
    p.env_len = in.tags[TAG_ENV].len;
    run(channel, &p, true);
}
