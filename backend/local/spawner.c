#include "backend/local/launcher.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>

struct spawner {
    pthread_t thread;
    pthread_mutex_t lock, turn; /* turn: one request at a time */
    pthread_cond_t work, done;
    const struct spawn *what; /* lock; NULL: none */
    bool finished, stop;      /* lock */
    pid_t pid;
    int code;
};

static int set_attributes(posix_spawnattr_t *at)
{
    sigset_t all, none;
    int r;

    sigfillset(&all);
    sigemptyset(&none);
    r = posix_spawnattr_setsigdefault(at, &all);
    if (!r)
        r = posix_spawnattr_setsigmask(at, &none);
    if (!r)
        r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSID);
    return r;
}

/* Duplicating a descriptor onto itself clears O_CLOEXEC in the child only. */
static int set_files(posix_spawn_file_actions_t *fa, const struct spawn *s)
{
    int r = posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);

    if (!r)
        r = posix_spawn_file_actions_addopen(fa, 1, "/dev/null", O_WRONLY, 0);
    if (!r)
        r = posix_spawn_file_actions_adddup2(fa, s->errors, 2);
    if (!r)
        r = posix_spawn_file_actions_adddup2(fa, s->control, WIRE_CONTROL_FD);
    for (size_t i = 0; !r && i < s->fd_count; i++)
        r = posix_spawn_file_actions_adddup2(fa, s->fds[i], s->fds[i]);
    return r;
}

static int start(const struct spawn *s, pid_t *pid)
{
    static char *const no_environment[] = { NULL };
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    int r = posix_spawn_file_actions_init(&fa);

    if (r)
        return r;
    r = posix_spawnattr_init(&at);
    if (!r) {
        r = set_attributes(&at);
        if (!r)
            r = set_files(&fa, s);
        if (!r)
            r = posix_spawn(pid, s->argv[0], &fa, &at, s->argv, no_environment);
        posix_spawnattr_destroy(&at);
    }
    posix_spawn_file_actions_destroy(&fa);
    return r;
}

static void *run(void *arg)
{
    struct spawner *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        const struct spawn *what = s->what;
        if (!what) {
            pthread_cond_wait(&s->work, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        s->code = start(what, &s->pid);
        pthread_mutex_lock(&s->lock);
        s->what = NULL;
        s->finished = true;
        pthread_cond_signal(&s->done);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int spawner_run(struct spawner *s, const struct spawn *what, pid_t *out, struct err *err)
{
    int code;

    pthread_mutex_lock(&s->turn);
    pthread_mutex_lock(&s->lock);
    s->what = what;
    s->finished = false;
    pthread_cond_signal(&s->work);
    while (!s->finished)
        pthread_cond_wait(&s->done, &s->lock);
    code = s->code;
    *out = s->pid;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_unlock(&s->turn);
    return code ? err_sys(err, code, "start %s", what->argv[0]) : 0;
}

int spawner_lift(int *fd, struct err *err)
{
    int high;

    if (*fd >= SPAWN_FD_MIN)
        return 0;
    high = fcntl(*fd, F_DUPFD_CLOEXEC, SPAWN_FD_MIN);
    if (high < 0)
        return err_sys(err, errno, "duplicate a descriptor");
    close(*fd);
    *fd = high;
    return 0;
}

int spawner_new(struct spawner **out, struct err *err)
{
    struct spawner *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return err_oom(err);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->turn, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->done, NULL);
    r = pthread_create(&s->thread, NULL, run, s);
    if (r) {
        free(s);
        return err_sys(err, r, "start the spawner");
    }
    *out = s;
    return 0;
}

void spawner_free(struct spawner *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->done);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->turn);
    free(s);
}
