#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "mcp/tasks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/*
 * In the directory: <task>.json its record, <task>.out its outcome, <task>.cancel when another
 * process wants it ended, srv_*.lock held by each living server, quarantine/.
 */
#define SCHEMA 1
#define RECORD_MAX 65536
#define STALE_MS (60 * 1000) /* temporary files of a dead writer */

static const char *name(char out[64], const char *id, const char *suffix)
{
    snprintf(out, 64, "%s%s", id, suffix);
    return out;
}

/* ---- the directory ---- */

/* A lock file of ours. Whoever clears up may have had it between our open and our flock. */
static int make_lock(struct tasks *ts, struct err *err)
{
    char file[64];

    for (int i = 0; i < 10; i++) {
        AUTO_FD int fd = -1;
        struct stat st;
        id_make("srv", ts->server);
        fd = openat(ts->dir_fd, name(file, ts->server, ".lock"),
                    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
        if (!flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) && st.st_nlink) {
            ts->lock_fd = TAKE_FD(&fd);
            return 0;
        }
    }
    return err_sys(err, errno, "lock the directory of the tasks");
}

int task_files_open(struct tasks *ts, const char *dir, struct err *err)
{
    if (io_make_path(dir, 0700, err))
        return -1;
    ts->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ts->dir_fd < 0)
        return err_sys(err, errno, "open %s", dir);
    if (make_lock(ts, err))
        return -1;
    task_files_purge(ts);
    return 0;
}

void task_files_close(struct tasks *ts)
{
    char file[64];

    if (ts->lock_fd >= 0)
        unlinkat(ts->dir_fd, name(file, ts->server, ".lock"), 0);
    fd_close(&ts->lock_fd);
    fd_close(&ts->dir_fd);
}

/* ---- writing ---- */

static int put(struct tasks *ts, const char *id, const char *suffix, const struct buf *text,
               struct err *err)
{
    char tmp[64], file[64], unique[16];
    AUTO_FD int fd = -1;

    snprintf(unique, sizeof(unique), ".%.6s.tmp", ts->server + strlen("srv_"));
    name(tmp, id, unique);
    name(file, id, suffix);
    fd = openat(ts->dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && !io_write_all(fd, text->data, text->len) && !fdatasync(fd) &&
        !renameat(ts->dir_fd, tmp, ts->dir_fd, file) && !fsync(ts->dir_fd))
        return 0;
    err_sys(err, errno, "write %s", file);
    if (fd >= 0)
        unlinkat(ts->dir_fd, tmp, 0);
    return -1;
}

int task_file_write(struct tasks *ts, const struct task_record *r, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RECORD_MAX);
    struct jw w = JW(&text, err);

    if (ts->dir_fd < 0)
        return 0;
    jw_obj(&w);
    jw_kint(&w, "schema", SCHEMA);
    jw_kstr(&w, "id", r->id);
    jw_kstr(&w, "owner", r->owner);
    jw_kstr(&w, "server", r->server);
    jw_kstr(&w, "status", task_status_name(r->status));
    jw_kstr(&w, "tool", r->tool);
    jw_kstr(&w, "handle", r->handle);
    jw_kstr(&w, "sandbox", r->sandbox);
    jw_kstr(&w, "message", r->message);
    jw_kint(&w, "created_ms", r->created_ms);
    jw_kint(&w, "updated_ms", r->updated_ms);
    jw_kint(&w, "ttl_ms", r->ttl_ms);
    jw_end(&w);
    return jw_done(&w) ? -1 : put(ts, r->id, ".json", &text, err);
}

int task_file_write_outcome(struct tasks *ts, const char *id, const struct buf *outcome,
                            struct err *err)
{
    return ts->dir_fd < 0 ? 0 : put(ts, id, ".out", outcome, err);
}

void task_file_remove(struct tasks *ts, const char *id)
{
    static const char *const suffixes[] = { ".json", ".out", ".cancel" };
    char file[64];

    for (size_t i = 0; i < COUNT_OF(suffixes) && ts->dir_fd >= 0; i++)
        unlinkat(ts->dir_fd, name(file, id, suffixes[i]), 0);
}

/* ---- reading ---- */

static int get(struct tasks *ts, const char *id, const char *suffix, struct buf *out,
               struct err *err)
{
    char file[64];
    AUTO_FD int fd = openat(ts->dir_fd, name(file, id, suffix), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open %s", file);
    return io_read_all(fd, out, err);
}

static bool take_status(const char *text, enum task_status *out)
{
    for (int s = TASK_WORKING; text && s <= TASK_CANCELLED; s++)
        if (!strcmp(text, task_status_name((enum task_status)s))) {
            *out = (enum task_status)s;
            return true;
        }
    return false;
}

static bool take_text(yyjson_val *root, const char *key, char **out)
{
    const char *text = json_str(root, key);

    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

static bool parse(yyjson_val *root, const char *id, struct task_record *r)
{
    const char *own = json_str(root, "id"), *owner = json_str(root, "owner");
    const char *server = json_str(root, "server"), *message = json_str(root, "message");

    if (json_int(root, "schema", 0) != SCHEMA || !own || strcmp(own, id) != 0 || !owner ||
        strlen(owner) != 64 || !server || !id_valid("srv", server) ||
        !take_status(json_str(root, "status"), &r->status) || !json_str(root, "tool"))
        return false;
    snprintf(r->id, sizeof(r->id), "%s", id);
    memcpy(r->owner, owner, sizeof(r->owner));
    snprintf(r->server, sizeof(r->server), "%s", server);
    snprintf(r->message, sizeof(r->message), "%s", message ? message : "");
    r->created_ms = json_int(root, "created_ms", 0);
    r->updated_ms = json_int(root, "updated_ms", 0);
    r->ttl_ms = json_int(root, "ttl_ms", 0);
    return take_text(root, "tool", &r->tool) && take_text(root, "handle", &r->handle) &&
           take_text(root, "sandbox", &r->sandbox);
}

static void quarantine(struct tasks *ts, const char *id)
{
    static const char *const suffixes[] = { ".json", ".out" };
    char from[64], to[80];

    log_warn("task %s: its record cannot be read and is put aside into quarantine", id);
    (void)!mkdirat(ts->dir_fd, "quarantine", 0700);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        snprintf(to, sizeof(to), "quarantine/%s", name(from, id, suffixes[i]));
        renameat(ts->dir_fd, from, ts->dir_fd, to);
    }
}

int task_file_read(struct tasks *ts, const char *id, struct task_record *out, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RECORD_MAX);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct err why = { 0 };

