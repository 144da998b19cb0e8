#include "backend/agent/payload.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *environment[AGENT_ENV_VARS + 1];
static size_t environment_len;

bool payload_env_valid(const uint8_t *block, size_t len)
{
    const char *text = (const char *)block;
    size_t vars = 0;

    if (len && text[len - 1])
        return false;
    for (size_t at = 0; at < len; at += strlen(text + at) + 1, vars++)
        if (text[at] == '=' || !strchr(text + at, '='))
            return false;
    return vars <= AGENT_ENV_VARS;
}

static bool put(char *var)
{
    size_t name = strcspn(var, "=") + 1;

    for (size_t i = 0; i < environment_len; i++)
        if (!strncmp(environment[i], var, name)) {
            environment[i] = var;
            return true;
        }
    if (environment_len == AGENT_ENV_VARS)
        return false;
    environment[environment_len++] = var;
    return true;
}

static bool put_all(const char *block, size_t len)
{
    for (size_t at = 0; at < len; at += strlen(block + at) + 1)
        if (!put((char *)(size_t)(block + at)))
            return false;
    return true;
}

bool payload_env(const uint8_t *block, size_t len)
{
    environment_len = 0;
    return payload_env_valid(block, len) && put_all(agent_config.env, agent_config.env_len) &&
           put_all((const char *)block, len);
}

/* Each descriptor to its number; those that lie in the way are lifted first. */
static bool place(const struct payload *p)
{
    int fds[PAYLOAD_FDS];

    for (int i = 0; i < p->count; i++) {
        fds[i] = p->fds[i] < p->count ? fcntl(p->fds[i], F_DUPFD, p->count) : p->fds[i];
        if (fds[i] < 0)
            return false;
    }
    for (int i = 0; i < p->count; i++)
        if (dup2(fds[i], i) < 0)
            return false;
    return !syscall(SYS_close_range, p->count, ~0U, 0);
}

/* Runs in the vfork child: the parent's memory, its own descriptors, limits and signals. */
static _Noreturn void become(const struct payload *p, volatile int *failure,
                             volatile bool *at_chdir)
{
    sigset_t none;

    sigemptyset(&none);
    if (place(p) && setsid() >= 0 && confine_payload()) {
        *at_chdir = true;
        if (!chdir(p->cwd)) {
            *at_chdir = false;
            sigprocmask(SIG_SETMASK, &none, NULL);
            execve(p->program, p->argv, environment);
        }
    }
    *failure = errno;
    _exit(127);
}

int payload_start(const struct payload *p, pid_t *pid, bool *at_chdir)
{
    volatile int failure = 0;
    volatile bool chdir_failed = false;
    pid_t child;

    environment[environment_len] = NULL;
    child = vfork();
    if (!child)
        become(p, &failure, &chdir_failed);
    if (child < 0)
        return errno;
    if (failure) {
        (void)waitpid(child, NULL, __WALL);
        *at_chdir = chdir_failed;
        return failure;
    }
    *pid = child;
    return 0;
}

void request_violation(void)
{
    _exit(AGENT_VIOLATION);
}

bool request_start(int channel, struct wire_in *in, uint8_t *bytes)
{
    int fds[WIRE_MAX_FDS], nfds, r = channel_recv(channel, in, bytes, fds, &nfds, 0);

    if (r < 0 || (r && (in->op != WIRE_START || nfds)))
        request_violation();
    return r;
}

static const char *read_command(int fd)
{
    static char text[COMMAND_MAX + 1];
    size_t len = 0;

    for (;;) {
        ssize_t n = read(fd, text + len, sizeof(text) - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || len + (size_t)n > COMMAND_MAX)
            return NULL;
        if (!n)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    return memchr(text, 0, len) ? NULL : text;
}

const char *request_command(const struct wire_in *in, int extra)
{
    static char text[WIRE_MAX];

    if (wire_has(in, TAG_COMMAND_FD))
        return extra >= 0 && !wire_has(in, TAG_COMMAND) ? read_command(extra) : NULL;
    return wire_str(in, TAG_COMMAND, text, sizeof(text)) ? text : NULL;
}

bool request_cwd(const struct wire_in *in, char *out, size_t size)
{
    if (wire_has(in, TAG_CWD))
        return wire_str(in, TAG_CWD, out, size);
    snprintf(out, size, "%s", agent_config.workspace);
    return true;
}
