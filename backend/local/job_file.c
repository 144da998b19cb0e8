#include "backend/local/job_file.h"
#include "backend/local/local.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const statuses[] = {
    [EXEC_EXITED] = "exited", [EXEC_RUNNING] = "running", [EXEC_TIMED_OUT] = "timed_out",
    [EXEC_KILLED] = "killed", [EXEC_OOM] = "oom",
};

const char *job_status_name(enum exec_status status)
{
    return statuses[status];
}

bool job_status_from_name(const char *name, enum exec_status *out)
{
    for (size_t i = 0; name && i < COUNT_OF(statuses); i++)
        if (!strcmp(statuses[i], name)) {
            *out = (enum exec_status)i;
            return true;
        }
    return false;
}

static int64_t wall(int64_t monotonic_ms)
{
    return monotonic_ms ? clock_wall_ms() - (clock_ms() - monotonic_ms) : 0;
}

/* Job lock held. */
static int format(const struct job *j, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kint(&w, "schema", JOB_SCHEMA);
    jw_kstr(&w, "id", j->id);
    jw_kstr(&w, "status", statuses[j->status]);
    jw_kint(&w, "exit_code", j->exit_code);
    jw_kint(&w, "signal", j->signal);
    jw_kbool(&w, "session_lost", j->session_lost);
    jw_kstr(&w, "cwd", j->cwd);
    jw_kstr(&w, "note", j->note);
    jw_kstr(&w, "tool", j->tool);
    jw_kstr(&w, "command", j->command);
    jw_kint(&w, "started_ms", wall(j->started_ms));
    jw_kint(&w, "ended_ms", wall(j->ended_ms));
    jw_kint(&w, "output_ms", wall(j->output_ms));
    if (j->failed) {
        jw_key(&w, "failed");
        jw_obj(&w);
        jw_kstr(&w, "code", err_code_name(j->failed->code));
        jw_kstr(&w, "message", j->failed->msg);
        jw_kstr(&w, "next", j->failed->next);
        jw_end(&w);
    }
    jw_end(&w);
    return jw_done(&w);
}

static int write_meta(int jobs_fd, const char *id, const struct buf *text, struct err *err)
{
    char tmp[80], path[80];
    AUTO_FD int fd = -1;

    snprintf(tmp, sizeof(tmp), "%s/meta.tmp", id);
    snprintf(path, sizeof(path), "%s/meta.json", id);
    if (mkdirat(jobs_fd, id, 0700) && errno != EEXIST)
        return err_sys(err, errno, "make the folder of process %s", id);
    fd = openat(jobs_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && !io_write_all(fd, text->data, text->len) &&
        !renameat(jobs_fd, tmp, jobs_fd, path))
        return 0;
    return err_sys(err, errno, "write %s", path);
}

void job_save(struct job *j)
{
    AUTO(buf) struct buf text = BUF_MAX(JOB_META_MAX);
    struct err err = { 0 };
    int r;

    pthread_mutex_lock(&j->lock);
    if (!j->kept || j->loaded) {
        pthread_mutex_unlock(&j->lock);
        return;
    }
    if (j->phase == JOB_OVER) {
        spool_rest(&j->out);
        spool_rest(&j->errs);
    }
    r = format(j, &text, &err);
    pthread_mutex_unlock(&j->lock);
    if (r || write_meta(j->sandbox->dir.jobs_fd, j->id, &text, &err))
        log_warn("sandbox %s: %s", j->sandbox->base.id, err.msg);
}

void job_keep(struct job *j)
{
    bool first;

    pthread_mutex_lock(&j->lock);
    first = !j->kept;
    j->kept = true;
    if (first) {
        spool_keep(&j->out);
        spool_keep(&j->errs);
    }
    pthread_mutex_unlock(&j->lock);
    if (first)
        job_save(j);
}

void job_remove_files(struct job *j)
{
    static const char *const names[] = { "meta.json", "meta.tmp", "out", "err" };
    int jobs_fd = j->sandbox->dir.jobs_fd;
    char path[80];

    if (!j->discard && !j->out.in_file && !j->errs.in_file)
        return;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", j->id, names[i]);
        unlinkat(jobs_fd, path, 0);
    }
    unlinkat(jobs_fd, j->id, AT_REMOVEDIR);
}
