/*
 * What ops answer with. Every result owns what it points to; x_done() releases it and
 * leaves it zeroed, and accepts a zeroed one. Text is raw bytes as the program wrote
 * them: cleaning and rendering is the tools' business.
 */
#ifndef BACKEND_RESULTS_H
#define BACKEND_RESULTS_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct backend;
struct sandbox;

#define FILE_HASH_MAX (1024 * 1024)        /* hashed without being asked */
#define FILE_TOTALS_MAX (64 * 1024 * 1024) /* beyond: no totals, no hash */
#define FILE_WRITE_MAX (8 * 1024 * 1024)   /* one write */

#define INFO_HEALTH (1u << 0)
#define INFO_METRICS (1u << 1)
#define INFO_PACKAGES (1u << 2)
#define INFO_POLICY (1u << 3)
#define INFO_PORTS (1u << 4)
#define INFO_PROCESSES (1u << 5)

/* A growing array of strings. */
struct strings {
    char **items;
    size_t count, cap;
};
int strings_add(struct strings *s, const char *text, size_t len, struct err *err) MUST_CHECK;
int strings_addf(struct strings *s, struct err *err, const char *fmt, ...) PRINTF(3, 4) MUST_CHECK;
void strings_done(struct strings *s);

/*
 * A stretch of a stream, within a byte budget: its head and its tail. When omitted > 0
 * the hole lies at text.data + hole and holds that many bytes and lines, and reading on from
 * hole_cursor gives them.
 */
struct stream_text {
    struct buf text;
    uint64_t total; /* bytes of the stream from the read's start to its end now */
    uint64_t omitted, omitted_lines;
    size_t hole;
    uint64_t evicted; /* bytes between the cursor and the oldest byte still kept */
};

enum exec_status { EXEC_EXITED, EXEC_RUNNING, EXEC_TIMED_OUT, EXEC_KILLED, EXEC_OOM };

struct exec_result {
    enum exec_status status;
    int exit_code; /* EXITED only; 128 + signal when a signal ended it; -1 otherwise */
    int signal;    /* that ended it; 0 = none */
    struct stream_text out, errs;
    char process_id[36]; /* "" when nothing more can be read under it */
    char cursor[64];     /* reads on behind what this result shows */
    char hole_cursor[64];
    int64_t duration_ms, idle_ms;
    char *cwd;             /* where the command ran, or the session is now; NULL unknown */
    bool background;       /* exited, but a child it left behind still holds its output */
    bool session_lost;     /* the shell session ended or was restarted: note says what was lost */
    char *note;            /* one or two sentences for the reader; NULL none */
    struct strings denied; /* "connect HOST:PORT refused by egress policy (rule)" */
    struct code_result
        *late; /* what a cell showed that has ended since, no more of it; NULL none */
};
void exec_result_done(struct exec_result *r);

struct kill_result {
    struct strings killed; /* "p_xxx", "pid 12" */
    enum exec_status status;
    int exit_code;
};
void kill_result_done(struct kill_result *r);

/* What the first bytes of a file say; told where a read asks for text. */
enum file_encoding { FILE_PLAIN, FILE_UTF8_BOM, FILE_UTF16LE, FILE_UTF16BE };

struct file_read_result {
    char *path;                   /* absolute, as the sandbox resolves it */
    struct buf data;              /* the range; cut at max_bytes */
    int64_t start_line, end_line; /* 1-based, inclusive; 0 when bytes were asked for or nothing */
    int64_t total_lines;          /* -1: unknown */
    int64_t size, mtime_ms;       /* wall clock */
    unsigned mode;                /* permission bits */
    char sha256[65];              /* of the whole file; "" when not made */
    bool truncated;               /* more follows: read on at next_offset (same unit as offset) */
    int64_t next_offset;
    int64_t next_byte; /* where the last line goes on that was cut; 0 none was, or not known */
    enum file_encoding encoding;
};
void file_read_result_done(struct file_read_result *r);

/* What a file was before a write that is to be undoable. */
struct file_old {
    enum { OLD_UNKNOWN, OLD_NONE, OLD_CONTENT, OLD_LENGTH } kind; /* NONE: there was none */
    unsigned mode;
    struct buf data; /* CONTENT */
    int64_t size;    /* LENGTH: what was appended to */
    char sha256[65]; /* "" when not made */
};

