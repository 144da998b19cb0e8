/*
 * The refs of a page, as the server knows them: the numbers of its frames, and for a bounded
 * number of refs what they named, so that they can be found again in another document.
 * Everything is guarded by browser.lock and called without it, unless it is said otherwise.
 */
#ifndef BACKEND_BROWSER_SNAPSHOT_REFS_H
#define BACKEND_BROWSER_SNAPSHOT_REFS_H

#include "backend/browser/element.h"
#include "backend/browser/state.h"

#define REFS_KNOWN 2048
#define REFS_NAME_MAX 640

struct ref {
    unsigned frame; /* 0 the main one */
    int64_t number;
};

struct frame_refs {
    char frame[PAGE_FRAME_ID];
    unsigned number;
    int64_t next;               /* refs below it were used */
    int64_t owner;              /* number of the element that it is in, in the frame around */
    char around[PAGE_FRAME_ID]; /* loader of that frame's document; "" not known */
};

struct known_ref {
    struct ref ref;
    char role[24];
    char *name;
};

struct refs {
    uint64_t generation;
    unsigned frames_made;
    struct frame_refs frames[PAGE_FRAMES_MAX];
    size_t frame_count;
    struct known_ref *known; /* a ring of REFS_KNOWN */
    size_t known_next;
};

void refs_free(struct refs *refs);

/* "e12", "f2e7", also with "+" behind it. */
bool ref_parse(const char *text, struct ref *out, bool *rest);

/* A copy of what is known of a frame, which gets its number at first. -1: no memory. */
int refs_frame(struct page *page, const char *frame, struct frame_refs *out,
               struct err *err) MUST_CHECK;
/* What its refs begin with, and the first number that none has; next may be NULL. */
int refs_prefix(struct page *page, const char *frame, char prefix[16], int64_t *next,
                struct err *err) MUST_CHECK;
void refs_used(struct page *page, const char *frame, int64_t next);
void refs_seen(struct page *page, const char *frame, const char *text); /* "... [e12] ..." */
void refs_owner(struct page *page, const char *frame, int64_t owner, const char *around);

/* The id of the frame of that number; false: there never was one, or it is long gone. */
bool refs_frame_of(struct page *page, unsigned number, char out[PAGE_FRAME_ID]);

/* Of each line of a snapshot that names one, what it names. Any text is taken. */
void refs_remember(struct page *page, const char *text, size_t len);
bool refs_recall(struct page *page, const struct ref *ref, char role[24], char name[REFS_NAME_MAX]);

uint64_t refs_generation(struct page *page, bool next);

/* The same on a struct of nobody's; for refs_remember() and tests. */
void refs_read(struct refs *refs, const char *text, size_t len);

/*
 * A function of the library in our world of that frame, which is put there at first. args: JSON
 * array of Runtime.CallArgument. group: the result stays in the page, as an object of that group;
 * NULL: it comes by value.
 */
int library_call(struct page *page, const struct page_frame *frame, const char *function,
                 const char *args, const char *group, int64_t timeout_ms, struct call *call,
                 struct cdp_reply *reply, yyjson_val **result, struct err *err) MUST_CHECK;

/* Tells the library of the closed shadow roots of the `count` elements that it listed. */
int library_shadows(struct page *page, const struct page_frame *frame, size_t count,
                    struct call *call, struct err *err) MUST_CHECK;

/* The element of a ref; of one that has gone, what alone has its role and name. */
int refs_find(struct element *e, const char *text, struct call *call, struct err *err) MUST_CHECK;

#endif
