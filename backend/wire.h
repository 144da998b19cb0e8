/*
 * What the server and the agent (pid 1 of a local sandbox) say to each other.
 *
 * One frame is one SOCK_SEQPACKET datagram of at most WIRE_MAX bytes: a header, then
 * TLVs. Little endian, unaligned. Descriptors travel beside the header (SCM_RIGHTS), at
 * most WIRE_MAX_FDS per frame and only inwards, except READY, which may carry the egress
 * listener out, once, before any untrusted byte has run.
 *
 * The *control socket* is descriptor WIRE_CONTROL_FD of pid 1. The server sends CONFIG
 * first; the agent sets itself up (confinement, egress listener) and answers READY. After
 * that it carries only OPEN frames, server to agent. OPEN's first descriptor is the operation's own
 * channel, the rest are what that operation's request row names. pid 1 reads the op, forks, closes:
 * the child is the operation and speaks on the channel. Closing a channel cancels its operation.
 * EOF on the control socket ends the sandbox.
 *
 * Header-only and self-contained: the agent includes nothing else of the tree.
 */
#ifndef BACKEND_WIRE_H
#define BACKEND_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WIRE_MAGIC 0x5342 /* "BS" */
#define WIRE_VERSION 1
#define WIRE_MAX 65536
#define WIRE_INLINE_MAX 32768 /* longer values go through a pipe or memfd made by the server */
#define WIRE_MAX_FDS 8
#define WIRE_CONTROL_FD 3

struct wire_header {
    uint16_t magic;
    uint8_t version, op;
    uint32_t len; /* of the TLVs behind the header */
    uint8_t nfds, zero[3];
};

_Static_assert(sizeof(struct wire_header) == 12, "wire header");

/* Kinds of operation: the op of an OPEN frame on the control socket. */
enum wire_kind {
    WIRE_EXEC = 1, /* fds: channel, stdin (read), stdout (write), stderr (write) */
    WIRE_SESSION,  /* fds: channel, stdout (write), stderr (write): of the first command; later RUN
                      frames bring their own */
    WIRE_FILE,     /* fds: channel, data pipe (direction by the request) */
    WIRE_SEARCH,   /* fds: channel, results (write) */
    WIRE_RUNNER,   /* fds: channel, stdin, stdout, stderr, requests (read), responses (write) */
    WIRE_QUERY,    /* fds: channel, results (write): facts read back from the kernel, processes */
    WIRE_KILL_PID, /* fds: channel: signal one process tree by pid */
    WIRE_WATCH,    /* fds: channel, inotify (made by the server, non-blocking) */
    WIRE_BROWSER,  /* fds: channel, commands (read), answers (write): its descriptors 3 and 4 */
    WIRE_PTY,      /* fds: channel */
    WIRE_PROBE,    /* fds: channel: until a port of the sandbox's loopback listens or answers */
    WIRE_OBSERVE = 14, /* fds: channel, inotify (made by the server, non-blocking) */
};

/* Frames on an operation's channel. */
enum wire_frame {
    /* server to agent */
    WIRE_CONFIG = 16, /* control socket, first: TAG_FILTER, TAG_EGRESS_PORT, TAG_NPROC, TAG_NOFILE,
                         TAG_ENV (of every command), TAG_CWD (the workspace), TAG_HOME, TAG_FLAGS */
    WIRE_START = 32,  /* the request; exactly one, first */
    WIRE_SIGNAL,      /* TAG_SIGNAL to the whole tree */
    WIRE_RUN,         /* session: next command; fds: stdout, stderr (write) */
    WIRE_WATCH_PATH,  /* watch: a file from now on */
    WIRE_UNWATCH,     /* watch: not any more */
    WIRE_PTY_DO = 48, /* pty: input, another size, or a look at the screen */
    WIRE_POLL = 60,   /* observe: what changed */
    /* agent to server */
    WIRE_READY = 64, /* control socket: set-up finished; TAG_FACTS; at most one fd: the egress
                        listener */
    WIRE_STARTED,    /* TAG_PID */
    WIRE_EXIT,       /* TAG_STATUS, TAG_RUSAGE_*, TAG_DESCENDANTS; session: TAG_CWD too */
    WIRE_REPLY,      /* file ops: result TLVs */
    WIRE_ERROR,      /* TAG_CODE, TAG_TEXT */
    WIRE_LOST,       /* session: the shell has gone; TAG_STATUS, TAG_CWD */
    WIRE_CHANGED,    /* watch: what is not as it was */
};

