#include "backend/agent/file_ladder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

static int push(struct ladder *l, int fd)
{
    size_t cap = l->cap ? l->cap * 2 : 64;
    struct ladder_rung *rungs;
    struct stat st;

    if (fstat(fd, &st))
        return errno;
    if (l->count == LADDER_MAX)
        return ENAMETOOLONG;
    if (l->count == l->cap) {
        rungs = realloc(l->rungs, cap * sizeof(*rungs));
        if (!rungs)
            return ENOMEM;
        l->rungs = rungs;
        l->cap = cap;
    }
    if (l->count >= LADDER_OPEN && l->rungs[l->count - LADDER_OPEN].fd >= 0) {
        close(l->rungs[l->count - LADDER_OPEN].fd);
        l->rungs[l->count - LADDER_OPEN].fd = -1;
    }
    l->rungs[l->count++] = (struct ladder_rung){ st.st_dev, st.st_ino, fd };
    return 0;
}

int ladder_start(struct ladder *l, int fd)
{
    int number = push(l, fd);

    if (number)
        close(fd);
    return number;
}

int ladder_down(struct ladder *l, const char *name)
{
    int fd = openat(ladder_fd(l), name, OPEN_DIR);

    return fd < 0 ? errno : ladder_start(l, fd);
}

int ladder_up(struct ladder *l)
{
    struct ladder_rung *low = &l->rungs[l->count - 1], *up = low - 1;
    struct stat st;

    if (l->count > 1 && up->fd < 0) {
        up->fd = openat(low->fd, "..", OPEN_DIR);
        if (up->fd < 0)
            return errno;
        if (fstat(up->fd, &st) || st.st_dev != up->dev || st.st_ino != up->ino)
            return ESTALE;
    }
    close(low->fd);
    l->count--;
    return 0;
}

int ladder_fd(const struct ladder *l)
{
    return l->count ? l->rungs[l->count - 1].fd : -1;
}

void ladder_done(struct ladder *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->rungs[i].fd >= 0)
            close(l->rungs[i].fd);
    free(l->rungs);
    *l = (struct ladder){ 0 };
}
