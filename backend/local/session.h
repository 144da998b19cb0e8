/*
 * Shell sessions, the server's side: one agent channel per session, one command at a time. A
 * session's commands are jobs that borrow its channel (drive.c reads it for them).
 */
#ifndef BACKEND_LOCAL_SESSION_H
#define BACKEND_LOCAL_SESSION_H

#include "backend/local/job.h"

#define SESSIONS_MAX 16
#define SESSION_QUEUE_MS 10000 /* a call waits so long for the command before it */
#define SESSION_NAME_MAX 64

struct local_sandbox;
struct frame;

/*
 * Run req->command in the session req->session_id, which is opened when it is not known: a
 * started job whose pump is ready to be driven. ERR_BUSY when the command before it takes
 * too long.
 */
int session_start(struct local_sandbox *sb, struct call *call, const struct exec_request *req,
                  struct job **out, struct err *err) MUST_CHECK;

/* Driver: the command is over, by that frame (NULL: EOF); lost: the shell is gone with it. */
void session_command_over(struct job *j, const struct frame *f, bool lost);

/* Driver: the shell of the session is there, below j->supervisor. */
void session_started(struct job *j);

/* The session whose processes are below that; false: none. */
bool session_of(struct local_sandbox *sb, uint32_t supervisor, char name[SESSION_NAME_MAX + 1]);

/* Sandbox lock held. */
bool session_known(struct local_sandbox *sb, const char *name);
struct session_info {
    const char *name, *cwd;
    bool busy, alive;   /* alive: its shell runs */
    int64_t created_ms; /* wall clock */
    int64_t commands;   /* of the shell that runs */
};

/* Each one, until one() returns other than 0, which is returned; it must not call back. */
int session_each(struct local_sandbox *sb, int (*one)(void *context, const struct session_info *s),
                 void *context);
/* The same, without the lock. */
bool session_exists(struct local_sandbox *sb, const char *name);
/* The command that runs in it, a reference; NULL: none. */
struct job *session_job(struct local_sandbox *sb, const char *name);
/* Its shell ends with what runs in it; name and directory stay. ERR_NOT_FOUND, ERR_BUSY. */
int session_end_shell(struct local_sandbox *sb, struct call *call, const char *name,
                      struct err *err) MUST_CHECK;

/* End that session; ERR_NOT_FOUND. */
int session_close(struct local_sandbox *sb, const char *name, struct err *err) MUST_CHECK;

#endif