enum wire_tag {
    TAG_COMMAND = 1, /* bytes */
    TAG_CWD,
    TAG_ENV,         /* "NAME=value\0NAME=value\0..." */
    TAG_SIGNAL,      /* u32 */
    TAG_PID,         /* u32, as seen in the sandbox */
    TAG_STATUS,      /* u32, as from waitpid(2) */
    TAG_UTIME_US,    /* u64 */
    TAG_STIME_US,    /* u64 */
    TAG_MAXRSS_KB,   /* u64 */
    TAG_DESCENDANTS, /* u32: processes of the command still alive */
    TAG_CODE,        /* u32: enum err_code of base/err.h; agent/agent.h has the numbers too */
    TAG_TEXT,        /* bytes: message */
    TAG_FACTS,       /* bytes: "key=value\n..." */
    TAG_NEXT_TEXT,   /* bytes: the error's hint */
    TAG_GRACE_MS,    /* u32 */
    TAG_COMMAND_FD,  /* u32: index of the descriptor that holds the command when it is longer than
                        WIRE_INLINE_MAX */
    /* file ops */
    TAG_FILE_OP = 32, /* u32: enum wire_file_op */
    TAG_PATH,
    TAG_OFFSET,      /* i64 */
    TAG_LIMIT,       /* i64 */
    TAG_FLAGS,       /* u32: WIRE_F_* */
    TAG_MAX_BYTES,   /* u64 */
    TAG_MODE,        /* u32 permission bits */
    TAG_SHA256,      /* 64 hex digits; in a write request: the expected hash */
    TAG_SIZE,        /* u64 */
    TAG_MTIME_MS,    /* i64 */
    TAG_START_LINE,  /* i64 */
    TAG_END_LINE,    /* i64 */
    TAG_TOTAL_LINES, /* i64, -1 unknown */
    TAG_NEXT_OFFSET, /* i64 */
    TAG_WRITTEN,     /* u64 */
    TAG_GLOB,
    TAG_DEPTH, /* i64 */
    TAG_SORT,  /* u32 */
    TAG_CURSOR,
    TAG_TOTAL, /* i64 */
    TAG_PATTERN,
    TAG_INCLUDE, /* globs, NUL-separated */
    TAG_EXCLUDE,
    TAG_CONTEXT,    /* i64 */
    TAG_SCANNED,    /* i64 */
    TAG_SKIPPED,    /* i64 */
    TAG_WRITE_MODE, /* u32 */
    TAG_NOTE,
    TAG_LANGUAGE,
    TAG_FILTER,      /* struct sock_filter[]: the strict seccomp program every child runs under */
    TAG_EGRESS_PORT, /* u32: listen on 127.0.0.1:port and hand the listener out with READY; 0 no */
    TAG_NPROC,       /* u32: RLIMIT_NPROC, set inside; 0 no */
    TAG_NOFILE,      /* u32: hard RLIMIT_NOFILE */
    TAG_HOME,
    TAG_DATA,   /* bytes, at most WIRE_INLINE_MAX: content, or records, that need no pipe */
    TAG_LENGTH, /* u64: bytes of content or records that go through the pipe instead */
    TAG_WATCH,  /* u32: number of a watched file, below WIRE_WATCHES */
    TAG_ARGS,   /* "word\0word\0..." */
    /* ptys */
    TAG_PTY_ROWS = 96, /* u32, also TAG_PTY_COLS */
    TAG_PTY_COLS,
    TAG_PTY_KEYS,         /* u32[]: WIRE_KEY_* */
    TAG_PTY_SEQ,          /* u32: the request that a REPLY or an ERROR answers */
    TAG_PTY_WAIT_MS,      /* u32 */
    TAG_PTY_BYTES,        /* u32: of TAG_DATA and TAG_PTY_SCROLLED together */
    TAG_PTY_STATE,        /* u32: WIRE_PTY_* */
    TAG_PTY_CURSOR,       /* u32: row << 16 | column, both from 0 */
    TAG_PTY_TITLE,        /* bytes, whatever the program set, at most WIRE_PTY_TITLE */
    TAG_PTY_SCROLLED,     /* bytes: lines that have left the screen since the last REPLY */
    TAG_PTY_MISSED,       /* i64: lines before those which are no longer kept */
    TAG_SUPERVISOR = 108, /* u32: the pid that all processes of an operation are below */
    TAG_DETAIL,           /* u32: 1: processes alone, with everything about each */
    TAG_PORT,             /* u32 */
    /* files: what changes names and attributes */
    TAG_PATHS = 116, /* "path\0path\0...", absolute; a move has from, to, from, to */
    TAG_OWNER,       /* a name or number of the sandbox */
    TAG_GROUP,
    TAG_CHANGE,         /* "u+x,go-w" instead of TAG_MODE */
    TAG_ERRORS,         /* i64: paths that failed; the first of them come as records */
    TAG_ENCODING,       /* u32: enum wire_encoding */
    TAG_NEXT_BYTE,      /* i64: where the line goes on that READ has cut; 0 or absent: none */
    TAG_OLD_SIZE = 128, /* u64; absent: not known */
    TAG_OLD_MODE,       /* u32 */
    TAG_OLD_DATA,       /* bytes, at most WIRE_INLINE_MAX */
    TAG_OLD_SHA256,     /* of what was appended to */
    TAG_POLL,           /* u32: the POLL that a REPLY answers */
    TAG_WAIT_MS,        /* u32 */
    TAG_MAX = 160
};

