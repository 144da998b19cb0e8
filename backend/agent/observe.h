/*
 * Changes below a folder (or of one name in it) for the server: the WIRE_OBSERVE operation.
 *
 * observe_tree.c follows folders by inotify and tells observe_ring.c what happened; observe.c
 * answers polls. Folders are entered without following links, each by its own descriptor, so
 * that a link that is swapped in leads nowhere else. What is in a new folder before it is watched
 * is found by a look at it. .git and node_modules are not entered, nor is a file system that the
 * kernel makes up (/proc, /sys).
 */
#ifndef BACKEND_AGENT_OBSERVE_H
#define BACKEND_AGENT_OBSERVE_H

#include "backend/agent/agent.h"

#define OBSERVE_DIRS 4096
#define OBSERVE_DEPTH 128
#define OBSERVE_EVENTS 1000
#define OBSERVE_READ_MS 20   /* between two looks at the queue */
#define OBSERVE_GATHER_MS 40 /* from the first event to the answer */
#define OBSERVE_PAIR_MS 10   /* for the other half of a move */
#define OBSERVE_LOOK_MS 500
#define OBSERVE_IDLE_MS (10 * 60 * 1000) /* without a poll: the end */

/* ---- observe_ring.c: the last OBSERVE_EVENTS changes ---- */

enum {
    CHANGE_CREATED = 'c',
    CHANGE_MODIFIED = 'm',
    CHANGE_DELETED = 'd',
    CHANGE_MOVED = 'v',
    CHANGE_ATTRIBUTES = 'a',
    CHANGE_LOST = 'o', /* the kernel dropped some; no path */
};

/* from: of a move, else NULL. Bursts on one path that nobody was told of yet become one. */
void ring_add(char kind, const char *path, const char *from);

/* Sequence numbers: of the newest event (0 none), and of the newest that was told. */
int64_t ring_last(void);
int64_t ring_told(void);

/* When the first one behind `after` came (monotonic, ms); 0: there is none. */
int64_t ring_since(int64_t after);

/* Records of what is behind `after` into out, at most `room` bytes, or one of RING_FIRST; paths get
 * `root` in front. Returns how far it came; *lost: some are gone. */
#define RING_FIRST (5 * AGENT_PATH)
int64_t ring_put(int64_t after, const char *root, uint8_t *out, size_t room, size_t *len,
                 bool *lost);

/* ---- observe_tree.c ---- */

struct observe_start {
    char root[AGENT_PATH]; /* the folder, links resolved */
    char name[256];        /* "": all of it; else only that name in it */
    bool recursive;
};

/* False: *code and *why say why not. */
bool observe_open(int inotify, const char *path, struct observe_start *s, uint32_t *code,
                  const char **why);

/* Take what is queued, a bounded amount. */
void observe_read(void);

/* Enter new folders. */
void observe_settle(void);

/* Folders may be missed; to be looked for when no event waits, every OBSERVE_LOOK_MS at most. */
bool observe_unsure(void);
void observe_look_again(void);

/* Half a move waits for its other half; and: it will not come. */
bool observe_pending(void);
void observe_flush(void);

bool observe_ended(void);          /* the folder itself has gone */
unsigned observe_count(bool *cut); /* folders; cut: some are not watched */

int64_t observe_now(void); /* monotonic, ms */

#endif
