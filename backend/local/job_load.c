#include "backend/local/history.h"
#include "backend/local/job_file.h"
#include "backend/local/local.h"
#include "backend/local/meta.h"
#include "backend/local/tree.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

static const char interrupted[] =
    "Interrupted by restart: the server that ran this process ended before it did. Its output "
    "until then is kept.";
static const char elsewhere[] = "Another server runs this process: it can be read here, and ended "
                                "there.";

static int64_t monotonic(int64_t wall_ms)
{
    return wall_ms ? clock_ms() - (clock_wall_ms() - wall_ms) : 0;
}

static int copy(const char *text, char **out, struct err *err)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? err_oom(err) : 0;
}

static void take_failed(struct job *j, yyjson_val *failed)
{
    struct err why = { 0 };
    const char *code = json_str(failed, "code"), *message = json_str(failed, "message");
    const char *next = json_str(failed, "next");

    if (!code || !message)
        return;
    err_set(&why, err_code_from_name(code), "%s", message);
    if (next && *next)
        err_next(&why, "%s", next);
    job_fail(j, &why);
}

static int take(struct job *j, yyjson_val *root, struct err *err)
{
    const char *id = json_str(root, "id");

    if (json_int(root, "schema", 0) != JOB_SCHEMA || !id || strcmp(id, j->id) ||
        !job_status_from_name(json_str(root, "status"), &j->status))
        return err_set(err, ERR_INVALID, "its meta.json is not of this version");
    j->exit_code = (int)json_int(root, "exit_code", -1);
    j->signal = (int)json_int(root, "signal", 0);
    j->session_lost = json_bool(root, "session_lost", false);
    j->started_ms = monotonic(json_int(root, "started_ms", 0));
    j->ended_ms = monotonic(json_int(root, "ended_ms", 0));
    j->output_ms = monotonic(json_int(root, "output_ms", 0));
    take_failed(j, yyjson_obj_get(root, "failed"));
    snprintf(j->tool, sizeof(j->tool), "%s", json_str(root, "tool") ? json_str(root, "tool") : "");
    return copy(json_str(root, "cwd"), &j->cwd, err) ||
                   copy(json_str(root, "note"), &j->note, err) ||
                   copy(json_str(root, "command"), &j->command, err)
               ? -1
               : 0;
}