/* Processes that the agent may have beyond TAG_NPROC, for its own work in a sandbox that is full:
 * what else limits their number (a pids cgroup) has to leave room for them. */
#define WIRE_NPROC_RESERVE 64

#define WIRE_WATCHES 256 /* files watched in one WIRE_WATCH; a multiple of 8 */

#define WIRE_PROBE_ANSWER 1024 /* bytes that a probe gives back */
#define WIRE_PROCESSES 1000    /* told at once */

enum wire_file_op {
    WIRE_FILE_READ = 1,
    WIRE_FILE_WRITE,
    WIRE_FILE_LIST,
    WIRE_FILE_STAT = 8,
    WIRE_FILE_MOVE,
    WIRE_FILE_COPY,
    WIRE_FILE_REMOVE,
    WIRE_FILE_MKDIR,
    WIRE_FILE_CHMOD,
    WIRE_FILE_RESTORE = 20,
    WIRE_FILE_OLD,
    WIRE_FILE_PUT = 40,
    WIRE_FILE_TAKE,
};

enum wire_encoding { WIRE_PLAIN, WIRE_UTF8_BOM, WIRE_UTF16LE, WIRE_UTF16BE };

#define WIRE_TRANSFER_MAX (1024ll * 1024 * 1024) /* bytes of a PUT */

#define WIRE_F_BYTES (1u << 0)
#define WIRE_F_HASH (1u << 1)
#define WIRE_F_TRUNCATED (1u << 2)
#define WIRE_F_CREATED (1u << 3)
#define WIRE_F_HIDDEN (1u << 4)
#define WIRE_F_IGNORE (1u << 5)
#define WIRE_F_LITERAL (1u << 6)
#define WIRE_F_ICASE (1u << 7)
#define WIRE_F_MULTILINE (1u << 8)
#define WIRE_F_NAMES (1u << 9)
#define WIRE_F_MUST_NOT_EXIST (1u << 10)
#define WIRE_F_HOST (1u << 11)    /* CONFIG: not pid 1, no namespaces, no filter (--runtime host) */
#define WIRE_F_BROWSER (1u << 12) /* CONFIG: WIRE_BROWSER will be asked for */
#define WIRE_F_BARE (1u << 13)    /* browser: without a sandbox of its own */
#define WIRE_F_RECURSIVE (1u << 14)
#define WIRE_F_OVERWRITE (1u << 15)
#define WIRE_F_MISSING_OK (1u << 16)
#define WIRE_F_TEXT (1u << 17)    /* READ: lines of UTF-16 as UTF-8 */
#define WIRE_F_OLD (1u << 24)     /* WRITE: tell what was there before */
#define WIRE_F_LOST (1u << 25)    /* observe: some changes are not known */
#define WIRE_F_ENDED (1u << 26)   /* observe: what is observed has gone */
#define WIRE_F_PARTIAL (1u << 27) /* observe: not all folders are */

