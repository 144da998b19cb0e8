/*
 * A tool, as the router sees it: data about it, how to bind its arguments, and what to
 * run. The table of all tools is generated from tools.json; this folder knows nothing of
 * what they do.
 */
#ifndef MCP_TOOL_H
#define MCP_TOOL_H

#include "base/call.h"
#include "base/json.h"
#include "base/trace.h"
#include "mcp/args.h"

enum tool_class {
    TOOL_STRUCTURED, /* S: structuredContent complete by itself, content in lines */
    TOOL_TEXT,       /* T: the text is the result */
    TOOL_IMAGE,      /* I: may hold images: never structuredContent */
};

struct param_header;
struct tool_view;
struct tool_call;

struct tool_def {
    const char *name, *title, *description, *toolset;
    enum tool_class cls;
    unsigned needs; /* set of 1u << enum backend_op; opaque here */
    bool read_only, destructive, idempotent;
    bool open_world; /* terminal, code: AND-ed with the launch policy when the list is made */
    bool open_world_by_policy;
    const char *presets; /* names between blanks; NULL none */
    /* NULL: run() gets the object of arguments as it is, checked against input_schema. */
    const struct arg_table *args;
    const char *input_schema;  /* JSON text as listed: no maxima, no $schema unless args is NULL */
    const char *output_schema; /* NULL when class T or I */
    /* The same without the parameters that write, for read-only views; NULL: there are none. */
    const struct arg_table *args_read_only;
    const char *input_schema_read_only;
    const struct param_header *param_headers; /* NULL none */
    /* Generated: calls tool_<name>() with args: the bound struct, or a yyjson_val. */
    int (*run)(struct tool_call *call, const void *args, struct err *err);
};

/* A sentence of the instructions, left out where the launch does not list all these tools. */
struct tool_note {
    const char *tools; /* names between blanks; NULL: always said */
    const char *text;
};

/* Sorted by name, ended by a NULL name. Generated. */
extern const struct tool_def tool_defs[];
extern const size_t tool_def_count;

#define ADDRESS_SIZE 46 /* of a textual IP address */

/* Where a call came from, for logs and traces. */
struct tool_origin {
    struct trace trace;         /* of no trace unless the client or the configuration began one */
    char address[ADDRESS_SIZE]; /* of the client; "" on stdio */
    char digest[65];            /* SHA-256 of the arguments, when configured, else "" */
    char sandbox[36];           /* id of the one that was used; "" none */
    char page[36];              /* id of the browser's page that it is about; "" none */
    int64_t started_us;         /* monotonic */
    int64_t until_ms;           /* monotonic: when the caller's token ends; 0 never */
};

/*
 * What a handler works with. Built by the router, used by one worker.
 *
 * A handler adds content parts and at most one structured value, then returns 0; the
 * router projects the result for the revision. Or it fails: the router renders
 * "code: message. Next: hint." with isError.
 */
struct tool_call {
    struct call *call;
    const struct tool_def *def;   /* NULL when it is not a tool that is called */
    const struct tool_view *view; /* mcp/view.h: the tools that the caller sees */
    unsigned client;              /* CLIENT_*: what the client can do for this request */
    const char *principal;        /* who asks: "local" on stdio, else a digest of the token */
    const char *sandbox;          /* name of the default sandbox asked for; NULL the unnamed one */
    void *context;                /* struct tools_context of tools/: the backend and limits */
    struct tool_origin origin;

    void *told; /* of struct tool_tap, between its two functions */

    struct buf content;    /* comma-separated JSON content blocks */
    struct buf structured; /* one JSON object or empty */
    struct buf meta;       /* comma-separated "key":value members for _meta */
    bool has_image;
    bool no_audio; /* the revision has no audio blocks */
    bool no_links; /* nor resource_link blocks */
};

/*
 * Who is told of each tool call, around it, on its worker: what ended() does has happened when the
 * client gets its answer. ERR_INPUT is no end: the call comes again.
 */
struct tool_tap {
    void (*began)(struct tool_call *call, yyjson_val *arguments);    /* unchecked; may be NULL */
    void (*ended)(struct tool_call *call, const struct err *failed); /* NULL: it did not */
};

#define TOOL_RESULT_MAX (8 * 1024 * 1024) /* each of the three buffers above */

/* One text block; text may be any bytes (cleaned to UTF-8, not of control sequences). */
int tool_text(struct tool_call *call, const char *text, size_t len, struct err *err) MUST_CHECK;
int tool_textf(struct tool_call *call, struct err *err, const char *fmt, ...)
    PRINTF(3, 4) MUST_CHECK;

/* One image block. */
int tool_image(struct tool_call *call, const char *mime, const void *data, size_t len,
               struct err *err) MUST_CHECK;

/* One audio block; where the revision has none, a line of text that says what it was. */
int tool_audio(struct tool_call *call, const char *mime, const void *data, size_t len,
               struct err *err) MUST_CHECK;

/* One embedded resource: its text, or its bytes. mime may be NULL. */
int tool_resource_text(struct tool_call *call, const char *uri, const char *mime, const char *text,
                       size_t len, struct err *err) MUST_CHECK;
int tool_resource(struct tool_call *call, const char *uri, const char *mime, const void *data,
                  size_t len, struct err *err) MUST_CHECK;

/*
 * A link to a resource that resources/read gives; where the revision has none, a line of text. mime
 * may be NULL; size: bytes, 0 unknown. The text of a result is sufficient without it.
 */
int tool_link(struct tool_call *call, const char *uri, const char *name, const char *mime,
              int64_t size, struct err *err) MUST_CHECK;

/*
 * Tell the client how far a handler is, when it wants to know: at once, unlike call->progress,
 * which is spaced. Nothing is sent unless `progress` is more than what was said before (0 is, at
 * first). total: 0 when unknown; message: UTF-8, NULL none. For calls that the router made.
 */
void tool_progress(struct tool_call *call, double progress, double total, const char *message);

enum tool_log_level {
    TOOL_LOG_DEBUG,
    TOOL_LOG_INFO,
    TOOL_LOG_NOTICE,
    TOOL_LOG_WARNING,
    TOOL_LOG_ERROR,
    TOOL_LOG_CRITICAL,
    TOOL_LOG_ALERT,
    TOOL_LOG_EMERGENCY
};
#define TOOL_LOG_MAX 4096 /* bytes of one message; a longer one is dropped */

/*
 * A message for the log of the client (notifications/message), when it wants one of that level and
 * server_config.logging is set; more than a stated number in a second are dropped. logger: NULL
 * none. No secrets. For calls that the router made, until they are a task.
 */
void tool_log(struct tool_call *call, enum tool_log_level level, const char *logger,
              const char *fmt, ...) PRINTF(4, 5);

/*
 * Close the stream of events on which the client waits, which comes back for the result (legacy
 * HTTP sessions from 2025-11-25 on; elsewhere it does nothing). For calls that the router made.
 */
void tool_close_stream(struct tool_call *call);

/* `json` is one JSON object; kept only for class S. */
int tool_structured(struct tool_call *call, const struct buf *json, struct err *err) MUST_CHECK;

/* A member of _meta; the key gets the prefix "sandbox-mcp/". */
int tool_meta_int(struct tool_call *call, const char *key, int64_t v, struct err *err) MUST_CHECK;
int tool_meta_str(struct tool_call *call, const char *key, const char *v,
                  struct err *err) MUST_CHECK;

const struct tool_def *tool_find(const char *name); /* NULL when unknown */

#endif
