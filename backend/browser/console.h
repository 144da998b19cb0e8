/*
 * What the scripts of a page printed, what they threw, and what the browser itself had to say
 * about them (Runtime.consoleAPICalled, Runtime.exceptionThrown, Log.entryAdded), of its frames and
 * workers too. Kept across navigations; the oldest go first. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_CONSOLE_H
#define BACKEND_BROWSER_CONSOLE_H

#include "backend/browser/page.h"

#define CONSOLE_MAX 1000      /* messages of one page */
#define CONSOLE_TEXT_MAX 4096 /* bytes of a message, and of a stack; longer ones end in "..." */
#define CONSOLE_BYTES (1024 * 1024) /* of all messages of one page */
#define CONSOLE_FRAMES 16           /* lines of a stack */

enum console_level { CONSOLE_ERROR, CONSOLE_WARNING, CONSOLE_INFO, CONSOLE_DEBUG, CONSOLE_LEVELS };

extern const char *const console_levels[CONSOLE_LEVELS]; /* "error", "warning", ... */

struct console_message {
    uint64_t id; /* ascending from 1 */
    enum console_level level;
    unsigned repeated;              /* how many more like it came right behind it */
    int64_t time_ms;                /* since 1970 */
    int64_t line;                   /* from 1; 0 unknown */
    const char *text, *url, *stack; /* "" unknown; stack: lines "at f (url:line)" */
};

struct console_list {
    struct console_message *messages; /* oldest first */
    size_t count;
    uint64_t dropped;                /* older ones that are no longer kept */
    uint64_t counts[CONSOLE_LEVELS]; /* of all there ever were */
    char *strings;
};

int console_list(struct page *page, struct console_list *out, struct err *err) MUST_CHECK;
void console_list_done(struct console_list *l);

#endif
