#include "backend/local/session.h"
#include "backend/local/exec.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct session {
    struct list link; /* all: sandbox lock, but channel's use by the one who made it busy */
    char name[SESSION_NAME_MAX + 1];
    bool busy;
    struct agent *agent; /* NULL: no shell runs */
    int channel;
    uint32_t supervisor; /* all its processes are below that; 0 unknown */
    char *cwd;           /* where the shell is or was; NULL the workspace */
    int64_t created_ms, commands;
    struct job *job; /* that runs: a reference; NULL none */
};

/* Sandbox lock held. The shell is gone, the name and its cwd stay. */
static void drop_shell(struct session *s)
{
    fd_close(&s->channel);
    agent_unref(s->agent);
    s->agent = NULL;
    s->supervisor = 0;
    s->commands = 0;
}

static void session_free(struct session *s)
{
    list_remove(&s->link);
    drop_shell(s);
    free(s->cwd);
    free(s);
}

/* Sandbox lock held. */
static struct session *find(struct local_sandbox *sb, const char *name)
{
    list_each(link, &sb->sessions)
    {
        struct session *s = list_of(link, struct session, link);
        if (!strcmp(s->name, name))
            return s;
    }
    return NULL;
}

bool session_known(struct local_sandbox *sb, const char *name)
{
    return find(sb, name);
}

/* Sandbox lock held. Dead ones make room. */
static int make_room(struct local_sandbox *sb, struct err *err)
{
    unsigned count = 0;

    list_each(link, &sb->sessions)
    {
        struct session *s = list_of(link, struct session, link);
        if (!s->agent && !s->busy)
            session_free(s);
        else
            count++;
    }
    if (count < SESSIONS_MAX)
        return 0;
    err_set(err, ERR_QUOTA, "%u shell sessions are already open", count);
    return err_next(err, "close one with terminal_kill, or use its session_id");
}

/* Sandbox lock held. */
static struct session *make(struct local_sandbox *sb, const char *name, struct err *err)
{
    struct session *s;

    if (!*name || strlen(name) > SESSION_NAME_MAX) {
        err_set(err, ERR_INVALID, "session_id: must have 1 to %d characters", SESSION_NAME_MAX);
        return NULL;
    }
    if (local_pty_named(sb, name)) {
        err_set(err, ERR_CONFLICT, "session %s is an interactive one", name);
        err_next(err, "type into it with terminal_session, or choose another session_id");
        return NULL;
    }
    if (make_room(sb, err))
        return NULL;
    s = calloc(1, sizeof(*s));
    if (!s) {
        err_oom(err);
        return NULL;
    }
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->channel = -1;
    s->created_ms = clock_wall_ms();
    list_append(&sb->sessions, &s->link);
    return s;
}

/* Sandbox lock held. The session, made busy for the caller; NULL and err otherwise. */
static struct session *claim(struct local_sandbox *sb, struct call *call, const char *name,
                             struct err *err)
{
    int64_t until = clock_ms() + SESSION_QUEUE_MS;

    for (;;) {
        struct session *s = find(sb, name);
        int64_t soon = clock_ms() + 50;
        struct timespec ts = { .tv_sec = soon / 1000, .tv_nsec = soon % 1000 * 1000000 };
        if (!s)
            s = make(sb, name, err);
        if (!s)
            return NULL;
        if (!s->busy) {
            s->busy = true;
            return s;
        }
        if (call_check(call, err))
            return NULL;
        if (clock_ms() >= until) {
            err_set(err, ERR_BUSY, "session %s is still running another command", name);
            err_next(err, "read that one with terminal_output, stop it with terminal_kill, or use "
                          "another session_id");
            return NULL;
        }
        pthread_cond_timedwait(&sb->changed, &sb->lock, &ts);
    }
}

static void let_go(struct local_sandbox *sb, struct session *s)
{
    pthread_mutex_lock(&sb->lock);
    s->busy = false;
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
}

