#include "backend/transfer/stash.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/list.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct kept {
    struct list link;
    char id[ID_SIZE], owner[65];
    int64_t bytes;
};

struct stash {
    char *root;
    pthread_mutex_t lock; /* all below */
    char name[ID_SIZE];
    int above, dir, lock_fd; /* -1: not made yet */
    struct list kept;
    size_t count;
};

int stash_new(const char *root, struct stash **out, struct err *err)
{
    struct stash *s = calloc(1, sizeof(*s));

    if (!s)
        return err_oom(err);
    s->above = s->dir = s->lock_fd = -1;
    s->root = strdup(root);
    if (!s->root) {
        free(s);
        return err_oom(err);
    }
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->kept);
    *out = s;
    return 0;
}

/* Files of any name in one directory, and it. */
static void remove_all(int above, const char *name)
{
    int fd = openat(above, name, DIR_FLAGS);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    unlinkat(above, name, AT_REMOVEDIR);
}

/* Those that nobody holds; one without a lock is just being made. */
static void sweep(int above)
{
    int fd = openat(above, ".", DIR_FLAGS);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        AUTO_FD int dir = -1;
        AUTO_FD int lock = -1;
        if (!id_valid("st", e->d_name))
            continue;
        dir = openat(above, e->d_name, DIR_FLAGS);
        lock = dir < 0 ? -1 : openat(dir, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (lock >= 0 && !flock(lock, LOCK_EX | LOCK_NB))
            remove_all(above, e->d_name);
    }
    if (d)
        closedir(d);
}

/* Lock held. */
static int make(struct stash *s, struct err *err)
{
    AUTO_FREE char *path = NULL;
    char fresh[ID_SIZE + 1];

    if (s->dir >= 0)
        return 0;
    if (asprintf(&path, "%s/v1/stash", s->root) < 0) {
        path = NULL;
        return err_oom(err);
    }
    if (io_make_path(path, 0700, err))
        return -1;
    fd_close(&s->above);
    s->above = open(path, DIR_FLAGS);
    if (s->above < 0)
        return err_sys(err, errno, "open %s", path);
    sweep(s->above);
    id_make("st", s->name);
    snprintf(fresh, sizeof(fresh), ".%s", s->name);
    if (mkdirat(s->above, fresh, 0700))
        return err_sys(err, errno, "make a directory below %s", path);
    s->dir = openat(s->above, fresh, DIR_FLAGS);
    s->lock_fd = s->dir < 0 ? -1 : openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd >= 0 && !flock(s->lock_fd, LOCK_EX | LOCK_NB) &&
        !renameat(s->above, fresh, s->above, s->name))
        return 0;
    err_sys(err, errno, "make a directory below %s", path);
    remove_all(s->above, fresh);
    fd_close(&s->lock_fd);
    fd_close(&s->dir);
    return -1;
}

static int ready(struct stash *s, struct err *err)
{
    int r;

    pthread_mutex_lock(&s->lock);
    r = make(s, err);
    pthread_mutex_unlock(&s->lock);
    return r;
}

void stash_free(struct stash *s)
{
    if (!s)
        return;
    while (!list_empty(&s->kept)) {
        struct kept *k = list_of(s->kept.next, struct kept, link);
        list_remove(&k->link);
        free(k);
    }
    if (s->dir >= 0)
        remove_all(s->above, s->name);
    fd_close(&s->lock_fd);
    fd_close(&s->dir);
    fd_close(&s->above);
    pthread_mutex_destroy(&s->lock);
    free(s->root);
    free(s);
}

int stash_add(struct stash *s, char id[ID_SIZE], int *fd, struct err *err)
{
    if (ready(s, err))
        return -1;
    id_make("h", id);
    *fd = openat(s->dir, id, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *fd < 0 ? err_sys(err, errno, "make a file of the server") : 0;
}

int stash_open(struct stash *s, int *fd, struct err *err)
{
    char id[ID_SIZE];

    if (ready(s, err))
        return -1;
    *fd = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return 0;
    if (stash_add(s, id, fd, err))
        return -1;
    unlinkat(s->dir, id, 0);
    return 0;
}

/* Lock held. */
static int check_room(struct stash *s, const char *owner, int64_t bytes, struct err *err)
{
    int64_t all = bytes, own = bytes;

    list_each(link, &s->kept)
    {
        struct kept *k = list_of(link, struct kept, link);
        all += k->bytes;
        own += strcmp(k->owner, owner) ? 0 : k->bytes;
    }
    if (s->count < STASH_FILES_MAX && all <= STASH_BYTES_MAX && own <= STASH_BYTES_EACH)
        return 0;
    err_set(err, ERR_QUOTA, "%zu files wait to be fetched already, %lld bytes of them yours",
            s->count, (long long)(own - bytes));
    return err_next(err, "fetch those, or wait until their URLs expire");
}

int stash_keep(struct stash *s, const char *id, const char *principal, int64_t bytes,
               struct err *err)
{
    struct kept *k = calloc(1, sizeof(*k));
    int r;

    if (!k) {
        stash_drop(s, id);
        return err_oom(err);
    }
    snprintf(k->id, sizeof(k->id), "%s", id);
    sha256_hex(principal, strlen(principal), k->owner);
    k->bytes = bytes;
    pthread_mutex_lock(&s->lock);
    r = check_room(s, k->owner, bytes, err);
    if (!r) {
        list_append(&s->kept, &k->link);
        s->count++;
    }
    pthread_mutex_unlock(&s->lock);
    if (!r)
        return 0;
    free(k);
    stash_drop(s, id);
    return -1;
}

int stash_again(struct stash *s, const char *id, struct err *err)
{
    int fd = openat(s->dir, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? err_sys(err, errno, "open a file that waits") : fd;
}

void stash_drop(struct stash *s, const char *id)
{
    struct kept *found = NULL;

    pthread_mutex_lock(&s->lock);
    list_each(link, &s->kept)
    {
        struct kept *k = list_of(link, struct kept, link);
        if (!strcmp(k->id, id))
            found = k;
    }
    if (found) {
        list_remove(&found->link);
        s->count--;
    }
    unlinkat(s->dir, id, 0);
    pthread_mutex_unlock(&s->lock);
    free(found);
}
