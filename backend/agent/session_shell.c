#include "backend/agent/channel.h"
#include "backend/agent/payload.h"
#include "backend/agent/session.h"
#include "backend/agent/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEFT_BEHIND_MAX 4096 /* names in the directory that are removed with it */

static int start_bash(struct session *s)
{
    static char path[SESSION_PATH];
    char *argv[] = { (char *)(size_t) "bash", (char *)(size_t) "--noprofile",
                     (char *)(size_t) "--norc", (char *)(size_t) "bash", NULL };
    struct payload p = { .program = program_path("bash"), .argv = argv, .cwd = s->dir, .count = 3 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), error = 0;
    bool at_chdir = false;

    snprintf(path, sizeof(path), "%s/bash", s->dir);
    p.fds[0] = p.fds[1] = p.fds[2] = null;
    if (null < 0 || mkfifo(path, 0600) ||
        (s->shell_fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        error = errno;
    else if (!p.program)
        error = ENOENT;
    else if (!payload_env(NULL, 0))
        error = E2BIG;
    else
        error = payload_start(&p, &s->shell, &at_chdir);
    if (null >= 0)
        close(null);
    return error;
}

bool session_open(struct session *s)
{
    int error;

    snprintf(s->dir, sizeof(s->dir), "/tmp/.session-%d-XXXXXX", (int)getppid());
    if (!mkdtemp(s->dir)) {
        channel_error(s->channel, CODE_QUOTA, "free space in /tmp", "cannot open a session: %s",
                      strerror(errno));
        return false;
    }
    script_begin(&s->script, agent_config.workspace);
    error = start_bash(s);
    if (error)
        channel_error(s->channel, error == EAGAIN ? CODE_QUOTA : CODE_UNSUPPORTED,
                      "run the command without session_id", "cannot start bash: %s",
                      strerror(error));
    return !error;
}

bool session_feed(struct session *s)
{
    struct script *c = &s->script;
    ssize_t n = write(s->shell_fifo, c->text + c->sent, c->len - c->sent);

    if (n > 0)
        c->sent += (size_t)n;
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static void remove_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), n = 0;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    struct stat st;

    if (fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid())
        while (d && (e = readdir(d)) && n++ < LEFT_BEHIND_MAX)
            (void)unlinkat(fd, e->d_name, 0);
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    (void)rmdir(path);
}

void session_tidy(const struct session *s)
{
    remove_directory(s->dir);
}

void session_tidy_all(void)
{
    char prefix[SESSION_DIR], path[SESSION_PATH];
    DIR *tmp = opendir("/tmp");
    struct dirent *e;
    int n = snprintf(prefix, sizeof(prefix), ".session-%d-", (int)getpid());

    while (tmp && (e = readdir(tmp)))
        if (!strncmp(e->d_name, prefix, (size_t)n) && strlen(e->d_name) < SESSION_DIR) {
            snprintf(path, sizeof(path), "/tmp/%.*s", SESSION_DIR, e->d_name);
            remove_directory(path);
        }
    if (tmp)
        closedir(tmp);
}

static const struct session *asking;

static bool skip_old(const struct process *p)
{
    const struct session *s = asking;

    for (size_t i = 0; i < s->old_count && s->olds[i].pid <= p->pid; i++)
        if (s->olds[i].pid == p->pid && s->olds[i].start == p->start)
            return true;
    return false;
}

/* As /proc prints them: each with a space behind it. */
static bool children_are(pid_t pid, const char *expected)
{
    char path[64], text[32];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
    }
    if (n < 0)
        return false;
    text[n] = '\0';
    return !strcmp(text, expected);
}

/* Nothing but the shell: much faster found out than by a pass over /proc. */
static bool alone(const struct session *s)
{
    char shell[16];

    snprintf(shell, sizeof(shell), "%d ", (int)s->shell);
    return children_are(getpid(), shell) && children_are(s->shell, "");
}

void session_remember(struct session *s)
{
    const struct process *list;
    size_t count;

    s->old_count = 0;
    if (alone(s))
        return;
    list = tree_below(getpid(), NULL, &count);
    for (size_t i = 0; i < count && s->old_count < SESSION_OLD; i++)
        if (list[i].pid != s->shell)
            s->olds[s->old_count++] = (struct session_old){ list[i].pid, list[i].start };
}

void session_signal(struct session *s, int signal)
{
    size_t count, others = 0;
    const struct process *list;

    asking = s;
    list = tree_below(getpid(), skip_old, &count);
    for (size_t i = 0; i < count; i++)
        if (list[i].pid != s->shell && list[i].state != 'Z') {
            tree_kill(&list[i], signal);
            others++;
        }
    if (!others && s->shell && s->phase == SESSION_RUNNING)
        (void)kill(s->shell, signal);
}
