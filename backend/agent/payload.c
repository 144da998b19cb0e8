#include "backend/agent/payload.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *environment[AGENT_ENV_VARS + 1];
static size_t environment_len;

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
    return config_env_valid(block, len) && put_all(agent_config.env, agent_config.env_len) &&
           put_all((const char *)block, len);
}

bool payload_env_only(const uint8_t *block, size_t len)
{
    environment_len = 0;
    return config_env_valid(block, len) && put_all((const char *)block, len);
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
    if (place(p) && setsid() >= 0 && (!p->terminal || !ioctl(0, TIOCSCTTY, 0)) &&
        confine_payload() && (!p->bound || !prctl(PR_SET_PDEATHSIG, SIGKILL))) {
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

void payload_complain(int channel, const struct payload *p, bool at_chdir, int error)
{
    if (at_chdir)
        channel_error(channel, error == EACCES ? CODE_DENIED : CODE_NOT_FOUND,
                      "pass an existing directory as cwd", "cwd %s: %s", p->cwd, strerror(error));
    else if (error == EAGAIN || error == ENOMEM)
        channel_error(channel, CODE_QUOTA,
                      "end processes that are not needed: terminal_kill, or pkill in a command",
                      "the sandbox has as many processes as it may: %s", strerror(error));
    else if (error == E2BIG)
        channel_error(channel, CODE_TOO_LARGE, "pass less in env, or write it to a file",
                      "env and command are too long for a program");
    else
        channel_error(channel, CODE_UNSUPPORTED, NULL, "cannot run %s: %s", p->program,
                      strerror(error));
}
