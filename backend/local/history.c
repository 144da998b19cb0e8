#include "backend/local/history.h"
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
#include <unistd.h>

static const char newer[] = "history", older[] = "history.1";

/* ---- writing ---- */

static void put_stream(struct jw *w, const char *key, const struct spool *s)
{
    struct stream_text t = { 0 };
    uint64_t hole;

    jw_key(w, key);
    jw_obj(w);
    jw_kint(w, "bytes", (int64_t)s->total);
    if (!spool_text(s, 0, EXECUTION_OUTPUT, &t, &hole, NULL)) {
        size_t cut = t.omitted ? t.hole : t.text.len;
        jw_key(w, "head");
        jw_strn(w, buf_str(&t.text), cut);
        if (t.omitted) {
            jw_kint(w, "omitted", (int64_t)t.omitted);
            jw_kint(w, "omitted_lines", (int64_t)t.omitted_lines);
            jw_key(w, "tail");
            jw_strn(w, buf_str(&t.text) + cut, t.text.len - cut);
        }
    }
    jw_end(w);
    buf_done(&t.text);
}

static int64_t wall(int64_t monotonic_ms)
{
    return clock_wall_ms() - (clock_ms() - monotonic_ms);
}

/* Job lock held. */
static int format(const struct job *j, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kstr(&w, "id", j->id);
    jw_kstr(&w, "tool", j->tool);
    jw_kstr(&w, "command", j->command);
    jw_kstr(&w, "status", job_status_name(j->status));
    jw_kint(&w, "exit_code", j->exit_code);
    jw_kint(&w, "started_ms", wall(j->started_ms));
    jw_kint(&w, "duration_ms", (j->ended_ms ? j->ended_ms : clock_ms()) - j->started_ms);
    put_stream(&w, "out", &j->out);
    put_stream(&w, "err", &j->errs);
    jw_end(&w);
    return jw_done(&w) || buf_addc(out, '\n', err) ? -1 : 0;
}

