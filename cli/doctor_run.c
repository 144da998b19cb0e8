#include "base/clock.h"
#include "base/io.h"
#include "base/utf8.h"
#include "cli/doctor_report.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static void print_plain(const char *fmt, va_list ap) PRINTF(1, 0);
static void print_plain(const char *fmt, va_list ap)
{
    AUTO(buf) struct buf text = BUF_MAX(16 * 1024);
    AUTO(buf) struct buf plain = BUF_MAX(64 * 1024);

    if (buf_addv(&text, NULL, fmt, ap) ||
        text_add_plain(&plain, buf_str(&text), text.len, NULL, NULL))
        return;
    while (plain.len && strchr(" \t\n", plain.data[plain.len - 1]))
        plain.len--;
    for (size_t i = 0; i < plain.len; i++)
        putchar(strchr("\t\n", plain.data[i]) ? ' ' : plain.data[i]);
    putchar('\n');
    fflush(stdout);
}

void doctor_say(const struct doctor *d, enum doctor_level level, const char *fmt, ...)
{
    static const char *const words[] = {
        [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "FAIL"
    };
    va_list ap;

    printf("%-4s %s ", words[level], d->name);
    va_start(ap, fmt);
    print_plain(fmt, ap);
    va_end(ap);
}

void doctor_fix(const char *fmt, ...)
{
    va_list ap;

    fputs("     Fix: ", stdout);
    va_start(ap, fmt);
    print_plain(fmt, ap);
    va_end(ap);
}

/* Everything it writes until both ends are closed or the time is over; the rest is dropped. */
static bool drain(int fd, struct buf *out, int64_t deadline)
{
    char piece[1024];
    ssize_t n = 0;

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r = poll(&p, 1, clock_left(deadline));
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        n = io_read(fd, piece, sizeof(piece));
        if (n <= 0)
            return true;
        if (buf_add(out, piece, (size_t)n, NULL) && out->max > out->len)
            (void)!buf_add(out, piece, out->max - out->len, NULL);
    }
}

static int spawn(const char *const argv[], int output, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    r = r ? r : posix_spawn_file_actions_adddup2(&files, output, 1);
    r = r ? r : posix_spawn_file_actions_adddup2(&files, output, 2);
    r = r ? r : posix_spawn(pid, argv[0], &files, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return r;
}

int doctor_run(const char *const argv[], struct buf *out, struct err *err)
{
    AUTO_FD int from = -1;
    AUTO_FD int to = -1;
    int pipes[2], status, r;
    bool ended;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC))
        return err_sys(err, errno, "make a pipe");
    from = pipes[0];
    to = pipes[1];
    r = spawn(argv, to, &pid);
    if (r)
        return err_sys(err, r, "start %s", argv[0]);
    fd_close(&to);
    ended = drain(from, out, clock_ms() + DOCTOR_RUN_MS);
    if (!ended)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!ended)
        return err_set(err, ERR_TIMEOUT, "%s did not end within %d s", argv[0],
                       DOCTOR_RUN_MS / 1000);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool doctor_find(const char *program, char out[PATH_MAX])
{
    const char *path = getenv("PATH");

    for (const char *at = path && *path ? path : "/usr/local/bin:/usr/bin:/bin"; at; at++) {
        int n = (int)strcspn(at, ":");
        if (*at == '/' && snprintf(out, PATH_MAX, "%.*s/%s", n, at, program) < PATH_MAX &&
            !access(out, X_OK))
            return true;
        at = strchr(at, ':');
        if (!at)
            break;
    }
    out[0] = '\0';
    return false;
}

long doctor_number(const char *path, long otherwise)
{
    AUTO(buf) struct buf text = BUF_MAX(4096);
    char *end;
    long v;

    if (io_read_file(path, 4096, &text, NULL))
        return otherwise;
    v = strtol(buf_str(&text), &end, 10);
    return end == buf_str(&text) ? otherwise : v;
}
