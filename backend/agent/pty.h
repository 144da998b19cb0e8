/*
 * An interactive program on a terminal of its own: this process holds the master of its pty, feeds
 * what it writes to an emulator, and answers for the screen. One poll loop (pty.c), nothing blocks:
 * what is typed waits in a bounded queue, and requests that wait for something are a table.
 *
 * What the program writes is hostile. All memory is static and bounded, but what the emulator
 * allocates by the size of the screen.
 */
#ifndef BACKEND_AGENT_PTY_H
#define BACKEND_AGENT_PTY_H

#include "backend/agent/search_pattern.h"
#include "backend/wire.h"

#include <stddef.h>
#include <sys/types.h>
#include <vterm.h>

#define PTY_QUEUE (128 * 1024)    /* bytes typed that the program has not read */
#define PTY_ANSWERS (64 * 1024)   /* of these the emulator may use, for what programs ask it */
#define PTY_SCROLLED (256 * 1024) /* bytes of lines that have left the screen */
#define PTY_PLAIN (32 * 1024)     /* bytes of recent output without its sequences */
#define PTY_FEED 4096
#define PTY_SUBJECT (256 * 1024)                     /* bytes of the screen as a pattern sees it */
#define PTY_PATTERN 4096                             /* bytes of a pattern */
#define PTY_ROW (WIRE_PTY_COLS_MAX * (24 + 64) + 64) /* bytes of one row, at most */

/* ---- what is typed (pty_keys.c) ---- */

struct pty_queue {
    char bytes[PTY_QUEUE];
    size_t start, len;
};

/* False: no room, and nothing was added. */
bool pty_queue_add(struct pty_queue *q, const char *bytes, size_t len, size_t most);

/* To the master, as much as it takes. False: it takes nothing any more. */
bool pty_queue_flush(struct pty_queue *q, int master);

/* Text as typed or pasted: ends of lines are the Enter key. */
bool pty_type(struct pty_queue *q, const char *text, size_t len);

/* Keys in the modes that the program has set; the emulator puts them into the queue. False: one of
 * them is no key, and nothing was pressed. */
bool pty_press(VTerm *vt, const uint8_t *keys, size_t len);

/* ---- what the program writes (pty_filter.c) ---- */

/* The output without its sequences. */
struct pty_plain {
    char text[PTY_PLAIN]; /* the end of it */
    size_t len;
    uint64_t total; /* bytes so far; text ends there */
    bool returned;  /* the last was '\r' */
};

#define PTY_JOINS 256       /* characters that may join one before them, of more the rest goes */
#define PTY_FILTER_MORE 512 /* bytes that may come out beyond those that went in */

struct pty_filter {
    enum { FILTER_GROUND, FILTER_ESCAPE, FILTER_CSI, FILTER_STRING } state;
    char kind;                  /* of the string */
    char bytes[WIRE_PTY_TITLE]; /* of a sequence that is not over */
    size_t len;
    bool spoilt;  /* it is longer */
    char utf8[4]; /* a character that is not over */
    unsigned utf8_len, missing;
    bool narrow;    /* the last character was ASCII */
    unsigned joins; /* characters since the last that surely joins no other */
};

/* What the emulator is to see of it, into out (3 * len + PTY_FILTER_MORE bytes); its length. */
size_t pty_filter_add(struct pty_filter *f, struct pty_plain *plain, const char *bytes, size_t len,
                      char *out);

/* ---- the screen (pty_screen.c) ---- */

struct pty_screen {
    VTerm *vt;
    VTermScreen *screen;
    int rows, cols;
    bool alternate, hidden;
    char title[WIRE_PTY_TITLE];
    size_t title_len;
    uint32_t serial;                     /* of what is being fed */
    uint32_t changed[WIRE_PTY_ROWS_MAX]; /* by row: the serial of its last change */
    uint32_t shown;                      /* rows that have not changed later were in an answer */
    int pushed;                          /* rows that have left in the scroll that goes on */
    char scrolled[PTY_SCROLLED];         /* lines with colours, each ended by a newline */
    size_t scrolled_len;
    size_t last_line; /* where the last of them begins */
    int64_t repeats;  /* how often it came again */
    int64_t missed;   /* lines before these */
    struct pty_queue *answers;
    struct pty_filter filter;
    struct pty_plain plain;
};

/* False: no memory. answers: where what the program asks of its terminal is answered. */
bool pty_screen_init(struct pty_screen *s, int rows, int cols, struct pty_queue *answers);
/* At most PTY_FEED bytes that the program has written. */
void pty_screen_feed(struct pty_screen *s, const char *bytes, size_t len);
void pty_screen_resize(struct pty_screen *s, int rows, int cols);

/* The last of s->scrolled is in it, too, however often it came. */
void pty_screen_settle(struct pty_screen *s);

/* All that is there has been told. */
void pty_screen_shown(struct pty_screen *s);

/* ---- as text (pty_text.c) ---- */

/* One row of `cols` cells, without a newline; out has PTY_ROW bytes. ansi: with colours; kept: at
 * least so many columns, and blanks that were written stay. */
size_t pty_text_row(const struct pty_screen *s, int row, bool ansi, int kept, char *out);

/* Cells of a row that goes, with colours. */
size_t pty_text_cells(const VTermScreenCell *cells, int cols, char *out);

/* Drop the sequences that pty_text_cells() made; in place, the new length. */
size_t pty_text_bare(char *text, size_t len);

/* The screen without what is blank at its end, the last rows of it if not all fit (*cut). */
size_t pty_text_screen(const struct pty_screen *s, bool ansi, char *out, size_t size, bool *cut);

/* ---- requests that wait (pty_wait.c) ---- */

struct pty_wait {
    bool used, typed, ansi, costly;
    uint32_t seq, bytes;
    int64_t began_ms, until_ms;
    uint32_t since;                   /* rows changed later are of interest */
    uint64_t plain_from, output_from; /* and what was written later */
    bool has_pattern;
    struct search_pattern pattern;
    struct search_matcher matcher;
    char text[PTY_PATTERN];
    char echo[PTY_PATTERN]; /* what was typed, when the pattern would be found in its echo */
    size_t echo_len;        /* 0: it would not */
    bool beyond_echo;       /* it was seen: plain_from is behind it */
};

struct pty {
    int channel, signals, master;
    pid_t pid;   /* 0: reaped */
    pid_t first; /* the same, kept */
    int status;
    bool over;       /* its end was told */
    uint64_t output; /* bytes it has written */
    int64_t output_ms, hung_ms, match_ms;
    struct pty_queue queue;
    struct pty_screen screen;
    struct pty_wait waits[WIRE_PTY_WAITS];
};

int64_t pty_now(void);

/* ---- what they wait for (pty_match.c) ---- */

bool pty_finds(struct pty_wait *w, const char *text, size_t len);

/* True when its pattern is in what came since, but for the echo of what was typed, or on a row that
 * has changed since; on the whole screen when nothing was typed. */
bool pty_is_seen(struct pty *p, struct pty_wait *w);

/* ---- */

/* A place for a request, before anything of it is typed; NULL: it was answered with an ERROR. */
struct pty_wait *pty_wait_take(struct pty *p, const struct wire_in *in);
void pty_wait_drop(struct pty_wait *w);

/* Answer those that have what they waited for; how long until the next look, -1 no need. */
int pty_wait_check(struct pty *p);

/* An ERROR to that request. */
void pty_refuse(struct pty *p, uint32_t seq, uint32_t code, const char *next, const char *text);

#endif
