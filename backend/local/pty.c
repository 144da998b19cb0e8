#include "backend/local/pty.h"
#include "backend/local/exec.h"
#include "backend/local/session.h"
#include "base/clock.h"
#include "base/id.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ROWS 24
#define COLS 80

/* ---- the table ---- */

/* Sandbox lock held. */
static struct pty *find(struct local_sandbox *sb, const char *name)
{
    list_each(link, &sb->ptys)
    {
        struct pty *p = list_of(link, struct pty, link);
        if (!strcmp(p->name, name))
            return p;
    }
    return NULL;
}

bool pty_below(struct local_sandbox *sb, uint32_t supervisor, char name[PTY_NAME_MAX + 1])
{
    bool found = false;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->ptys)
    {
        struct pty *p = list_of(link, struct pty, link);
        pthread_mutex_lock(&p->lock);
        if (p->alive && p->supervisor == supervisor) {
            memcpy(name, p->name, PTY_NAME_MAX + 1);
            found = true;
        }
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_unlock(&sb->lock);
    return found;
}

/* Sandbox lock held. */
static void forget(struct pty *p)
{
    if (!p->link.next)
        return;
    list_remove(&p->link);
    pty_unref(p);
}

/* Sandbox lock held: drops what was over long enough; how many run. */
static unsigned tidy(struct local_sandbox *sb, int64_t now_ms)
{
    unsigned count = 0;

    list_each(link, &sb->ptys)
    {
        struct pty *p = list_of(link, struct pty, link);
        bool old;
        pthread_mutex_lock(&p->lock);
        old = p->over && now_ms - p->ended_ms >= PTY_KEPT_MS;
        count += !p->over;
        pthread_mutex_unlock(&p->lock);
        if (old)
            forget(p);
    }
    return count;
}

bool local_pty_named(struct local_sandbox *sb, const char *name)
{
    return find(sb, name);
}

bool pty_known(struct local_sandbox *sb, const char *name)
{
    bool known;

    pthread_mutex_lock(&sb->lock);
    known = find(sb, name);
    pthread_mutex_unlock(&sb->lock);
    return known;
}

bool local_ptys_none(struct local_sandbox *sb)
{
    return !tidy(sb, clock_ms());
}

bool local_ptys_unused(struct local_sandbox *sb)
{
    bool unused = true;

    list_each(link, &sb->ptys) unused &= atomic_load(&list_of(link, struct pty, link)->refs) == 1;
    return unused;
}

void local_ptys_free(struct local_sandbox *sb)
{
    list_each(link, &sb->ptys) forget(list_of(link, struct pty, link));
}

static int unknown(struct local_sandbox *sb, const char *name, struct err *err)
{
    bool shell;

    pthread_mutex_lock(&sb->lock);
    shell = session_known(sb, name);
    pthread_mutex_unlock(&sb->lock);
    if (shell) {
        err_set(err, ERR_NOT_FOUND, "%.64s is a shell session of terminal_execute", name);
        return err_next(err, "pass it to terminal_execute as session_id, or open one here by "
                             "another name");
    }
    err_set(err, ERR_NOT_FOUND, "no interactive session \"%.64s\" is known here", name);
    return err_next(err, "action=list shows those there are, action=open makes one");
}

/* One that is known, whatever its state. */
static int look_up(struct local_sandbox *sb, const char *name, struct pty **out, struct err *err)
{
    struct pty *p;

    pthread_mutex_lock(&sb->lock);
    tidy(sb, clock_ms());
    p = find(sb, name);
    if (p)
        *out = pty_ref(p);
    pthread_mutex_unlock(&sb->lock);
    return p ? 0 : unknown(sb, name, err);
}

/* ---- open ---- */

static bool is_over(struct pty *p)
{
    bool over;

    pthread_mutex_lock(&p->lock);
    over = p->over;
    pthread_mutex_unlock(&p->lock);
    return over;
}

/* Sandbox lock held. */
static int check_room(struct local_sandbox *sb, const struct pty *p, struct err *err)
{
    struct pty *other = find(sb, p->name);

    if (other && is_over(other))
        forget(other);
    else if (other || session_known(sb, p->name)) {
        err_set(err, ERR_CONFLICT, "there is a session %s already", p->name);
        return err_next(err, other ? "use it, close it, or choose another session_id"
                                   : "it is one of terminal_execute: choose another session_id");
    }
    if (tidy(sb, clock_ms()) < PTY_SESSIONS_MAX)
        return 0;
    err_set(err, ERR_QUOTA, "%d interactive sessions are already open", PTY_SESSIONS_MAX);
    return err_next(err, "close one with action=close");
}