/* Where a sandbox's browser keeps its files: a tmpfs that commands may list and no more. */
#define WIRE_BROWSER_DIR "/run/browser"
#define WIRE_ARGS 64   /* words of TAG_ARGS */
#define WIRE_TAIL 2048 /* bytes of the browser's last words */

/* A key of TAG_PTY_KEYS: a code point, or WIRE_KEY_NAMED and an enum wire_key; and modifiers. */
#define WIRE_KEY_CODE 0x1fffffu
#define WIRE_KEY_NAMED (1u << 21)
#define WIRE_KEY_SHIFT (1u << 24)
#define WIRE_KEY_ALT (1u << 25)
#define WIRE_KEY_CTRL (1u << 26)
enum wire_key {
    WIRE_KEY_ENTER = 1,
    WIRE_KEY_TAB,
    WIRE_KEY_BACKSPACE,
    WIRE_KEY_ESCAPE,
    WIRE_KEY_UP,
    WIRE_KEY_DOWN,
    WIRE_KEY_LEFT,
    WIRE_KEY_RIGHT,
    WIRE_KEY_INSERT,
    WIRE_KEY_DELETE,
    WIRE_KEY_HOME,
    WIRE_KEY_END,
    WIRE_KEY_PAGE_UP,
    WIRE_KEY_PAGE_DOWN,
    WIRE_KEY_F0 = 32, /* F1 is one more */
    WIRE_KEY_F12 = WIRE_KEY_F0 + 12
};

/* TAG_PTY_STATE of a request */
#define WIRE_PTY_ANSI (1u << 0)
/* of a REPLY */
#define WIRE_PTY_ALIVE (1u << 1)
#define WIRE_PTY_MATCHED (1u << 2)
#define WIRE_PTY_ALTERNATE (1u << 3)
#define WIRE_PTY_HIDDEN (1u << 4) /* the cursor */
#define WIRE_PTY_CUT (1u << 5)    /* rows at the top did not fit */
#define WIRE_PTY_COSTLY (1u << 6) /* the pattern was given up, at least once */

#define WIRE_PTY_TITLE 256
#define WIRE_PTY_ROWS_MAX 200
#define WIRE_PTY_COLS_MAX 400
#define WIRE_PTY_WAITS 16      /* requests of one pty that wait */
#define WIRE_PTY_KEYS_MAX 1024 /* of one request */

