#include "backend/document_ops.h"

#include <stdlib.h>
#include <string.h>

const char *const document_whats[DOCUMENT_WHATS] = {
    [DOCUMENT_MARKDOWN] = "markdown", [DOCUMENT_METADATA] = "metadata",
    [DOCUMENT_OUTLINE] = "outline",   [DOCUMENT_TABLES] = "tables",
    [DOCUMENT_LINKS] = "links",       [DOCUMENT_IMAGES] = "images",
    [DOCUMENT_TEXT] = "text",
};

void document_result_done(struct document_result *r)
{
    free(r->name);
    free(r->url);
    free(r->format);
    free(r->title);
    free(r->converter);
    free(r->unit);
    free(r->saved);
    strings_done(&r->notes);
    buf_done(&r->text);
    yyjson_doc_free(r->json);
    memset(r, 0, sizeof(*r));
}
