#include "backend/remote/aio_exec.h"
#include "base/clock.h"

#include <string.h>

#define SHELLS_MAX 64 /* per sandbox */

/* Sandbox lock held. */
static struct aio_shell *find(struct aio_sandbox *sb, const char *name)
{
    list_each(link, &sb->shells)
    {
        struct aio_shell *s = list_of(link, struct aio_shell, link);
        if (!strcmp(s->name, name))
            return s;
    }
    return NULL;
}

/* Sandbox lock held. */
static struct aio_shell *add(struct aio_sandbox *sb, const char *name, struct err *err)
{
    struct aio_shell *s;

    if (sb->shell_count >= SHELLS_MAX) {
        err_set(err, ERR_QUOTA, "%d shell sessions are open already", SHELLS_MAX);
        err_next(err, "close one with terminal_kill id=<its name>");
        return NULL;
    }
    s = calloc(1, sizeof(*s));
    if (s && !(s->name = strdup(name))) {
        free(s);
        s = NULL;
    }
    if (!s) {
        err_oom(err);
        return NULL;
    }
    id_make("sh", s->id);
    list_append(&sb->shells, &s->link);
    sb->shell_count++;
    return s;
}

/* Sandbox lock held; waits a little. */
static void wait_freed(struct aio_sandbox *sb)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += 100 * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&sb->freed, &sb->lock, &ts);
}

static int too_busy(const char *name, struct err *err)
{
    err_set(err, ERR_BUSY, "session \"%s\" is still running another command", name);
    return err_next(err, "wait for it with terminal_output, end it with terminal_kill, or use "
                         "another session_id");
}

int aio_shell_claim(struct aio_job *j, struct call *call, const char *name, struct err *err)
{
    struct aio_sandbox *sb = j->sandbox;
    int64_t until = clock_ms() + AIO_QUEUE_MS;
    struct aio_shell *s;
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    while ((s = find(sb, name)) && s->busy && !r) {
        wait_freed(sb);
        r = call_check(call, err);
        if (!r && clock_ms() >= until)
            r = too_busy(name, err);
    }
    if (!r && !s && !(s = add(sb, name, err)))
        r = -1;
    if (!r) {
        s->busy = true;
        j->shell = s;
    }
    pthread_mutex_unlock(&sb->lock);
    return r;
}

void aio_shell_cwd(struct aio_job *j, const char *shell_id, struct call *call)
{
    struct aio *a = aio_of(&j->sandbox->base);
    AUTO(buf) struct buf path = BUF_MAX(8192), cwd = BUF_MAX(8192);
    const char *arg;
    struct err ignored = { 0 };

    if (aio_scratch(a, shell_id, "/cwd", &path, NULL))
        return;
    arg = buf_str(&path);
    if (aio_help(a, call, aio_script_cat, &arg, 1, true, &cwd, &ignored) || !cwd.len)
        return;
    pthread_mutex_lock(&j->lock);
    free(j->cwd);
    j->cwd = buf_take(&cwd);
    pthread_mutex_unlock(&j->lock);
}

/* The running command of a session, referenced; NULL none. */
static struct aio_job *running_in(struct aio_sandbox *sb, const char *name)
{
    struct aio_job *found = NULL;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->jobs)
    {
        struct aio_job *j = list_of(link, struct aio_job, link);
        if (j->shell && !strcmp(j->shell->name, name)) {
            atomic_fetch_add(&j->refs, 1);
            found = j;
            break;
        }
    }
    pthread_mutex_unlock(&sb->lock);
    return found;
}

static void shell_free(struct aio_shell *s)
{
    free(s->name);
    free(s);
}

int aio_shell_close(struct aio_sandbox *sb, struct call *call, const char *name,
                    struct strings *killed, struct err *err)
{
    struct aio *a = aio_of(&sb->base);
    AUTO_PTR(aio_job) struct aio_job *j = running_in(sb, name);
    AUTO(buf) struct buf dir = BUF_MAX(8192);
    struct aio_shell *s;
    bool busy;

    if (j) {
        aio_exec_abort(j, call);
        if (strings_addf(killed, err, "%s", j->id))
            return -1;
    }
    pthread_mutex_lock(&sb->lock);
    s = find(sb, name);
    busy = s && s->busy;
    if (s && !busy) {
        list_remove(&s->link);
        sb->shell_count--;
    }
    pthread_mutex_unlock(&sb->lock);
    if (!s)
        return err_set(err, ERR_NOT_FOUND, "no process or session \"%.64s\" is known here", name);
    if (busy)
        return too_busy(name, err);
    if (!aio_scratch(a, s->id, "", &dir, NULL))
        aio_remove_later(a, buf_take(&dir));
    shell_free(s);
    return strings_addf(killed, err, "session %s", name);
}

/* One that is idle out of the table, its directory into *dir. */
static bool take_one(struct aio_sandbox *sb, struct buf *dir)
{
    struct aio_shell *found = NULL;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->shells)
    {
        struct aio_shell *s = list_of(link, struct aio_shell, link);
        if (s->busy)
            continue;
        list_remove(link);
        sb->shell_count--;
        found = s;
        break;
    }
    pthread_mutex_unlock(&sb->lock);
    if (!found)
        return false;
    (void)!aio_scratch(aio_of(&sb->base), found->id, "", dir, NULL);
    shell_free(found);
    return true;
}

void aio_shells_done(struct aio_sandbox *sb)
{
    AUTO(buf) struct buf dir = BUF_MAX(8192);

    while (take_one(sb, &dir))
        aio_remove_later(aio_of(&sb->base), buf_take(&dir));
}
