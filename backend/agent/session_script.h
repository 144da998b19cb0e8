/*
 * What a session's supervisor writes to its shell, and reads back: text only.
 */
#ifndef BACKEND_AGENT_SESSION_SCRIPT_H
#define BACKEND_AGENT_SESSION_SCRIPT_H

#include "backend/agent/agent.h"

#define SCRIPT_MAX (256 * 1024) /* WIRE_MAX bytes of request, quoted at their worst, and more */

struct script {
    char text[SCRIPT_MAX];
    size_t len, sent; /* bytes that are there; that the shell has been given */
    bool overflow;
};

struct script_command {
    const char *dir; /* of the FIFOs; needs no quotes */
    unsigned number;
    const char *command; /* NULL: it lies in the file <number>.c */
    const char *cwd;     /* NULL: stay */
    const uint8_t *env;  /* valid, with names that script_env_valid() accepts */
    size_t env_len;
};

/* Names that a shell can assign to. */
bool script_env_valid(const uint8_t *env, size_t len);

/* Where the shell starts. */
void script_begin(struct script *s, const char *cwd);

/* The command with its descriptors, and the line that tells that it is over; false, and nothing
 * added, when it does not fit. */
bool script_add(struct script *s, const struct script_command *c);

/* The second of these lines once more. */
void script_add_status(struct script *s, const char *dir, unsigned number);

/*
 * "0 /workspace", without the NUL that ends it, of any bytes. False when it is no exit code and
 * a space. cwd is written when an absolute path below AGENT_PATH bytes follows.
 */
bool script_status(const char *text, size_t len, int *code, char cwd[AGENT_PATH]);

#endif