static int make(struct local_sandbox *sb, struct agent *a, const struct pty_request *req,
                struct pty **out, struct err *err)
{
    AUTO_PTR(pty) struct pty *p = calloc(1, sizeof(*p));
    char id[ID_SIZE];
    int r;

    if (!p)
        return err_oom(err);
    atomic_init(&p->refs, 1);
    pthread_mutex_init(&p->lock, NULL);
    list_init(&p->waiters);
    p->pump.ops = &pty_pump_ops;
    p->channel = p->status = -1;
    p->agent = agent_ref(a);
    p->started_ms = p->used_ms = clock_ms();
    id_make("t", id);
    snprintf(p->name, sizeof(p->name), "%s", req->session_id ? req->session_id : id);
    p->command = strdup(req->command ? req->command : "");
    if (!p->command)
        return err_oom(err);
    pthread_mutex_lock(&sb->lock);
    r = check_room(sb, p, err);
    if (!r)
        list_append(&sb->ptys, &pty_ref(p)->link);
    pthread_mutex_unlock(&sb->lock);
    if (r)
        return -1;
    *out = TAKE(p);
    return 0;
}

static void drop(struct local_sandbox *sb, struct pty *p)
{
    pthread_mutex_lock(&sb->lock);
    forget(p);
    pthread_mutex_unlock(&sb->lock);
}

static int send_start(struct pty *p, struct wire_out *w, struct err *err)
{
    int channel;

    if (agent_open(p->agent, WIRE_PTY, w, NULL, 0, &channel, err))
        return -1;
    pthread_mutex_lock(&p->lock);
    p->channel = channel;
    if (*p->ended) /* closed by its name meanwhile */
        shutdown(channel, SHUT_WR);
    pthread_mutex_unlock(&p->lock);
    reactor_give(p->agent->sandbox->backend->reactor, &pty_ref(p)->pump);
    return 0;
}

static const struct env_var terminal_env[] = { { "TERM", "xterm-256color" } };

static int put_start(struct local_sandbox *sb, struct wire_out *w, const struct pty_request *req,
                     struct err *err)
{
    AUTO(buf) struct buf env = BUF_MAX(EXEC_ENV_MAX), cwd = BUF_MAX(8192);

    if (local_path(sb, req->cwd, &cwd, err) ||
        local_env(terminal_env, COUNT_OF(terminal_env), &env, err) ||
        local_env(req->env, req->env_count, &env, err))
        return -1;
    if (req->command && strlen(req->command) > PTY_COMMAND_MAX) {
        err_set(err, ERR_TOO_LARGE, "command: longer than %d bytes", PTY_COMMAND_MAX);
        return err_next(err, "write a script to a file and run that");
    }
    wire_begin(w, WIRE_START, 0);
    wire_put(w, TAG_CWD, cwd.data, cwd.len);
    wire_put(w, TAG_ENV, env.data, env.len);
    wire_put_str(w, TAG_COMMAND, req->command);
    wire_put_u32(w, TAG_PTY_ROWS, req->rows ? (uint32_t)req->rows : ROWS);
    wire_put_u32(w, TAG_PTY_COLS, req->cols ? (uint32_t)req->cols : COLS);
    return pty_put_request(w, req, err);
}

/* Whether it failed because the sandbox died under it. */
static int try_open(struct local_sandbox *sb, struct call *call, const struct pty_request *req,
                    struct pty_result *res, bool *died, struct err *err)
{
    AUTO_FREE struct wire_out *w = malloc(sizeof(*w));
    AUTO_PTR(agent) struct agent *a = NULL;
    AUTO_PTR(pty) struct pty *p = NULL;

    *died = false;
    if (!w)
        return err_oom(err);
    if (put_start(sb, w, req, err) || local_agent(sb, call, &a, err) || make(sb, a, req, &p, err))
        return -1;
    if (pty_ask(p, call, w, req->yield_ms, send_start, res, err)) {
        *died = p->channel < 0 && a->dead;
        if (p->channel >= 0)
            pty_end(p, "the call that opened it was ended");
        drop(sb, p);
        return -1;
    }
    snprintf(res->session_id, sizeof(res->session_id), "%s", p->name);
    pthread_mutex_lock(&sb->lock);
    res->note = TAKE(sb->restart_note);
    pthread_mutex_unlock(&sb->lock);
    return 0;
}

