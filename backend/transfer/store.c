#include "backend/transfer/store.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/utf8.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define SCHEMA 1
#define META_MAX 4096
#define ENTRIES_MAX (4 * STORE_FILES_MAX) /* of a directory that are looked at */
#define NEW ".new-"

struct file_store {
    char *root;
    pthread_mutex_t commits; /* counting and renaming, in this process */
};

int file_store_new(const char *root, struct file_store **out, struct err *err)
{
    struct file_store *s = calloc(1, sizeof(*s));

    if (!s)
        return err_oom(err);
    s->root = strdup(root);
    if (!s->root) {
        free(s);
        return err_oom(err);
    }
    pthread_mutex_init(&s->commits, NULL);
    *out = s;
    return 0;
}

void file_store_free(struct file_store *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->commits);
    free(s->root);
    free(s);
}

/* ---- directories ---- */

/* The principal's; -1 without a word when it is not there and not to be made. */
static int open_owner(struct file_store *s, const char *principal, bool make, struct err *err)
{
    AUTO_FREE char *path = NULL;
    char digest[65];
    int fd;

    sha256_hex(principal, strlen(principal), digest);
    if (asprintf(&path, "%s/v1/store/%s", s->root, digest) < 0) {
        path = NULL;
        return err_oom(err);
    }
    if (make && io_make_path(path, 0700, err))
        return -1;
    fd = open(path, DIR_FLAGS);
    if (fd < 0 && make)
        return err_sys(err, errno, "open the directory of the file store");
    return fd;
}

static void remove_dir(int owner, const char *name)
{
    AUTO_FD int dir = openat(owner, name, DIR_FLAGS);

    if (dir >= 0) {
        unlinkat(dir, "meta.json", 0);
        unlinkat(dir, "data", 0);
    }
    unlinkat(owner, name, AT_REMOVEDIR);
}

/* ---- meta ---- */

static int write_meta(const struct store_meta *m, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kint(&w, "schema", SCHEMA);
    jw_kstr(&w, "id", m->id);
    jw_kstr(&w, "name", m->name);
    jw_kstr(&w, "mime", m->mime);
    jw_kstr(&w, "sha256", m->sha256);
    jw_kint(&w, "size", m->size);
    jw_kint(&w, "created_ms", m->created_ms);
    jw_end(&w);
    return jw_done(&w);
}

static void text_of(yyjson_val *root, const char *key, char *out, size_t size)
{
    const char *text = json_str(root, key);
    size_t len = text ? strlen(text) : 0;

    if (len >= size)
        len = utf8_cut(text, size - 1);
    if (len)
        memcpy(out, text, len);
    out[len] = '\0';
}

static int read_meta(const char *text, size_t len, struct store_meta *m, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(text, len, err);
    yyjson_val *root = yyjson_doc_get_root(doc);

    if (!doc)
        return -1;
    *m = (struct store_meta){ .size = json_int(root, "size", -1),
                              .created_ms = json_int(root, "created_ms", 0) };
    text_of(root, "id", m->id, sizeof(m->id));
    text_of(root, "name", m->name, sizeof(m->name));
    text_of(root, "mime", m->mime, sizeof(m->mime));
    text_of(root, "sha256", m->sha256, sizeof(m->sha256));
    if (json_int(root, "schema", 0) != SCHEMA || m->size < 0 || strchr(m->name, '/'))
        return err_set(err, ERR_INVALID, "this is no record of a stored file");
    return 0;
}