static int read_meta(int jobs_fd, struct job *j, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(JOB_META_MAX);
    AUTO_JSON yyjson_doc *doc = NULL;
    AUTO_FD int fd = -1;
    char path[80];

    snprintf(path, sizeof(path), "%s/meta.json", j->id);
    fd = openat(jobs_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open its meta.json");
    if (io_read_all(fd, &text, err))
        return -1;
    doc = json_parse(buf_str(&text), text.len, err);
    return doc ? take(j, yyjson_doc_get_root(doc), err) : -1;
}

static int load(struct local_sandbox *sb, int jobs_fd, const char *id, struct job **out,
                struct err *err)
{
    AUTO_PTR(job) struct job *j = NULL;
    char path[SPOOL_NAME];

    if (job_new(sb, NULL, &j, err))
        return -1;
    j->loaded = true;
    snprintf(j->id, sizeof(j->id), "%s", id);
    if (read_meta(jobs_fd, j, err))
        return -1;
    snprintf(path, sizeof(path), "%s/out", id);
    if (spool_load(&j->out, jobs_fd, &sb->quota, path, err))
        return -1;
    snprintf(path, sizeof(path), "%s/err", id);
    if (spool_load(&j->errs, jobs_fd, &sb->quota, path, err))
        return -1;
    j->kept = true;
    j->phase = JOB_OVER;
    *out = TAKE(j);
    return 0;
}

static int say(struct job *j, enum exec_status status, const char *note, struct err *err)
{
    j->status = status;
    free(j->note);
    return copy(note, &j->note, err);
}

/* ---- the sandbox's own ---- */

static void put_aside(struct local_sandbox *sb, const char *id, const struct err *why)
{
    AUTO_FD int place = tree_dir(sb->backend->state.root_fd, "quarantine", 0700, NULL);

    log_warn("sandbox %s: process %s is put aside into quarantine: %s", sb->base.id, id, why->msg);
    if (place >= 0)
        renameat(sb->dir.jobs_fd, id, place, id);
}

/* In the order of their start. */
static void insert(struct local_sandbox *sb, struct job *j)
{
    struct list *at = sb->jobs.prev;

    while (at != &sb->jobs && list_of(at, struct job, link)->started_ms > j->started_ms)
        at = at->prev;
    list_append(at->next, &j->link);
    sb->job_count++;
    j->listed = j->handed_out = true;
}

static void load_one(struct local_sandbox *sb, const char *id)
{
    struct err err = { 0 };
    struct job *j = NULL;
    char path[80];
    bool ran;

    snprintf(path, sizeof(path), "%s/meta.json", id);
    if (faccessat(sb->dir.jobs_fd, path, F_OK, AT_SYMLINK_NOFOLLOW)) {
        tree_remove(sb->dir.jobs_fd, id); /* nobody ever knew its id */
        return;
    }
    if (load(sb, sb->dir.jobs_fd, id, &j, &err)) {
        put_aside(sb, id, &err);
        return;
    }
    ran = j->status == EXEC_RUNNING;
    if (ran && say(j, EXEC_KILLED, interrupted, &err)) {
        job_unref(j);
        return;
    }
    if (!j->ended_ms)
        j->ended_ms = j->output_ms ? j->output_ms : j->started_ms;
    if (ran)
        history_note_once(j);
    pthread_mutex_lock(&sb->lock);
    insert(sb, j);
    pthread_mutex_unlock(&sb->lock);
}

void jobs_load(struct local_sandbox *sb)
{
    int fd = openat(sb->dir.jobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (id_valid("p", e->d_name))
            load_one(sb, e->d_name);
    if (d)
        closedir(d);
    jobs_evict(sb);
}

/* ---- another one's ---- */

static bool in_use(int dir_fd)
{
    AUTO_FD int fd = openat(dir_fd, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

static bool same_owner(int dir_fd, const struct local_sandbox *sb)
{
    AUTO(meta) struct meta m = { 0 };
    char owner[65];

    sha256_hex(sb->owner, strlen(sb->owner), owner);
    return !meta_read(dir_fd, &m, NULL) && !m.name && !strcmp(m.owner, owner);
}

/* 1 found, 0 not there, -1 there but unreadable. */
static int look(struct local_sandbox *sb, const char *sandbox, const char *id, struct job **out,
                struct err *err)
{
    AUTO_FD int dir =
        openat(sb->backend->state.sandboxes_fd, sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int jobs = dir < 0 ? -1 : openat(dir, "jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_PTR(job) struct job *j = NULL;
    bool live;

    if (jobs < 0 || faccessat(jobs, id, F_OK, AT_SYMLINK_NOFOLLOW) || !same_owner(dir, sb))
        return 0;
    if (load(sb, jobs, id, &j, err))
        return -1;
    live = in_use(dir);
    if (j->status == EXEC_RUNNING &&
        say(j, live ? EXEC_RUNNING : EXEC_KILLED, live ? elsewhere : interrupted, err))
        return -1;
    if (!j->ended_ms && j->status != EXEC_RUNNING)
        j->ended_ms = j->output_ms ? j->output_ms : j->started_ms;
    j->foreign_fd = TAKE_FD(&jobs);
    *out = TAKE(j);
    return 1;
}

int job_find_elsewhere(struct local_sandbox *sb, const char *id, struct job **out, struct err *err)
{
    int fd = openat(sb->backend->state.sandboxes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int found = 0;

    while (d && !sb->name && !found && (e = readdir(d)))
        if (id_valid("sb", e->d_name) && strcmp(e->d_name, sb->base.id))
            found = look(sb, e->d_name, id, out, err);
    if (d)
        closedir(d);
    return found > 0 ? 0 : found < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "no process %s", id);
}