/*
 * Kinds other than WIRE_FILE and WIRE_SEARCH. A tag that does not belong to a request is answered
 * with ERROR. A frame that is malformed, not of this list, or has another number of descriptors
 * ends the sandbox, also on a channel.
 *
 * EXEC    TAG_COMMAND, or TAG_COMMAND_FD and one descriptor more behind those of OPEN (up to
 *         1 MiB); [TAG_CWD] (the workspace), [TAG_ENV] (additions)
 *    ->   STARTED: TAG_PID, TAG_SUPERVISOR; EXIT once the program is over and all it wrote is in
 *         the pipes: TAG_STATUS, TAG_UTIME_US, TAG_STIME_US, TAG_MAXRSS_KB, TAG_DESCENDANTS. The
 *         channel closes when the last descendant has gone. Closing it kills them all.
 *         Instead of STARTED an ERROR: not_found or denied (the directory), quota (processes),
 *         too_large (env and command together), invalid_argument, not_supported.
 * RUNNER  TAG_LANGUAGE "python", "javascript", "typescript" or "r", [TAG_CWD], [TAG_ENV]; with
 *         WIRE_F_HOST TAG_PATH of the runner's script, else /run/sandbox-mcp/runner.{py,js,R}
 *    ->   as EXEC; requests and responses are its descriptors 3 and 4. SIGINT is for the
 *         interpreter alone.
 * SESSION as EXEC in START, and in a RUN for each further command, which brings stdout and stderr
 *         (and the one of TAG_COMMAND_FD). TAG_CWD stays in force, TAG_ENV does not.
 *    ->   once, STARTED: TAG_SUPERVISOR; EXIT for each command: TAG_STATUS, TAG_CWD (untrusted,
 *         absolute), TAG_DESCENDANTS (streams that jobs hold on to); or LOST, the same tags, when
 *         the shell has ended: the channel closes behind it. An ERROR leaves the session as it was,
 *         but for one that comes because no shell can be started: then the channel closes.
 * SIGNAL  TAG_SIGNAL, to the whole tree; in a session to what the running command has started, and
 *         to the shell itself if that is nothing.
 * QUERY   nothing; 'p' records, then -> REPLY.
 *         TAG_DETAIL 1, [TAG_PID: that one and all below it]: "processes", how many there are, and
 *         "process" for at most WIRE_PROCESSES of them, ascending: "pid parent supervisor state
 *         cpu_ms age_ms rss_kb user command", the command cut, of any bytes but NUL; not_found
 * PROBE   TAG_PORT, [TAG_DATA: bytes to send]; once that is answered any number of times more
 *    ->   REPLY once something listens on the port, on any address; with TAG_DATA once a connection
 *         to it was made, and answered or not in time: TAG_DATA, at most WIRE_PROBE_ANSWER bytes
 * KILL    TAG_PID, TAG_SIGNAL, to that process and all below it -> REPLY: TAG_PID; not_found,
 *         denied (pid 1, supervisors)
 *
 * WATCH   nothing; then any number of
 *         WATCH_PATH: TAG_WATCH, TAG_PATH (absolute, need not exist); the same number again
 *         replaces the file; UNWATCH: TAG_WATCH
 *    ->   REPLY: TAG_WATCH, for each WATCH_PATH once it is in force; CHANGED, at most one a
 *         second: TAG_DATA, bit n % 8 of byte n / 8 for the file of number n, WIRE_WATCHES / 8
 *         bytes. May name files that did not change.
 *
 * OBSERVE TAG_PATH (a folder, or a file that need not be there yet), [flag RECURSIVE]
 *    ->   REPLY: TAG_PATH (the folder), TAG_PATTERN (the name in it that is meant; "" all),
 *         TAG_TOTAL (folders watched), flag PARTIAL; instead of it an ERROR. Then POLL: TAG_POLL,
 *         TAG_OFFSET (the position behind which to tell; -1: of the last answer), TAG_WAIT_MS,
 *         TAG_MAX_BYTES. A POLL takes the place of one that still waits, which is not answered any
 *         more.
 *    ->   REPLY: TAG_POLL, TAG_OFFSET (the position reached), TAG_TOTAL, flags TRUNCATED (there is
 *         more), LOST, ENDED, PARTIAL, TAG_DATA: 'w' records. Ends without a POLL for ten minutes.
 *
 * BROWSER TAG_PATH (the program, absolute), TAG_ARGS (at most WIRE_ARGS words), [TAG_HOME: where to
 *         make a directory for its files, WIRE_BROWSER_DIR], flag BARE: with --no-sandbox; the
 *         agent adds what names that directory, and --no-sandbox where nothing else works
 *    ->   STARTED: TAG_PID, flag BARE; EXIT as EXEC, with TAG_TEXT: the end of what it wrote to
 *         stderr, at most WIRE_TAIL bytes. Then what it left is killed and its directory removed,
 *         and the channel closes. Closing it does the same. It is not one of the sandbox's
 *         processes to QUERY, and KILL denies it.
 *         Instead of STARTED an ERROR: quota, not_supported; gone when no browser can be started
 *         in this sandbox any more.
 *
 * PTY     TAG_PTY_ROWS, TAG_PTY_COLS, [TAG_COMMAND] (a login shell), [TAG_CWD], [TAG_ENV], and
 *         the waiting part of a DO
 *    ->   STARTED: TAG_PID, TAG_SUPERVISOR, then the REPLY; instead of both an ERROR as of EXEC
 *         PTY_DO: TAG_PTY_SEQ, [TAG_PTY_ROWS and TAG_PTY_COLS: the size from now on], [TAG_DATA:
 *         text to type, newlines as Enter], [TAG_PTY_KEYS, typed behind it]; waiting: TAG_PTY_BYTES
 *         (at most 48 KiB), TAG_PTY_WAIT_MS (0: answer at once), [TAG_PATTERN: until it is seen,
 *         else until all is quiet], TAG_PTY_STATE. Several may wait at a time.
 *    ->   REPLY: TAG_PTY_SEQ, TAG_PTY_ROWS, TAG_PTY_COLS, TAG_PTY_CURSOR, TAG_PTY_STATE, TAG_DATA
 *         (the screen), TAG_PTY_SCROLLED, TAG_PTY_MISSED, TAG_PTY_TITLE, and when the program is
 *         over TAG_STATUS; or ERROR with TAG_PTY_SEQ: invalid_argument, busy.
 *         EXIT as EXEC when the program is over; the channel stays, and the screen, until the
 *         server closes it, which kills what is left.
 *
 * WIRE_FILE and WIRE_SEARCH. A WIRE_FILE channel takes any number of START frames, one at a
 * time, each answered by exactly one REPLY or ERROR, until the server closes it; after an
 * ERROR it can be used again. WIRE_SEARCH takes one START and exits behind its REPLY.
 *
 * The pipe. A START may carry one descriptor (read end for WRITE, write end for the others);
 * one that carries none has the one that came with OPEN if no START has used it yet. Answers
 * whose content or records take at most WIRE_INLINE_MAX bytes always come as TAG_DATA in the
 * REPLY. A longer one has TAG_LENGTH instead: after the REPLY exactly so many bytes come
 * through the pipe, then EOF (fewer: the operation died). Without a pipe an answer simply
 * stops at WIRE_INLINE_MAX, truncated, with TAG_NEXT_OFFSET or TAG_CURSOR to read on. The
 * agent closes its end behind each answer. The server sends START, waits for REPLY, then reads.
 *
 * Paths in requests are absolute; TAG_PATH of a REPLY is absolute too, with links resolved.
 * Absent optional tags mean 0, "" or none. All flags are bits of TAG_FLAGS.
 *
 * READ    TAG_PATH, TAG_OFFSET, TAG_LIMIT, TAG_MAX_BYTES (at most 16 MiB), flags BYTES, HASH,
 *         TEXT
 *    ->   [TAG_ENCODING], [TAG_NEXT_BYTE], TAG_PATH, TAG_SIZE, TAG_MTIME_MS, TAG_MODE,
 *         TAG_START_LINE, TAG_END_LINE, TAG_TOTAL_LINES, TAG_NEXT_OFFSET, [TAG_SHA256],
 *         flag TRUNCATED, TAG_DATA | TAG_LENGTH (a tail of a file too large for totals: lines 0,
 *         TAG_NEXT_OFFSET negative, from the end)
 * WRITE   TAG_PATH, TAG_WRITE_MODE (0 overwrite, 1 create, 2 append: enum file_write_mode),
 *         [TAG_MODE], [TAG_SHA256 as expected now], flag MUST_NOT_EXIST, TAG_DATA, or
 *         TAG_LENGTH (at most 8 MiB) and the pipe; short of that nothing is written
 *    ->   TAG_PATH, TAG_WRITTEN, TAG_SIZE, TAG_MODE, [TAG_SHA256], flag CREATED; with flag OLD and
 *         a file that was there: [TAG_OLD_SIZE], [TAG_OLD_MODE], [TAG_OLD_DATA], append:
 *         [TAG_OLD_SHA256]
 * OLD     TAG_PATH, a pipe; right behind a WRITE whose TAG_OLD_SIZE came without TAG_OLD_DATA
 *    ->   TAG_DATA | TAG_LENGTH
 * RESTORE TAG_PATH (no link on the way), TAG_SHA256 as expected now, TAG_WRITE_MODE: 0 content, as
 *         WRITE; 3 cut to TAG_OFFSET bytes, [TAG_MODE]; 4 remove
 *    ->   TAG_PATH, TAG_SIZE, TAG_MODE, [TAG_SHA256]; conflict when it is not what was expected
 * PUT     TAG_PATH, TAG_DATA or TAG_LENGTH (<= WIRE_TRANSFER_MAX) and the pipe, [TAG_MODE], flag
 *         MUST_NOT_EXIST; short of that nothing is written
 *    ->   TAG_PATH, TAG_WRITTEN, TAG_MODE, flag CREATED
 * TAKE    TAG_PATH, TAG_MAX_BYTES (a larger file is an error), and the pipe
 *    ->   TAG_PATH, TAG_SIZE, TAG_MTIME_MS, TAG_MODE, TAG_LENGTH, always through the pipe; fewer
 *         bytes come of a file that shrinks
 * LIST    TAG_PATH, TAG_DEPTH (0: 1), [TAG_GLOB], TAG_SORT (enum file_sort), TAG_LIMIT (0: 500),
 *         [TAG_CURSOR], TAG_MAX_BYTES (of all paths; 0: no bound but the limit),
 *         flags HIDDEN, IGNORE
 *    ->   TAG_PATH, TAG_TOTAL, [TAG_CURSOR], flag TRUNCATED; 'e' records. A marker "N more" is
 *         type 'm', path = its directory ("." for the listed one), size = N.
 * SEARCH  TAG_PATH (file or directory), TAG_PATTERN, [TAG_INCLUDE], [TAG_EXCLUDE] (each glob
 *         ended by a NUL), TAG_CONTEXT, TAG_LIMIT (of hits; 0: 200), [TAG_CURSOR], TAG_MAX_BYTES
 *         (of the records; 0: 1 MiB, which is the most), flags NAMES, LITERAL, ICASE, MULTILINE,
 *         IGNORE (the server sets it), HIDDEN
 *    ->   TAG_PATH (the directory that record paths are relative to), TAG_SCANNED, TAG_SKIPPED,
 *         [TAG_CURSOR], [TAG_NOTE], flag TRUNCATED; 'm' records in path order, line and column
 *         0 and text empty for names. Columns count bytes from 1.
 *
 * What follows has TAG_PATHS (at most WIRE_INLINE_MAX bytes) instead of TAG_PATH, takes no content,
 * and ends by itself after FILE_BUDGET_MS (an 'x' record of the code timeout says so): what was
 * done until then is done. Each -> REPLY with what each says and TAG_ERRORS, 'x' records.
 * STAT    TAG_PATHS, flag HASH                                  -> an 's' record for each, in order
 * MOVE    TAG_PATHS, flag OVERWRITE                             -> 'd' records: from, to
 * COPY    TAG_PATHS (from, to), flag RECURSIVE                  -> 'd' record: from, to; TAG_TOTAL
 *         (files, links and folders), TAG_WRITTEN (bytes)
 * REMOVE  TAG_PATHS, flags RECURSIVE, MISSING_OK                -> TAG_TOTAL
 * MKDIR   TAG_PATHS, [TAG_MODE] (of the last folders)           -> 'd' records, of made ones: path
 * CHMOD   TAG_PATHS, [TAG_MODE | TAG_CHANGE], [TAG_OWNER], [TAG_GROUP], flag RECURSIVE
 *                                                               -> TAG_TOTAL: those that changed
 * Cursors are printable ASCII without spaces; they belong to one request's path and pattern.
 */

