#include "backend/recording/meta.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ENTRIES_MAX (4 * RECORDINGS_MAX) /* of a directory that are looked at */

struct recording_store {
    char *root;
};

int recording_store_new(const char *root, struct recording_store **out, struct err *err)
{
    struct recording_store *s = calloc(1, sizeof(*s));

    if (!s)
        return err_oom(err);
    s->root = strdup(root);
    if (!s->root) {
        free(s);
        return err_oom(err);
    }
    *out = s;
    return 0;
}

void recording_store_free(struct recording_store *s)
{
    if (!s)
        return;
    free(s->root);
    free(s);
}

void recording_file_done(struct recording_file *f)
{
    fd_close(&f->data_fd);
    fd_close(&f->dir_fd);
    fd_close(&f->lock_fd);
}

/* ---- directories ---- */

/* The principal's; -1 without a word when it is not there and not to be made. */
static int open_owner(struct recording_store *s, const char *principal, bool make, struct err *err)
{
    AUTO_FREE char *path = NULL;
    char digest[65];
    int fd;

    sha256_hex(principal, strlen(principal), digest);
    if (asprintf(&path, "%s/v1/recording/%s", s->root, digest) < 0) {
        path = NULL;
        return err_oom(err);
    }
    if (make && io_make_path(path, 0700, err))
        return -1;
    fd = open(path, DIR_FLAGS);
    if (fd < 0 && make)
        return err_sys(err, errno, "open the directory of the recordings");
    return fd;
}

/* Names of any kind below it go; there are no directories. */
static void remove_dir(int owner, const char *id)
{
    int fd = openat(owner, id, DIR_FLAGS);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    unlinkat(owner, id, AT_REMOVEDIR);
}