/* The command goes out: with the shell's OPEN when there is none, else as RUN. */
static int send_command(struct session *s, struct job *j, const struct exec_request *req,
                        const char *cwd, struct err *err)
{
    int fds[3] = { -1, -1, -1 }, r;
    bool fresh = s->channel < 0;
    struct wire_out w;

    wire_begin(&w, fresh ? WIRE_START : WIRE_RUN, 0);
    r = exec_put_request(j->agent, &w, req, cwd, fresh ? 3 : 2, &fds[2], err) ||
        agent_pipe_out(j->agent, &j->pipes[0], &fds[0], err) ||
        agent_pipe_out(j->agent, &j->pipes[1], &fds[1], err);
    if (!r && fresh)
        r = agent_open(j->agent, WIRE_SESSION, &w, fds, fds[2] >= 0 ? 3 : 2, &s->channel, err);
    else if (!r)
        r = channel_send(s->channel, &w, fds, fds[2] >= 0 ? 3 : 2, err);
    for (int i = 0; i < 3; i++)
        fd_close(&fds[i]);
    return r ? -1 : 0;
}

static int start(struct local_sandbox *sb, struct session *s, struct agent *a,
                 const struct exec_request *req, struct job **out, struct err *err)
{
    AUTO_PTR(job) struct job *j = NULL;
    AUTO(buf) struct buf cwd = BUF_MAX(8192);
    bool fresh = s->channel < 0;

    if (job_new(sb, a, &j, err) || job_describe(j, req->tool, req->command, err))
        return -1;
    if (req->cwd || (fresh && s->cwd)) {
        if (local_path(sb, req->cwd ? req->cwd : s->cwd, &cwd, err))
            return -1;
    }
    if (send_command(s, j, req, cwd.data, err))
        return -1;
    pthread_mutex_lock(&sb->lock);
    if (fresh)
        s->agent = agent_ref(a);
    s->commands++;
    s->job = job_ref(j);
    pthread_mutex_unlock(&sb->lock);
    j->cwd = strdup(cwd.len ? cwd.data : s->cwd ? s->cwd : local_workspace(sb));
    j->session = s;
    j->supervisor = s->supervisor;
    j->channel = s->channel;
    *out = TAKE(j);
    return 0;
}

int session_start(struct local_sandbox *sb, struct call *call, const struct exec_request *req,
                  struct job **out, struct err *err)
{
    AUTO_PTR(agent) struct agent *a = NULL;
    struct session *s;

    if (req->stdin_len) {
        err_set(err, ERR_INVALID, "stdin: commands of a session have none");
        return err_next(err, "use a here-document in the command, or omit session_id");
    }
    if (local_agent(sb, call, &a, err))
        return -1;
    pthread_mutex_lock(&sb->lock);
    s = claim(sb, call, req->session_id, err);
    if (s && s->agent && s->agent != a)
        drop_shell(s);
    pthread_mutex_unlock(&sb->lock);
    if (!s)
        return -1;
    if (!start(sb, s, a, req, out, err))
        return 0;
    pthread_mutex_lock(&sb->lock);
    if (!s->agent || err->code == ERR_UNAVAILABLE)
        drop_shell(s);
    pthread_mutex_unlock(&sb->lock);
    let_go(sb, s);
    return -1;
}

static void remember_cwd(struct session *s, struct job *j, const struct frame *f)
{
    char cwd[4096], *copy;

    if (!f || !wire_str(&f->in, TAG_CWD, cwd, sizeof(cwd)) || cwd[0] != '/')
        return;
    copy = strdup(cwd);
    if (copy) {
        free(s->cwd);
        s->cwd = copy;
    }
    copy = strdup(cwd);
    if (copy) {
        free(j->cwd);
        j->cwd = copy;
    }
}

static const char lost_note[] = "The shell of this session ended with the command: its variables, "
                                "functions and jobs are gone. The next command opens a new one in "
                                "the directory it was last seen in.";

