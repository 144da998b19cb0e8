/*
 * Interactive sessions: programs on a terminal whose screen is kept. See backend.h for what holds
 * for every op.
 */
#ifndef BACKEND_PTY_OPS_H
#define BACKEND_PTY_OPS_H

#include "backend/exec_ops.h"

#define PTY_SESSIONS_MAX 16          /* of a sandbox that run */
#define PTY_IDLE_MS (30 * 60 * 1000) /* one that nobody used for so long is closed */
#define PTY_KEPT_MS (10 * 60 * 1000) /* one that is over is listed so long */
#define PTY_NAME_MAX 64              /* bytes of a session_id */
#define PTY_TEXT_MAX (32 * 1024)     /* bytes typed by one request */
#define PTY_COMMAND_MAX (32 * 1024)  /* bytes */
#define PTY_RESULT_MAX (48 * 1024)   /* bytes of screen and lines scrolled off */

/* A key: what it gives is up to the modes that the program has set. */
struct pty_key {
    uint32_t code; /* code point, or enum pty_key_name */
    bool named;
    bool shift, alt, ctrl;
};

enum pty_key_name {
    PTY_KEY_ENTER = 1,
    PTY_KEY_TAB,
    PTY_KEY_BACKSPACE,
    PTY_KEY_ESCAPE,
    PTY_KEY_UP,
    PTY_KEY_DOWN,
    PTY_KEY_LEFT,
    PTY_KEY_RIGHT,
    PTY_KEY_INSERT,
    PTY_KEY_DELETE,
    PTY_KEY_HOME,
    PTY_KEY_END,
    PTY_KEY_PAGE_UP,
    PTY_KEY_PAGE_DOWN,
    PTY_KEY_F0 = 32, /* F1 is one more */
    PTY_KEY_F12 = PTY_KEY_F0 + 12
};

/*
 * "Enter", "C-c", "M-x", "S-Tab", "C-M-Left", "F5", one character; also "Ctrl+C" and other common
 * spellings. ERR_INVALID with the names that there are.
 */
int pty_key_parse(const char *name, struct pty_key *out, struct err *err) MUST_CHECK;

struct pty_request {
    const char *session_id; /* open: NULL: a new one is made; else a name that is free */
    /* open */
    const char *command; /* NULL: a login shell */
    const char *cwd;     /* NULL: the workspace */
    const struct env_var *env;
    size_t env_count;
    /* open, and act to change the size: 0 as it is, open: 24 and 80 */
    int rows, cols;
    /* act: typed in this order */
    const char *text; /* newlines are the Enter key */
    size_t text_len;
    const struct pty_key *keys;
    size_t key_count;
    /* what the answer waits for */
    const char *wait_for; /* PCRE, in what came since; on the whole screen if nothing was typed */
    int64_t yield_ms;     /* at most; until quiet without wait_for; 0: not at all */
    bool ansi;            /* text with colours */
    size_t max_bytes;
};

struct pty_result {
    char session_id[PTY_NAME_MAX + 1];
    struct buf screen;        /* lines, without what is blank at the end */
    struct buf scrolled;      /* lines that have left the screen since the last answer */
    int64_t missed;           /* lines before these that were not kept */
    int rows, cols, row, col; /* row and col of the cursor, from 1 */
    char *title;              /* as the program set it: any bytes; "" none */
    bool alive, alternate, hidden, matched, costly, cut;
    int exit_code, signal; /* when not alive; -1: unknown */
    char *note;            /* NULL none */
};
void pty_result_done(struct pty_result *r);

struct pty_entry {
    char session_id[PTY_NAME_MAX + 1];
    char *command; /* "" a login shell */
    char *ended;   /* why it is no longer there; NULL: it is */
    bool alive;
    int exit_code; /* when not alive */
    int rows, cols;
    int64_t age_ms, idle_ms;
};

struct pty_list {
    struct pty_entry *entries;
    size_t count, cap;
};
int pty_list_add(struct pty_list *l, const struct pty_entry *e, struct err *err) MUST_CHECK;
void pty_list_done(struct pty_list *l);

struct pty_ops {
    /* ERR_QUOTA (PTY_SESSIONS_MAX), ERR_CONFLICT (the name). A call that is cancelled leaves none
     * behind. */
    int (*open)(struct sandbox *sb, struct call *call, const struct pty_request *req,
                struct pty_result *res, struct err *err);
    /* Type, resize, look: whatever the request has. ERR_NOT_FOUND; ERR_GONE when the sandbox was
     * stopped, or the session closed for being idle. */
    int (*act)(struct sandbox *sb, struct call *call, const struct pty_request *req,
               struct pty_result *res, struct err *err);
    /* Ends all that runs in it; req->session_id alone matters. */
    int (*close)(struct sandbox *sb, struct call *call, const struct pty_request *req,
                 struct pty_result *res, struct err *err);
    int (*list)(struct sandbox *sb, struct call *call, const struct pty_request *req,
                struct pty_list *res, struct err *err);
};

#endif