    *out = (struct task_record){ 0 };
    if (get(ts, id, ".json", &text, &why)) {
        if (why.code == ERR_TOO_LARGE)
            quarantine(ts, id);
        return err_set(err, ERR_NOT_FOUND, "%s", why.msg);
    }
    doc = json_parse(buf_str(&text), text.len, NULL);
    if (parse(yyjson_doc_get_root(doc), id, out))
        return 0;
    task_record_done(out);
    quarantine(ts, id);
    return err_set(err, ERR_NOT_FOUND, "the record cannot be read");
}

int task_file_read_outcome(struct tasks *ts, const char *id, struct buf *out, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = NULL;

    if (get(ts, id, ".out", out, err))
        return -1;
    doc = json_parse(buf_str(out), out->len, NULL);
    if (yyjson_is_obj(yyjson_doc_get_root(doc)))
        return 0;
    quarantine(ts, id);
    return err_set(err, ERR_NOT_FOUND, "the outcome cannot be read");
}

/* ---- other processes ---- */

bool task_file_alive(struct tasks *ts, const struct task_record *r)
{
    char file[64];
    AUTO_FD int fd =
        openat(ts->dir_fd, name(file, r->server, ".lock"), O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

void task_file_ask_cancel(struct tasks *ts, const char *id)
{
    char file[64];
    AUTO_FD int fd UNUSED = openat(ts->dir_fd, name(file, id, ".cancel"),
                                   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

bool task_file_cancel_asked(struct tasks *ts, const char *id)
{
    char file[64];

    return ts->dir_fd >= 0 && !faccessat(ts->dir_fd, name(file, id, ".cancel"), F_OK, 0);
}

int task_file_lock(struct tasks *ts)
{
    int fd = openat(ts->dir_fd, "recover.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0)
        while (flock(fd, LOCK_EX) && errno == EINTR)
            ;
    return fd;
}

/* ---- clearing up ---- */

static void purge_record(struct tasks *ts, const char *file)
{
    AUTO(task_record) struct task_record r = { 0 };
    int64_t now = clock_wall_ms();
    char id[ID_SIZE];

    snprintf(id, sizeof(id), "%.*s", (int)(strlen(file) - strlen(".json")), file);
    if (!id_valid("task", id) || task_file_read(ts, id, &r, NULL))
        return;
    if (!task_over(r.status) && task_file_alive(ts, &r))
        return;
    if (r.created_ms + (task_over(r.status) ? r.ttl_ms : TASK_TTL_MS) < now)
        task_file_remove(ts, id);
}

/* Nobody holds it: its server is dead, and its tasks can be seen to be so without the file. */
static void purge_lock(struct tasks *ts, const char *file)
{
    AUTO_FD int fd = openat(ts->dir_fd, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
        unlinkat(ts->dir_fd, file, 0);
}

static void purge_temporary(struct tasks *ts, const char *file)
{
    struct stat st;

    if (!fstatat(ts->dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) &&
        st.st_mtim.tv_sec * 1000 + STALE_MS < clock_wall_ms())
        unlinkat(ts->dir_fd, file, 0);
}

/* An outcome whose record was never written, or was removed. */
static void purge_outcome(struct tasks *ts, const char *file)
{
    char record[64];

    snprintf(record, sizeof(record), "%.*s.json", (int)(strchr(file, '.') - file), file);
    if (faccessat(ts->dir_fd, record, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
        purge_temporary(ts, file);
}

void task_files_purge(struct tasks *ts)
{
    static const struct {
        const char *suffix;
        void (*look)(struct tasks *ts, const char *file);
    } kinds[] = {
        { ".json", purge_record },    { ".lock", purge_lock },   { ".tmp", purge_temporary },
        { ".cancel", purge_outcome }, { ".out", purge_outcome },
    };
    int fd = ts->dir_fd < 0 ? -1 : openat(ts->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        const char *dot = strrchr(e->d_name, '.');
        for (size_t i = 0; dot && i < COUNT_OF(kinds); i++)
            if (!strcmp(dot, kinds[i].suffix) && strlen(e->d_name) < 60 &&
                strncmp(e->d_name, "recover", 7) != 0)
                kinds[i].look(ts, e->d_name);
    }
    if (d)
        closedir(d);
}