static int load_from(int owner, const char *id, struct store_meta *m, int *fd, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(META_MAX);
    AUTO_FD int dir = openat(owner, id, DIR_FLAGS);
    AUTO_FD int meta = dir < 0 ? -1 : openat(dir, "meta.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (meta < 0)
        return err_set(err, ERR_NOT_FOUND, "no file %.40s", id);
    if (io_read_all(meta, &text, err) || read_meta(buf_str(&text), text.len, m, err))
        return -1;
    if (strcmp(m->id, id) != 0)
        return err_set(err, ERR_INVALID, "the record names another file");
    if (!fd)
        return 0;
    *fd = openat(dir, "data", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? err_sys(err, errno, "open the stored file") : 0;
}

int store_load(struct file_store *s, const char *principal, const char *id, struct store_meta *meta,
               int *fd, struct err *err)
{
    AUTO_FD int owner = open_owner(s, principal, false, NULL);

    if (owner >= 0 && id_valid("f", id) && !load_from(owner, id, meta, fd, NULL))
        return 0;
    err_set(err, ERR_NOT_FOUND, "no stored file %.40s", id);
    return err_next(err, "file_store with action list tells which there are");
}

/* ---- all of them ---- */

static int newest_first(const void *a, const void *b)
{
    const struct store_meta *x = a, *y = b;

    if (x->created_ms != y->created_ms)
        return x->created_ms < y->created_ms ? 1 : -1;
    return strcmp(x->id, y->id);
}

/* Whoever made it has gone. */
static void forget_left(int owner, const char *name)
{
    struct stat st;

    if (!strncmp(name, NEW, sizeof(NEW) - 1) && !fstatat(owner, name, &st, AT_SYMLINK_NOFOLLOW) &&
        st.st_mtim.tv_sec * 1000ll + STORE_LEFT_MS < clock_wall_ms())
        remove_dir(owner, name);
}

int store_load_all(struct file_store *s, const char *principal, struct store_meta **out,
                   size_t *count, struct err *err)
{
    int owner = open_owner(s, principal, false, NULL);
    DIR *d = owner < 0 ? NULL : fdopendir(owner);
    struct store_meta *all = calloc(STORE_FILES_MAX, sizeof(*all));
    struct dirent *e;
    size_t n = 0;

    for (int seen = 0; all && d && seen < ENTRIES_MAX && n < STORE_FILES_MAX && (e = readdir(d));
         seen++) {
        if (id_valid("f", e->d_name))
            n += !load_from(owner, e->d_name, &all[n], NULL, NULL);
        else
            forget_left(owner, e->d_name);
    }
    if (d)
        closedir(d);
    if (!all)
        return err_oom(err);
    qsort(all, n, sizeof(*all), newest_first);
    *out = all;
    *count = n;
    return 0;
}

static int room_left(struct file_store *s, const char *principal, int64_t *room, struct err *err)
{
    AUTO_FREE struct store_meta *all = NULL;
    int64_t used = 0;
    size_t n;

    if (store_load_all(s, principal, &all, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        used += all[i].size;
    *room = n >= STORE_FILES_MAX ? -1 : STORE_BYTES_MAX - used;
    if (*room > STORE_FILE_BYTES)
        *room = STORE_FILE_BYTES;
    if (*room > 0)
        return 0;
    err_set(err, ERR_QUOTA, "%zu files of %lld bytes are stored already", n, (long long)used);
    return err_next(err, "delete some with file_store, action delete");
}

/* ---- a new one ---- */

static void new_name(const struct store_new *n, char out[ID_SIZE + sizeof(NEW)])
{
    snprintf(out, ID_SIZE + sizeof(NEW), NEW "%s", n->id);
}

void store_new_done(struct store_new *n)
{
    char name[ID_SIZE + sizeof(NEW)];

    new_name(n, name);
    if (n->owner >= 0)
        remove_dir(n->owner, name);
    fd_close(&n->fd);
    fd_close(&n->dir);
    fd_close(&n->owner);
    *n = STORE_NEW;
}

int store_begin(struct file_store *s, const char *principal, struct store_new *out, int64_t *room,
                struct err *err)
{
    char name[ID_SIZE + sizeof(NEW)];
    struct store_new n = STORE_NEW;

    if (room_left(s, principal, room, err))
        return -1;
    n.owner = open_owner(s, principal, true, err);
    if (n.owner < 0)
        return -1;
    id_make("f", n.id);
    new_name(&n, name);
    if (!mkdirat(n.owner, name, 0700))
        n.dir = openat(n.owner, name, DIR_FLAGS);
    if (n.dir >= 0)
        n.fd = openat(n.dir, "data", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (n.fd < 0) {
        err_sys(err, errno, "make a stored file");
        store_new_done(&n);
        return -1;
    }
    *out = n;
    return 0;
}

static int save_meta(const struct store_new *n, const struct store_meta *m, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(META_MAX);
    AUTO_FD int fd = -1;

    if (write_meta(m, &text, err))
        return -1;
    fd = openat(n->dir, "meta.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || io_write_all(fd, text.data, text.len) || fdatasync(fd) || fdatasync(n->fd) ||
        fsync(n->dir))
        return err_sys(err, errno, "write what is known of the file");
    return 0;
}

/* commits held. */
static int publish(struct file_store *s, const char *principal, struct store_new *n,
                   const struct store_meta *m, struct err *err)
{
    char name[ID_SIZE + sizeof(NEW)];
    int64_t room;

    if (room_left(s, principal, &room, err))
        return -1;
    if (m->size > room) {
        err_set(err, ERR_QUOTA, "%lld bytes, and the file store has room for %lld",
                (long long)m->size, (long long)room);
        return err_next(err, "delete some with file_store, action delete");
    }
    new_name(n, name);
    if (renameat(n->owner, name, n->owner, n->id) || fsync(n->owner))
        return err_sys(err, errno, "store the file");
    return 0;
}

int store_commit(struct file_store *s, const char *principal, struct store_new *n,
                 struct store_meta *meta, struct err *err)
{
    struct stat st;
    int r;

    if (fstat(n->fd, &st))
        return err_sys(err, errno, "look at the file");
    memcpy(meta->id, n->id, sizeof(meta->id));
    meta->size = st.st_size;
    meta->created_ms = clock_wall_ms();
    if (save_meta(n, meta, err))
        return -1;
    pthread_mutex_lock(&s->commits);
    r = publish(s, principal, n, meta, err);
    pthread_mutex_unlock(&s->commits);
    return r;
}

int store_remove(struct file_store *s, const char *principal, const char *id, struct err *err)
{
    AUTO_FD int owner = -1;
    struct store_meta m;

    if (store_load(s, principal, id, &m, NULL, err))
        return -1;
    owner = open_owner(s, principal, false, NULL);
    if (owner < 0)
        return err_set(err, ERR_NOT_FOUND, "no stored file %.40s", id);
    remove_dir(owner, id);
    return 0;
}