/*
 * Records in a results pipe (list, search, query): u32 length of the rest, then a
 * kind byte and the record's fields, each string as u32 length + bytes, numbers i64.
 *   'e' entry:  char type, i64 mode, i64 size, i64 mtime_ms, str path, str target
 *   'm' match:  char kind, i64 line, i64 column, str path, str text
 *   'p' process/fact: str name, str value
 *   'w' change: char kind (c m d v a: created, modified, deleted, moved, attributes), i64 wall_ms,
 *       str path, str from (of a move)
 *   's' stat:   char type (of 'e'; '-' not there, '?' not to be seen), char access ('n' none, 'v'
 *               view, 'r' read, 'w' write), i64 mode, i64 size, i64 mtime_ms, str owner, str group,
 *               str target, str sha256
 *   'd' done:   str path, str to
 *   'x' failed: i64 code (of TAG_CODE), str path, str text, str next
 * A record is at most WIRE_MAX bytes; more, or a short one, destroys the sandbox.
 */

/* ---- building; fails (returns false from wire_end) when the frame would pass WIRE_MAX ---- */

struct wire_out {
    uint8_t bytes[WIRE_MAX];
    size_t len;
    bool overflow;
};

static inline void wire_begin(struct wire_out *w, uint8_t op, uint8_t nfds)
{
    struct wire_header h = { .magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = op, .nfds = nfds };

    memcpy(w->bytes, &h, sizeof(h));
    w->len = sizeof(h);
    w->overflow = false;
}

