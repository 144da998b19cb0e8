#include "backend/agent/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READS_MAX 64 /* of one buffer */
#define IN_FOLDER \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)
#define IN_CONTENT (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

static bool used(const struct watch_table *t, int wd)
{
    for (int i = 0; i < WIRE_WATCHES; i++)
        if (t->files[i].path && (t->files[i].folder == wd || t->files[i].content == wd))
            return true;
    return false;
}

static void leave(struct watch_table *t, int wd)
{
    if (wd >= 0 && !used(t, wd))
        (void)inotify_rm_watch(t->inotify, wd);
}

static int enter(struct watch_table *t, const char *path, uint32_t mask)
{
    return inotify_add_watch(t->inotify, path, mask | IN_MASK_ADD);
}

/* The directory first: what comes between the two is then an event of it. */
static void place(struct watch_table *t, struct watched_file *f)
{
    int folder = f->folder, content = f->content;
    char *slash = strrchr(f->path, '/');

    if (slash == f->path) {
        f->folder = enter(t, "/", IN_FOLDER | IN_ONLYDIR);
    } else {
        *slash = '\0';
        f->folder = enter(t, f->path, IN_FOLDER | IN_ONLYDIR);
        *slash = '/';
    }
    f->content = enter(t, f->path, IN_CONTENT);
    f->moved = false;
    leave(t, folder);
    leave(t, content);
}

void watch_remove(struct watch_table *t, uint32_t slot)
{
    struct watched_file *f = &t->files[slot];

    if (!f->path)
        return;
    free(f->path);
    f->path = NULL;
    leave(t, f->folder);
    leave(t, f->content);
}

bool watch_add(struct watch_table *t, uint32_t slot, const char *path)
{
    struct watched_file *f = &t->files[slot];

    watch_remove(t, slot);
    *f = (struct watched_file){ .path = strdup(path), .folder = -1, .content = -1 };
    if (!f->path)
        return false;
    place(t, f);
    return true;
}

static void note(struct watched_file *f, const struct inotify_event *e)
{
    const char *name = strrchr(f->path, '/') + 1;
    bool named = e->len && !strcmp(e->name, name);

    if (e->wd == f->content) {
        f->changed = true;
        f->moved |= (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_IGNORED)) != 0;
    }
    if (e->wd == f->folder && (named || (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))))
        f->changed = f->moved = true;
    if (e->mask & IN_IGNORED) {
        f->folder = f->folder == e->wd ? -1 : f->folder;
        f->content = f->content == e->wd ? -1 : f->content;
    }
}

static void note_all(struct watch_table *t, const struct inotify_event *e)
{
    for (int i = 0; i < WIRE_WATCHES; i++) {
        struct watched_file *f = &t->files[i];
        if (!f->path)
            continue;
        if (e->mask & IN_Q_OVERFLOW)
            f->changed = f->moved = true;
        else
            note(f, e);
    }
}

void watch_read(struct watch_table *t)
{
    static char events[65536] __attribute__((aligned(__alignof__(struct inotify_event))));

    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = read(t->inotify, events, sizeof(events));
        const struct inotify_event *e;
        if (n <= 0)
            return;
        for (char *at = events; at < events + n; at += sizeof(*e) + e->len) {
            e = (const struct inotify_event *)(const void *)at;
            note_all(t, e);
        }
    }
}

void watch_settle(struct watch_table *t, bool missing)
{
    for (int i = 0; i < WIRE_WATCHES; i++) {
        struct watched_file *f = &t->files[i];
        if (!f->path || !(f->moved || (missing && f->folder < 0)))
            continue;
        place(t, f);
        if (missing && f->content >= 0)
            f->changed = true;
    }
}

bool watch_take(struct watch_table *t, uint8_t bits[WIRE_WATCHES / 8])
{
    bool any = false;

    memset(bits, 0, WIRE_WATCHES / 8);
    for (int i = 0; i < WIRE_WATCHES; i++)
        if (t->files[i].path && t->files[i].changed) {
            t->files[i].changed = false;
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
            any = true;
        }
    return any;
}
