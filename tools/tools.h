/*
 * What every tool handler shares. Handlers are `int tool_<name>(struct tool_call *,
 * const struct <name>_args *, struct err *)`, declared by the generated tools.gen.h.
 */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

#include "backend/backend.h"
#include "base/handout.h"
#include "mcp/tool.h"

#define CDP_URL_MAX 512

/* DevTools of a sandbox's browser for other programs, over the HTTP server. */
struct cdp_offer {
    /* A ws:// URL, good once and soon, for `principal` alone, and no longer than until_ms (as in
     * struct tool_origin). */
    int (*url)(void *context, const char *principal, int64_t until_ms, const char *sandbox_id,
               char out[CDP_URL_MAX], struct err *err);
    void *context;
};

#define HANDOUT_URL_MAX 512

/* Files, over the HTTP server. */
struct handout_offer {
    /* A URL, good once and soon, for everybody who has it; "": not yet. It takes a reference of
     * its own to the file. */
    int (*url)(void *context, const char *principal, struct handout *file,
               char out[HANDOUT_URL_MAX], struct err *err);
    /* The same for a place where one may be left (handout_source.take). */
    int (*upload)(void *context, const char *principal, struct handout *place,
                  char out[HANDOUT_URL_MAX], struct err *err);
    int for_s; /* that one is good */
    void *context;
};

struct tools_context {
    struct backend *backend;
    const char *sandbox_name;             /* --sandbox NAME; used when the call names none */
    size_t max_bytes;                     /* ceiling of a result's text: 48 kB */
    size_t default_max_bytes;             /* 24 kB */
    struct resource_watches *watches;     /* resource_watch.h */
    struct recordings *recordings;        /* recording.h; NULL: none */
    struct transfers *transfers;          /* transfer.h; NULL: none */
    const struct cdp_offer *cdp;          /* NULL: not offered; see tools_cdp_url() */
    const struct handout_offer *handouts; /* NULL: not offered; see tools_hand_out() */
    const char *confirm; /* what is live: destructive tools ask first; NULL: they do not */
};

/* The caller's default sandbox; release with sandbox_put(). */
int tools_sandbox(struct tool_call *call, struct sandbox **out, struct err *err) MUST_CHECK;

/*
 * cdp_url of browser_info: "" where none is to be had (stdio, our own TLS, --read-only and callers
 * who may only read, a browser that is not the sandbox's own).
 */
int tools_cdp_url(struct tool_call *call, struct sandbox *sb, const struct browser *browser,
                  char out[CDP_URL_MAX], struct err *err) MUST_CHECK;

/*
 * A one-time URL of the file, as a line of text and in _meta; nothing where none is offered (on
 * stdio). The reference is taken.
 */
int tools_hand_out(struct tool_call *call, struct handout *file, struct err *err) MUST_CHECK;

/* The map as variables: *out is one block to free(), its strings are the map's. */
int tools_env(const struct arg_map *map, struct env_var **out, struct err *err) MUST_CHECK;

/* At its yield time a command becomes a task, when the client takes tasks. */
struct stay tools_stay(struct tool_call *call);

/* What is left of a task whose server ended: the output of that process. See task_config. */
int tools_recover(struct tool_call *call, const char *handle, struct err *err) MUST_CHECK;

/* expect_sha256 as it has to be; NULL and "" pass. */
int tools_expected_hash(const char *hash, struct err *err) MUST_CHECK;

/* Seconds as whole milliseconds. */
static inline int64_t tools_ms(double seconds)
{
    return (int64_t)(seconds * 1000.0 + 0.5);
}

/* What the server's instructions begin with: this backend. With all notes they are <= 2 kB. */
int tools_instructions(struct backend *be, struct buf *out, struct err *err) MUST_CHECK;

/* What they say of tools; ended by a NULL text. */
extern const struct tool_note tools_notes[];

#endif