void session_command_over(struct job *j, const struct frame *f, bool lost)
{
    struct local_sandbox *sb = j->sandbox;
    struct session *s = j->session;

    reactor_leave(&j->pump, s->channel);
    pthread_mutex_lock(&sb->lock);
    pthread_mutex_lock(&j->lock);
    remember_cwd(s, j, f);
    j->channel = -1;
    if (lost) {
        j->session_lost = true;
        free(j->note);
        j->note = strdup(lost_note);
    }
    pthread_mutex_unlock(&j->lock);
    if (lost)
        drop_shell(s);
    s->busy = false;
    job_unref(TAKE(s->job));
    pthread_cond_broadcast(&sb->changed);
    pthread_mutex_unlock(&sb->lock);
}

void session_started(struct job *j)
{
    pthread_mutex_lock(&j->sandbox->lock);
    j->session->supervisor = j->supervisor;
    pthread_mutex_unlock(&j->sandbox->lock);
}

bool session_of(struct local_sandbox *sb, uint32_t supervisor, char name[SESSION_NAME_MAX + 1])
{
    bool found = false;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->sessions)
    {
        struct session *s = list_of(link, struct session, link);
        if (s->agent && s->supervisor == supervisor) {
            memcpy(name, s->name, SESSION_NAME_MAX + 1);
            found = true;
        }
    }
    pthread_mutex_unlock(&sb->lock);
    return found;
}

int session_each(struct local_sandbox *sb, int (*one)(void *context, const struct session_info *s),
                 void *context)
{
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->sessions)
    {
        const struct session *s = list_of(link, struct session, link);
        const struct session_info info = {
            .name = s->name,
            .cwd = s->cwd ? s->cwd : local_workspace(sb),
            .busy = s->busy,
            .alive = s->agent,
            .created_ms = s->created_ms,
            .commands = s->commands,
        };
        if (!r)
            r = one(context, &info);
    }
    pthread_mutex_unlock(&sb->lock);
    return r;
}

bool session_exists(struct local_sandbox *sb, const char *name)
{
    bool known;

    pthread_mutex_lock(&sb->lock);
    known = find(sb, name);
    pthread_mutex_unlock(&sb->lock);
    return known;
}

struct job *session_job(struct local_sandbox *sb, const char *name)
{
    struct job *j = NULL;
    struct session *s;

    pthread_mutex_lock(&sb->lock);
    s = find(sb, name);
    if (s && s->busy && s->job)
        j = job_ref(s->job);
    pthread_mutex_unlock(&sb->lock);
    return j;
}

int session_end_shell(struct local_sandbox *sb, struct call *call, const char *name,
                      struct err *err)
{
    AUTO_PTR(job) struct job *j = session_job(sb, name);
    struct session *s;

    if (j)
        job_kill(j);
    pthread_mutex_lock(&sb->lock);
    s = find(sb, name) ? claim(sb, call, name, err) : NULL;
    if (s) {
        drop_shell(s);
        s->busy = false;
        pthread_cond_broadcast(&sb->changed);
    }
    pthread_mutex_unlock(&sb->lock);
    return s ? 0 : err->code ? -1 : err_set(err, ERR_NOT_FOUND, "no session \"%.64s\"", name);
}

int session_close(struct local_sandbox *sb, const char *name, struct err *err)
{
    struct session *s;

    pthread_mutex_lock(&sb->lock);
    s = find(sb, name);
    if (s && s->busy)
        shutdown(s->channel, SHUT_RDWR);
    else if (s)
        session_free(s);
    pthread_mutex_unlock(&sb->lock);
    if (s)
        return 0;
    err_set(err, ERR_NOT_FOUND, "no process or session \"%.64s\" is known here", name);
    return err_next(err, "pass a process_id or session_id of an earlier result, or a pid");
}

void local_sessions_stopped(struct local_sandbox *sb)
{
    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->sessions)
    {
        struct session *s = list_of(link, struct session, link);
        if (!s->busy)
            drop_shell(s);
    }
    pthread_mutex_unlock(&sb->lock);
}

void local_sessions_free(struct local_sandbox *sb)
{
    list_each(link, &sb->sessions) session_free(list_of(link, struct session, link));
}
