#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/request.h"
#include "backend/agent/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGUMENT_MAX (120 * 1024) /* a single argument of execve(2) must stay below 128 KiB */

static uint8_t bytes[WIRE_MAX];

/* `longer` runs what descriptor 3 holds, and hides 3 from it; stdin stays the command's own. */
static const struct {
    const char *name, *longer;
} shells[] = {
    { "bash", "eval \"$(</dev/fd/3)\" 3<&-" },
    { "sh", "eval \"$(cat <&3)\" 3<&-" },
};

static const struct frame_field exec_fields[] = {
    { TAG_COMMAND, FIELD_BYTES },
    { TAG_COMMAND_FD, FIELD_U32 },
    { TAG_CWD, FIELD_BYTES },
    { TAG_ENV, FIELD_BYTES },
};

static const struct frame_field runner_fields[] = {
    { TAG_LANGUAGE, FIELD_BYTES },
    { TAG_PATH, FIELD_BYTES },
    { TAG_CWD, FIELD_BYTES },
    { TAG_ENV, FIELD_BYTES },
};

static int script(const char *text)
{
    int fd = memfd_create("command", MFD_CLOEXEC);
    size_t len = strlen(text), at = 0;

    while (fd >= 0 && at < len) {
        ssize_t n = write(fd, text + at, len - at);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static void started(int channel, pid_t pid)
{
    static struct wire_out w;

    wire_begin(&w, WIRE_STARTED, 0);
    wire_put_u32(&w, TAG_PID, (uint32_t)pid);
    wire_put_u32(&w, TAG_SUPERVISOR, (uint32_t)getpid());
    (void)channel_send(channel, &w, NULL, 0);
}

static void run(int channel, struct payload *p, bool direct)
{
    int signals = supervisor_init(), error;
    bool at_chdir = false;
    pid_t pid;

    if (signals < 0) {
        channel_error(channel, CODE_INTERNAL, NULL, "no supervisor: %s", strerror(errno));
        return;
    }
    error = payload_start(p, &pid, &at_chdir);
    for (int i = 0; i < p->count; i++)
        close(p->fds[i]);
    if (error) {
        payload_complain(channel, p, at_chdir, error);
        return;
    }
    started(channel, pid);
    supervise(channel, signals, pid, direct);
}

/* What all requests have; false when it has been answered. */
static bool accept_request(int channel, const struct wire_in *in, const struct frame_field *fields,
                           size_t count, char cwd[AGENT_PATH])
{
    if (!channel_shape(in, fields, count))
        channel_error(channel, CODE_INVALID, NULL, "the request has a field that does not belong");
    else if (!request_cwd(in, cwd, AGENT_PATH))
        channel_error(channel, CODE_INVALID, "pass a shorter path", "cwd: not a path");
    else if (!payload_env(in->tags[TAG_ENV].data, in->tags[TAG_ENV].len))
        channel_error(channel, CODE_INVALID, "pass fewer variables",
                      "env: malformed, or more than %d variables in all", AGENT_ENV_VARS);
    else
        return true;
    return false;
}

void exec_serve(int channel, const int *fds, int extra)
{
    static char cwd[AGENT_PATH];
    struct wire_in in;
    const char *command;
    char *argv[] = { NULL, (char *)(size_t) "-c", NULL, NULL };
    struct payload p = { .argv = argv, .cwd = cwd, .count = 3, .fds = { fds[0], fds[1], fds[2] } };
    size_t i = 0;

    if (!request_start(channel, &in, bytes) || !accept_request(channel, &in, exec_fields, 4, cwd))
        return;
    command = request_command(&in, extra);
    if (!command) {
        channel_error(channel, CODE_INVALID, "write a script to a file and run that",
                      "command: none, or longer than %d bytes, or with a NUL", COMMAND_MAX);
        return;
    }
    while (i + 1 < sizeof(shells) / sizeof(shells[0]) && !program_path(shells[i].name))
        i++;
    p.program = program_path(shells[i].name);
    if (!p.program) {
        channel_error(channel, CODE_UNSUPPORTED, NULL, "there is no shell in this sandbox");
        return;
    }
    argv[0] = (char *)(size_t)shells[i].name;
    argv[2] = (char *)(size_t)command;
    if (strlen(command) > ARGUMENT_MAX) {
        argv[2] = (char *)(size_t)shells[i].longer;
        p.fds[p.count++] = script(command);
    }
    run(channel, &p, false);
}

static const struct {
    const char *language, *program, *script;
} runners[] = {
    { "python", "python3", "/run/sandbox-mcp/runner.py" },
    { "javascript", "node", "/run/sandbox-mcp/runner.js" },
    { "typescript", "node", "/run/sandbox-mcp/runner.js" },
    { "r", "Rscript", "/run/sandbox-mcp/runner.R" },
};

void runner_serve(int channel, const int *fds)
{
    static char cwd[AGENT_PATH], path[AGENT_PATH], language[32];
    struct wire_in in;
    size_t i = 0, count = sizeof(runners) / sizeof(runners[0]);
    char *argv[] = { NULL, path, language, (char *)(size_t) "3", (char *)(size_t) "4", NULL };
    struct payload p = {
        .argv = argv, .cwd = cwd, .count = 5, .fds = { fds[0], fds[1], fds[2], fds[3], fds[4] }
    };

    if (!request_start(channel, &in, bytes) || !accept_request(channel, &in, runner_fields, 4, cwd))
        return;
    (void)wire_str(&in, TAG_LANGUAGE, language, sizeof(language));
    while (i < count && strcmp(runners[i].language, language))
        i++;
    p.program = i < count ? program_path(runners[i].program) : NULL;
    if (!p.program) {
        channel_error(channel, CODE_UNSUPPORTED, "use another language, or install it on the host",
                      "there is no interpreter for %s in this sandbox", language);
        return;
    }
    argv[0] = (char *)(size_t)p.program; /* Python finds its library beside it */
    if (!agent_config.host || !wire_str(&in, TAG_PATH, path, sizeof(path)))
        snprintf(path, sizeof(path), "%s", runners[i].script);
    run(channel, &p, true);
}