struct file_write_result {
    char *path;
    struct file_old old;
    int64_t bytes_written, size;
    bool created;
    char sha256[65]; /* of the whole file; "" above FILE_TOTALS_MAX */
    unsigned mode;
};
void file_write_result_done(struct file_write_result *r);

struct file_entry {
    char *path;   /* relative to the listed directory */
    char *target; /* of a symbolic link; NULL otherwise */
    char type;    /* 'f' 'd' 'l' 'p' 's' 'c' 'b'; 'm' = a marker: "N more" below path */
    unsigned mode;
    int64_t size, mtime_ms; /* a marker's size is N */
};

struct file_list_result {
    char *path; /* absolute */
    struct file_entry *entries;
    size_t count, cap;
    int64_t total; /* seen by this walk; -1 unknown */
    bool truncated;
    char *next_cursor; /* NULL: the end */
};
int file_list_add(struct file_list_result *r, const struct file_entry *e,
                  struct err *err) MUST_CHECK;
void file_list_result_done(struct file_list_result *r);

struct file_match {
    char *path;
    int64_t line, column; /* 1-based; 0 for a name match */
    char *text;           /* the line (cut at 500 bytes around the hit), or NULL for a name match */
    char kind;            /* 'm' match, 'b' context before, 'a' context after */
};

struct file_search_result {
    char *path;
    struct file_match *matches;
    size_t count, cap;
    int64_t files_scanned, files_skipped; /* skipped: binary, too large, unreadable */
    bool truncated;
    char *next_cursor;
    char *note; /* e.g. "stopped after 10 s"; NULL none */
};
int file_search_add(struct file_search_result *r, const struct file_match *m,
                    struct err *err) MUST_CHECK;
void file_search_result_done(struct file_search_result *r);

struct file_replace_result {
    char *path;
    struct buf diff; /* unified */
    int64_t replacements;
    char sha256[65];
    bool matched; /* false: nothing was changed, and near_miss may say what came close */
    char *near_miss;
};
void file_replace_result_done(struct file_replace_result *r);

struct code_output {
    char *mime;
    struct buf data; /* raw bytes: binary for image/png, text otherwise */
    bool truncated;
};

#define CONTEXT_ID_SIZE 68 /* an id, or the name of a shell session */

enum code_status { CODE_OK, CODE_ERROR, CODE_TIMEOUT, CODE_RUNNING };

struct code_result {
    enum code_status status;
    struct code_output *results;
    size_t result_count;
    size_t results_dropped; /* shown, too, but for which the interpreter had no room */
    char *text;             /* the value of the last expression; NULL none */
    struct stream_text out, errs;
    char *error_name, *error_value, *traceback; /* CODE_ERROR */
    char context_id[CONTEXT_ID_SIZE];
    char process_id[36], cursor[64]; /* CODE_RUNNING: read on with output */
    char hole_cursor[64];
    int64_t execution_count, duration_ms;
    struct strings files_created;
    struct strings denied;
    char *note; /* e.g. the context was restarted; NULL none */
};
#define CODE_LATE_MAX \
    (16 * 1024 * 1024) /* kept of all cells of a sandbox that ended unwaited for */
/* What it showed and made, no more, for free() behind code_result_done(); NULL and err. */
struct code_result *code_results_copy(const struct code_result *r, struct err *err) MUST_CHECK;
int code_result_add(struct code_result *r, const char *mime, const void *data, size_t len,
                    bool truncated, struct err *err) MUST_CHECK;
void code_result_done(struct code_result *r);

struct name_value {
    char *name, *value;
};

struct sandbox_info {
    char id[36];
    char *name;  /* NULL: the unnamed default */
    char *state; /* "running", "stopped" */
    char *workspace, *home;
    int64_t created_ms, expires_ms; /* wall clock; 0 never */
    int64_t idle_timeout_s;
    struct name_value *facts; /* dotted names, e.g. "resources.memory_mb" = "512",
                                 "usage.memory_mb", "versions.python" */
    size_t fact_count, fact_cap;
    struct strings
        layers; /* isolation really in force, read back, e.g. "seccomp: strict filter (mode 2)" */
    struct strings degraded;                   /* what is missing and why */
    struct strings egress;                     /* rules */
    struct strings protected_paths;            /* below the workspace; with INFO_POLICY */
    struct strings packages, processes, ports; /* as asked for */
};
int sandbox_info_add(struct sandbox_info *info, const char *name, struct err *err, const char *fmt,
                     ...) PRINTF(4, 5) MUST_CHECK;
void sandbox_info_done(struct sandbox_info *info);

#endif