static int local_pty_open(struct sandbox *base, struct call *call, const struct pty_request *req,
                          struct pty_result *res, struct err *err)
{
    bool died;

    if (!try_open(local_sandbox_of(base), call, req, res, &died, err))
        return 0;
    return died ? try_open(local_sandbox_of(base), call, req, res, &died, err) : -1;
}

/* ---- the rest ---- */

static int send_request(struct pty *p, struct wire_out *w, struct err *err)
{
    return channel_send(p->channel, w, NULL, 0, err);
}

static int local_pty_act(struct sandbox *base, struct call *call, const struct pty_request *req,
                         struct pty_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_FREE struct wire_out *w = malloc(sizeof(*w));
    AUTO_PTR(pty) struct pty *p = NULL;
    bool over;

    if (!w)
        return err_oom(err);
    wire_begin(w, WIRE_PTY_DO, 0);
    if (req->rows || req->cols) {
        wire_put_u32(w, TAG_PTY_ROWS, (uint32_t)req->rows);
        wire_put_u32(w, TAG_PTY_COLS, (uint32_t)req->cols);
    }
    if (pty_put_request(w, req, err) || look_up(sb, req->session_id, &p, err))
        return -1;
    pthread_mutex_lock(&p->lock);
    over = p->over || *p->ended || !p->started;
    pthread_mutex_unlock(&p->lock);
    if (over)
        return pty_gone(p, err);
    snprintf(res->session_id, sizeof(res->session_id), "%s", p->name);
    return pty_ask(p, call, w, req->yield_ms, send_request, res, err);
}

static int local_pty_close(struct sandbox *base, struct call *call, const struct pty_request *req,
                           struct pty_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_PTR(pty) struct pty *p = NULL;
    int r;

    if (look_up(sb, req->session_id, &p, err))
        return -1;
    pty_end(p, "it was closed");
    r = pty_await_end(p, call, err);
    drop(sb, p);
    snprintf(res->session_id, sizeof(res->session_id), "%s", p->name);
    res->exit_code = pty_exit_code(p->status, &res->signal);
    return r;
}

int local_pty_kill(struct local_sandbox *sb, struct call *call, const char *name,
                   struct kill_result *res, struct err *err)
{
    struct pty_request req = { .session_id = name };
    AUTO(pty_result) struct pty_result closed = { 0 };

    if (local_pty_close(&sb->base, call, &req, &closed, err))
        return -1;
    res->status = EXEC_KILLED;
    res->exit_code = -1;
    return strings_addf(&res->killed, err, "session %s", name);
}

static int add_entry(struct pty *p, int64_t now_ms, struct pty_list *res, struct err *err)
{
    struct pty_entry e = { .command = p->command, .age_ms = now_ms - p->started_ms };
    struct err why = { 0 };
    bool over;
    int signal;

    pthread_mutex_lock(&p->lock);
    snprintf(e.session_id, sizeof(e.session_id), "%s", p->name);
    e.alive = p->alive && !*p->ended;
    e.exit_code = pty_exit_code(p->status, &signal);
    e.rows = p->rows;
    e.cols = p->cols;
    e.idle_ms = list_empty(&p->waiters) ? now_ms - p->used_ms : 0;
    over = p->over;
    pthread_mutex_unlock(&p->lock);
    if (over) {
        pty_gone(p, &why);
        e.ended = why.msg;
    }
    return pty_list_add(res, &e, err);
}

static int local_pty_list(struct sandbox *base, struct call *call UNUSED,
                          const struct pty_request *req UNUSED, struct pty_list *res,
                          struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    int64_t now = clock_ms();
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    tidy(sb, now);
    list_each(link, &sb->ptys)
    {
        if (!r)
            r = add_entry(list_of(link, struct pty, link), now, res, err);
    }
    pthread_mutex_unlock(&sb->lock);
    return r;
}

const struct pty_ops local_pty_ops = {
    .open = local_pty_open,
    .act = local_pty_act,
    .close = local_pty_close,
    .list = local_pty_list,
};
