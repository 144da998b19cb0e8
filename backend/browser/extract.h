/*
 * What a page says: its content as markdown, plain text, HTML, links, tables or forms, made by
 * scripts of ours (web/) in a world that the page's scripts cannot reach. The page is not changed.
 *
 * Frames are read one by one; what they say stands where they are, or follows under a heading.
 * The last few extractions of a browser are kept, so that a long one can be read in parts that fit
 * together. Any thread but the connection's. All of it is the page's word: hostile.
 */
#ifndef BACKEND_BROWSER_EXTRACT_H
#define BACKEND_BROWSER_EXTRACT_H

#include "backend/browser/input.h"

#include <stdatomic.h>

#define EXTRACT_MAX (8 * 1024 * 1024) /* bytes of one extraction; what is beyond is left out */
#define EXTRACT_KEPT 8                /* extractions kept of one browser, and their bytes: */
#define EXTRACT_KEPT_MAX (16 * 1024 * 1024) /* the newest is kept whatever its size */
#define EXTRACT_FRAMES_MAX 24               /* frames read for one extraction */

enum extract_format {
    EXTRACT_MARKDOWN,
    EXTRACT_TEXT,
    EXTRACT_HTML,
    EXTRACT_LINKS,
    EXTRACT_TABLES,
    EXTRACT_FORMS,
};

struct extract_how {
    enum extract_format format;
    const struct input_target *target; /* NULL: the whole page */
    const char *name;                  /* of the target, to find what was kept; NULL with it */
    bool main_only;                    /* markdown and text of a whole page: what it is about */
    bool again;                        /* one that was kept of this document will do */
};

/* Never changes once it is made; counted references. */
struct extraction {
    atomic_uint refs;
    char *content; /* UTF-8, NUL-terminated */
    size_t len;
    char how[64]; /* "main content", "whole page: ..."; "" nothing was chosen */
    char cut[16]; /* "time", "elements", "size", "depth": something is missing; "" it is whole */
    char url[BROWSER_URL_MAX], title[BROWSER_TITLE_MAX];
};

enum extract_age {
    EXTRACT_FRESH,
    EXTRACT_AGAIN,   /* kept, and the document is as it was */
    EXTRACT_CHANGED, /* kept, and the document has changed since */
    EXTRACT_MOVED,   /* fresh; what was read before was of another document */
};

/* page_call()'s errors; those of element_find(); ERR_TIMEOUT: the page's scripts keep it busy. */
int page_extract(struct page *page, const struct extract_how *how, struct call *call,
                 struct extraction **out, enum extract_age *age, struct err *err) MUST_CHECK;
void extraction_unref(struct extraction *x); /* NULL is fine */
DEFINE_AUTO_PTR(extraction, extraction_unref);

/*
 * Where a part that begins at `offset` ends: at most max bytes further, behind a paragraph, else
 * behind a line, not within a code block unless that is longer than max, never within a character.
 * Beyond offset when offset < len and max > 3.
 */
size_t extract_part(const char *text, size_t len, size_t offset, size_t max);

const char *extract_format_name(enum extract_format format);

#endif
