#include "backend/local/launcher.h"
#include "backend/local/local.h"
#include "backend/local/rebind.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#define STOP_MS 5000
#define KILL_AFTER_MS 1000 /* EOF on the control socket takes milliseconds */

static struct agent *agent_of(struct pump *p)
{
    return (struct agent *)((char *)p - offsetof(struct agent, pump));
}

static size_t agent_fds(struct pump *p, struct pollfd fds[PUMP_FDS])
{
    struct agent *a = agent_of(p);
    size_t n = 0;

    fds[n++] = (struct pollfd){ .fd = a->pidfd, .events = POLLIN };
    if (a->control >= 0)
        fds[n++] = (struct pollfd){ .fd = a->control, .events = POLLIN };
    return n;
}

/* After READY nothing may come on the control socket but its end. */
static void look_at_control(struct agent *a)
{
    AUTO_FREE struct frame *f = a->control >= 0 ? malloc(sizeof(*f)) : NULL;
    enum channel_read r = f ? channel_recv(a->control, f) : CHANNEL_AGAIN;

    if (r == CHANNEL_AGAIN)
        return;
    if (r == CHANNEL_EOF)
        agent_stop(a, "its first process ended");
    else
        agent_violation(a, "a frame on the control socket", NULL);
    pthread_mutex_lock(&a->lock);
    fd_close(&a->control);
    pthread_mutex_unlock(&a->lock);
}

static bool agent_step(struct pump *p, int64_t now_ms)
{
    struct agent *a = agent_of(p);
    siginfo_t info = { 0 };

    look_at_control(a);
    if (!waitid(P_PIDFD, (id_t)a->pidfd, &info, WEXITED | WNOHANG) && !info.si_pid) {
        if (a->control >= 0)
            return false;
        if (!p->due_ms) {
            p->due_ms = now_ms + KILL_AFTER_MS;
        } else if (now_ms >= p->due_ms) {
            pidfd_send_signal(a->pidfd, SIGKILL, NULL, 0);
            p->due_ms = now_ms + KILL_AFTER_MS;
        }
        return false;
    }
    agent_stop(a, "its processes ended");
    return true;
}

static void agent_drop(struct pump *p)
{
    struct agent *a = agent_of(p);

    placeholders_remove(&a->holders);
    local_agent_died(a->sandbox, a);
    agent_unref(a);
}

static const struct pump_ops agent_ops = {
    .fds = agent_fds,
    .step = agent_step,
    .drop = agent_drop,
};

void local_watch(struct agent *a)
{
    a->pump.ops = &agent_ops;
    reactor_give(a->sandbox->backend->reactor, &agent_ref(a)->pump);
    rebind_start(TAKE(a->rebind), a);
}

/* Sandbox lock held. Groups of an instance whose processes are gone. */
static void remove_cgroups(struct local_sandbox *sb, struct strings *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        if (strings_add(&sb->stale_cgroups, groups->items[i], strlen(groups->items[i]), NULL))
            break;
    strings_done(groups);
    cgroups_remove(&sb->stale_cgroups);
}

static const char restarted[] = "The sandbox was stopped since the last call (%s) and has been "
                                "started again: files are kept; its processes, sessions, code "
                                "contexts and /tmp are gone.";

/* Sandbox lock held. Somebody who uses it learns what is gone with the next result. */
static void note_restart(struct local_sandbox *sb, const char *why)
{
    if (sb->backend->closing)
        return;
    free(sb->restart_note);
    if (asprintf(&sb->restart_note, restarted, why) < 0)
        sb->restart_note = NULL;
}

void local_agent_died(struct local_sandbox *sb, struct agent *a)
{
    struct egress *egress = NULL;
    bool current;

    pthread_mutex_lock(&sb->lock);
    current = sb->agent == a;
    if (current) {
        egress = TAKE(sb->egress);
        remove_cgroups(sb, &sb->cgroups);
        note_restart(sb, a->why);
    }
    pthread_mutex_unlock(&sb->lock);
    if (!current)
        return;
    log_info("sandbox %s stopped: %s", sb->base.id, a->why);
    egress_stop(egress);
    local_code_stopped(sb, a->why);
    local_sessions_stopped(sb);
    pthread_mutex_lock(&sb->lock);
    sb->agent = NULL;
    sb->state = SANDBOX_STOPPED;
    local_files_stopped(sb);
    local_observed_stopped(sb);
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
    agent_unref(a);
}

