#include "backend/local/local.h"
#include "base/log.h"

#include <stdio.h>

#define IDLE_LOOKS 60 /* in one idle time */

static size_t no_fds(struct pump *p UNUSED, struct pollfd fds[PUMP_FDS] UNUSED)
{
    return 0;
}

/* Backend lock held by nobody; of a sandbox that nobody used for the idle time, or NULL. */
static struct agent *find_idle(struct local_backend *be, int64_t now_ms)
{
    struct agent *found = NULL;

    pthread_mutex_lock(&be->lock);
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        local_code_expire(sb, now_ms, local_idle_ms(be));
        pthread_mutex_lock(&sb->lock);
        if (!found && sb->agent && !sb->agent->dead && !sb->users &&
            now_ms - sb->used_ms >= local_idle_ms(be))
            found = agent_ref(sb->agent);
        pthread_mutex_unlock(&sb->lock);
    }
    pthread_mutex_unlock(&be->lock);
    return found;
}

static bool idle_step(struct pump *p, int64_t now_ms)
{
    struct local_backend *be =
        (struct local_backend *)((char *)p - offsetof(struct local_backend, idle));
    char text[32], why[64];
    struct agent *a;

    snprintf(why, sizeof(why), "it was idle for %s", local_idle_text(be, text));
    while ((a = find_idle(be, now_ms))) {
        agent_stop(a, why);
        agent_unref(a);
    }
    p->due_ms = now_ms + local_idle_ms(be) / IDLE_LOOKS + 1;
    return false;
}

static void idle_drop(struct pump *p UNUSED)
{
}

static const struct pump_ops idle_ops = {
    .fds = no_fds,
    .step = idle_step,
    .drop = idle_drop,
};

void local_idle_open(struct local_backend *be)
{
    be->idle.ops = &idle_ops;
    reactor_give(be->reactor, &be->idle);
}