static int append(struct local_sandbox *sb, const struct buf *line, struct err *err)
{
    AUTO_FD int fd =
        openat(sb->dir.dir_fd, newer,
               O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    struct stat s;

    if (fd < 0 || io_write_all(fd, line->data, line->len) || fstat(fd, &s))
        return err_sys(err, errno, "write its history");
    if (s.st_size >= HISTORY_FILE && renameat(sb->dir.dir_fd, newer, sb->dir.dir_fd, older))
        return err_sys(err, errno, "put its history aside");
    return 0;
}

void history_note(struct job *j)
{
    AUTO(buf) struct buf line = BUF_MAX(HISTORY_LINE);
    struct local_sandbox *sb = j->sandbox;
    struct err err = { 0 };
    int r;

    if (!j->command)
        return;
    pthread_mutex_lock(&j->lock);
    r = j->failed ? 1 : format(j, &line, &err);
    pthread_mutex_unlock(&j->lock);
    if (!r) {
        pthread_mutex_lock(&sb->history);
        r = append(sb, &line, &err);
        pthread_mutex_unlock(&sb->history);
    }
    if (r < 0)
        log_warn("sandbox %s: %s", sb->base.id, err.msg);
}

/* ---- reading ---- */

struct reading {
    struct local_sandbox *sandbox;
    const struct history_request *req;
    struct history_result *res;
    bool skipping; /* what the cursor names has not come yet */
    bool full;
};

/* 1 it was the last that is wanted. */
static int offer(struct reading *r, const struct execution *e, struct err *err)
{
    struct history_result *res = r->res;

    if (r->skipping) {
        r->skipping = strcmp(e->id, r->req->cursor) != 0;
        return 0;
    }
    if (e->started_ms < r->req->since_ms)
        return 0;
    if ((int64_t)res->count == r->req->limit) {
        memcpy(res->next_cursor, res->items[res->count - 1].id, sizeof(res->next_cursor));
        return r->full = true;
    }
    return history_add(res, e, err) ? -1 : 0;
}

static void read_stream(yyjson_val *v, uint64_t *bytes)
{
    *bytes = (uint64_t)json_int(v, "bytes", 0);
}

static bool parse(yyjson_val *root, struct execution *e)
{
    const char *id = json_str(root, "id"), *tool = json_str(root, "tool");
    const char *command = json_str(root, "command");

    if (!id || !tool || !command || strlen(id) >= sizeof(e->id) ||
        !job_status_from_name(json_str(root, "status"), &e->status))
        return false;
    snprintf(e->id, sizeof(e->id), "%s", id);
    e->tool = (char *)(size_t)tool;
    e->command = (char *)(size_t)command;
    e->exit_code = (int)json_int(root, "exit_code", -1);
    e->started_ms = json_int(root, "started_ms", 0);
    e->duration_ms = json_int(root, "duration_ms", 0);
    read_stream(yyjson_obj_get(root, "out"), &e->out);
    read_stream(yyjson_obj_get(root, "err"), &e->errs);
    return true;
}

static int add_text(yyjson_val *v, const char *key, struct buf *out, struct err *err)
{
    yyjson_val *s = yyjson_obj_get(v, key);

    return yyjson_is_str(s) ? buf_add(out, yyjson_get_str(s), yyjson_get_len(s), err) : 0;
}

static int take_text(yyjson_val *v, struct stream_text *out, struct err *err)
{
    out->text = BUF_MAX(HISTORY_LINE);
    out->total = (uint64_t)json_int(v, "bytes", 0);
    out->omitted = (uint64_t)json_int(v, "omitted", 0);
    out->omitted_lines = (uint64_t)json_int(v, "omitted_lines", 0);
    if (add_text(v, "head", &out->text, err))
        return -1;
    out->hole = out->text.len;
    return add_text(v, "tail", &out->text, err);
}

/* A line that is none of ours (the disk was full once) is passed over. */
static int take_line(struct reading *r, const char *line, size_t len, struct err *err)
{
    const char *wanted = r->req->execution_id;
    AUTO_JSON yyjson_doc *doc = NULL;
    struct execution e = { 0 };
    yyjson_val *root;

    if (wanted && !memmem(line, len, wanted, strlen(wanted)))
        return 0;
    doc = json_parse(line, len, NULL);
    root = doc ? yyjson_doc_get_root(doc) : NULL;
    if (!root || !parse(root, &e))
        return 0;
    if (!wanted)
        return offer(r, &e, err);
    if (strcmp(e.id, wanted) != 0)
        return 0;
    return history_add(r->res, &e, err) ||
                   take_text(yyjson_obj_get(root, "out"), &r->res->text, err) ||
                   take_text(yyjson_obj_get(root, "err"), &r->res->errs, err)
               ? -1
               : 1;
}

static int read_file(struct reading *r, const char *name, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(HISTORY_FILE + HISTORY_LINE);
    AUTO_FD int fd =
        openat(r->sandbox->dir.dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat s;
    size_t end;
    int found = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "read the history");
    if (!fstat(fd, &s) && s.st_size > HISTORY_FILE + HISTORY_LINE)
        (void)lseek(fd, -HISTORY_FILE, SEEK_END);
    if (io_read_all(fd, &text, err))
        return -1;
    for (end = text.len; end && !found;) {
        const char *nl;
        size_t begin;
        end -= text.data[end - 1] == '\n';
        nl = end ? memrchr(text.data, '\n', end) : NULL;
        begin = nl ? (size_t)(nl - text.data) + 1 : 0;
        found = take_line(r, text.data + begin, end - begin, err);
        end = begin;
    }
    return found;
}

/* Job lock held. */
static void describe(const struct job *j, struct execution *e)
{
    *e = (struct execution){
        .tool = (char *)(size_t)j->tool,
        .command = j->command,
        .status = j->status,
        .exit_code = j->exit_code,
        .started_ms = wall(j->started_ms),
        .duration_ms = (j->ended_ms ? j->ended_ms : clock_ms()) - j->started_ms,
        .out = j->out.total,
        .errs = j->errs.total,
    };
    memcpy(e->id, j->id, sizeof(e->id));
}

static int offer_running(struct reading *r, struct err *err)
{
    struct local_sandbox *sb = r->sandbox;
    int found = 0;

    pthread_mutex_lock(&sb->lock);
    for (struct list *at = sb->jobs.prev; at != &sb->jobs && !found; at = at->prev) {
        struct job *j = list_of(at, struct job, link);
        struct execution e;
        pthread_mutex_lock(&j->lock);
        describe(j, &e);
        if (j->handed_out && j->command && j->phase < JOB_BACKGROUND)
            found = offer(r, &e, err);
        pthread_mutex_unlock(&j->lock);
    }
    pthread_mutex_unlock(&sb->lock);
    return found;
}

void history_note_once(struct job *j)
{
    struct history_request req = { .execution_id = j->id };
    AUTO(history_result) struct history_result res = { 0 };
    struct reading r = { .sandbox = j->sandbox, .req = &req, .res = &res };

    if (!read_file(&r, newer, NULL) && !read_file(&r, older, NULL))
        history_note(j);
}

static int list(struct reading *r, struct err *err)
{
    int found = offer_running(r, err);

    pthread_mutex_lock(&r->sandbox->history);
    if (!found)
        found = read_file(r, newer, err);
    if (!found)
        found = read_file(r, older, err);
    pthread_mutex_unlock(&r->sandbox->history);
    if (found < 0)
        return -1;
    if (!r->skipping)
        return 0;
    err_set(err, ERR_INVALID, "cursor: \"%.40s\" is not in the history any more", r->req->cursor);
    return err_next(err, "omit it to begin with the newest");
}

/* Its output is still all there. 1 it is, 0 not. */
static int from_job(struct reading *r, struct err *err)
{
    struct output_request all = { .process_id = r->req->execution_id, .whole = true };
    AUTO(exec_result) struct exec_result x = { 0 };
    AUTO_PTR(job) struct job *j = NULL;
    struct execution e;
    int failed;

    if (job_find(r->sandbox, r->req->execution_id, &j, NULL))
        return 0;
    pthread_mutex_lock(&j->lock);
    describe(j, &e);
    failed = !j->command || history_add(r->res, &e, err);
    pthread_mutex_unlock(&j->lock);
    if (failed)
        return j->command ? -1 : 0;
    if (job_result(j, &all, 0, &x, err))
        return -1;
    r->res->text = x.out;
    r->res->errs = x.errs;
    x.out = x.errs = (struct stream_text){ 0 };
    r->res->readable = true;
    return 1;
}

static int one(struct reading *r, struct err *err)
{
    int found = from_job(r, err);

    pthread_mutex_lock(&r->sandbox->history);
    if (!found)
        found = read_file(r, newer, err);
    if (!found)
        found = read_file(r, older, err);
    pthread_mutex_unlock(&r->sandbox->history);
    if (found)
        return found < 0 ? -1 : 0;
    err_set(err, ERR_NOT_FOUND, "no execution \"%.40s\" is in the history", r->req->execution_id);
    return err_next(err, "call without execution_id for the list");
}

int local_history(struct sandbox *base, struct call *call UNUSED, const struct history_request *req,
                  struct history_result *res, struct err *err)
{
    struct reading r = {
        .sandbox = local_sandbox_of(base), .req = req, .res = res, .skipping = req->cursor
    };

    return req->execution_id ? one(&r, err) : list(&r, err);
}
