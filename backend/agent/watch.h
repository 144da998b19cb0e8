/*
 * Files that are watched for the server: the WIRE_WATCH operation, and the table behind it.
 *
 * The inotify instance is the server's, as payloads and their agent may make none. Each
 * file has a slot of the server's choice; its directory is watched for the name, and what the name
 * stands for (links followed) for the content. A file that is not there yet is one that changes
 * when it comes. What the kernel could not queue counts as a change of every file.
 */
#ifndef BACKEND_AGENT_WATCH_H
#define BACKEND_AGENT_WATCH_H

#include "backend/wire.h"

#include <sys/inotify.h>

#define WATCH_READ_MS 200   /* between two looks at the queue, so that a flood costs little */
#define WATCH_TELL_MS 1000  /* between two CHANGED frames */
#define WATCH_RETRY_MS 2000 /* for files whose directory is not there */

struct watched_file {
    char *path;          /* absolute; NULL: the slot is free */
    int folder, content; /* watch descriptors; -1 none */
    bool changed;        /* not yet told */
    bool moved;          /* the name may stand for another file: look again */
};

struct watch_table {
    int inotify;
    struct watched_file files[WIRE_WATCHES];
};

/* False: no memory. An earlier file of the slot is forgotten. */
bool watch_add(struct watch_table *t, uint32_t slot, const char *path);
void watch_remove(struct watch_table *t, uint32_t slot);

/* Take what is queued, a bounded amount; marks files as changed. */
void watch_read(struct watch_table *t);

/* Look again at what moved; and with `missing` at what has no directory. */
void watch_settle(struct watch_table *t, bool missing);

/* The slots that changed, as bits; false: none. They count as told. */
bool watch_take(struct watch_table *t, uint8_t bits[WIRE_WATCHES / 8]);

#endif