static int take_lock(int dir, int flags, int *out)
{
    AUTO_FD int fd = openat(dir, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
        return -1;
    *out = TAKE_FD(&fd);
    return 0;
}

static bool is_locked(int dir)
{
    AUTO_FD int fd = openat(dir, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

int64_t recording_bytes(const struct recording_file *f)
{
    static const char *const files[] = { "data", "mp4", "webm" };
    int64_t sum = 0;
    struct stat st;

    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (!fstatat(f->dir_fd, files[i], &st, AT_SYMLINK_NOFOLLOW))
            sum += st.st_size;
    return sum;
}

/* ---- one record ---- */

int recording_save(const struct recording_file *f, const struct recording_meta *meta,
                   struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RECORDING_META_MAX);
    AUTO_FD int fd = -1;

    if (recording_meta_write(meta, &text, err))
        return -1;
    fd = openat(f->dir_fd, "meta.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && !io_write_all(fd, text.data, text.len) &&
        !renameat(f->dir_fd, "meta.new", f->dir_fd, "meta.json"))
        return 0;
    return err_sys(err, errno, "write what is known of the recording");
}

/* A recording that nobody holds any more does not run, whatever it says. */
static void settle(int dir, struct recording_meta *m)
{
    struct recording_file f = { .dir_fd = dir, .data_fd = -1, .lock_fd = -1 };
    bool runs = m->state == RECORDING_RUNNING || m->state == RECORDING_PAUSED;
    struct stat st;

    if (!runs || is_locked(dir))
        return;
    m->state = RECORDING_INTERRUPTED;
    snprintf(m->reason, sizeof(m->reason), "the server ended");
    m->bytes = recording_bytes(&f);
    if (!m->ended_ms && !fstatat(dir, "data", &st, AT_SYMLINK_NOFOLLOW))
        m->ended_ms = st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

static int load_from(int owner, const char *id, struct recording_meta *m, int *dir_out,
                     struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RECORDING_META_MAX);
    AUTO_FD int dir = openat(owner, id, DIR_FLAGS);
    AUTO_FD int fd = dir < 0 ? -1 : openat(dir, "meta.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "no recording %.40s", id);
    if (io_read_all(fd, &text, err) || recording_meta_read(buf_str(&text), text.len, m, err))
        return -1;
    if (strcmp(m->id, id) != 0)
        return err_set(err, ERR_INVALID, "the record names another recording");
    settle(dir, m);
    if (dir_out)
        *dir_out = TAKE_FD(&dir);
    return 0;
}

int recording_load(struct recording_store *s, const char *principal, const char *id,
                   struct recording_meta *meta, struct recording_file *f, struct err *err)
{
    AUTO_FD int owner = open_owner(s, principal, false, NULL);
    AUTO_FD int dir = -1;

    if (owner < 0 || !id_valid("rec", id) || load_from(owner, id, meta, &dir, NULL)) {
        err_set(err, ERR_NOT_FOUND, "no recording %.40s", id);
        return err_next(err, "recording_list tells which there are");
    }
    if (!f)
        return 0;
    *f = RECORDING_FILE;
    f->data_fd = openat(dir, "data", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (f->data_fd < 0)
        return err_sys(err, errno, "open the recording");
    f->dir_fd = TAKE_FD(&dir);
    return 0;
}

/* ---- all of them ---- */

static int newest_first(const void *a, const void *b)
{
    const struct recording_meta *x = a, *y = b;

    if (x->started_ms != y->started_ms)
        return x->started_ms < y->started_ms ? 1 : -1;
    return strcmp(x->id, y->id);
}

static bool expired(const struct recording_meta *m)
{
    return m->ended_ms && m->ended_ms + RECORDING_KEEP_MS < clock_wall_ms();
}

int recording_load_all(struct recording_store *s, const char *principal,
                       struct recording_meta **out, size_t *count, struct err *err)
{
    int owner = open_owner(s, principal, false, NULL);
    DIR *d = owner < 0 ? NULL : fdopendir(owner);
    struct recording_meta *all = calloc(RECORDINGS_MAX, sizeof(*all));
    struct dirent *e;
    size_t n = 0;

    if (!all) {
        if (d)
            closedir(d);
        return err_oom(err);
    }
    for (int seen = 0; d && seen < ENTRIES_MAX && n < RECORDINGS_MAX && (e = readdir(d)); seen++) {
        if (!id_valid("rec", e->d_name) || load_from(owner, e->d_name, &all[n], NULL, NULL))
            continue;
        if (expired(&all[n]))
            remove_dir(owner, e->d_name);
        else
            n++;
    }
    if (d)
        closedir(d);
    qsort(all, n, sizeof(*all), newest_first);
    *out = all;
    *count = n;
    return 0;
}

static int check_room(struct recording_store *s, const char *principal, const char *sandbox,
                      struct err *err)
{
    AUTO_FREE struct recording_meta *all = NULL;
    int64_t here = 0, everywhere = 0;
    size_t n;

    if (recording_load_all(s, principal, &all, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        everywhere += all[i].bytes;
        here += strcmp(all[i].sandbox, sandbox) ? 0 : all[i].bytes;
    }
    if (n < RECORDINGS_MAX && here < RECORDING_QUOTA && everywhere < RECORDING_QUOTA_ALL)
        return 0;
    err_set(err, ERR_QUOTA, "%zu recordings are kept already, %lld bytes of them of this sandbox",
            n, (long long)here);
    return err_next(err, "delete some with recording_delete");
}

int recording_create(struct recording_store *s, const char *principal, struct recording_meta *meta,
                     struct recording_file *out, struct err *err)
{
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    AUTO_FD int owner = -1;

    if (check_room(s, principal, meta->sandbox, err))
        return -1;
    owner = open_owner(s, principal, true, err);
    if (owner < 0)
        return -1;
    id_make("rec", meta->id);
    meta->started_ms = clock_wall_ms();
    if (mkdirat(owner, meta->id, 0700))
        return err_sys(err, errno, "make a directory for the recording");
    f.dir_fd = openat(owner, meta->id, DIR_FLAGS);
    if (f.dir_fd >= 0 && !take_lock(f.dir_fd, O_CREAT | O_EXCL, &f.lock_fd))
        f.data_fd =
            openat(f.dir_fd, "data", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f.data_fd < 0 || recording_save(&f, meta, NULL)) {
        err_sys(err, errno, "make the files of the recording");
        remove_dir(owner, meta->id);
        return -1;
    }
    *out = f;
    f = RECORDING_FILE;
    return 0;
}

void recording_discard(struct recording_store *s, const char *principal, const char *id)
{
    AUTO_FD int owner = open_owner(s, principal, false, NULL);

    if (owner >= 0 && id_valid("rec", id))
        remove_dir(owner, id);
}

int recording_remove(struct recording_store *s, const char *principal, const char *id,
                     struct err *err)
{
    AUTO(recording_file) struct recording_file f = RECORDING_FILE;
    AUTO_FREE struct recording_meta *meta = calloc(1, sizeof(*meta));

    if (!meta)
        return err_oom(err);
    if (recording_load(s, principal, id, meta, &f, err))
        return -1;
    if (is_locked(f.dir_fd)) {
        err_set(err, ERR_BUSY, "the recording %s still runs", id);
        return err_next(err, "stop it with recording_control first");
    }
    recording_discard(s, principal, id);
    return 0;
}
