/*
 * Names of users and groups of the sandbox: /etc/passwd and /etc/group, read when first asked for.
 * What stands there is the sandbox's word: a name is up to NAMES_LONGEST bytes of printable ASCII
 * without ':' or it is none.
 */
#ifndef BACKEND_AGENT_FILE_NAMES_H
#define BACKEND_AGENT_FILE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAMES_LONGEST 64
#define NAMES_FILE_MAX (1024 * 1024)

/* Zeroed is unread; names_done() releases. */
struct names {
    char *text[2];
    size_t len[2];
    bool read[2];
    uint32_t last[2]; /* id of the name below, when there is one */
    char name[2][NAMES_LONGEST + 1];
};

enum { NAMES_USERS, NAMES_GROUPS };

/* The name, or the number in digits. Good until the next call of this kind. */
const char *names_of(struct names *n, int kind, uint32_t id);

/* A name, or digits; false when it is neither. */
bool names_id(struct names *n, int kind, const char *name, uint32_t *id);
void names_done(struct names *n);

#endif