/* Sandbox lock held; false when until_ms (0 none) has come. */
static bool wait_changed(struct local_sandbox *sb, int64_t until_ms)
{
    struct timespec ts = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };

    return pthread_cond_timedwait(&sb->changed, &sb->lock, &ts) == 0 || clock_ms() < until_ms;
}

void local_stop(struct local_sandbox *sb, const char *why)
{
    AUTO_PTR(agent) struct agent *a = NULL;
    int64_t until = clock_ms() + STOP_MS;

    pthread_mutex_lock(&sb->lock);
    while (sb->state == SANDBOX_STARTING && wait_changed(sb, until))
        ;
    a = sb->agent ? agent_ref(sb->agent) : NULL;
    pthread_mutex_unlock(&sb->lock);
    if (!a)
        return;
    agent_stop(a, why);
    pthread_mutex_lock(&sb->lock);
    while (sb->agent == a && wait_changed(sb, until))
        ;
    if (sb->agent == a)
        log_error("sandbox %s does not stop", sb->base.id);
    pthread_mutex_unlock(&sb->lock);
}

static int start_egress(struct local_sandbox *sb, struct agent *a, struct egress **out,
                        struct err *err)
{
    if (a->listener < 0)
        return 0;
    return egress_start(sb->backend->policy, TAKE_FD(&a->listener), out, err);
}

/* STARTING, without the lock. */
static int start(struct local_sandbox *sb, struct call *call, struct strings *cgroups,
                 struct agent **out, struct err *err)
{
    AUTO(strings) struct strings degraded = { 0 };
    AUTO_PTR(agent) struct agent *a = NULL;
    struct egress *egress = NULL;

    if (launcher_start(sb, call, cgroups, &degraded, &a, err))
        return -1;
    if (start_egress(sb, a, &egress, err)) {
        launcher_reap(a);
        return -1;
    }
    pthread_mutex_lock(&sb->lock);
    sb->agent = agent_ref(a);
    sb->egress = egress;
    sb->state = SANDBOX_RUNNING;
    strings_done(&sb->degraded);
    sb->degraded = degraded;
    degraded = (struct strings){ 0 };
    sb->cgroups = *cgroups;
    *cgroups = (struct strings){ 0 };
    sb->last_oom_kills = cgroups_oom_kills(&sb->cgroups);
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
    local_watch(a);
    local_watches_resume(sb, a);
    *out = TAKE(a);
    return 0;
}

static int start_or_fail(struct local_sandbox *sb, struct call *call, struct agent **out,
                         struct err *err)
{
    struct strings cgroups = { 0 };

    if (!start(sb, call, &cgroups, out, err))
        return 0;
    pthread_mutex_lock(&sb->lock);
    remove_cgroups(sb, &cgroups);
    sb->state = SANDBOX_STOPPED;
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
    return -1;
}

int local_agent(struct local_sandbox *sb, struct call *call, struct agent **out, struct err *err)
{
    struct local_backend *be = sb->backend;

    if (be->broken.code) {
        if (err)
            *err = be->broken;
        return -1;
    }
    pthread_mutex_lock(&sb->lock);
    for (;;) {
        if (sb->state == SANDBOX_RUNNING && !sb->agent->dead) {
            bool blind = local_watches_blind(&sb->watches);
            *out = agent_ref(sb->agent);
            pthread_mutex_unlock(&sb->lock);
            if (blind)
                local_watches_resume(sb, *out);
            return 0;
        }
        if (sb->state == SANDBOX_STOPPED)
            break;
        wait_changed(sb, clock_ms() + 50);
        pthread_mutex_unlock(&sb->lock);
        if (call_check(call, err))
            return -1;
        pthread_mutex_lock(&sb->lock);
    }
    sb->state = SANDBOX_STARTING;
    pthread_mutex_unlock(&sb->lock);
    return start_or_fail(sb, call, out, err);
}
