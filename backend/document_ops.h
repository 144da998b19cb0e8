/*
 * Documents as Markdown, and what is in them. See backend.h for what holds for every op.
 *
 * Everything that came out of a document is its author's: names, titles, text and items are any
 * UTF-8, within the bounds that the request gives.
 */
#ifndef BACKEND_DOCUMENT_OPS_H
#define BACKEND_DOCUMENT_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/json.h"

enum document_what {
    DOCUMENT_MARKDOWN,
    DOCUMENT_METADATA,
    DOCUMENT_OUTLINE,
    DOCUMENT_TABLES,
    DOCUMENT_LINKS,
    DOCUMENT_IMAGES,
    DOCUMENT_TEXT,
    DOCUMENT_WHATS
};

/* "markdown", "metadata", ... */
extern const char *const document_whats[DOCUMENT_WHATS];

struct document_request {
    enum document_what what;
    const char *uri;     /* a path as file ops take it, file: or http(s): */
    const char *pages;   /* "1-5", "3,7-"; NULL: all */
    const char *sheet;   /* its name or number; NULL: all */
    const char *range;   /* "A1:C10", of sheets and CSV; NULL: all */
    int64_t offset;      /* of MARKDOWN, in bytes; > 0: of the conversion that was made before */
    size_t max_bytes;    /* of the part of Markdown, or of all items as JSON */
    const char *save_to; /* all of it goes to this file instead; NULL: no */
};

struct document_result {
    char *name; /* the path, absolute, or the URL that it came from in the end */
    char *url;  /* "" for a file */
    char *format, *title, *converter;
    char *unit;    /* of pages: "page", "sheet", "slide", "chapter", ... */
    int64_t pages; /* there are in all */
    struct strings notes;
    char *saved; /* where it was saved; NULL: it was not */

    struct buf text; /* MARKDOWN: the bytes `from` to `to` of `total`, cut behind a block */
    int64_t from, to, total;

    yyjson_doc *json;  /* holds items */
    yyjson_val *items; /* else: an array of objects, within max_bytes */
    int64_t count;     /* of all items */
    bool truncated;
};
void document_result_done(struct document_result *r);

struct document_ops {
    /* derive/document.c serves every backend that runs commands */
    int (*convert)(struct sandbox *sb, struct call *call, const struct document_request *req,
                   struct document_result *res, struct err *err);
};

#endif