static inline void wire_le(uint8_t *at, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

static inline void wire_put(struct wire_out *w, uint16_t tag, const void *data, size_t len)
{
    if (len > WIRE_MAX || w->len + 6 + len > WIRE_MAX) {
        w->overflow = true;
        return;
    }
    wire_le(w->bytes + w->len, tag, 2);
    wire_le(w->bytes + w->len + 2, len, 4);
    if (len)
        memcpy(w->bytes + w->len + 6, data, len);
    w->len += 6 + len;
}

static inline void wire_put_str(struct wire_out *w, uint16_t tag, const char *s)
{
    if (s)
        wire_put(w, tag, s, strlen(s));
}

static inline void wire_put_u32(struct wire_out *w, uint16_t tag, uint32_t v)
{
    wire_put(w, tag, &v, sizeof(v));
}

static inline void wire_put_i64(struct wire_out *w, uint16_t tag, int64_t v)
{
    wire_put(w, tag, &v, sizeof(v));
}

/* Seal the frame; false when something did not fit. */
static inline bool wire_end(struct wire_out *w)
{
    wire_le(w->bytes + 4, w->len - sizeof(struct wire_header), 4);
    return !w->overflow;
}

/* ---- reading: a frame from the other side is hostile until wire_parse() said yes ---- */

struct wire_in {
    uint8_t op, nfds;
    struct {
        const uint8_t *data;
        uint32_t len;
    } tags[TAG_MAX];
};

/* True when bytes are one well-formed frame: magic, version, exact length, known tags, each once.
 */
static inline bool wire_parse(struct wire_in *in, const uint8_t *bytes, size_t len)
{
    struct wire_header h;
    size_t at = sizeof(h);

    memset(in, 0, sizeof(*in));
    if (len < sizeof(h) || len > WIRE_MAX)
        return false;
    memcpy(&h, bytes, sizeof(h));
    if (h.magic != WIRE_MAGIC || h.version != WIRE_VERSION || h.len != len - sizeof(h) ||
        h.nfds > WIRE_MAX_FDS || h.zero[0] || h.zero[1] || h.zero[2])
        return false;
    in->op = h.op;
    in->nfds = h.nfds;
    while (at < len) {
        uint16_t tag;
        uint32_t n;
        if (len - at < 6)
            return false;
        memcpy(&tag, bytes + at, 2);
        memcpy(&n, bytes + at + 2, 4);
        at += 6;
        if (!tag || tag >= TAG_MAX || n > len - at || in->tags[tag].data)
            return false;
        in->tags[tag].data = bytes + at;
        in->tags[tag].len = n;
        at += n;
    }
    return true;
}

static inline bool wire_has(const struct wire_in *in, uint16_t tag)
{
    return in->tags[tag].data;
}

/* The number, or `otherwise` when absent or of another size. */
static inline uint32_t wire_u32(const struct wire_in *in, uint16_t tag, uint32_t otherwise)
{
    uint32_t v = otherwise;

    if (in->tags[tag].data && in->tags[tag].len == sizeof(v))
        memcpy(&v, in->tags[tag].data, sizeof(v));
    return v;
}

static inline int64_t wire_i64(const struct wire_in *in, uint16_t tag, int64_t otherwise)
{
    int64_t v = otherwise;

    if (in->tags[tag].data && in->tags[tag].len == sizeof(v))
        memcpy(&v, in->tags[tag].data, sizeof(v));
    return v;
}

/* Copy as a C string; false when absent, longer than size - 1, or holding a NUL. */
static inline bool wire_str(const struct wire_in *in, uint16_t tag, char *out, size_t size)
{
    uint32_t n = in->tags[tag].len;

    if (!in->tags[tag].data || n >= size || memchr(in->tags[tag].data, 0, n))
        return false;
    memcpy(out, in->tags[tag].data, n);
    out[n] = '\0';
    return true;
}

#endif
