/*
 * The local backend's own structs: what a backend and a sandbox are, and who guards what.
 *
 * Lock order: backend.lock, sandbox.lock, job.lock, agent.lock. None is held across a
 * blocking call, except file system work in the state directory while a sandbox is created.
 *
 * Sandboxes are made on demand and freed when the backend closes: a pointer from open_default
 * stays valid, whatever happens to the processes inside. Files: local.c (ops table, life
 * cycle), idle.c, state.c (directories), bwrap.c (arguments), launcher.c (start and death of an
 * agent), agent_client.c (talking to it), job.c, spool.c, reactor.c, exec.c, session.c,
 * info.c; files.c, code.c, egress*.c, seccomp.c.
 */
#ifndef BACKEND_LOCAL_LOCAL_H
#define BACKEND_LOCAL_LOCAL_H

#include "backend/backend.h"
#include "backend/local/agent_client.h"
#include "backend/local/browser_place.h"
#include "backend/local/browser_tender.h"
#include "backend/local/cgroup.h"
#include "backend/local/egress.h"
#include "backend/local/etc.h"
#include "backend/local/job.h"
#include "backend/local/reactor.h"
#include "backend/local/state.h"
#include "backend/local/watch.h"

#define LOCAL_WORKSPACE "/workspace"
#define LOCAL_HOME "/home/user"
#define LOCAL_UID 1000
#define LOCAL_IDLE_MS (30 * 60 * 1000) /* unless the operator chose */
#define LOCAL_NPROC 2048
#define LOCAL_NOFILE 4096

struct spawner;
struct session;
struct query;
struct code_state; /* code.c's own, per sandbox */

struct limits {
    int64_t memory_mb; /* 0: none */
    int64_t pids;      /* RLIMIT_NPROC inside */
    int64_t nofile;    /* hard RLIMIT_NOFILE inside */
    int64_t tmp_mb, shm_mb;
};

struct local_backend {
    struct backend base;
    struct state state;
    struct reactor *reactor;
    struct spawner *spawner;
    struct egress_policy *policy; /* NULL: no network */
    bool host_runtime;
    char *agent_path; /* what is executed and bound into sandboxes */
    char *library;    /* directory with the code runners, in the state directory */
    char *bwrap_path; /* NULL: not found */
    char *workspace;  /* resolved --workspace, or NULL */
    uid_t workspace_uid;
    gid_t workspace_gid;
    char **mounts; /* resolved --mount sources, as many as config->mount_count */
    struct limits limits;
    struct cgroups cgroups;
    struct etc_files etc;
    struct buf base_filter, strict_filter;
    struct err broken; /* code != 0: why no sandbox can be started; every call answers it */
    int null_fd;       /* /dev/null, for reading */
    struct pump idle;  /* the timer that stops idle sandboxes */
    struct pump look;  /* the timer of watches, while there are any (watch.c) */

    pthread_mutex_t lock; /* the list, closing */
    struct list sandboxes;
    unsigned count;
    _Atomic bool closing;
    bool looking;   /* lock: the reactor has `look` */
    char *versions; /* "python=3.11.2\n...": cached by info.c; set once under lock */
    struct browser_place browser;
    struct browser_tender tender;
};

enum sandbox_state { SANDBOX_STOPPED, SANDBOX_STARTING, SANDBOX_RUNNING };

struct local_sandbox {
    struct sandbox base; /* id */
    struct local_backend *backend;
    struct list link; /* backend lock */
    char *principal, *name;
    char *owner; /* what the state directory knows it by */
    struct state_dir dir;
    struct spool_quota quota;

    pthread_mutex_t history; /* its file */

    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    enum sandbox_state state;
    struct agent *agent; /* RUNNING only */
    struct egress *egress;
    unsigned users; /* open_default without put */
    int64_t used_ms;
    struct list jobs;
    unsigned job_count;
    struct list sessions;
    struct list ptys;
    struct code_state *code; /* code.c makes it on first use */
    struct {
        struct agent *agent; /* NULL: free; else a reference */
        int channel;
    } kept[2]; /* file_op.c: idle channels for file operations */
    struct watch_list watches;
    struct list observed;         /* observe.c */
    bool bare_browser;            /* the last one had no sandbox of its own */
    char *restart_note;           /* processes were stopped: told once, in the next result */
    struct strings degraded;      /* found at the last start */
    struct strings cgroups;       /* directories of the running instance */
    struct strings stale_cgroups; /* of earlier ones, not yet removed */
    int64_t last_oom_kills;
    _Atomic size_t late_bytes; /* without the lock: of all jobs' `late`, at most CODE_LATE_MAX */
};

static inline struct local_backend *local_backend_of(struct backend *be)
{
    return (struct local_backend *)be;
}

static inline int64_t local_idle_ms(const struct local_backend *be)
{
    return be->base.config->idle_ms ? be->base.config->idle_ms : LOCAL_IDLE_MS;
}

/* "30 minutes", "90 seconds" */
char *local_idle_text(const struct local_backend *be, char out[32]);

/* idle.c: from now on sandboxes that nobody uses are stopped. */
void local_idle_open(struct local_backend *be);

static inline struct local_sandbox *local_sandbox_of(struct sandbox *sb)
{
    return (struct local_sandbox *)sb;
}

/* What the instructions say of where things are (describe.c). */
int local_describe(struct backend *base, struct buf *out, struct err *err) MUST_CHECK;

/* The running agent, started when it is not; the caller's reference. */
int local_agent(struct local_sandbox *sb, struct call *call, struct agent **out,
                struct err *err) MUST_CHECK;

/* Stop the processes; files and finished output stay. Blocks until they are gone (bounded). */
void local_stop(struct local_sandbox *sb, const char *why);

/* Watch a fresh agent until its processes are reaped: the reactor's pump. Takes a reference. */
void local_watch(struct agent *a);

/* The reactor saw the agent die. */
void local_agent_died(struct local_sandbox *sb, struct agent *a);

/* Fill in everything that does not change between sandboxes (setup.c). ERR_INVALID when the
 * operator's choices cannot be served; what the machine lacks goes to be->broken instead. */
int local_setup(struct local_backend *be, struct err *err) MUST_CHECK;
void local_setup_done(struct local_backend *be);

/* A path as the agent takes it: absolute in the sandbox; relative ones from the workspace, ~ is the
 * home, NULL the workspace. ERR_INVALID when it is longer than 4095 bytes. */
int local_path(const struct local_sandbox *sb, const char *path, struct buf *out,
               struct err *err) MUST_CHECK;

/* The workspace and the home as programs inside see them. */
const char *local_workspace(const struct local_sandbox *sb);
const char *local_home(const struct local_sandbox *sb);

/* True when a host directory can be bound at its own path: no system directory, not below
 * another mount's target. */
bool local_path_free(const char *path);

/* The environment every command starts from, as TAG_ENV. */
int local_base_env(const struct local_sandbox *sb, struct buf *out, struct err *err) MUST_CHECK;

/* Environment additions as wire.h's TAG_ENV wants them; names are checked. */
int local_env(const struct env_var *env, size_t count, struct buf *out, struct err *err) MUST_CHECK;

/* What to say of a program that failed with this text; static; NULL: that was not the network. */
const char *local_network_hint(const struct local_sandbox *sb, const char *text, size_t len);

/* Egress refusals of this sandbox since then, added to out; nothing without a proxy. */
int local_denied(struct local_sandbox *sb, int64_t since_ms, struct strings *out,
                 struct err *err) MUST_CHECK;

/* files.c and code.c: */
extern const struct file_ops local_file_ops;
extern const struct code_ops local_code_ops;
/* The sandbox's processes are gone: drop contexts (code.c); called without locks. */
void local_code_stopped(struct local_sandbox *sb, const char *why);
/* Contexts that nobody used for so long end; needs neither lock. */
void local_code_expire(struct local_sandbox *sb, int64_t now_ms, int64_t idle_ms);
void local_code_free(struct local_sandbox *sb);
/* file_op.c: sandbox lock held, no agent is the current one: close the kept channels. */
void local_files_stopped(struct local_sandbox *sb);
/* observe.c: */
extern const struct file_watch_ops local_file_watch_ops;
/* Sandbox lock held: its processes are gone. */
void local_observed_stopped(struct local_sandbox *sb);
/* watch.c: */
extern const struct transfer_ops local_transfer_ops;
extern const struct manage_ops local_manage_ops;
extern const struct watch_ops local_watch_ops;
/* browser.c: */
extern const struct browser_ops local_browser_ops;
/* The one that runs or would run, and how it is isolated (browser_info.c). */
int local_browser_info(struct local_sandbox *sb, const struct agent *a, const struct query *q,
                       struct sandbox_info *res, struct err *err) MUST_CHECK;
/* exec.c, session.c, info.c: */
extern const struct exec_ops local_exec_ops;
/* processes.c, wait.c, history.c: */
extern const struct process_ops local_process_ops;
int local_info(struct sandbox *sb, struct call *call, unsigned include, struct sandbox_info *res,
               struct err *err) MUST_CHECK;
void local_sessions_stopped(struct local_sandbox *sb);
void local_sessions_free(struct local_sandbox *sb);
/* pty.c; the sandbox's lock is held in those that ask: */
extern const struct pty_ops local_pty_ops;
bool local_pty_named(struct local_sandbox *sb, const char *name);
bool local_ptys_none(struct local_sandbox *sb);   /* that run */
bool local_ptys_unused(struct local_sandbox *sb); /* nobody holds one */
void local_ptys_free(struct local_sandbox *sb);

/* ---- probe.c ---- */

int local_ready(struct backend *be, struct err *err);
unsigned local_count(struct backend *be);

#endif
